// Package testmodel is a time-series store over plain maps: slow, small and easy to see through. Tests of the query
// engine read from it, and tests of the storage engine compare with it.
//
//	Write ──▶ Store ── database ── policy ── shard ── measurement ── series ── rows by time
//	View  ◀── copy of the shards that overlap a range, as cursor.View
//
// A later value of a field at the same time replaces the earlier one, other fields of the row stay. Storage puts a
// catalog in front, so that the query engine can run on a Store.
package testmodel
