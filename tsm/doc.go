// Package tsm keeps the immutable files of a shard: rows grouped by series,
// ordered by series id and time, as compressed columns.
//
//	SeriesRows ──Writer──▶ file ──Reader──▶ BlockRef ──ReadBlock──▶ Block
//	                        │
//	                        ├─ blocks   a timestamp page shared by all fields, one page per field
//	                        ├─ leaves   index of the blocks, with the statistics of every page
//	                        ├─ sections top of the index, schema, series ids, file statistics
//	                        └─ directory and footer
//
// Its nouns: a block holds rows of one series and one time range, or of many
// series that have few rows each (a multi-series block); a page is one encoded
// column with its checksum; a leaf is one page of the block index; a generation
// orders the files of a shard, and a value of a newer generation replaces one of
// an older at the same series, timestamp and field; a level says how many merges
// deep a file is; tombstones are deletes that files do not reflect yet.
//
// Merge rewrites several files as one, Plan decides which, RowMerger merges
// decoded rows of one series for merges and queries alike.
//
// The format is described byte by byte in docs/formats/tsm.md and
// docs/formats/tombstone.md. Which files make up a shard, publishing and removing
// them, the cache, and cursors over files and cache are left to package tsdb.
package tsm
