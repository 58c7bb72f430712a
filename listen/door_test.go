package listen

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/timberlinedb/timberline/ingest"
	"github.com/timberlinedb/timberline/internal/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeDoor keeps the lines that it is given.
type fakeDoor struct {
	mu     sync.Mutex
	lines  []string
	bodies int
	err    func(try int) error // nil: none
	tries  int
	look   func(ingest.Request) // nil: nobody looks
	came   chan struct{}
}

func newFakeDoor() *fakeDoor { return &fakeDoor{came: make(chan struct{}, 1000)} }

func (d *fakeDoor) Write(_ context.Context, req ingest.Request) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tries++
	if d.look != nil {
		d.look(req)
	}
	if d.err != nil {
		if err := d.err(d.tries); err != nil {
			return err
		}
	}
	d.bodies++
	d.lines = append(d.lines, strings.Split(strings.TrimSuffix(string(req.Body), "\n"), "\n")...)
	d.came <- struct{}{}
	return nil
}

// wait returns the lines once there are n, sorted.
func (d *fakeDoor) wait(t *testing.T, n int) []string {
	t.Helper()
	for limit := time.After(10 * time.Second); ; {
		d.mu.Lock()
		lines := slices.Sorted(slices.Values(d.lines))
		d.mu.Unlock()
		if len(lines) >= n {
			return lines
		}
		select {
		case <-d.came:
		case <-limit:
			t.Fatalf("have %d lines, want %d: %q", len(lines), n, lines)
		}
	}
}

var noon = time.Unix(1_700_000_000, 0)

func testOptions(d Door) Options {
	return Options{Address: "127.0.0.1:0", Door: d, Batching: Batching{Database: "db", Timeout: 10 * time.Millisecond}}
}

func equalLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// eventually waits for something that a listener counts after the fact.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for begin := time.Now(); !ok(); time.Sleep(time.Millisecond) {
		if time.Since(begin) > 10*time.Second {
			t.Fatalf("never happened: %s", what)
		}
	}
}

func oneLine(text string) func([]byte) ([]byte, int) {
	return func(dst []byte) ([]byte, int) { return append(append(dst, text...), '\n'), 1 }
}

// TestBatches shows when a batch ends: at its size, and when its first point has waited long enough.
func TestBatches(t *testing.T) {
	clk := clock.NewManual(noon)
	door := newFakeDoor()
	var c counters
	b := newBatcher(Batching{Size: 3, Timeout: time.Second}, door, clk, testLog(t), &c)
	for i := range 4 {
		b.add(false, netip.Addr{}, oneLine(fmt.Sprint("m v=", i)))
	}
	equalLines(t, door.wait(t, 3), "m v=0", "m v=1", "m v=2")
	clk.Advance(900 * time.Millisecond)
	if n := c.sent.Load(); n > 3 {
		t.Errorf("%d points were sent before the fourth was a second old", n)
	}
	eventually(t, "the fourth point is stored", func() bool { clk.Advance(300 * time.Millisecond); return c.sent.Load() == 4 })
	b.add(false, netip.Addr{}, oneLine("m v=9"))
	b.close()
	equalLines(t, door.wait(t, 5), "m v=0", "m v=1", "m v=2", "m v=3", "m v=9")
	if c.points.Load() != 5 || c.dropped.Load() != 0 || c.failedBatches.Load() != 0 {
		t.Errorf("counted %d points, %d dropped, %d failed batches", c.points.Load(), c.dropped.Load(), c.failedBatches.Load())
	}
}

// TestBusyDoor shows that a batch is offered again while the door is busy, and that what has no room meanwhile is
// dropped and counted.
func TestBusyDoor(t *testing.T) {
	clk := clock.NewManual(noon)
	door := newFakeDoor()
	door.err = func(try int) error {
		if try <= 3 {
			return fmt.Errorf("cache full: %w", ingest.ErrBusy)
		}
		return nil
	}
	var c counters
	b := newBatcher(Batching{Size: 1, Pending: 2}, door, clk, testLog(t), &c)
	b.add(false, netip.Addr{}, oneLine("m v=0"))
	eventually(t, "the first batch is tried", func() bool { door.mu.Lock(); defer door.mu.Unlock(); return door.tries > 0 })
	for i := 1; i < 5; i++ {
		b.add(false, netip.Addr{}, oneLine(fmt.Sprint("m v=", i)))
	}
	if n := c.dropped.Load(); n != 2 {
		t.Errorf("%d points were dropped, want 2 of 5: one at the door, two waiting", n)
	}
	eventually(t, "all that had room is stored", func() bool { clk.Advance(retryPause); return c.sent.Load() == 3 })
	b.close()
	equalLines(t, door.wait(t, 3), "m v=0", "m v=1", "m v=2")
}

// TestRefusingDoor shows that a batch that cannot be stored is dropped and counted, and that points the door refuses
// are told from those it takes.
func TestRefusingDoor(t *testing.T) {
	door := newFakeDoor()
	door.err = func(try int) error {
		if try == 1 {
			return &ingest.DatabaseNotFoundError{Name: "db"}
		}
		return &ingest.PartialWriteError{Dropped: 1}
	}
	var c counters
	b := newBatcher(Batching{Size: 2}, door, clock.NewManual(noon), testLog(t), &c)
	for range 4 {
		b.add(true, netip.Addr{}, oneLine("m v=1"))
	}
	b.close()
	m := c.metrics("udp", "udp", "")
	if m.FailedBatches != 1 || m.Dropped != 2 || m.Batches != 1 || m.Sent != 1 || m.Refused != 1 {
		t.Errorf("counted %+v", m)
	}
}
