package bench

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/lineproto"
	"github.com/timberlinedb/timberline/model"
)

// all returns everything that a Spec writes, taken in pieces of n lines.
func all(t *testing.T, spec Spec, n int) (text []byte, lines, values int) {
	t.Helper()
	spec.EnsureDefaults()
	if err := spec.Validate(); err != nil {
		t.Fatal(err)
	}
	g := NewGenerator(spec)
	for {
		more, l, v := g.Append(text, n)
		if l == 0 {
			return more, lines, values
		}
		text, lines, values = more, lines+l, values+v
	}
}

// TestBytesAreKept: the bytes of a seed are a promise to whoever compares runs.
func TestBytesAreKept(t *testing.T) {
	for name, want := range map[string]string{
		"cpu":      "f3f237f7aa2867f9",
		"devops":   "931d2f8b2262788d",
		"telegraf": "8ccab33a14467a3f",
		"sensor":   "fdc2a8299664bc4b",
	} {
		text, _, _ := all(t, Spec{Workload: name, Hosts: 7, Rows: 1000, Seed: 1}, 1000)
		sum := sha256.Sum256(text)
		if got := hex.EncodeToString(sum[:8]); got != want {
			t.Errorf("%s with seed 1: hash %s, want %s", name, got, want)
		}
	}
}

func TestSameSeedSameBytes(t *testing.T) {
	for _, name := range Workloads() {
		spec := Spec{Workload: name, Hosts: 5, Duration: 3 * time.Minute, Seed: 42}
		spec.EnsureDefaults()
		whole, lines, values := all(t, spec, 1<<20)
		pieces, lines2, values2 := all(t, spec, 7)
		if !bytes.Equal(whole, pieces) || lines != lines2 || values != values2 {
			t.Errorf("%s: pieces of 7 lines differ from the whole", name)
		}
		spec.Seed++
		if other, _, _ := all(t, spec, 1<<20); bytes.Equal(whole, other) {
			t.Errorf("%s: another seed gives the same bytes", name)
		}
		if want := spec.Lines(); int64(lines) != want || bytes.Count(whole, []byte("\n")) != lines {
			t.Errorf("%s: %d lines, want %d", name, lines, want)
		}
	}
}

// TestShape checks what every line holds, through the plain parser of the house.
func TestShape(t *testing.T) {
	for name, want := range map[string]struct{ lines, tags, fields, series int }{
		"cpu":      {30, 10, 10, 3},
		"devops":   {270, 98, 101, 27},
		"telegraf": {540, 39, 146, 48},
		"sensor":   {30, 3, 1, 3},
	} {
		spec := Spec{Workload: name, Hosts: 3, Duration: 100 * time.Second, Seed: 3}
		text, lines, values := all(t, spec, 100)
		spec.EnsureDefaults()
		keys, tags, fields := map[string]bool{}, 0, 0
		for _, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
			key, rest, _ := strings.Cut(line, " ")
			set, stamp, _ := strings.Cut(rest, " ")
			keys[key] = true
			tags += strings.Count(key, ",")
			fields += strings.Count(set, "=")
			ns, err := strconv.ParseInt(stamp, 10, 64)
			if err != nil || ns < spec.Start.UnixNano() || ns >= spec.End().UnixNano() {
				t.Fatalf("%s: timestamp of %q is outside [%s, %s)", name, line, spec.Start, spec.End())
			}
		}
		if lines != want.lines || tags != want.tags*30 || fields != want.fields*30 || values != fields || len(keys) != want.series {
			t.Errorf("%s: %d lines, %d tags and %d fields per host and step, %d values, %d series; want %+v", name, lines, tags/30, fields/30, values, len(keys), want)
		}
		if got := spec.Series(); got != int64(want.series) {
			t.Errorf("%s: the Spec says %d series, want %d", name, got, want.series)
		}
		var batch model.Batch
		if lineproto.ParsePlain(&batch, text, lineproto.Options{}); batch.Lines != lines || len(batch.Rejects) > 0 {
			t.Errorf("%s: the parser took %d lines and refused %v", name, batch.Lines, batch.Rejects)
		}
	}
}

// TestLineLengths keeps the sizes that figures are compared by.
func TestLineLengths(t *testing.T) {
	for name, want := range map[string][2]int{"cpu": {325, 355}, "sensor": {85, 95}} {
		text, lines, _ := all(t, Spec{Workload: name, Hosts: 1000, Rows: 20000, Seed: 1}, 5000)
		if mean := len(text) / lines; mean < want[0] || mean > want[1] {
			t.Errorf("%s: %d bytes a line, want %v", name, mean, want)
		}
	}
	text, _, _ := all(t, Spec{Workload: "sensor", Hosts: 1, Rows: 1}, 1)
	if key, _, _ := bytes.Cut(text, []byte(" ")); len(key) != 60 {
		t.Errorf("key %q has %d bytes, want 60", key, len(key))
	}
}

// TestWalksStayWithinBounds also sees that they move and reach both ends.
func TestWalksStayWithinBounds(t *testing.T) {
	text, lines, _ := all(t, Spec{Workload: "cpu", Hosts: 10, Rows: 20000, Seed: 9}, 5000)
	seen := map[int]int{}
	for _, part := range bytes.Split(text, []byte("usage_user="))[1:] {
		n, err := strconv.Atoi(string(part[:bytes.IndexByte(part, 'i')]))
		if err != nil || n < 0 || n > 100 {
			t.Fatalf("usage_user=%.10s", part)
		}
		seen[n]++
	}
	if len(seen) < 60 || seen[0] == 0 {
		t.Errorf("%d distinct values in %d lines, want a walk over most of 0 to 100", len(seen), lines)
	}
}

// TestTelegrafAddsUp: the shares of a processor make 100 percent, counters never fall.
func TestTelegrafAddsUp(t *testing.T) {
	text, _, _ := all(t, Spec{Workload: "telegraf", Hosts: 2, Duration: 5 * time.Minute, Seed: 5}, 5000)
	last := map[string]float64{}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		key, rest, _ := strings.Cut(line, " ")
		set, _, _ := strings.Cut(rest, " ")
		sum := 0.0
		for _, pair := range strings.Split(set, ",") {
			name, value, _ := strings.Cut(pair, "=")
			v, err := strconv.ParseFloat(strings.TrimSuffix(value, "i"), 64)
			if err != nil || v < 0 {
				t.Fatalf("%s: %s", key, pair)
			}
			sum += v
			if strings.HasPrefix(key, "net,") || name == "uptime" {
				if v < last[key+name] {
					t.Errorf("%s: %s fell from %v to %v", key, name, last[key+name], v)
				}
				last[key+name] = v
			}
		}
		if strings.HasPrefix(key, "cpu,") && (sum < 99.999 || sum > 100.001) {
			t.Errorf("%s: shares sum to %v", key, sum)
		}
	}
}

func TestHundredthsAgreeWithFloats(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("TIMBERLINE_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("TIMBERLINE_SEED=%d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for i := range int64(20000) {
		n := i - 10000
		if i%2 == 0 {
			n = random.Int64N(1<<50) - 1<<49
		}
		got := string(appendHundredths(nil, n))
		if want := strconv.FormatFloat(float64(n)/100, 'f', -1, 64); got != want {
			t.Fatalf("%d hundredths are %s, want %s", n, got, want)
		}
	}
}

func TestSpecIsChecked(t *testing.T) {
	for want, s := range map[string]Spec{
		`no workload "gpu", want one of: cpu, devops, sensor, telegraf`: {Workload: "gpu"},
		"-1 hosts":                   {Hosts: -1},
		"interval 1ns":               {Interval: 1},
		"-1 rows":                    {Rows: -1},
		"less than the interval 10s": {Duration: time.Second},
		"lines, want at most":        {Hosts: 1e7, Duration: 1000 * time.Hour, Interval: time.Millisecond},
		"beyond the year 2262":       {Start: time.Date(2262, 4, 11, 0, 0, 0, 0, time.UTC), Duration: 24 * time.Hour},
	} {
		s.EnsureDefaults()
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %q", s, err, want)
		}
	}
}

func BenchmarkGenerator(b *testing.B) {
	for _, name := range Workloads() {
		b.Run(name, func(b *testing.B) {
			spec := Spec{Workload: name, Hosts: 1000, Rows: int64(b.N), Seed: 1}
			spec.EnsureDefaults()
			g := NewGenerator(spec)
			b.ReportAllocs()
			b.ResetTimer()
			var buf []byte
			for n := 1; n > 0; {
				buf, n, _ = g.Append(buf[:0], 5000)
				b.SetBytes(int64(len(buf) / max(n, 1)))
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}
