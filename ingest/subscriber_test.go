package ingest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/lineproto"
	"github.com/timberlinedb/timberline/model"
)

func parsed(t testing.TB, text string) *model.Batch {
	t.Helper()
	b := new(model.Batch)
	lineproto.ParsePlain(b, []byte(text), lineproto.Options{Now: testNow.UnixNano()})
	for _, r := range b.Rejects {
		t.Fatalf("%s: %s", r.Text, r.Reason)
	}
	return b
}

func TestParcel(t *testing.T) {
	b := parsed(t, "m,h=a f=1,s=\"x\ny\" 1\nm,h=b g=2i 2\nm,h=\x01 f=1 3\nm,h=\xff f=1 4\nm s=\"\xff\" 5\nm,h=ü f=3 6\nw\\ x,k\\,y=\\=z u=7u,b=true -8\nm f\x01=1 9\n")
	want := []string{"m,h=a f=1,s=\"x\ny\" 1", "m,h=b g=2i 2", "m,h=ü f=3 6", "w\\ x,k\\,y=\\=z u=7u,b=true -8"}
	p, unwritable := newParcel(b, true)
	var lines []string
	for line := range p.lines() {
		lines = append(lines, string(line))
	}
	if !slices.Equal(lines, want) || string(p.text) != strings.Join(want, "\n")+"\n" || p.points != 4 || unwritable != 4 {
		t.Errorf("%d points, %d unwritable: %q", p.points, unwritable, p.text)
	}
	if q, n := newParcel(b, false); !bytes.Equal(q.text, p.text) || n != unwritable || q.ends != nil {
		t.Errorf("as a whole: %d unwritable, %q", n, q.text)
	}
}

// TestParcelsAgree writes random batches with and without ends.
func TestParcelsAgree(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("TIMBERLINE_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	r := rand.New(rand.NewPCG(seed, 0))
	values := []string{"1", "2i", "3u", "true", `"a b"`, "\"c\nd\"", "\"\xfe\""}
	for range 200 {
		var text strings.Builder
		for i := range r.IntN(20) {
			fmt.Fprintf(&text, "m%d,t=%s ", r.IntN(2), []string{"a", "b", "\x02", "é"}[r.IntN(4)])
			for f := range 1 + r.IntN(4) {
				fmt.Fprintf(&text, "%sf%d=%s", []string{"", ","}[min(f, 1)], f, values[r.IntN(len(values))])
			}
			fmt.Fprintf(&text, " %d\n", i)
		}
		b := parsed(t, text.String())
		whole, n := newParcel(b, false)
		apart, m := newParcel(b, true)
		if !bytes.Equal(whole.text, apart.text) || whole.points != apart.points || n != m || len(apart.ends) != apart.points {
			t.Fatalf("seed %d: of %q\nas a whole %q\napart      %q", seed, text.String(), whole.text, apart.text)
		}
		if back := parsed(t, string(whole.text)); back.Rows() != whole.points {
			t.Fatalf("seed %d: %q has %d points, not %d", seed, whole.text, back.Rows(), whole.points)
		}
	}
}

// sink is a destination that keeps the requests that it gets.
type sink struct {
	*httptest.Server
	mu       sync.Mutex
	requests []string // first line, the headers that matter, body
	status   int
	wait     chan struct{} // nil: answers at once
}

func newSink(t *testing.T, status int) *sink {
	s := &sink{status: status}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		kind, given := r.Header["Content-Type"]
		s.mu.Lock()
		s.requests = append(s.requests, fmt.Sprintf("%s %s type=%q %v agent=%s auth=%s\n%s", r.Method, r.RequestURI, kind, given, r.UserAgent(), r.Header.Get("Authorization"), body))
		s.mu.Unlock()
		if s.wait != nil {
			<-s.wait
		}
		w.WriteHeader(s.status)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *sink) got() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// office is a subscriber with a catalog that has the database db.
type office struct {
	*Subscriber
	t       *testing.T
	catalog *catalog.Catalog
	log     *strings.Builder
}

func newOffice(t *testing.T, opt SubscriberOptions) *office {
	t.Helper()
	cat, err := catalog.Open("/catalog", catalog.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cat.CreateDatabase("db", nil); err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, catalog: cat, log: new(strings.Builder)}
	opt.Log = slog.New(slog.NewTextHandler(o.log, nil))
	o.Subscriber = NewSubscriber(cat, opt)
	t.Cleanup(func() { o.Close(context.Background()) })
	return o
}

func (o *office) subscribe(name, mode string, to ...string) {
	o.t.Helper()
	if err := o.catalog.CreateSubscription("db", "autogen", catalog.Subscription{Name: name, Mode: mode, Destinations: to}); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) policy() *catalog.Policy { return o.catalog.Snapshot().Database("db").Policy("") }

func (o *office) send(text string) { o.publish("db", o.policy(), parsed(o.t, text)) }

// sent waits until nothing is on its way.
func (o *office) sent() SubscriberMetrics {
	o.writers.Wait()
	return o.Metrics()
}

// TestRequest has the request that Kapacitor gets, byte by byte.
func TestRequest(t *testing.T) {
	o, s := newOffice(t, SubscriberOptions{}), newSink(t, 204)
	o.subscribe("k", "ANY", strings.Replace(s.URL, "http://", "http://~subscriber:tok@", 1)+"/base")
	o.send("m,h=a f=1 1\nm,h=b f=2 2")
	m := o.sent()
	want := "POST /base/write?consistency=&db=db&precision=ns&rp=autogen type=[\"\"] true agent=InfluxDBClient auth=Basic fnN1YnNjcmliZXI6dG9r\nm,h=a f=1 1\nm,h=b f=2 2\n"
	if got := s.got(); len(got) != 1 || got[0] != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if m.PointsWritten != 2 || m.WriteFailures != 0 || m.Queued != 1 || m.WaitingBytes != 0 || len(m.Destinations) != 1 || m.Destinations[0].PointsWritten != 2 {
		t.Errorf("metrics are %+v", m)
	}
	if d := m.Destinations[0]; strings.Contains(d.URL, "tok") || d.Name != "k" || d.Database != "db" || d.Policy != "autogen" || d.Mode != "ANY" {
		t.Errorf("destination is %+v", d)
	}
}

func TestDatagrams(t *testing.T) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	o := newOffice(t, SubscriberOptions{})
	o.subscribe("u", "ALL", "udp://"+c.LocalAddr().String())
	o.send("m f=1 1\nm s=\"a\nb\" 2\nn f=3 3")
	for _, want := range []string{"m f=1 1", "m s=\"a\nb\" 2", "n f=3 3"} {
		buf := make([]byte, 1000)
		if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, _, err := c.ReadFrom(buf)
		if err != nil || string(buf[:n]) != want {
			t.Errorf("got %q, %v, want %q", buf[:n], err, want)
		}
	}
	if m := o.sent(); m.PointsWritten != 3 {
		t.Errorf("metrics are %+v", m)
	}
}

func TestModes(t *testing.T) {
	good, other, bad := newSink(t, 204), newSink(t, 200), newSink(t, 500)
	for _, c := range []struct {
		mode              string
		to                []*sink
		good, other, bad  int // requests after four writes
		written, failures int64
	}{
		{"ALL", []*sink{good, other}, 4, 4, 0, 4, 0},
		{"ANY", []*sink{good, other}, 2, 2, 0, 4, 0},
		{"ANY", []*sink{bad, good}, 4, 0, 2, 4, 0},
		{"ALL", []*sink{bad, good}, 4, 0, 4, 0, 4},
		{"ANY", []*sink{bad}, 0, 0, 4, 0, 4},
	} {
		o := newOffice(t, SubscriberOptions{Writers: 1})
		var to []string
		for _, s := range []*sink{good, other, bad} {
			s.requests = nil
		}
		for _, s := range c.to {
			to = append(to, s.URL)
		}
		o.subscribe("s", c.mode, to...)
		for range 4 {
			o.send("m f=1 1")
		}
		m := o.sent()
		if len(good.got()) != c.good || len(other.got()) != c.other || len(bad.got()) != c.bad || m.PointsWritten != c.written || m.WriteFailures != c.failures {
			t.Errorf("%+v: %d, %d, %d requests, metrics %+v", c, len(good.got()), len(other.got()), len(bad.got()), m)
		}
		if c.bad > 0 && strings.Count(o.log.String(), "does not take points") != 1 {
			t.Errorf("log is %s", o.log)
		}
	}
}

// TestSlowDestination checks that writes are not held up and that what has no
// room is counted.
func TestSlowDestination(t *testing.T) {
	s := newSink(t, 204)
	s.wait = make(chan struct{})
	o := newOffice(t, SubscriberOptions{Writers: 1, Queue: 3})
	o.subscribe("s", "ALL", s.URL)
	o.send("m f=0 1")
	for len(s.got()) == 0 {
		time.Sleep(time.Millisecond)
	}
	for range 5 {
		o.send("m f=1 1")
	}
	if m := o.Metrics(); m.Queued != 4 || m.Dropped != 2 || m.WriteFailures != 2 || m.WaitingBytes != 4*8 {
		t.Errorf("metrics are %+v", m)
	}
	close(s.wait)
	if m := o.sent(); m.PointsWritten != 4 || m.WaitingBytes != 0 {
		t.Errorf("at the end metrics are %+v", m)
	}
}

func TestWaitingBytesAreBounded(t *testing.T) {
	s := newSink(t, 204)
	s.wait = make(chan struct{})
	o := newOffice(t, SubscriberOptions{Writers: 1, QueueBytes: 20})
	o.subscribe("s", "ALL", s.URL)
	o.send("m f=0 1\nm f=0 2\nm f=0 3") // alone it may be larger
	o.send("m f=1 1")
	close(s.wait)
	if m := o.sent(); m.Queued != 1 || m.Dropped != 1 || m.PointsWritten != 3 {
		t.Errorf("metrics are %+v", m)
	}
}

func TestSubscriptionsComeAndGo(t *testing.T) {
	first, second := newSink(t, 204), newSink(t, 204)
	o := newOffice(t, SubscriberOptions{})
	if o.wants(o.policy()) || (*Subscriber)(nil).wants(o.policy()) {
		t.Error("points are wanted though nobody has subscribed")
	}
	o.subscribe("s", "ALL", first.URL)
	o.send("m f=1 1")
	o.sent()
	if err := o.catalog.DropSubscription("db", "autogen", "s"); err != nil {
		t.Fatal(err)
	}
	o.subscribe("s", "ALL", second.URL)
	o.send("m f=2 2")
	o.sent()
	if len(first.got()) != 1 || len(second.got()) != 1 {
		t.Errorf("%d and %d requests, want one each", len(first.got()), len(second.got()))
	}
	if err := o.catalog.DropSubscription("db", "autogen", "s"); err != nil {
		t.Fatal(err)
	}
	if o.wants(o.policy()) {
		t.Error("points are wanted after the drop")
	}
	if m := o.Metrics(); len(m.Destinations) != 0 || len(o.feeds) != 0 {
		t.Errorf("after the drop there are %+v", m.Destinations)
	}
}

// TestDestinationsThatCannotBe has what a catalog of another time could name.
func TestDestinationsThatCannotBe(t *testing.T) {
	o := newOffice(t, SubscriberOptions{})
	p := *o.policy()
	p.Subscriptions = []catalog.Subscription{{Name: "a", Mode: "ALL", Destinations: []string{"gopher://x:1"}}, {Name: "b", Mode: "ALL", Destinations: []string{"http://u:canary@[:1"}}}
	for range 2 {
		o.publish("db", &p, parsed(t, "m f=1 1"))
	}
	if m := o.Metrics(); m.CreateFailures != 2 || m.Queued != 0 || strings.Contains(o.log.String(), "canary") {
		t.Errorf("metrics are %+v, log %s", m, o.log)
	}
}

// TestClose sends what waits, and gives up when it may not wait any longer.
func TestClose(t *testing.T) {
	s := newSink(t, 204)
	o := newOffice(t, SubscriberOptions{Writers: 1})
	o.subscribe("s", "ALL", s.URL)
	for range 10 {
		o.send("m f=1 1")
	}
	o.Close(context.Background())
	o.Close(context.Background())
	o.send("m f=1 1")
	if m := o.Metrics(); m.PointsWritten != 10 || m.Dropped != 1 || len(s.got()) != 10 {
		t.Errorf("metrics are %+v", m)
	}

	stuck := newSink(t, 204)
	stuck.wait = make(chan struct{})
	defer close(stuck.wait)
	o = newOffice(t, SubscriberOptions{Writers: 1})
	o.subscribe("s", "ALL", stuck.URL)
	for range 3 {
		o.send("m f=1 1")
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	o.Close(ended)
	if m := o.Metrics(); m.WriteFailures != 3 || m.PointsWritten != 0 {
		t.Errorf("metrics are %+v", m)
	}
}

// TestWritesAreSentOn goes through the door: points are sent on whatever
// becomes of them here.
func TestWritesAreSentOn(t *testing.T) {
	d := newDoor(t)
	s := newSink(t, 204)
	sub := NewSubscriber(d.catalog, SubscriberOptions{Writers: 1})
	d.Writer = New(d.catalog, d.store, d.Writer.clock, sub)
	defer sub.Close(context.Background())
	write := func(policy, body string) error {
		return d.Write(context.Background(), Request{Database: "db", Policy: policy, Precision: lineproto.Second, Body: []byte(body)})
	}
	now := testNow.Unix()
	if err := write("week", fmt.Sprintf("m,h=a f=1 %d", now)); err != nil {
		t.Fatal(err)
	}
	if err := d.catalog.CreateSubscription("db", "week", catalog.Subscription{Name: "s", Mode: "ALL", Destinations: []string{s.URL}}); err != nil {
		t.Fatal(err)
	}
	bodies := []string{
		fmt.Sprintf("m,h=a f=2 %d\nm,h=b f=3 %d", now, now), // a series that is known, and one that is not
		"m,h=a f=4", // the time of now
		fmt.Sprintf("m,h=a f=5i %d\nbroken\nm,h=a f=6 5", now),     // another type, no point, too late
		fmt.Sprintf("m,h=a,time=x f=7 %d\nm,h=a time=1 %d", 1, 10), // names that are refused here
	}
	for i, body := range bodies {
		if err := write("week", body); (err != nil) != (i >= 2) {
			t.Errorf("write of %q: %v", body, err)
		}
	}
	if err := write("", fmt.Sprintf("m f=8 %d", now)); err != nil { // another policy
		t.Fatal(err)
	}
	if err := d.WriteBatch(context.Background(), Request{Database: "db", Policy: "week"}, parsed(t, fmt.Sprintf("m,h=z f=9 %d", testNow.UnixNano()))); err != nil {
		t.Fatal(err)
	}
	sub.writers.Wait()
	ns := testNow.UnixNano()
	var got []string
	for _, r := range s.got() {
		_, body, _ := strings.Cut(r, "\n")
		got = append(got, body)
	}
	slices.Sort(got)
	want := []string{
		fmt.Sprintf("m,h=a f=2 %d\nm,h=b f=3 %d\n", ns, ns),
		fmt.Sprintf("m,h=a f=4 %d\n", ns),
		fmt.Sprintf("m,h=a f=5i %d\nm,h=a f=6 5000000000\n", ns),
		"m,h=a,time=x f=7 1000000000\nm,h=a time=1 10000000000\n",
		fmt.Sprintf("m,h=z f=9 %d\n", ns),
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
