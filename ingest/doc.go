// Package ingest is the one door for writes. It turns a body into a batch,
// refuses what may not be stored and says why, cuts the rest by shard, and
// answers when every row is as durable as the configuration promises.
//
//	body ─parse─▶ batch ─check─▶ rows ─by shard─▶ tsdb.Write ─▶ tsdb.Commit ─▶ nil
//	                 │              │                  │
//	                 └── Rejects ───┴── Refusals ──────┴──▶ PartialWriteError
//
// Protocols that are not line protocol get a subfolder each and enter at
// WriteBatch.
package ingest
