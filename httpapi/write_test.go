package httpapi

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/klauspost/compress/zstd"

	"github.com/timberlinedb/timberline/ingest"
	"github.com/timberlinedb/timberline/internal/budget"
	"github.com/timberlinedb/timberline/lineproto"
)

func TestWriteParameters(t *testing.T) {
	h := newHouse(t)
	for _, c := range []struct {
		target string
		want   ingest.Request
	}{
		{"/write?db=d", ingest.Request{Database: "d", Precision: lineproto.Nanosecond}},
		{"/write?db=d&rp=&consistency=&precision=", ingest.Request{Database: "d", Precision: lineproto.Nanosecond}},
		{"/write?db=d&rp=r&precision=n&unknown=1", ingest.Request{Database: "d", Policy: "r", Precision: lineproto.Nanosecond}},
		{"/write?db=d&precision=ns", ingest.Request{Database: "d", Precision: lineproto.Nanosecond}},
		{"/write?db=d&precision=u", ingest.Request{Database: "d", Precision: lineproto.Microsecond}},
		{"/write?db=d&precision=ms", ingest.Request{Database: "d", Precision: lineproto.Millisecond}},
		{"/write?db=d&precision=s", ingest.Request{Database: "d", Precision: lineproto.Second}},
		{"/write?db=d&precision=m", ingest.Request{Database: "d", Precision: lineproto.Minute}},
		{"/write?db=d&precision=h", ingest.Request{Database: "d", Precision: lineproto.Hour}},
		{"/write?db=d&consistency=all", ingest.Request{Database: "d", Precision: lineproto.Nanosecond}},
		{"/write?db=d&consistency=QUORUM", ingest.Request{Database: "d", Precision: lineproto.Nanosecond}},
		{"/write?db=a;b", ingest.Request{Database: "a;b", Precision: lineproto.Nanosecond}},
		{"/api/v2/write?bucket=d", ingest.Request{Database: "d", Precision: lineproto.Nanosecond, V2: true}},
		{"/api/v2/write?org=o&orgID=0&bucket=d/", ingest.Request{Database: "d", Precision: lineproto.Nanosecond, V2: true}},
		{"/api/v2/write?bucket=d%2Fr&precision=us", ingest.Request{Database: "d", Policy: "r", Precision: lineproto.Microsecond, V2: true}},
		{"/api/v2/write?bucket=d&precision=ms", ingest.Request{Database: "d", Precision: lineproto.Millisecond, V2: true}},
		{"/api/v2/write?bucket=d&precision=s", ingest.Request{Database: "d", Precision: lineproto.Second, V2: true}},
	} {
		w := h.ask("POST", c.target, "m f=1")
		want(t, w, 204, "")
		wantHeaders(t, w, "X-Timberline-Durability", "durable", "X-Influxdb-Error", "")
		got := h.writer.last(t)
		if string(got.Body) != "m f=1" || got.Client != "192.0.2.1" {
			t.Errorf("%s: body %q of %q", c.target, got.Body, got.Client)
		}
		got.Body, got.Client = nil, ""
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: got %+v, want %+v", c.target, got, c.want)
		}
	}
}

// TestWriteRefusals is the table of section 3 as far as it concerns requests.
func TestWriteRefusals(t *testing.T) {
	h := newHouse(t)
	for _, c := range []struct {
		target string
		text   string
	}{
		{"/write?db=d&precision=us", `invalid precision "us" (use n, u, ms, s, m or h)`},
		{"/write?db=d&precision=%C2%B5", "invalid precision \"µ\" (use n, u, ms, s, m or h)"},
		{"/write?db=d&precision=x", `invalid precision "x" (use n, u, ms, s, m or h)`},
		{"/write", "database is required"},
		{"/write?db=", "database is required"},
		{"/write?db=d&consistency=most", "invalid consistency level"},
	} {
		w := h.ask("POST", c.target, "db=d") // parameters in the body do not count
		want(t, w, 400, string(appendString([]byte(`{"error":`), c.text))+"}\n")
		wantHeaders(t, w, "X-Influxdb-Error", c.text, "Content-Type", "application/json", "X-Timberline-Durability", "durable", "Retry-After", "")
	}
	for _, c := range []struct {
		target string
		status int
		body   string
	}{
		{"/api/v2/write?bucket=d&precision=m", 400, `{"code":"invalid","message":"invalid precision; valid precision units are ns, us, ms, and s","error":"invalid precision; valid precision units are ns, us, ms, and s"}`},
		{"/api/v2/write", 404, `{"code":"not found","message":"bucket not found","error":"bucket not found"}`},
		{"/api/v2/write?bucket=/r", 404, `{"code":"not found","message":"bucket not found","error":"bucket not found"}`},
	} {
		w := h.ask("POST", c.target, "m f=1")
		want(t, w, c.status, c.body+"\n")
		wantHeaders(t, w, "Content-Type", "application/json; charset=utf-8", "X-Platform-Error-Code", codeV2(c.status))
	}
	if len(h.writer.requests) > 0 {
		t.Error("a refused write went through")
	}
}

// TestWriteErrors checks what each error of the writer becomes on both paths.
func TestWriteErrors(t *testing.T) {
	v2 := func(code, text string) string {
		q := string(appendString(nil, text))
		return `{"code":"` + code + `","message":` + q + `,"error":` + q + "}\n"
	}
	conflict := `field type conflict: input field "f" on measurement "m" is type integer, already exists as type float`
	for _, c := range []struct {
		name             string
		err              error
		status, statusV2 int
		text             string
		bodyV2           string
		retry            string
	}{
		{"database", &ingest.DatabaseNotFoundError{Name: "nodb"}, 404, 404, `database not found: "nodb"`, v2("not found", `bucket "b/r" not found`), ""},
		{"policy, wrapped", fmt.Errorf("x: %w", &ingest.PolicyNotFoundError{Name: "nope"}), 500, 404, "retention policy not found: nope", v2("not found", `bucket "b/r" not found`), ""},
		{"policy", &ingest.PolicyNotFoundError{Name: "nope"}, 500, 404, "retention policy not found: nope", v2("not found", `bucket "b/r" not found`), ""},
		{"all lines bad", &ingest.ParseError{Lines: []string{"unable to parse 'a': missing fields", "unable to parse 'b <c>': bad timestamp"}, FirstLine: 3}, 400, 400,
			"unable to parse 'a': missing fields\nunable to parse 'b <c>': bad timestamp",
			`{"code":"invalid","message":"unable to parse 'a': missing fields\nunable to parse 'b \u003cc\u003e': bad timestamp","line":3,` +
				`"error":"unable to parse 'a': missing fields\nunable to parse 'b \u003cc\u003e': bad timestamp"}` + "\n", ""},
		{"some lines bad", &ingest.PartialWriteError{Cause: ingest.Malformed, Reason: "unable to parse 'a': missing fields", FirstLine: 2}, 400, 400,
			"partial write: unable to parse 'a': missing fields dropped=0",
			`{"code":"invalid","message":"partial write: unable to parse 'a': missing fields dropped=0","line":2,"error":"partial write: unable to parse 'a': missing fields dropped=0"}` + "\n", ""},
		{"conflict", &ingest.PartialWriteError{Cause: ingest.FieldConflict, Reason: conflict, Dropped: 1}, 400, 422,
			"partial write: " + conflict + " dropped=1", v2("unprocessable entity", "failure writing points to database: partial write: "+conflict+" dropped=1"), ""},
		{"too old", &ingest.PartialWriteError{Cause: ingest.BeyondRetention, Reason: "points beyond retention policy", Dropped: 7}, 400, 422,
			"partial write: points beyond retention policy dropped=7", v2("unprocessable entity", "failure writing points to database: partial write: points beyond retention policy dropped=7"), ""},
		{"tag time", &ingest.PartialWriteError{Cause: ingest.InvalidKey, Reason: `invalid tag key: input tag "time" on measurement "m" is invalid`, Dropped: 1}, 400, 400,
			`partial write: invalid tag key: input tag "time" on measurement "m" is invalid dropped=1`,
			v2("invalid", `partial write: invalid tag key: input tag "time" on measurement "m" is invalid dropped=1`), ""},
		{"timeout", fmt.Errorf("commit: %w", context.DeadlineExceeded), 500, 500, "timeout", v2("internal error", "timeout"), ""},
		{"busy", fmt.Errorf("%w: cache is full", ingest.ErrBusy), 503, 503, "the server is busy, try again: cache is full", v2("unavailable", "the server is busy, try again: cache is full"), "1"},
		{"busy, with words that mean loss", fmt.Errorf("%w: partial write", ingest.ErrBusy), 503, 503, "the server is busy, try again", v2("unavailable", "the server is busy, try again"), "1"},
		{"disk full", ingest.ErrNoSpace, 503, 503, ingest.ErrNoSpace.Error(), v2("unavailable", ingest.ErrNoSpace.Error()), "1"},
		{"log failed", ingest.ErrUnavailable, 503, 503, ingest.ErrUnavailable.Error(), v2("unavailable", ingest.ErrUnavailable.Error()), "1"},
		{"other", errors.New("engine: shard is disabled"), 500, 500, "engine: shard is disabled", v2("internal error", "engine: shard is disabled"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			h.writer.err = c.err
			w := h.ask("POST", "/write?db=d", "m f=1")
			want(t, w, c.status, string(appendString([]byte(`{"error":`), c.text))+"}\n")
			wantHeaders(t, w, "X-Influxdb-Error", strings.ReplaceAll(c.text, "\n", " "), "Retry-After", c.retry, "Content-Type", "application/json")
			w = h.ask("POST", "/api/v2/write?bucket=b/r", "m f=1")
			want(t, w, c.statusV2, c.bodyV2)
			wantHeaders(t, w, "Retry-After", c.retry, "X-Platform-Error-Code", codeV2(c.statusV2))
			if strings.Contains(w.Body.String(), `"err"`) {
				t.Error("the body has the key err")
			}
		})
	}
}

func TestErrorHeaderIsShort(t *testing.T) {
	h := newHouse(t)
	h.writer.err = errors.New(strings.Repeat("x", 5000))
	w := h.ask("POST", "/write?db=d", "m f=1")
	if n := len(w.Header().Get("X-Influxdb-Error")); n != 1024 {
		t.Errorf("header has %d bytes, want 1024", n)
	}
	if w.Body.Len() < 5000 {
		t.Error("the body was cut, too")
	}
}

func pack(t testing.TB, encoding, text string) string {
	t.Helper()
	var out bytes.Buffer
	switch encoding {
	case "gzip", "x-gzip":
		z := gzip.NewWriter(&out)
		z.Write([]byte(text))
		z.Close()
	case "snappy":
		out.Write(snappy.Encode(nil, []byte(text)))
	case "snappy framed":
		z := snappy.NewBufferedWriter(&out)
		z.Write([]byte(text))
		z.Close()
	case "zstd":
		z, err := zstd.NewWriter(&out)
		if err != nil {
			t.Fatal(err)
		}
		z.Write([]byte(text))
		z.Close()
	default:
		out.WriteString(text)
	}
	return out.String()
}

func TestBodyEncodings(t *testing.T) {
	h := newHouse(t)
	text := strings.Repeat("m f=1\n", 20_000)
	for range 2 { // the second time with used readers
		for _, encoding := range []string{"", "identity", "gzip", "x-gzip", "GZIP", "snappy", "snappy framed", "zstd", "br"} {
			packed := pack(t, strings.ToLower(encoding), text)
			name, _, _ := strings.Cut(encoding, " ")
			want(t, h.ask("POST", "/write?db=d", packed, "Content-Encoding", name, "Content-Type", ""), 204, "")
			if got := h.writer.last(t); string(got.Body) != text {
				t.Errorf("%s: got %d bytes, want %d", encoding, len(got.Body), len(text))
			}
		}
	}
	two := pack(t, "gzip", "m f=1\n") + pack(t, "gzip", "m f=2\n")
	want(t, h.ask("POST", "/write?db=d", two, "Content-Encoding", "gzip"), 204, "")
	if got := h.writer.last(t); string(got.Body) != "m f=1\nm f=2\n" {
		t.Errorf("two members became %q", got.Body)
	}
	want(t, h.ask("POST", "/write?db=d", ""), 204, "")
	if got := h.writer.last(t); len(got.Body) != 0 {
		t.Errorf("an empty body became %q", got.Body)
	}
}

func TestBrokenBodies(t *testing.T) {
	h := newHouse(t)
	whole := pack(t, "gzip", strings.Repeat("m f=1\n", 100))
	for _, c := range []struct {
		name, encoding, body, text string
	}{
		{"empty gzip", "gzip", "", "EOF"},
		{"short gzip", "gzip", "abc", "unexpected EOF"},
		{"not gzip", "gzip", "abcdefghijklmnopqrst", "gzip: invalid header"},
		{"torn gzip", "gzip", whole[:len(whole)-5], "unexpected EOF"},
		{"not snappy", "snappy", "\xff\xff\xff\xff\xff\xff\xff\xff\xff", "snappy: corrupt input"},
		{"not zstd", "zstd", "abcdefgh", "invalid input: magic number mismatch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := h.ask("POST", "/write?db=d", c.body, "Content-Encoding", c.encoding)
			want(t, w, 400, `{"error":"`+c.text+`"}`+"\n")
			w = h.ask("POST", "/api/v2/write?bucket=d", c.body, "Content-Encoding", c.encoding)
			want(t, w, 400, `{"code":"invalid","message":"`+c.text+`","error":"`+c.text+`"}`+"\n")
		})
	}
	if len(h.writer.requests) > 0 {
		t.Error("a broken body went through")
	}
}

func TestBodyLimits(t *testing.T) {
	h := newHouse(t, func(o *Options) {
		o.Limits = Limits{MaxBodyBytes: 1000, MaxInflatedBytes: 3 << 20, MaxInflateRatio: 200}
	})
	tooLargeV1, tooLargeV2 := `{"error":"Request Entity Too Large"}`+"\n",
		`{"code":"request too large","message":"unable to read data: points batch is too large","error":"unable to read data: points batch is too large"}`+"\n"
	noise := make([]byte, 3000)
	for i := range noise {
		noise[i] = byte(i*i>>3 ^ i*7919>>5)
	}
	unknownLength := func(h *house, target, body, encoding string) (int, string, string) {
		// A reader that is no strings.Reader has no length, as with chunked bodies.
		w := h.askReader("POST", target, body, "Content-Encoding", encoding)
		return w.Code, w.Body.String(), w.Header().Get("Connection")
	}
	for _, c := range []struct {
		name, encoding, body string
		ok                   bool
	}{
		{"as large as may be", "", strings.Repeat("x", 1000), true},
		{"one more", "", strings.Repeat("x", 1001), false},
		{"packed too large", "gzip", pack(t, "gzip", string(noise)), false},
		{"inflates below the ratio's floor", "gzip", pack(t, "gzip", strings.Repeat("x", 1<<19)), true},
		{"inflates too much for its size", "gzip", pack(t, "gzip", strings.Repeat("x", 2<<20)), false},
		{"members that inflate too much together", "gzip", strings.Repeat(pack(t, "gzip", strings.Repeat("x", 1<<18)), 6), false},
		{"inflates too much for its size", "zstd", pack(t, "zstd", strings.Repeat("x", 2<<20)), false},
		{"snappy that lies about its length", "snappy", "\xff\xff\xff\xff\x0f", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := h.ask("POST", "/write?db=d", c.body, "Content-Encoding", c.encoding)
			status, body, connection := unknownLength(h, "/write?db=d", c.body, c.encoding)
			if c.ok {
				want(t, w, 204, "")
				if status != 204 {
					t.Errorf("without a length: %d %s", status, body)
				}
				return
			}
			want(t, w, 413, tooLargeV1)
			wantHeaders(t, w, "Connection", "close", "X-Influxdb-Error", "Request Entity Too Large")
			if status != 413 || body != tooLargeV1 || connection != "close" {
				t.Errorf("without a length: %d %s %s", status, body, connection)
			}
			want(t, h.ask("POST", "/api/v2/write?bucket=d", c.body, "Content-Encoding", c.encoding), 413, tooLargeV2)
		})
	}
	inflated := newHouse(t, func(o *Options) { o.Limits = Limits{MaxInflatedBytes: 100} })
	want(t, inflated.ask("POST", "/write?db=d", pack(t, "gzip", strings.Repeat("x", 101)), "Content-Encoding", "gzip"), 413, tooLargeV1)
	want(t, inflated.ask("POST", "/write?db=d", strings.Repeat("x", 101)), 204, "")
	open := newHouse(t, func(o *Options) { o.Limits = Limits{MaxBodyBytes: -1, MaxInflatedBytes: -1, MaxInflateRatio: -1} })
	want(t, open.ask("POST", "/write?db=d", pack(t, "gzip", strings.Repeat("x", 3<<20)), "Content-Encoding", "gzip"), 204, "")
}

// TestBodyThatLiesAboutItsSize: the size at the end of a gzip body is believed
// only within reason, and does not decide about memory.
func TestBodyThatLiesAboutItsSize(t *testing.T) {
	packed := []byte(pack(t, "gzip", strings.Repeat("m f=1\n", 1000)))
	for _, size := range []uint32{0, 5999, 6001, 1 << 31, 1<<32 - 1} {
		binary.LittleEndian.PutUint32(packed[len(packed)-4:], size)
		account := budget.New(64<<10).Account("requests", 0)
		h := newHouse(t, func(o *Options) { o.Memory = account })
		want(t, h.ask("POST", "/write?db=d", string(packed), "Content-Encoding", "gzip"), 400, "{\"error\":\"gzip: invalid checksum\"}\n")
		if used := account.Used(); used != 0 {
			t.Errorf("size %d: %d bytes stay reserved", size, used)
		}
	}
}

func TestBodiesDrawFromTheBudget(t *testing.T) {
	account := budget.New(1<<20).Account("requests", 0)
	h := newHouse(t, func(o *Options) { o.Memory = account })
	var during int64
	h.writer.do = func(context.Context, ingest.Request) error { during = account.Used(); return nil }
	want(t, h.ask("POST", "/write?db=d", "m f=1"), 204, "")
	if during == 0 || account.Used() != 0 {
		t.Errorf("a body held %d bytes during the write and %d after it", during, account.Used())
	}
	w := h.ask("POST", "/write?db=d", strings.Repeat("x", 2<<20))
	if w.Code != 503 || !strings.Contains(w.Body.String(), "memory limit exceeded") || account.Used() != 0 {
		t.Errorf("got %d %s, %d bytes held", w.Code, w.Body, account.Used())
	}
	wantHeaders(t, w, "Retry-After", "1")
}

func TestWriteTimeout(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Limits.WriteTimeout = time.Millisecond })
	h.writer.do = func(ctx context.Context, _ ingest.Request) error { <-ctx.Done(); return ctx.Err() }
	want(t, h.ask("POST", "/write?db=d", "m f=1"), 500, `{"error":"timeout"}`+"\n")
}

func TestDurabilityHeader(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Durability = "interval" })
	wantHeaders(t, h.ask("POST", "/api/v2/write?bucket=d", "m f=1"), "X-Timberline-Durability", "interval")
}

func TestThrottle(t *testing.T) {
	h := newHouse(t, func(o *Options) {
		o.Limits.MaxConcurrentWrites, o.Limits.MaxEnqueuedWrites, o.Limits.EnqueuedWriteTimeout = 1, 1, time.Second
	})
	inside, proceed := make(chan bool), make(chan bool)
	h.writer.do = func(context.Context, ingest.Request) error { inside <- true; <-proceed; return nil }
	type reply struct {
		status int
		body   string
	}
	answers := make(chan reply, 2)
	write := func() {
		w := h.ask("POST", "/write?db=d", "m f=1")
		answers <- reply{w.Code, w.Body.String()}
	}
	go write()
	<-inside
	go write()
	for len(h.throttle.present) < 2 {
		time.Sleep(time.Millisecond)
	}
	w := h.ask("POST", "/write?db=d", "m f=1")
	want(t, w, 503, `{"error":"request throttled, queue full"}`+"\n")
	wantHeaders(t, w, "Retry-After", "1", "Content-Type", "application/json")
	want(t, h.ask("POST", "/api/v2/write?bucket=d", "m f=1"), 503,
		`{"code":"unavailable","message":"request throttled, queue full","error":"request throttled, queue full"}`+"\n")

	var timedOut reply
	for timedOut.status == 0 { // the one that waits may not have asked the clock yet
		h.clock.Advance(time.Second)
		select {
		case timedOut = <-answers:
		case <-time.After(time.Millisecond):
		}
	}
	if timedOut != (reply{503, `{"error":"request throttled, exceeds timeout"}` + "\n"}) {
		t.Errorf("got %+v", timedOut)
	}
	go write()
	proceed <- true
	<-inside
	proceed <- true
	for range 2 {
		if a := <-answers; a.status != 204 {
			t.Errorf("got %+v", a)
		}
	}
	if s := h.Statistics(); s.ThrottledWrites != 3 {
		t.Errorf("%d writes were throttled, want 3", s.ThrottledWrites)
	}
}

// TestSnappyClaims sends what says of itself that it inflates to more than it can or may.
func TestSnappyClaims(t *testing.T) {
	stream := func(chunks ...string) []byte { return []byte(snappyStream + strings.Join(chunks, "")) }
	for _, c := range []struct {
		data []byte
		want int64
	}{
		{nil, 0},
		{stream(), 0},
		{stream("\x01\x07\x00\x00ssssabc"), 3},
		{stream("\x00\x07\x00\x00ssss\x05ab", "\x01\x05\x00\x00ssssx"), 6},
		{stream("\x01\x05\x00\x00ssssx", "\x01\xff\xff\x00ssssx"), 1}, // cut short
		{stream("\x00\x03\x00\x00sss"), 0},
		{stream("\x00\x05\x00\x00ssss\xff"), 0},
	} {
		if got := streamSize(c.data); got != c.want {
			t.Errorf("%q says that it has %d bytes, want %d", c.data, got, c.want)
		}
	}
	text := bytes.Repeat([]byte("m v=1\n"), 100_000)
	var framed bytes.Buffer
	w := snappy.NewBufferedWriter(&framed)
	w.Write(text)
	w.Close()
	if got := streamSize(framed.Bytes()); got != int64(len(text)) {
		t.Errorf("the framed form says that it has %d bytes, want %d", got, len(text))
	}
	if ratio := len(text) / len(snappy.Encode(nil, text)); ratio >= snappyRatio || ratio < 10 {
		t.Errorf("a block inflates to %d times its size", ratio)
	}
}

// TestInflateStopsEarly sends a body whose beginning inflates too much and whose whole does not.
func TestInflateStopsEarly(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Limits.MaxInflateRatio = 50 })
	var noise strings.Builder
	for i := range 200_000 {
		fmt.Fprintf(&noise, "m,h=%x v=%d\n", i*i*2654435761, i)
	}
	bomb, calm := pack(t, "gzip", strings.Repeat("m v=1\n", 1<<20)), pack(t, "gzip", noise.String())
	if whole := (6<<20 + noise.Len()) / (len(bomb) + len(calm)); whole > 25 {
		t.Fatalf("the whole inflates to %d times its size", whole)
	}
	want(t, h.ask("POST", "/write?db=d", bomb+calm, "Content-Encoding", "gzip"), 413, `{"error":"Request Entity Too Large"}`+"\n")
	want(t, h.ask("POST", "/write?db=d", calm, "Content-Encoding", "gzip"), 204, "")
}

// TestSamplesDrawFromTheBudget sends a small message that has many samples.
func TestSamplesDrawFromTheBudget(t *testing.T) {
	account := budget.New(8<<20).Account("requests", 0)
	h := newHouse(t, func(o *Options) { o.Memory = account })
	sample := "\x12\x0b\x09\x00\x00\x00\x00\x00\x00\xf0\x3f\x10\x01" // 1 at 1 ms
	message := func(samples int) string {
		series := "\x0a\x0e\x0a\x08__name__\x12\x02up" + strings.Repeat(sample, samples)
		return pack(t, "snappy", "\x0a"+string(binary.AppendUvarint(nil, uint64(len(series))))+series)
	}
	want(t, h.ask("POST", "/api/v1/prom/write?db=d", message(1000)), 204, "")
	w := h.ask("POST", "/api/v1/prom/write?db=d", message(100_000))
	if w.Code != 503 || !strings.Contains(w.Body.String(), "memory limit exceeded") || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if used := account.Used(); used != 0 {
		t.Errorf("%d bytes are held afterwards", used)
	}
}
