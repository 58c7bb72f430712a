// Package tsdb is the storage engine: it takes batches of rows, keeps them safe
// and gives them back as cursors.
//
//	Store ─┬─ log (wal), shared: what Commit confirmed is there after a crash
//	       ├─ database ─┬─ series index (index): spellings and tags to ids, presence per shard
//	       │            └─ shard ─┬─ field table: types, and the numbers that the log uses
//	       │                      ├─ cache: rows in no file yet, active or frozen
//	       │                      ├─ TSM files (tsm), by generation
//	       │                      ├─ tombstones: deletes that the files do not reflect yet
//	       │                      └─ manifest: which files, and how far the log is in them
//	       └─ flushLoop, compactLoop
//
// A write gets its series ids, its field numbers, frames in the log and places in
// the active cache. A flush freezes the cache, makes a file of it and lets the
// log go. A merge makes few files of many. A read merges files and caches by
// generation. The directory:
//
//	VERSION, LOCK, wal/, quarantine/
//	db/<database>/series/, index/
//	db/<database>/<policy>/<shard>/MANIFEST, fields, tombstones.tomb, *.tsm
//
// docs/formats/manifest.md and docs/formats/fields.md describe the files that
// belong to this package alone.
//
// After a start shards are dormant, with their files closed, until they are needed;
// see dormantShard.
//
// # Order of locks
//
// From the first taken to the last:
//
//	Store.makeMu, Store.mu
//	database.makeMu, database.mu
//	shard.flushMu, shard.compactMu
//	shard.deleteMu
//	shard.manifestMu
//	shard.writeMu
//	shard.mu
//	cache.mu, fieldTable.mu, shardView.mu, database.pinMu, locks of index, tsm and wal
//
// Store.mu, database.mu, shard.mu and cache.mu are never held across file I/O.
// writeMu is held while a frame is appended to the log, which may wait for space
// but not for a sync. flushMu, compactMu and deleteMu are held across a whole
// flush, merge or delete. pinMu is held while the frame of new series is
// appended.
//
// # What is left to others
//
// Names and time ranges of databases, policies and shards are the catalog's;
// which shard a row belongs to is the writer's; what is asked for is the query
// engine's. Nothing in here knows of HTTP, the query language or configuration
// files.
package tsdb
