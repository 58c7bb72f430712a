package shell

import (
	"context"
	"flag"
	"log/slog"
	"testing"

	"go.uber.org/goleak"

	"github.com/timberlinedb/timberline/config"
	"github.com/timberlinedb/timberline/server"
)

var rewrite = flag.Bool("rewrite", false, "write what the session shows into its transcript")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve opens a server of this process and returns a client of it.
func serve(t *testing.T) *Client {
	t.Helper()
	cfg := config.Default()
	cfg.Data.Dir, cfg.HTTP.BindAddress = t.TempDir(), "127.0.0.1:0"
	cfg.Data.MemoryLimit = config.MemoryLimit{Size: 1 << 30}
	s, err := server.Open(context.Background(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return connect(t, "http://"+s.Addr())
}

func connect(t *testing.T, address string) *Client {
	t.Helper()
	c, err := NewClient(Target{URL: address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// do carries out statements and writes points, which must go well.
func do(t *testing.T, c *Client, database, statements, points string) {
	t.Helper()
	if statements != "" {
		if err := execute(t.Context(), c, Question{Statements: statements, Database: database}); err != nil {
			t.Fatal(err)
		}
	}
	if points != "" {
		if err := c.Write(t.Context(), Points{Lines: []byte(points), Database: database}); err != nil {
			t.Fatal(err)
		}
	}
}
