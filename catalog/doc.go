// Package catalog is the durable registry of what the user has named: databases,
// their retention policies, and the shard groups that hold their data; users
// and what they may do; continuous queries and subscriptions.
//
//	Database ─▶ Policy ─▶ ShardGroup ─▶ (one) shard of the engine
//	 name, id    name, id   id, time range
//	    │           └────▶ Subscription: where written points are sent, too
//	    └──▶ ContinuousQuery: what is computed from them at intervals
//	User ─▶ Grant: privilege in a database
//	Token ─▶ Permission: action in a database, policy, measurement
//	Mapping ─▶ Policy: what names of version 1 stand for
//
// Readers take a Snapshot, which never changes; every change makes a new one and
// is on disk before the call returns. Names are for people: directories on disk
// are named by the ids, which are never used twice. Of passwords and tokens
// only hashes are kept. The catalog knows nothing of files with data; who drops a policy
// also tells the engine.
//
// The file is described in docs/formats/catalog.md.
package catalog
