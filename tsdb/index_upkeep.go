package tsdb

import (
	"errors"
	"fmt"

	"github.com/timberlinedb/timberline/index"
	"github.com/timberlinedb/timberline/internal/clock"
)

// layerKeeper has indexes write layers of what is new, and merges these. The two have
// a goroutine each: a merge takes long when there are many series, and those that
// come meanwhile must get into layers all the same, so that a crash at any time
// leaves few series to be read one by one at the next start.
type layerKeeper struct {
	grown  chan struct{} // series were created
	layers chan struct{} // layers were written
}

func (k *layerKeeper) init() {
	k.grown, k.layers = make(chan struct{}, 1), make(chan struct{}, 1)
}

// write asks for a look at the series that no layer has.
func (k *layerKeeper) write() { wakeUp(k.grown) }

// merge asks for a look at the layers.
func (k *layerKeeper) merge() { wakeUp(k.layers) }

func wakeUp(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// layerLoop writes layers as indexes grow.
func (s *Store) layerLoop(tick clock.Ticker) {
	defer s.loops.Done()
	defer tick.Stop()
	for {
		select {
		case <-s.closing:
			return
		case <-s.layers.grown:
		case <-tick.C():
		}
		for _, db := range s.list() {
			if s.bg.Err() == nil && db.wantsLayer() {
				s.noteUpkeep(db, db.index.WriteLayer())
				s.layers.merge()
			}
		}
	}
}

// layerMergeLoop merges layers as indexes ask for. When no series came for a while
// it leaves one file, which answers fastest.
func (s *Store) layerMergeLoop(tick clock.Ticker) {
	defer s.loops.Done()
	defer tick.Stop()
	seen := make(map[uint32]uint32) // per database, the next series at the last tick
	for {
		idle := false
		select {
		case <-s.closing:
			return
		case <-s.layers.layers:
		case <-tick.C():
			idle = true
		}
		for _, db := range s.list() {
			if s.bg.Err() != nil {
				return
			}
			if db.index.NeedsMerge() {
				s.noteUpkeep(db, db.index.Merge())
			}
			if !idle {
				continue
			}
			next := db.index.Metrics().NextID
			if next == seen[db.id] && db.index.WorthSettling() {
				s.noteUpkeep(db, db.index.Checkpoint())
			}
			seen[db.id] = next
		}
	}
}

// noteUpkeep notes an error of a layer or a merge; both are tried again.
func (s *Store) noteUpkeep(db *database, err error) {
	if err != nil && !errors.Is(err, index.ErrClosed) && s.bg.Err() == nil {
		s.counters.layerFails.Add(1)
		setText(&s.counters.lastCompactionError, fmt.Sprintf("database %d: %v", db.id, err))
	}
}

// closeLayerSeries is how many series without a layer are left to be read one by one
// at the next start when a store is closed.
const closeLayerSeries = 1000

// writeClosingLayers writes layers of what is new, so that the next start need not
// read it series by series.
func (s *Store) writeClosingLayers() error {
	var errs []error
	for _, db := range s.list() {
		if db.index.Metrics().DeltaSeries < closeLayerSeries {
			continue
		}
		if err := db.index.WriteLayer(); err != nil {
			errs = append(errs, fmt.Errorf("index of database %d: %w", db.id, err))
		}
	}
	return errors.Join(errs...)
}

// indexMemory returns the bytes that an index holds, without what is mapped from
// files.
func indexMemory(m index.Metrics) int64 {
	return m.DeltaBytes + m.FingerprintBytes + m.PresenceBytes + m.RegexCacheBytes + m.SketchBytes
}

// chargeIndexes brings the account of the indexes up to the memory that they
// hold. What is mapped from files does not count: it goes when memory is short.
func (s *Store) chargeIndexes() {
	held := int64(0)
	for _, db := range s.list() {
		held += indexMemory(db.index.Metrics())
	}
	s.indexMu.Lock()
	defer s.indexMu.Unlock()
	s.indexAccount.Force(held - s.indexAccount.Used())
}
