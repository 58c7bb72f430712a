package tsdb

import "sync/atomic"

// gate tells when everybody has left who may still use a series id that a lookup
// gave out before. Who is about to look up ids and to use them enters, and leaves
// when that is done: writes from before the first lookup until their rows are in
// the cache, views as long as they are open. Entering takes no lock.
//
// Those inside belong to one of two epochs. turn starts a new one, which it can
// only when the last but one is empty; settled says that the old one is empty.
type gate struct {
	epoch  atomic.Uint32
	inside [2]atomic.Int64 // by the last bit of the epoch
}

// enter returns what leave wants.
func (g *gate) enter() (epoch uint32) {
	for {
		e := g.epoch.Load()
		g.inside[e&1].Add(1)
		if g.epoch.Load() == e {
			return e
		}
		g.inside[e&1].Add(-1) // the epoch ended meanwhile
	}
}

func (g *gate) leave(epoch uint32) { g.inside[epoch&1].Add(-1) }

// turn starts a new epoch, if it can. One caller at a time.
func (g *gate) turn() bool {
	e := g.epoch.Load()
	if g.inside[(e+1)&1].Load() != 0 {
		return false
	}
	g.epoch.Store(e + 1)
	return true
}

// settled reports whether everybody has left who had entered before the last
// turn.
func (g *gate) settled() bool { return g.inside[(g.epoch.Load()-1)&1].Load() == 0 }

// SeriesHold keeps series from being freed whose ids were looked up since.
type SeriesHold struct {
	gate  *gate
	epoch uint32
}

// HoldSeries is called before the first lookup in a database's series table;
// the hold is released when the rows with the ids found were written. The zero
// hold, of a database that does not exist, may be released too.
func (s *Store) HoldSeries(db uint32) SeriesHold {
	d, err := s.database(db)
	if err != nil {
		return SeriesHold{}
	}
	return SeriesHold{&d.gate, d.gate.enter()}
}

// Release ends the hold. It must be called once.
func (h SeriesHold) Release() {
	if h.gate != nil {
		h.gate.leave(h.epoch)
	}
}
