package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/vfs"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)

func lines(t *testing.T, files vfs.FS, name string) []line {
	t.Helper()
	b, err := vfs.ReadFile(files, name, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	var out []line
	for d := json.NewDecoder(bytes.NewReader(b)); ; {
		var l line
		if err := d.Decode(&l); err == io.EOF {
			return out
		} else if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, b)
		}
		out = append(out, l)
	}
}

func TestTrail(t *testing.T) {
	files, clk := vfs.NewMem(), clock.NewManual(now)
	opt := Options{FS: files, Path: "/log/audit.log", Clock: clk}
	for round := range 2 {
		trail, err := Open(opt)
		if err != nil {
			t.Fatal(err)
		}
		trail.Record(Event{Kind: "login", Outcome: Failed, User: "u", Client: "1.2.3.4", Request: "r", Detail: "d\n", Error: "e"})
		trail.Record(Event{Kind: "statement", Outcome: OK, Detail: strings.Repeat("x", maxText+1)})
		if m := trail.Metrics(); m != (Metrics{Events: 2}) {
			t.Errorf("metrics are %+v", m)
		}
		if err := trail.Close(); err != nil {
			t.Fatal(err)
		}
		if err := trail.Close(); err != nil {
			t.Error(err)
		}
		got := lines(t, files, opt.Path)
		if len(got) != 2*(round+1) {
			t.Fatalf("%d lines after round %d", len(got), round)
		}
		want := line{Time: "2026-01-02T03:04:05.000000006Z", Kind: "login", Outcome: Failed, User: "u", Client: "1.2.3.4", Request: "r", Detail: "d\n", Error: "e"}
		if got[2*round] != want {
			t.Errorf("got %+v, want %+v", got[2*round], want)
		}
		if n := len(got[2*round+1].Detail); n != maxText+len("…") {
			t.Errorf("a long text has %d bytes", n)
		}
		trail.Record(Event{Kind: "late", Outcome: OK})
		if m := trail.Metrics(); m.Lost != 1 {
			t.Errorf("an event after the end is %+v", m)
		}
	}
}

// TestFailuresAreLimited records more failures than anybody reads.
func TestFailuresAreLimited(t *testing.T) {
	files, clk := vfs.NewMem(), clock.NewManual(now)
	trail, err := Open(Options{FS: files, Path: "/audit", Clock: clk})
	if err != nil {
		t.Fatal(err)
	}
	for range maxFailures + 50 {
		trail.Record(Event{Kind: "login", Outcome: Failed})
	}
	trail.Record(Event{Kind: "statement", Outcome: OK})
	clk.Advance(time.Second)
	trail.Record(Event{Kind: "login", Outcome: Refused})
	got := lines(t, files, "/audit")
	if len(got) != maxFailures+2 || got[maxFailures].Suppressed != 50 || got[maxFailures+1].Suppressed != 0 {
		t.Errorf("%d lines, the last %+v", len(got), got[len(got)-2:])
	}
	if m := trail.Metrics(); m.Suppressed != 50 {
		t.Errorf("metrics are %+v", m)
	}
}

func TestRotation(t *testing.T) {
	files := vfs.NewMem()
	trail, err := Open(Options{FS: files, Path: "/audit", MaxBytes: 300, Keep: 2, Clock: clock.NewManual(now)})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		trail.Record(Event{Kind: "statement", Outcome: OK, Detail: fmt.Sprint(i)})
	}
	names, err := files.List("/")
	if err != nil || strings.Join(names, " ") != "audit audit.1 audit.2" {
		t.Errorf("files are %q, %v", names, err)
	}
	if got := lines(t, files, "/audit"); got[len(got)-1].Detail != "19" {
		t.Errorf("the last line is %+v", got[len(got)-1])
	}
	last := lines(t, files, "/audit.1")
	if first := lines(t, files, "/audit"); fmt.Sprint(last[len(last)-1].Detail) != fmt.Sprint(19-len(first)) {
		t.Errorf("between %+v and %+v something is missing", last, first)
	}
}

func TestTrailInTheLog(t *testing.T) {
	var out bytes.Buffer
	trail, err := Open(Options{Log: slog.New(slog.NewTextHandler(&out, nil))})
	if err != nil {
		t.Fatal(err)
	}
	trail.Record(Event{Kind: "login", Outcome: Throttled, User: "u"})
	if !strings.Contains(out.String(), "msg=audit kind=login outcome=throttled user=u") {
		t.Errorf("log is %s", out.String())
	}
	var none *Trail
	none.Record(Event{})
	if err := none.Close(); err != nil || none.Metrics() != (Metrics{}) {
		t.Error("no trail does something")
	}
}

// TestFaults lets every file operation fail once: events may be lost, and are counted then.
func TestFaults(t *testing.T) {
	for n := 1; n < 60; n++ {
		files := vfs.NewMem()
		broken := vfs.NewFault(files)
		broken.Add(vfs.Rule{Nth: int64(n)})
		trail, err := Open(Options{FS: broken, Path: "/log/audit", MaxBytes: 200, Keep: 2, Clock: clock.NewManual(now), Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			continue
		}
		for range 10 {
			trail.Record(Event{Kind: "statement", Outcome: OK})
		}
		trail.Close()
		if m := trail.Metrics(); m.Events+m.Lost != 10 {
			t.Errorf("operation %d: metrics are %+v", n, m)
		}
	}
}
