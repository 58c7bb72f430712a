package tsdb

import "github.com/timberlinedb/timberline/model"

// Layout says which databases and shards exist. The catalog knows it; what is
// on disk beside it is left over and removed when a store is opened.
type Layout []DatabaseLayout

// DatabaseLayout is one database of a Layout.
type DatabaseLayout struct {
	ID     uint32
	Shards []ShardSpec
}

// ShardSpec describes a shard: its number, unique in its database, the retention
// policy it belongs to and the time range of its rows.
type ShardSpec struct {
	ID     uint64
	Policy uint32
	Range  model.TimeRange
}
