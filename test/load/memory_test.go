package load

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/test/blackbox"
)

// The scale of TestMemoryLimit. TIMBERLINE_LOAD_SERIES and TIMBERLINE_LOAD_LIMIT
// (MiB) change it; the full scale is 5000000 and 1024.
const (
	loadSeries = 200_000
	loadLimit  = 72
)

// Of the lines of a load.
const (
	linesPerBody = 5000
	pointsEach   = 2
	connections  = 2
	firstSecond  = 1_700_000_000
	patience     = 60 * time.Second // for a write that is put off
)

// fromEnvironment returns a number that the environment may change.
func fromEnvironment(t *testing.T, name string, otherwise int) int {
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil || n <= 0 {
		t.Fatalf("%s is %q, want a number", name, s)
	}
	return n
}

// appendSensor appends point number step of a series of 60 bytes.
func appendSensor(dst []byte, series, step int) []byte {
	return fmt.Appendf(dst, "sensor,site=site-%03d,rack=rack-%02d,device=device-%09d value=%d.%02d %d\n",
		series%100, series/100%50, series, 20+series%10, (series+step)%100, int64(firstSecond+step*10)*1e9)
}

// loader writes lines to a server and counts what it is told.
type loader struct {
	server *blackbox.Server
	putOff atomic.Int64 // answers that ask to come again
}

// write sends one body until it is taken.
func (l *loader) write(body string) error {
	for started := time.Now(); ; {
		r, err := l.server.TryWrite("load", body)
		switch {
		case err != nil:
			return err
		case r.Status == http.StatusNoContent:
			return nil
		case r.Status != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "":
			return fmt.Errorf("write: %d %s", r.Status, r.Body)
		case time.Since(started) > patience:
			return fmt.Errorf("write: put off for %s: %s", patience, r.Body)
		}
		l.putOff.Add(1)
		seconds, _ := strconv.Atoi(r.Header.Get("Retry-After"))
		time.Sleep(min(time.Duration(seconds)*time.Second, time.Second))
	}
}

// run writes all points of all series, series by series within a point in time.
func (l *loader) run(series int) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, connections)
	total := series * pointsEach
	for range connections {
		wg.Go(func() {
			var body []byte
			for {
				at := int(next.Add(linesPerBody)) - linesPerBody
				if at >= total {
					return
				}
				body = body[:0]
				for n := at; n < min(at+linesPerBody, total); n++ {
					body = appendSensor(body, n%series, n/series)
				}
				if err := l.write(string(body)); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	return <-errs
}

// A server that is given more series than its memory would like keeps near its
// limit, takes every write, and comes up again with no more than that.
func TestMemoryLimit(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	series := fromEnvironment(t, "TIMBERLINE_LOAD_SERIES", loadSeries)
	limit := int64(fromEnvironment(t, "TIMBERLINE_LOAD_LIMIT", loadLimit)) << 20
	most := limit + limit*15/100
	dir := t.TempDir()
	settings := filepath.Join(t.TempDir(), "settings.toml")
	text := fmt.Sprintf("[data]\nmemory-limit = \"%d\"\n", limit)
	if err := os.WriteFile(settings, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s := blackbox.Start(t, dir, "--config", settings)
	s.Query(t, "", "CREATE DATABASE load")

	started := time.Now()
	stop := peak(s.PID())
	l := &loader{server: s}
	if err := l.run(series); err != nil {
		t.Fatalf("%v\n%s", err, s.Log())
	}
	took := time.Since(started)
	expectCount(t, s, 123, series)
	loaded := stop()
	t.Logf("loading: %d series in %.1f s (%.0f lines/s), %s at most, %d writes put off",
		series, took.Seconds(), float64(series*pointsEach)/took.Seconds(), loaded, l.putOff.Load())
	if loaded.All > most {
		t.Errorf("loading took %s, want at most %d MiB", loaded, most>>20)
	}

	s.Kill()
	crashed := restarted(t, dir, settings, series, "after a kill")
	clean := restarted(t, dir, settings, series, "after a clean end")
	for _, r := range []resident{crashed, clean} {
		if r.All > max(loaded.All, most) {
			t.Errorf("the start took %s, loading %s", r, loaded)
		}
	}
}

// restarted starts the server again, asks it for what it has, and ends it. It
// returns the memory that this took.
func restarted(t *testing.T, dir, settings string, series int, how string) resident {
	t.Helper()
	started := time.Now()
	s := blackbox.Start(t, dir, "--config", settings)
	stop := peak(s.PID())
	waitReady(t, s)
	expectCount(t, s, series-1, series)
	took := time.Since(started)
	time.Sleep(5 * samplePause)
	now, err := residentOf(s.PID())
	if err != nil {
		t.Fatal(err)
	}
	most := stop()
	t.Logf("start %s: first answer after %.2f s, %s at most, %s then (%.0f bytes per series above 60 MB)",
		how, took.Seconds(), most, now, float64(now.All-60e6)/float64(series))
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	return most
}

// waitReady waits until queries are answered.
func waitReady(t *testing.T, s *blackbox.Server) {
	t.Helper()
	for started := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		r, err := s.Do("GET", "/query?q=SHOW+DATABASES", nil, nil)
		if err == nil && r.Status == http.StatusOK {
			return
		}
		if time.Since(started) > 5*time.Minute {
			t.Fatalf("not ready: %v %d %s\n%s", err, r.Status, r.Body, s.Log())
		}
	}
}

// expectCount asks for the points of one series.
func expectCount(t *testing.T, s *blackbox.Server, one, series int) {
	t.Helper()
	one %= series
	a := s.Query(t, "load", fmt.Sprintf("SELECT count(value) FROM sensor WHERE device = 'device-%09d'", one))
	rows := a.Rows()
	if len(rows) != 1 || rows[0][1] != json.Number(strconv.Itoa(pointsEach)) {
		t.Fatalf("series %d has %v points, want %d\n%s", one, rows, pointsEach, strings.TrimSpace(s.Log()))
	}
}
