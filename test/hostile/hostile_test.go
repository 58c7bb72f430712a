package hostile

import (
	"testing"
	"time"
)

func TestHostileInput(t *testing.T) {
	g := startTarget(t)
	bombs()
	for _, a := range []attack{
		{"idle connections", 1, 0, idleConnections},
		{"connections opened and closed", 4, 0, connectFlood},
		{"slow headers", 1, 0, slowHeaders},
		{"slow bodies", 1, 0, slowBodies},
		{"trickling bodies", 1, 2 * time.Second, tricklingBodies},
		{"slow readers", 1, 0, slowReaders},
		{"answers without end", 1, 0, hangUpOn},
		{"broken bodies", 4, 20 * time.Millisecond, brokenBodies},
		{"header floods", 4, 500 * time.Millisecond, headerFlood},
		{"gzip bombs", 3, 100 * time.Millisecond, func(t *testing.T, g *target) { inflate(t, g, "gzip") }},
		{"zstd bombs", 3, 100 * time.Millisecond, func(t *testing.T, g *target) { inflate(t, g, "zstd") }},
		{"snappy bombs", 1, 800 * time.Millisecond, func(t *testing.T, g *target) { inflate(t, g, "snappy") }},
		{"deep JSON", 1, time.Second, deepJSON},
		{"deep messages", 1, 300 * time.Millisecond, deepMessages},
		{"long lines", 1, 3 * time.Second, longLines},
		{"bytes that are no text", 1, 0, badBytes},
		{"long statements", 1, 0, longStatements},
		{"costly regular expressions", 1, 0, costlyExpressions},
		{"costly queries", 6, 0, costlyQueries},
		{"extreme numbers", 1, 0, extremeNumbers},
	} {
		if !t.Run(a.name, func(t *testing.T) { g.suffer(t, a) }) && t.Failed() {
			if r, err := g.Do("GET", "/ping", nil, nil); err != nil {
				t.Fatalf("the server is gone: %d %v\n%s", r.Status, err, g.Log())
			}
		}
	}
	if err := g.Stop(); err != nil {
		t.Errorf("the server does not end well: %v\n%s", err, g.Log())
	}
}
