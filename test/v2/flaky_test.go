package v2

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/timberlinedb/timberline/test/blackbox"
)

// flaky is a proxy before a server that answers the first writes as a busy server does.
type flaky struct {
	*httptest.Server
	left, refused atomic.Int64
}

func newFlaky(t *testing.T, s *blackbox.Server, refuse int64) *flaky {
	t.Helper()
	target, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	f := &flaky{}
	f.left.Store(refuse)
	proxy := httputil.NewSingleHostReverseProxy(target)
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && f.left.Add(-1) >= 0 {
			f.refused.Add(1)
			w.Header().Set("Retry-After", "1")
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			w.WriteHeader(http.StatusServiceUnavailable)
			w.Write([]byte(`{"code":"unavailable","message":"the server is busy, try again","error":"the server is busy, try again"}`))
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}
