// Package lineproto turns line protocol text into a model.Batch, and points
// back into text.
//
//	body ──frame──▶ line ──key──▶ fingerprint ──SeriesTable──▶ series ID, or a NewKey
//	                     ├─fields─▶ values at the end of the table's columns
//	                     └─time───▶ Table.Times
//
// Parser is the fast way, in three steps. It remembers, from earlier bodies too,
// which spelling of a key came after which and what the fields of its line were;
// a line that is as expected is compared rather than taken apart (memory.go,
// shape.go, shaped_line.go); up to 64 such lines wait for each other, so that the
// series table is asked for many at once (block.go). A line that is not, but whose
// measurement and fields came before in the body, has its key hashed instead of
// tokenised when the spelling is known, and its values decoded straight into
// columns (fast_line.go). A line that surprises that, too (a new measurement, a new
// field, anything that may be an error), is undone and read again by the plain
// grammar in point.go, which also knows the reason when a line is refused.
//
// ParsePlain reads every line by the plain grammar; the two agree on every body.
//
// Nouns: a raw key is the measurement and tags as the sender spelled them, up
// to the first space that no backslash precedes. A spelling is known when
// Options.Series has its fingerprint; several spellings may mean one series.
//
// The grammar for users is in docs/lineprotocol.md. Which of two types of one
// field stands, what happens to a field or tag called time, and retention are
// questions for the storage side.
package lineproto
