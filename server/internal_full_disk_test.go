package server

import (
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/config"
	"github.com/timberlinedb/timberline/internal/vfs"
)

// TestRecordingOnAFullDisk fills the disk while the server records its own statistics: recordings fail, are counted and told
// once; questions and refused writes are answered as fast as without them; with room again, both go on without a restart.
func TestRecordingOnAFullDisk(t *testing.T) {
	cfg := config.Default()
	cfg.Data.Dir, cfg.HTTP.BindAddress = t.TempDir(), "127.0.0.1:0"
	cfg.Data.MemoryLimit = config.MemoryLimit{Size: 1 << 30}
	cfg.Monitor.StoreInterval = 20 * time.Millisecond
	disk := vfs.NewFault(vfs.OS())
	s := &running{t: t, log: new(lockedBuffer)}
	var err error
	if s.Server, err = openOn(context.Background(), disk, cfg, slog.New(slog.NewTextHandler(s.log, nil))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	ask := func(q string) string {
		_, answer := s.do(http.MethodPost, "/query?db=d&q="+url.QueryEscape(q), "", "")
		return answer
	}
	eventually := func(what string, ok func() bool) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: never\n%s", what, s.log)
			}
		}
	}
	ask("CREATE DATABASE d")
	if status, answer := s.do(http.MethodPost, "/write?db=d", "", "m f=1 1"); status != http.StatusNoContent {
		t.Fatal(answer)
	}
	eventually("something is recorded", func() bool { return strings.Contains(ask("SHOW MEASUREMENTS ON _internal"), "httpd") })

	// What a full disk refuses: new files and more room. Segments of the log are written ahead, so that what is in them has room.
	full := disk.Add(vfs.Rule{Ops: vfs.OpCreate, Sticky: true, Err: vfs.ErrNoSpace})
	disk.SetFree(0)
	stored := 1
	random := make([]byte, 450_000) // nothing makes it smaller
	for i, rng := 0, rand.New(rand.NewPCG(1, 2)); i < len(random); i++ {
		random[i] = byte(rng.Uint32())
	}
	filler := hex.EncodeToString(random)
	eventually("the log is full", func() bool {
		status, answer := s.do(http.MethodPost, "/write?db=d", "", fmt.Sprintf("m f=2,s=\"%s\" %d", filler, stored+1))
		if status == http.StatusNoContent {
			stored++
			return false
		}
		if status != http.StatusServiceUnavailable {
			t.Fatalf("a write is answered %d %s", status, answer)
		}
		return true
	})
	eventually("recording fails", func() bool { return strings.Contains(s.log.String(), "statistics of the server are not recorded") })
	began, slowest := time.Now(), time.Duration(0)
	for time.Since(began) < time.Second { // some fifty recordings fail meanwhile
		asked := time.Now()
		if got := ask("SELECT count(f) FROM m"); !strings.Contains(got, fmt.Sprintf(`["1970-01-01T00:00:00Z",%d]`, stored)) {
			t.Fatalf("a question is answered %s", got)
		}
		status, answer := s.do(http.MethodPost, "/write?db=d", "", fmt.Sprintf("m f=2,s=\"%s\" %d", filler, stored+1))
		if status != http.StatusServiceUnavailable {
			t.Fatalf("a write is answered %d %s", status, answer)
		}
		slowest = max(slowest, time.Since(asked))
	}
	if slowest > 5*time.Second {
		t.Errorf("a question and a write took %v", slowest)
	}
	if n := strings.Count(s.log.String(), "statistics of the server are not recorded"); n > 3 { // small recordings may find room for a while
		t.Errorf("told %d times of fifty recordings", n)
	}
	_, metrics := s.do(http.MethodGet, "/metrics", "", "")
	if strings.Contains(metrics, "\ntimberline_recording_failures_total 0\n") || !strings.Contains(metrics, "\ntimberline_recording_failures_total ") {
		t.Error("failures of recordings are not counted")
	}

	full.Clear()
	disk.SetFree(1 << 40)
	eventually("recording goes on", func() bool { return strings.Contains(s.log.String(), "statistics of the server are recorded again") })
	eventually("writes go on", func() bool {
		status, _ := s.do(http.MethodPost, "/write?db=d", "", fmt.Sprintf("m f=3 %d", stored+1))
		return status == http.StatusNoContent
	})
	if got := ask("SELECT count(f) FROM m"); !strings.Contains(got, fmt.Sprintf(`["1970-01-01T00:00:00Z",%d]`, stored+1)) {
		t.Errorf("stored: %s", got)
	}
}
