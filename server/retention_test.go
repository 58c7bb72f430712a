package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/ingest"
	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/vfs"
)

// shardDirs returns the directories of shards on disk.
func shardDirs(t testing.TB, files vfs.FS) (dirs []string) {
	t.Helper()
	list := func(dir string) []string {
		names, err := files.List(dir)
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	for _, db := range list(dataDir + "/db") {
		for _, policy := range list(dataDir + "/db/" + db) {
			if policy == "series" || policy == "index" {
				continue
			}
			for _, shard := range list(dataDir + "/db/" + db + "/" + policy) {
				dirs = append(dirs, db+"/"+policy+"/"+shard)
			}
		}
	}
	slices.Sort(dirs)
	return dirs
}

// catalogDirs returns the directories that the shards of the catalog have.
func catalogDirs(s *system) (dirs []string) {
	for _, d := range s.catalog.Snapshot().Databases {
		for _, p := range d.Policies {
			for _, g := range p.Groups {
				dirs = append(dirs, fmt.Sprintf("%d/%d/%d", d.ID, p.ID, g.Shard))
			}
		}
	}
	slices.Sort(dirs)
	return dirs
}

// Policies drop whole shards when their last point is too old, not earlier; what
// is on disk is what the catalog says, with and without a restart.
func TestRetention(t *testing.T) {
	files, clk := vfs.NewMem(), clock.NewManual(testNow)
	s := mustOpen(t, files, clk, smallOptions())
	defer func() { s.close() }()
	s.mustAsk(t, "", "CREATE DATABASE db")
	s.mustAsk(t, "", "CREATE RETENTION POLICY hours ON db DURATION 3h REPLICATION 1 SHARD DURATION 1h")
	s.mustAsk(t, "", "CREATE RETENTION POLICY days ON db DURATION 3d REPLICATION 1 SHARD DURATION 1d")
	var lines strings.Builder
	for age := time.Duration(0); age < 3*time.Hour; age += 20 * time.Minute {
		fmt.Fprintf(&lines, "m age=%di %d\n", age/time.Minute, testNow.Add(-age).UnixNano())
	}
	for _, policy := range []string{"hours", "days", "autogen"} {
		if err := s.put("db", policy, lines.String()); err != nil {
			t.Fatal(err)
		}
	}
	count := func(policy string) string {
		return s.ask(statement{database: "db", policy: policy, text: "SELECT count(age) FROM m"})
	}
	rows := func(n int) string {
		if n == 0 {
			return `{"results":[{"statement_id":0}]}` + "\n"
		}
		return fmt.Sprintf(`{"results":[{"statement_id":0,"series":[{"name":"m","columns":["time","count"],"values":[[0,%d]]}]}]}`+"\n", n)
	}
	check := func(after time.Duration, hours, days int) {
		t.Helper()
		clk.Set(testNow.Add(after))
		s.enforceRetention()
		for range 2 {
			for policy, n := range map[string]int{"hours": hours, "days": days, "autogen": 9} {
				if got := count(policy); got != rows(n) {
					t.Errorf("after %v, %s: got %s want %s", after, policy, got, rows(n))
				}
			}
			if disk, known := shardDirs(t, files), catalogDirs(s); !slices.Equal(disk, known) {
				t.Errorf("after %v: shards on disk %q, in the catalog %q", after, disk, known)
			}
			if err := s.close(); err != nil {
				t.Fatal(err)
			}
			s = mustOpen(t, files, clk, smallOptions())
		}
	}
	// It is 12:00. Ages of 160 and 140 minutes lie in the shard that begins at
	// 09:00, 120 to 80 in that of 10:00, 60 to 20 in that of 11:00, 0 in its own.
	check(0, 9, 9)
	check(time.Hour-time.Nanosecond, 9, 9)
	check(time.Hour, 7, 9)
	check(2*time.Hour, 4, 9)
	check(3*time.Hour, 1, 9)
	check(4*time.Hour-time.Nanosecond, 1, 9)
	check(4*time.Hour, 0, 9)
	check(84*time.Hour-time.Nanosecond, 0, 9)
	check(84*time.Hour, 0, 0)
}

// The background job does it without being asked, on the clock of the server.
func TestRetentionRuns(t *testing.T) {
	files, clk := vfs.NewMem(), clock.NewManual(testNow)
	s := mustOpen(t, files, clk, smallOptions())
	defer s.close()
	s.mustAsk(t, "", "CREATE DATABASE db WITH DURATION 1h NAME hour")
	if err := s.put("db", "", fmt.Sprintf("m f=1 %d", testNow.UnixNano())); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	r := &retention{catalog: s.catalog, storage: s.storage, clock: clk, every: 30 * time.Minute, log: s.log}
	go func() {
		defer close(ended)
		r.run(ctx)
	}()
	for i := 0; len(s.catalog.Snapshot().Database("db").Policies[0].Groups) > 0; i++ {
		if i == 1000 {
			t.Fatal("the shard is not dropped")
		}
		clk.Advance(10 * time.Minute)
		time.Sleep(time.Millisecond) // lets the job take the tick
	}
	if now := clk.Now(); now.Before(testNow.Add(2 * time.Hour)) {
		t.Errorf("dropped at %v, while points of it were kept", now)
	}
	stop()
	<-ended
}

// What is older than the policy keeps is refused, to the nanosecond.
func TestWritesBeyondRetention(t *testing.T) {
	files, clk := vfs.NewMem(), clock.NewManual(testNow)
	s := mustOpen(t, files, clk, smallOptions())
	defer func() { s.close() }()
	s.mustAsk(t, "", "CREATE DATABASE db WITH DURATION 2h SHARD DURATION 1h NAME short")
	edge := testNow.Add(-2 * time.Hour).UnixNano()
	err := s.put("db", "", fmt.Sprintf("m f=1 %d\nm f=2 %d\nm f=3 %d\nm f=4 0", edge, edge-1, testNow.UnixNano()))
	var partial *ingest.PartialWriteError
	if !errors.As(err, &partial) || err.Error() != "partial write: points beyond retention policy dropped=2" {
		t.Errorf("write: %v", err)
	}
	want := fmt.Sprintf(`{"results":[{"statement_id":0,"series":[{"name":"m","columns":["time","f"],"values":[[%d,1],[%d,3]]}]}]}`+"\n", edge, testNow.UnixNano())
	if got := s.mustAsk(t, "db", "SELECT f FROM m"); got != want {
		t.Errorf("got %s want %s", got, want)
	}
	s.mustAsk(t, "db", "ALTER RETENTION POLICY short ON db DURATION 1h")
	if err := s.put("db", "", fmt.Sprintf("m f=5 %d", edge)); err == nil || !strings.Contains(err.Error(), "points beyond retention policy") {
		t.Errorf("write after the policy was made shorter: %v", err)
	}
	s.enforceRetention()
	want = fmt.Sprintf(`{"results":[{"statement_id":0,"series":[{"name":"m","columns":["time","f"],"values":[[%d,3]]}]}]}`+"\n", testNow.UnixNano())
	if got := s.mustAsk(t, "db", "SELECT f FROM m"); got != want {
		t.Errorf("after the policy was made shorter: got %s want %s", got, want)
	}
	if disk, known := shardDirs(t, files), catalogDirs(s); !slices.Equal(disk, known) {
		t.Errorf("shards on disk %q, in the catalog %q", disk, known)
	}
}
