package cursor

// VersionedView is a View that can tell whether another one has the same series.
type VersionedView interface {
	View

	// SeriesVersion returns what stands for the series of the view; false when there is nothing that does. Views with
	// the same version answer Series and SeriesIDs alike, and the tags of their series are the same.
	SeriesVersion() (v SeriesVersion, ok bool)
}

// SeriesVersion stands for the series of a view.
type SeriesVersion struct {
	Index   uint64 // of the database, unique in the process
	Version uint64 // of the index; it changes when series get or lose their rows in a shard
	Shards  string // those of the view
}
