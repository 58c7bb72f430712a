package index

// Metrics describes an index at one moment.
type Metrics struct {
	Series          int    // with a readable key
	NextID          uint32 // the id that the next series gets
	CheckpointID    uint32 // the last id that the checkpoint and its layers cover
	Layers          int    // files of the checkpoint: 0 before the first
	DeltaSeries     int    // that no checkpoint covers
	Fingerprints    int    // spellings that Lookup knows
	Shards          int    // with presence
	SeriesLogBytes  int64
	CheckpointBytes int64 // mapped

	CheckpointBytesWritten int64 // to checkpoints and layers, since Open
	DeltaBytes             int64 // about
	FingerprintBytes       int64
	RegexCacheBytes        int64 // results of regular expressions
	SketchBytes            int64 // estimates of the values of tag keys
	RegexHits              int64 // since Open
	RegexMisses            int64
	Dead                   int   // freed series that the next checkpoint leaves out
	Freed                  int64 // series freed since Open
	RewrittenSegments      int64 // of the series log, since Open
	PresenceBytes          int64
	TornBytes              int64 // cut off the series log by Open
	DamagedPlaces          int   // found by Open, see Damage
	UnreadableBlocks       int64 // reads of the series log that failed since the last checkpoint
	CheckpointDamaged      bool  // found since; Checkpoint makes it again

	// CheckpointSetAside says that a damaged checkpoint was renamed to
	// checkpoint.bad.
	CheckpointSetAside bool

	// PresenceLost says that Open had no presence to load although there are
	// series: the owner has to tell it again, before the next Checkpoint.
	PresenceLost bool
}

// SeriesCount returns the number of series that were created and have a key.
func (x *Index) SeriesCount() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.snap.count()
}

func (s snapshot) count() int {
	n := s.live.count()
	if s.frozen != nil {
		n += s.frozen.count()
	}
	return n + seriesOf(s.bases) - s.deadCount()
}

// Metrics returns numbers about the index; after Close all are zero.
func (x *Index) Metrics() Metrics {
	s, err := x.acquire()
	if err != nil {
		return Metrics{}
	}
	defer s.release()
	m := Metrics{
		Series: s.count(), NextID: s.live.limit(),
		DeltaSeries: s.live.count(), DeltaBytes: s.live.size(),
		Shards: len(x.presence.shards()), PresenceBytes: x.presence.size(),
		SeriesLogBytes: x.log.bytes(),
		TornBytes:      x.found.tornBytes, DamagedPlaces: len(x.found.damage),
		CheckpointDamaged: x.damaged.Load(), CheckpointSetAside: x.found.checkpointSetAway,
		PresenceLost: x.found.presenceLost,
	}
	m.Fingerprints, m.FingerprintBytes = x.fingerprints.stats()
	m.RegexHits, m.RegexMisses = x.regexStats.hits.Load(), x.regexStats.misses.Load()
	m.SketchBytes = x.sketches.size()
	m.Dead, m.Freed, m.RewrittenSegments = s.deadCount(), x.freeing.count(), x.rewritten.Load()
	if s.frozen != nil {
		m.DeltaSeries += s.frozen.count()
		m.DeltaBytes += s.frozen.size()
	}
	m.Layers, m.CheckpointBytesWritten = len(s.bases), x.checkpointBytes.Load()
	for _, b := range s.bases {
		m.CheckpointID = b.h.covered
		m.RegexCacheBytes += b.regexes.size()
		m.CheckpointBytes += int64(len(b.p.mapping.Bytes()))
		m.UnreadableBlocks += b.unreadable.Load()
	}
	return m
}
