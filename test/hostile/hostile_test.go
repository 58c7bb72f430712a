package hostile

import "testing"

func TestHostileInput(t *testing.T) {
	g := startTarget(t)
	bombs()
	for _, a := range []attack{
		{"idle connections", 1, 0, idleConnections},
		{"connections opened and closed", 4, 0, connectFlood},
		{"slow headers", 1, 0, slowHeaders},
		{"slow bodies", 1, 0, slowBodies},
		{"slow readers", 1, 0, slowReaders},
		{"answers without end", 1, 0, hangUpOn},
		{"broken bodies", 4, 0, brokenBodies},
		{"header floods", 4, 0, headerFlood},
		{"gzip bombs", 3, 0, func(t *testing.T, g *target) { inflate(t, g, "gzip") }},
		{"zstd bombs", 3, 0, func(t *testing.T, g *target) { inflate(t, g, "zstd") }},
		{"snappy bombs", 1, 0, func(t *testing.T, g *target) { inflate(t, g, "snappy") }},
		{"deep JSON", 1, 0, deepJSON},
		{"deep messages", 1, 0, deepMessages},
		{"long lines", 1, 0, longLines},
		{"bytes that are no text", 1, 0, badBytes},
		{"long statements", 1, 0, longStatements},
		{"costly regular expressions", 1, 0, costlyExpressions},
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
