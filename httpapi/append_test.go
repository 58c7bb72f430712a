package httpapi

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// seed returns the seed of a random test and prints it; TIMBERLINE_SEED sets it.
func seed(t testing.TB) *rand.Rand {
	n := uint64(time.Now().UnixNano())
	if s := os.Getenv("TIMBERLINE_SEED"); s != "" {
		var err error
		if n, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("TIMBERLINE_SEED: %v", err)
		}
	}
	t.Logf("TIMBERLINE_SEED=%d", n)
	return rand.New(rand.NewPCG(n, 0))
}

func checkFloat(t *testing.T, f float64) {
	t.Helper()
	want := "null"
	if b, err := json.Marshal(f); err == nil {
		want = string(b)
	}
	if got := string(appendFloat(nil, f)); got != want {
		t.Errorf("appendFloat(%x) = %s, want %s", math.Float64bits(f), got, want)
	}
	if got := string(appendFloatPlain(nil, f)); got != want {
		t.Errorf("appendFloatPlain(%x) = %s, want %s", math.Float64bits(f), got, want)
	}
	want = strconv.FormatFloat(f, 'f', -1, 64)
	if got := string(appendFixed(nil, f)); got != want {
		t.Errorf("appendFixed(%x) = %s, want %s", math.Float64bits(f), got, want)
	}
}

var oddFloats = []float64{0, math.Copysign(0, -1), 1, -1, 0.1, -0.1, 1.5, 100.25, 0.01, 0.001, 0.0001, 0.00001, 1e-6, 9.9e-7, 1e-7, 1e-9, 1e-10, 1e20, 1e21, 1e22, -1e21,
	123456789.12, 123456789.1234, 9007199254740993, 1e15, 1e15 + 0.5, 999999999999.99, 9999999999.9999, 0.30000000000000004, 1.0 / 3, math.Pi,
	math.MaxFloat64, math.SmallestNonzeroFloat64, math.MaxInt64, math.MinInt64, math.NaN(), math.Inf(1), math.Inf(-1), 4.35, 1.005, 2.675, 1e-100, 5e-324}

func TestAppendFloat(t *testing.T) {
	for _, f := range oddFloats {
		checkFloat(t, f)
	}
	r := seed(t)
	for range 200_000 {
		checkFloat(t, math.Float64frombits(r.Uint64()))
		checkFloat(t, float64(r.Int64N(1<<50)-1<<49)/math.Pow10(r.IntN(8)))
		checkFloat(t, math.Nextafter(float64(r.Int64N(1_000_000))/100, math.Inf(1)))
		checkFloat(t, (r.Float64()-0.5)*math.Pow10(r.IntN(30)-10))
	}
}

func FuzzAppendFloat(f *testing.F) {
	for _, x := range oddFloats {
		f.Add(math.Float64bits(x))
	}
	f.Fuzz(func(t *testing.T, bits uint64) { checkFloat(t, math.Float64frombits(bits)) })
}

var oddStrings = []string{"", "plain", `q"b\`, "<a>&b", "tab\tnl\ncr\rbs\bff\f", "\x00\x01\x1f\x7f\x80", "é日本\u2028\u2029\ufffd", "\xff\xc3\x28", "\xe2\x80", "a\xe2", "\xed\xa0\x80", "\U0001F600", "\xf4\x90\x80\x80"}

func checkString(t *testing.T, s string) {
	t.Helper()
	want, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if got := appendString(nil, s); string(got) != string(want) {
		t.Errorf("appendString(%q) = %s, want %s", s, got, want)
	}
	if got := appendString(nil, []byte(s)); string(got) != string(want) {
		t.Errorf("appendString of bytes %q = %s, want %s", s, got, want)
	}
}

func TestAppendString(t *testing.T) {
	for _, s := range oddStrings {
		checkString(t, s)
	}
	for c := range 256 {
		checkString(t, "a"+string([]byte{byte(c)})+"z")
	}
}

func FuzzAppendString(f *testing.F) {
	for _, s := range oddStrings {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		checkString(t, s)
		checkCSVField(t, s)
	})
}

func checkCSVField(t *testing.T, s string) {
	t.Helper()
	var want strings.Builder
	w := csv.NewWriter(&want)
	if err := w.Write([]string{"x", s}); err != nil {
		t.Fatal(err)
	}
	w.Flush()
	if got := string(appendCSVField([]byte("x,"), s)) + "\n"; got != want.String() {
		t.Errorf("field %q is printed %q, want %q", s, got, want.String())
	}
}

func TestAppendCSVField(t *testing.T) {
	for _, s := range append([]string{" lead", "trail ", "a,b", `\.`, "\u00a0x", "#"}, oddStrings...) {
		checkCSVField(t, s)
	}
}

func checkTime(t *testing.T, d *dateText, ns int64) {
	t.Helper()
	b, err := time.Unix(0, ns).UTC().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if got := `"` + string(d.append(nil, ns)) + `"`; got != string(b) {
		t.Errorf("time %d is %s, want %s", ns, got, b)
	}
}

func TestAppendTime(t *testing.T) {
	var d dateText
	for _, ns := range []int64{0, 1, -1, 2, 10, 1e9, 1577836800000000000, 1577836800123456789, 1577836800120000000, -nanosPerDay, nanosPerDay - 1, math.MaxInt64, math.MinInt64, math.MinInt64 + 2} {
		checkTime(t, &d, ns)
	}
	r := seed(t)
	for range 100_000 {
		checkTime(t, &d, int64(r.Uint64())>>r.IntN(40))
	}
}

func FuzzAppendTime(f *testing.F) {
	f.Add(int64(1577836800123456789), int64(-1))
	f.Fuzz(func(t *testing.T, a, b int64) {
		var d dateText
		checkTime(t, &d, a)
		checkTime(t, &d, b)
		checkTime(t, &d, a)
	})
}

func TestAppendTimeIn(t *testing.T) {
	zone := time.FixedZone("x", 2*3600+30*60)
	if got := string(appendTimeIn(nil, 1577836800000000002, zone)); got != "2020-01-01T02:30:00.000000002+02:30" {
		t.Errorf("got %s", got)
	}
}

func FuzzIndenter(f *testing.F) {
	for _, s := range []string{`{}`, `[]`, `{"a":[]}`, `{"a":{},"b":[1,[2,{"c":"x{\"[,"}]]}`, `"a\\"`, `null`, `[[],[{}],""]`} {
		f.Add(s, uint8(3))
	}
	f.Fuzz(func(t *testing.T, text string, step uint8) {
		if !json.Valid([]byte(text)) {
			return
		}
		var compact, want, got strings.Builder
		if b, err := compactJSON(text); err != nil {
			return
		} else {
			compact.Write(b)
		}
		b, err := indentJSON(compact.String())
		if err != nil {
			t.Fatal(err)
		}
		want.Write(b)
		in := &indenter{w: &got}
		for rest := compact.String(); rest != ""; {
			n := min(int(step)+1, len(rest))
			if _, err := in.Write([]byte(rest[:n])); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if got.String() != want.String() {
			t.Errorf("%s is indented\n%s\nwant\n%s", compact.String(), got.String(), want.String())
		}
	})
}

func compactJSON(s string) ([]byte, error) {
	var out bytes.Buffer
	err := json.Compact(&out, []byte(s))
	return out.Bytes(), err
}

func indentJSON(s string) ([]byte, error) {
	var out bytes.Buffer
	err := json.Indent(&out, []byte(s), "", "    ")
	return out.Bytes(), err
}
