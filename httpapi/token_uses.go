package httpapi

import (
	"sync"
	"time"
)

// useGrain is how exactly the last use of a token is noted.
const useGrain = time.Hour

// tokenUses notes when tokens were used, for a catalog that need not be written at every request.
type tokenUses struct {
	mu    sync.Mutex // guards the maps
	noted map[uint64]int64
	fresh map[uint64]int64 // of noted, what was not taken yet
}

func newTokenUses() *tokenUses {
	return &tokenUses{noted: map[uint64]int64{}, fresh: map[uint64]int64{}}
}

// note says that a token is used now.
func (u *tokenUses) note(id uint64, now time.Time) {
	at := now.Truncate(useGrain).UnixNano()
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.noted[id] == at {
		return
	}
	u.noted[id], u.fresh[id] = at, at
}

// take returns what was noted since the last call.
func (u *tokenUses) take() map[uint64]int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.fresh) == 0 {
		return nil
	}
	fresh := u.fresh
	u.fresh = map[uint64]int64{}
	return fresh
}

// TokenUses returns when API tokens were used since the last call: by number, in nanoseconds since the epoch, cut to
// the hour.
func (h *Handler) TokenUses() map[uint64]int64 { return h.doorman.uses.take() }
