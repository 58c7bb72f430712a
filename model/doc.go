// Package model holds the nouns that every room shares: field types, tags and
// series keys, time ranges, and the batch, which is how points travel from
// the parser to the log and the cache.
//
//	text ──lineproto──▶ Batch ──ingest──▶ Batch + shard of each row ──tsdb──▶ log frame, cache chunks
//	                      │
//	                      ├─ Table (one per measurement)
//	                      │    ├─ Times, Series, Fingerprints   one entry per row
//	                      │    └─ Columns (one per field name and type)
//	                      └─ Rejects (lines that were refused, with the reason)
//
// The package has no opinion on files, clocks, HTTP or the query language.
package model
