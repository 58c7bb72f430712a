package httpapi

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/timberlinedb/timberline/catalog"
)

// requestTracker counts writes and queries by client while somebody watches.
type requestTracker struct {
	watched atomic.Int32 // number of watches, to keep the idle case cheap

	mu      sync.Mutex // guards watches
	watches map[*watch]bool
}

// watch is what one watcher counts.
type watch struct {
	clients map[string]requestCount
}

type requestCount struct {
	writes, queries int64
}

// maxWatchedClients bounds the clients that a watch tells apart.
const maxWatchedClients = 10_000

func (t *requestTracker) wrote(c client)   { t.count(c, requestCount{writes: 1}) }
func (t *requestTracker) queried(c client) { t.count(c, requestCount{queries: 1}) }

// client is who sends a request.
type client struct {
	request *http.Request
	user    *catalog.User // nil: not asked
}

func (h *Handler) clientOf(r *http.Request) client { return client{r, h.userOf(r)} }

// String returns the address, with the name of the user in front when it is known.
func (c client) String() string {
	if c.user == nil || c.user.Name == "" {
		return clientAddress(c.request)
	}
	return c.user.Name + ":" + clientAddress(c.request)
}

func (t *requestTracker) count(c client, n requestCount) {
	if t.watched.Load() == 0 {
		return
	}
	client := c.String()
	t.mu.Lock()
	defer t.mu.Unlock()
	for w := range t.watches {
		c, known := w.clients[client]
		if !known && len(w.clients) >= maxWatchedClients {
			continue
		}
		w.clients[client] = requestCount{c.writes + n.writes, c.queries + n.queries}
	}
}

func (t *requestTracker) start() *watch {
	w := &watch{clients: map[string]requestCount{}}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.watches == nil {
		t.watches = map[*watch]bool{}
	}
	t.watches[w] = true
	t.watched.Add(1)
	return w
}

func (t *requestTracker) stop(w *watch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.watches, w)
	t.watched.Add(-1)
}

const (
	defaultWatch = 10 * time.Second
	maxWatch     = 6 * time.Hour
)

// serveRequests is GET /debug/requests: it watches for some seconds and then
// tells who wrote and queried how often.
func (h *Handler) serveRequests(w http.ResponseWriter, r *http.Request) {
	span := defaultWatch
	if s := urlParameters(r).Get("seconds"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			writeFailure(w, *invalid(err.Error()))
			return
		}
		span = min(max(time.Duration(n), 0), maxWatch/time.Second) * time.Second //nolint:durationcheck // n is a number of seconds
	}
	watched := h.tracker.start()
	select {
	case <-h.opt.Clock.After(span):
	case <-r.Context().Done():
	}
	h.tracker.stop(watched)
	writeJSON(w, http.StatusOK, watched.appendJSON(nil))
}

func (w *watch) appendJSON(dst []byte) []byte {
	dst = append(dst, "{\n"...)
	for i, client := range slices.Sorted(maps.Keys(w.clients)) {
		if i > 0 {
			dst = append(dst, ",\n"...)
		}
		n := w.clients[client]
		dst = append(appendString(dst, client), `: {"writes":`...)
		dst = append(strconv.AppendInt(dst, n.writes, 10), `,"queries":`...)
		dst = append(strconv.AppendInt(dst, n.queries, 10), '}')
	}
	return append(dst, "\n}\n"...)
}
