package httpapi

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"net/http"
	"sync/atomic"
	"time"
)

// requestIDs makes time UUIDs (version 1): ordered by time, different for
// every request of every process.
type requestIDs struct {
	node [8]byte // clock sequence and node, drawn at start
	last atomic.Int64
}

// gregorian is the start of UUID time, in 100 ns before the Unix epoch.
const gregorian = 0x01b21dd213814000

func newRequestIDs() *requestIDs {
	g := new(requestIDs)
	rand.Read(g.node[:])
	g.node[0] = g.node[0]&0x3f | 0x80 // the variant of RFC 9562
	g.node[2] |= 1                    // a node that is no network card
	return g
}

// next returns a new UUID for a time.
func (g *requestIDs) next(now time.Time) string {
	t := now.UnixNano()/100 + gregorian
	for {
		last := g.last.Load()
		t = max(t, last+1)
		if g.last.CompareAndSwap(last, t) {
			break
		}
	}
	var id [16]byte
	binary.BigEndian.PutUint32(id[0:], uint32(t))
	binary.BigEndian.PutUint16(id[4:], uint16(t>>32))
	binary.BigEndian.PutUint16(id[6:], uint16(t>>48)&0x0fff|0x1000)
	copy(id[8:], g.node[:])
	var text [36]byte
	hex.Encode(text[0:], id[0:4])
	hex.Encode(text[9:], id[4:6])
	hex.Encode(text[14:], id[6:8])
	hex.Encode(text[19:], id[8:10])
	hex.Encode(text[24:], id[10:])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}

// of returns the name that the client gave to its request, or a new one.
func (g *requestIDs) of(r *http.Request, now time.Time) string {
	if id := r.Header.Get("X-Request-Id"); id != "" {
		return id
	}
	if id := r.Header.Get("Request-Id"); id != "" {
		return id
	}
	return g.next(now)
}
