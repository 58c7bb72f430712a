// Package lineproto turns line protocol text into a model.Batch, and points
// back into text.
//
//	body ──frame──▶ line ──key──▶ fingerprint ──SeriesTable──▶ series ID, or a NewKey
//	                     ├─fields─▶ values at the end of the table's columns
//	                     └─time───▶ Table.Times
//
// Parser is the fast way: it expects each line to look like the one before it
// of the same measurement, hashes the key instead of tokenising it when the
// spelling is known, and decodes values straight into columns. A line that
// surprises it (a new measurement, a new field, anything that may be an error)
// is undone and read again by the plain grammar in point.go, which also knows
// the reason when a line is refused. ParsePlain reads every line by the plain
// grammar; the two agree on every body.
//
// Nouns: a raw key is the measurement and tags as the sender spelled them, up
// to the first space that no backslash precedes. A spelling is known when
// Options.Series has its fingerprint; several spellings may mean one series.
//
// The grammar for users is in docs/lineprotocol.md. Which of two types of one
// field stands, what happens to a field or tag called time, and retention are
// questions for the storage side.
package lineproto
