package listen

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/ingest"
)

func TestSenders(t *testing.T) {
	a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	var s senders
	if s.of(1) != "" || s.all() != "" {
		t.Error("an empty batch has senders")
	}
	s.add(2, a)
	s.add(0, b)
	s.add(1, a)
	s.add(3, b)
	s.add(1, a)
	for line, want := range []string{"", "10.0.0.1", "10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.2", "10.0.0.2", "10.0.0.1", ""} {
		if got := s.of(line); got != want {
			t.Errorf("line %d is of %q, want %q", line, got, want)
		}
	}
	if got := s.all(); got != "10.0.0.1 and 1 more" {
		t.Errorf("senders are %q", got)
	}
	for range 2 * maxSenderRuns {
		s.add(1, a)
		s.add(1, b)
	}
	if len(s.runs) != maxSenderRuns || s.of(4) != "10.0.0.2" || s.of(s.lines) != "" {
		t.Errorf("%d runs, line 4 is of %q, the last of %q", len(s.runs), s.of(4), s.of(s.lines))
	}
}

// udpFrom sends a datagram from an address of the loopback network.
func udpFrom(t *testing.T, local, to, text string) {
	t.Helper()
	at, err := net.ResolveUDPAddr("udp", to)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(local)}, at)
	if err != nil {
		t.Skipf("this system has no %s: %v", local, err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

// TestRefusalsNameTheSender sends from two addresses what the listener refuses, and what the door does.
func TestRefusalsNameTheSender(t *testing.T) {
	door := newFakeDoor()
	var request ingest.Request
	door.look = func(r ingest.Request) { request = r }
	door.err = func(int) error { return &ingest.PartialWriteError{Reason: "field type conflict", Dropped: 1, Line: 2} }
	opt := testOptions(door)
	opt.Batching.Size = 2
	l, err := UDP(t.Context(), opt)
	closeAfter(t, l, err)
	await := func(what string, done func(Metrics) bool) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); !done(l.Metrics()); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: %+v", what, l.Metrics())
			}
		}
	}
	udpFrom(t, "127.0.0.2", l.Address(), "broken")
	await("a broken line", func(m Metrics) bool { return m.Refused == 1 && m.Client == "127.0.0.2" })
	udpFrom(t, "127.0.0.3", l.Address(), "m f=1 1")
	await("the first line", func(m Metrics) bool { return m.Points == 1 })
	udpFrom(t, "127.0.0.4", l.Address(), "m f=t 1")
	await("the refused line", func(m Metrics) bool {
		return m.Refused == 2 && m.Client == "127.0.0.4" && m.Example == "partial write: field type conflict dropped=1" && !m.Time.IsZero()
	})
	if request.Client != "127.0.0.3 and 1 more" || request.ClientOf(1) != "127.0.0.3" || request.ClientOf(2) != "127.0.0.4" {
		t.Errorf("the door is told %q, %q and %q", request.Client, request.ClientOf(1), request.ClientOf(2))
	}
	door.mu.Lock()
	door.err = func(int) error { return errors.New("the disk burns") }
	door.mu.Unlock()
	udpFrom(t, "127.0.0.5", l.Address(), "m f=1 1\nm f=2 2")
	await("a lost batch", func(m Metrics) bool { return m.Dropped == 2 && m.Client == "127.0.0.5" })
}

func TestStreamsNameTheSender(t *testing.T) {
	for name, open := range map[string]func(context.Context, Options) (*Listener, error){
		"graphite": func(ctx context.Context, o Options) (*Listener, error) {
			return Graphite(ctx, GraphiteOptions{Options: o})
		},
		"opentsdb": func(ctx context.Context, o Options) (*Listener, error) {
			return OpenTSDB(ctx, OpenTSDBOptions{Options: o})
		},
	} {
		l, err := open(t.Context(), testOptions(newFakeDoor()))
		closeAfter(t, l, err)
		conn, err := net.Dial("tcp", l.Address())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprint(conn, "one two three four five\n")
		for end := time.Now().Add(10 * time.Second); l.Metrics().Refused == 0 && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		}
		if m := l.Metrics(); m.Refused != 1 || m.Client != "127.0.0.1" {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

func TestOpenTSDBLimitsPoints(t *testing.T) {
	l, err := OpenTSDB(t.Context(), OpenTSDBOptions{Options: testOptions(newFakeDoor()), MaxPoints: 2})
	closeAfter(t, l, err)
	point := `{"metric":"m","timestamp":1700000000,"value":1,"tags":{"h":"a"}}`
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for n, status := range map[int]int{2: 204, 3: 413} {
		body := "[" + strings.TrimSuffix(strings.Repeat(point+",", n), ",") + "]"
		resp, err := client.Post("http://"+l.Address()+"/api/put", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != status {
			t.Errorf("%d points are answered %d, want %d", n, resp.StatusCode, status)
		}
	}
	if m := l.Metrics(); m.TooManyPoints != 1 || m.Refused != 3 || m.Points != 2 || m.Client != "127.0.0.1" || m.Example != "max-points-per-request limit exceeded: (3/2)" {
		t.Errorf("%+v", m)
	}
}
