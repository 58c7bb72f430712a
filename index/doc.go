// Package index numbers the series of one database and finds them by their
// tags and by the shards that hold them.
//
//	canonical keys ──Resolve──▶ series ids ──┬─▶ series log      the only home of the keys
//	                                         ├─▶ delta           ids since the checkpoint, in memory
//	raw spelling ──Lookup──▶ fingerprint table└─▶ checkpoint      older ids in layers, mapped
//
//	Search, TagKeys, … = answer of the checkpoint ∪ answer of the delta, limited to
//	                     the ids that are present in the shards asked for
//
// The nouns:
//
//   - Series log: append-only segments of checksummed blocks of front-coded
//     keys. Everything else is derived from it.
//   - Series id: a dense number, from 1, never given out twice.
//   - Fingerprint table: fingerprint of a raw spelling to id; lives in memory,
//     is filled by traffic and has no pointers for the garbage collector.
//   - Postings: the ids that have a measurement, a tag key, or a tag value. Less
//     than 32 ids are a list, more are a roaring bitmap.
//   - Presence: per shard the ids that have data in it.
//   - Checkpoint: files with the postings, an exact-match table of the keys
//     and the presence of all ids up to a number: one, and layers that follow it,
//     each for a range of ids. Damaged ones are set aside and made again from the
//     series log.
//   - Delta: the same for the ids after the checkpoint, built at open from the
//     tail of the series log. While a layer is written the delta is frozen
//     beside a new one.
//
// The parts cover disjoint ranges of ids, so each answers alone and the answers
// are joined.
//
// The index has no goroutines and no clock. Its owner calls Sync before it
// forgets the log frames that Replay would need, tells it what is present in
// which shard, and calls WriteLayer and Merge when NeedsLayer and NeedsMerge say so.
// What a deleted series means, which shards exist and what a time range selects is
// left to the owner, too.
//
// The formats are described in docs/formats/series.md and docs/formats/index.md.
package index
