package tsdb

import (
	"errors"
	"fmt"

	"github.com/timberlinedb/timberline/wal"
)

// idleLog is what trimLog remembers from one tick to the next.
type idleLog struct {
	last     uint64 // newest frame at the tick before
	released uint64 // newest frame when the log was asked to let go
}

// trimLog is called with every tick of flushLoop. When no frame has come since the
// tick before, the log lets go of what nobody needs, even if no flush is the
// reason; disk space that it does not use goes back.
func (s *Store) trimLog() {
	last := s.log.LastLSN()
	if last == s.idleLog.last && last != s.idleLog.released {
		s.idleLog.released = last
		s.releaseLog()
	}
	s.idleLog.last = last
	err := s.log.Trim(s.bg)
	if err != nil && s.bg.Err() == nil && !errors.Is(err, wal.ErrPoisoned) && !errors.Is(err, wal.ErrNoSpace) {
		setText(&s.counters.lastFlushError, fmt.Sprintf("trim the log: %v", err))
	}
}
