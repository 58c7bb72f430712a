package server

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/index"
	"github.com/timberlinedb/timberline/internal/budget"
	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/tsdb"
)

// footprint is what a store holds.
type footprint struct {
	series           int64
	memory           int64 // of the indexes, off the heap included
	heap             int64
	checkpoint, keys int64 // on disk
	disk             int64 // all of the directory but the log
}

func (s *system) footprint(t *testing.T, dir string) (f footprint) {
	t.Helper()
	m := s.store.Metrics()
	f.series, f.memory, f.checkpoint, f.keys = m.Series, m.IndexMemory, m.IndexCheckpoints, m.SeriesLogs
	f.disk = treeSize(t, s.files, filepath.Join(dir, "db"))
	var ms runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&ms)
	f.heap = int64(ms.HeapAlloc)
	return f
}

func treeSize(t *testing.T, files vfs.FS, dir string) (size int64) {
	t.Helper()
	names, err := files.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		st, err := files.Stat(path)
		switch {
		case err != nil:
			t.Fatal(err)
		case st.Dir:
			size += treeSize(t, files, path)
		default:
			size += st.Size
		}
	}
	return size
}

// TestChurn lives for 20 days in which all series but a few are new every day and
// are kept for two. What the indexes hold, in memory and on disk, must not grow.
// TIMBERLINE_CHURN sets the number of series of a day; from 100,000 on the test
// works on real files.
func TestChurn(t *testing.T) {
	perDay := envInt(t, "TIMBERLINE_CHURN", 5000)
	var files vfs.FS = vfs.NewMem()
	dir := dataDir
	var small index.Options
	if perDay >= 100_000 {
		files, dir = vfs.OS(), t.TempDir()
	} else {
		small.SegmentBytes = 1 << 20
	}
	clk := clock.NewManual(testNow)
	open := func() *system {
		s, err := openSystemIn(dir, files, clk, tsdb.Options{Budget: budget.New(0), Index: small})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	defer func() { s.close() }()
	s.mustAsk(t, "", "CREATE DATABASE db WITH DURATION 2d SHARD DURATION 1d NAME two")

	const days, steady, returns = 20, 100, 5
	var settled footprint
	var lines strings.Builder
	for day := range days {
		clk.Set(testNow.AddDate(0, 0, day))
		at := clk.Now().UnixNano()
		for i := 0; i < perDay; {
			lines.Reset()
			for n := 0; n < 5000 && i < perDay; n, i = n+1, i+1 {
				name := fmt.Sprintf("%d-%07d", day, i)
				switch {
				case i < steady:
					name = fmt.Sprintf("steady-%d", i)
				case i < 2*steady: // freed and created again
					name = fmt.Sprintf("back-%d-%d", day%returns, i)
				}
				fmt.Fprintf(&lines, "pods,cluster=c%d,namespace=ns-%d,pod=pod-%s cpu=%d %d\n", i%5, i%50, name, day, at)
			}
			if err := s.put("db", "", lines.String()); err != nil {
				t.Fatal(err)
			}
		}
		s.enforceRetention()
		if day%6 == 5 {
			if err := s.close(); err != nil {
				t.Fatal(err)
			}
			s = open()
		}
		if err := s.store.Compact(context.Background()); err != nil {
			t.Fatal(err)
		}
		s.checkChurn(t, day, perDay, steady)
		f := s.footprint(t, dir)
		t.Logf("day %2d: %d series, index %d kB, heap %d kB; checkpoint %d kB, series log %d kB, all %d kB on disk",
			day, f.series, f.memory>>10, f.heap>>10, f.checkpoint>>10, f.keys>>10, f.disk>>10)
		if 3 <= day && day <= 7 { // between two restarts, each of which empties what traffic fills
			settled.memory, settled.disk, settled.heap = max(settled.memory, f.memory), max(settled.disk, f.disk), max(settled.heap, f.heap)
		}
		// Three shards at a time, and what the last looks have left over.
		if limit := int64(perDay) * 4; day > 6 && f.series > limit {
			t.Errorf("day %d: %d series", day, f.series)
		}
		if day > 7 && (f.memory > settled.memory*5/4+1<<20 || f.disk > settled.disk*5/4+64<<10 || f.heap > settled.heap*3/2+8<<20) {
			t.Errorf("day %d: %+v, days 3 to 7: %+v", day, f, settled)
		}
	}
	if freed := s.store.Metrics().SeriesFreed; freed == 0 {
		t.Error("nothing was freed since the last restart")
	}
}

// checkChurn asks for series that live on, are back, and are gone.
func (s *system) checkChurn(t *testing.T, day, perDay, steady int) {
	t.Helper()
	count := func(pod string) string {
		return s.ask(statement{database: "db", text: fmt.Sprintf("SELECT count(cpu) FROM pods WHERE pod = 'pod-%s'", pod)})
	}
	if got := count("steady-3"); !strings.Contains(got, fmt.Sprintf("[0,%d]", min(day+1, 3))) {
		t.Fatalf("day %d: a steady series has %s", day, got)
	}
	if got := count(fmt.Sprintf("back-%d-%d", day%5, steady)); !strings.Contains(got, "[0,1]") {
		t.Fatalf("day %d: a series that is back has %s", day, got)
	}
	if got := count(fmt.Sprintf("%d-%07d", day, perDay-1)); !strings.Contains(got, "[0,1]") {
		t.Fatalf("day %d: a new series has %s", day, got)
	}
	if got := count(fmt.Sprintf("%d-%07d", day-4, perDay-1)); strings.Contains(got, "count") {
		t.Fatalf("day %d: a series that is gone has %s", day, got)
	}
	if got := s.ask(statement{database: "db", text: "SHOW TAG VALUES FROM pods WITH KEY = namespace"}); strings.Count(got, "ns-") != 50 {
		t.Fatalf("day %d: namespaces %s", day, got)
	}
}

// TestChurnOfWriters has writers use series that are freed and come back all the
// time. Every acknowledged row must be found under its series.
func TestChurnOfWriters(t *testing.T) {
	_, seed := newRand(t)
	clk := clock.NewManual(testNow)
	opt := smallOptions()
	opt.WAL.SegmentBytes = 1 << 20
	s, err := openSystem(vfs.NewMem(), clk, opt)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { s.close() }()
	s.mustAsk(t, "", "CREATE DATABASE db WITH DURATION 2h SHARD DURATION 1h NAME two")

	const hosts, hours, rowsPerHour = 40, 30, 30
	type row struct {
		host int
		at   int64
	}
	var mu sync.Mutex
	acknowledged := map[row]bool{}
	var hour atomic.Int64
	var writers sync.WaitGroup
	var stop atomic.Bool
	var written atomic.Int64
	for w := range 3 {
		r := rand.New(rand.NewPCG(seed, uint64(w)))
		writers.Go(func() {
			for n := int64(0); !stop.Load(); n++ {
				begin := testNow.Add(time.Duration(hour.Load()) * time.Hour)
				rows := map[row]bool{}
				var lines strings.Builder
				for range 1 + r.IntN(4) {
					host := r.IntN(hosts/5) + hosts/5*int(hour.Load()%5)
					if r.IntN(200) == 0 { // perhaps one that is being freed
						host = r.IntN(hosts)
					}
					k := row{host, begin.UnixNano() + n*8 + int64(w)}
					rows[k] = true
					fmt.Fprintf(&lines, "m,host=h%d f=1 %d\n", k.host, k.at)
				}
				if err := s.put("db", "", lines.String()); err != nil {
					continue // too old by now
				}
				mu.Lock()
				for k := range rows {
					acknowledged[k] = true
				}
				mu.Unlock()
				written.Add(1)
			}
		})
	}
	for h := range int64(hours) {
		clk.Set(testNow.Add(time.Duration(h) * time.Hour))
		hour.Store(h)
		for until := written.Load() + rowsPerHour; written.Load() < until; {
			s.enforceRetention()
			if err := s.store.Compact(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
	}
	stop.Store(true)
	writers.Wait()
	freed := s.store.Metrics().SeriesFreed
	if t.Logf("%d rows, %d series freed", len(acknowledged), freed); freed == 0 {
		t.Error("no series was freed")
	}
	oldest := testNow.Add((hours - 2) * time.Hour).UnixNano()
	want := map[int]int{}
	for k := range acknowledged {
		if k.at >= oldest {
			want[k.host]++
		}
	}
	for _, restarted := range []bool{false, true} {
		if restarted {
			if err := s.close(); err != nil {
				t.Fatal(err)
			}
			if s, err = openSystem(s.files, clk, opt); err != nil {
				t.Fatal(err)
			}
		}
		for host := range hosts {
			got := s.ask(statement{database: "db", text: fmt.Sprintf("SELECT count(f) FROM m WHERE host = 'h%d' AND time >= %d", host, oldest)})
			if n := want[host]; n > 0 && !strings.Contains(got, fmt.Sprintf(",%d]]", n)) || n == 0 && strings.Contains(got, "count") {
				t.Errorf("restarted %v: host %d has %s want %d rows", restarted, host, strings.TrimSpace(got), n)
			}
		}
		if damage := s.news.list(); len(damage) > 0 {
			t.Errorf("restarted %v: damage %q", restarted, damage)
		}
	}
}
