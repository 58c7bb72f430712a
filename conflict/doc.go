// Package conflict keeps the field values that a database would have to refuse
// because their field has another type, until somebody says what shall become
// of them.
//
//	ingest ─Append─▶ <data>/conflicts/<database id> ─List─▶ SHOW FIELD CONFLICTS
//	                                                ─Remove◀ REPLAY FIELD CONFLICTS
//
// An Entry is one value: a line of line protocol with one field, and why, when
// and from whom it came. The entries of one write are one frame of the file,
// durable when Append returns. The file of a database is bounded; docs/formats/conflicts.md
// describes its bytes.
//
// What the types are, and which values can be converted, the package does not
// know.
package conflict
