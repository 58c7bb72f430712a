package httpapi

import (
	"crypto/sha256"
	"net/netip"
	"sync"
	"time"

	"github.com/timberlinedb/timberline/internal/clock"
)

// How many logins may fail in a span before the next ones are refused unseen: for one user from one address, and from
// one address for all users. The second is larger, because many clients may share an address.
const (
	loginSpan          = time.Minute
	maxUserFailures    = 10
	maxAddressFailures = 100
	maxLoginRecords    = 10_000
	ipv6SiteBits       = 64
)

// loginThrottle counts failed logins.
type loginThrottle struct {
	clock clock.Clock

	mu       sync.Mutex // guards failures
	failures map[loginKey]failedLogins
}

// loginKey is the hash of an address, or of an address and a user's name.
type loginKey [sha256.Size]byte

type failedLogins struct {
	until time.Time // end of the span
	count int
}

func newLoginThrottle(c clock.Clock) *loginThrottle {
	return &loginThrottle{clock: c, failures: map[loginKey]failedLogins{}}
}

// loginKeys returns the keys of a login: of the user from the address, and of the address.
func loginKeys(address, user string) (both, alone loginKey) {
	if ip, err := netip.ParseAddr(address); err == nil && ip.Unmap().Is6() {
		if net, err := ip.WithZone("").Prefix(ipv6SiteBits); err == nil {
			address = net.String() // who has one of these addresses has them all
		}
	}
	return sha256.Sum256([]byte(address + "\x00" + user)), sha256.Sum256([]byte(address))
}

// wait returns how long a login has to wait; 0: it may be tried.
func (t *loginThrottle) wait(address, user string) time.Duration {
	both, alone := loginKeys(address, user)
	now := t.clock.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(t.left(both, maxUserFailures, now), t.left(alone, maxAddressFailures, now))
}

func (t *loginThrottle) left(k loginKey, most int, now time.Time) time.Duration {
	f := t.failures[k]
	if f.count < most {
		return 0
	}
	return max(f.until.Sub(now), 0)
}

// failed counts a login that failed.
func (t *loginThrottle) failed(address, user string) {
	both, alone := loginKeys(address, user)
	now := t.clock.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.makeRoom(now)
	for _, k := range []loginKey{both, alone} {
		t.count(k, now)
	}
}

// succeeded forgets the failures of a user from an address.
func (t *loginThrottle) succeeded(address, user string) {
	both, _ := loginKeys(address, user)
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.failures, both)
}

// tokenKey returns the key of unknown API tokens from an address. They cannot be guessed, but those who try need not be
// told so as often as they like.
func tokenKey(address string) loginKey {
	_, alone := loginKeys(address, "")
	return sha256.Sum256(append([]byte("token\x00"), alone[:]...))
}

// waitToken returns how long an address has to wait with tokens that are not known.
func (t *loginThrottle) waitToken(address string) time.Duration {
	key, now := tokenKey(address), t.clock.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.left(key, maxAddressFailures, now)
}

// failedToken counts a token that is not known.
func (t *loginThrottle) failedToken(address string) {
	key, now := tokenKey(address), t.clock.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.makeRoom(now)
	t.count(key, now)
}

func (t *loginThrottle) count(k loginKey, now time.Time) {
	f := t.failures[k]
	if !now.Before(f.until) {
		f = failedLogins{until: now.Add(loginSpan)}
	}
	f.count++
	t.failures[k] = f
}

// makeRoom drops what is over and, when that is not enough, whatever comes first.
func (t *loginThrottle) makeRoom(now time.Time) {
	if len(t.failures) < maxLoginRecords {
		return
	}
	for k, f := range t.failures {
		if !now.Before(f.until) {
			delete(t.failures, k)
		}
	}
	for k := range t.failures {
		if len(t.failures) < maxLoginRecords {
			return
		}
		delete(t.failures, k)
	}
}
