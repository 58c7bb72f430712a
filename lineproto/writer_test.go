package lineproto

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/model"
)

func tag(key, value string) model.Tag { return model.Tag{Key: []byte(key), Value: []byte(value)} }

func floatField(key string, v float64) Field {
	return Field{Key: []byte(key), Type: model.Float, Bits: math.Float64bits(v)}
}

func TestAppendPoint(t *testing.T) {
	f := []Field{floatField("f", 1)}
	for _, test := range []struct {
		measurement string
		tags        model.Tags
		fields      []Field
		timestamp   int64
		precision   Precision
		want        string // "": nothing is written
	}{
		{"m", nil, f, 5, Nanosecond, "m f=1 5\n"},
		{"m", nil, f, 5, 0, "m f=1 5\n"},
		{"m x,y=z", model.Tags{tag("a b", "c=d"), tag("e", ""), tag("", "g"), tag("h,", `i\j`)}, f, 1999, Microsecond,
			`m\ x\,y=z,a\ b=c\=d,h\,=i\j f=1 1` + "\n"},
		{"m", nil, f, -1, Second, "m f=1 -1\n"},
		{"m", nil, []Field{
			floatField("nan", math.NaN()), floatField("a", -1e300), floatField("inf", math.Inf(1)),
			{Key: []byte("b c"), Type: model.Integer, Bits: uint64(math.MaxUint64)},
			{Key: []byte("d"), Type: model.Unsigned, Bits: math.MaxUint64},
			{Key: []byte("e"), Type: model.Boolean, Bits: 1},
			{Key: []byte("f"), Type: model.String, String: []byte("a\"b\\c\nd")},
		}, 0, Nanosecond, `m a=-1e+300,b\ c=-1i,d=18446744073709551615u,e=true,f="a\"b\\c` + "\nd\" 0\n"},
		{"m", nil, []Field{floatField("nan", math.NaN())}, 5, Nanosecond, ""},
		{"m", nil, nil, 5, Nanosecond, ""},
		{" m", nil, f, 5, Nanosecond, "\\ m f=1 5\n"},
		{`m=\=x`, nil, f, 5, Nanosecond, `m=\\=x f=1 5` + "\n"},
	} {
		got, err := AppendPoint([]byte("> "), []byte(test.measurement), test.tags, test.fields, test.timestamp, test.precision)
		if err != nil || string(got) != "> "+test.want {
			t.Errorf("%q: got %q, %v; want %q", test.measurement, got, err, test.want)
		}
	}
}

func TestUnwritable(t *testing.T) {
	for _, test := range []struct {
		measurement string
		tags        model.Tags
		field       string
	}{
		{"", nil, "f"}, {"#m", nil, "f"}, {"\tm", nil, "f"}, {"\x00m", nil, "f"}, {`m\`, nil, "f"}, {"a\nb", nil, "f"},
		{"m", model.Tags{tag(`k\`, "v")}, "f"}, {"m", model.Tags{tag("k", `v\`)}, "f"}, {"m", model.Tags{tag("k", "a\nb")}, "f"},
		{"m", nil, ""}, {"m", nil, `f\`}, {"m", nil, "f\n"}, {"m", nil, "\tf"}, {"m", nil, "\x00"},
	} {
		got, err := AppendPoint([]byte("> "), []byte(test.measurement), test.tags, []Field{floatField(test.field, 1)}, 5, Nanosecond)
		if !errors.Is(err, ErrUnwritable) || string(got) != "> " {
			t.Errorf("%+v: got %q, %v", test, got, err)
		}
	}
}

// TestWriteAndReadBack writes the batches of random bodies as text and reads
// them again.
func TestWriteAndReadBack(t *testing.T) {
	seed := randomSeed(t)
	r := rand.New(rand.NewPCG(seed, 2))
	var p Parser
	var w BatchWriter
	for range 2000 {
		body := randomBody(r)
		var first, second model.Batch
		ParsePlain(&first, body, Options{Now: now})
		var text []byte
		skipped := 0
		for _, table := range first.Tables {
			var n int
			text, n = w.AppendTable(text, table, Nanosecond, func(row int) []byte { return table.NewKeys[row].Key })
			skipped += n
		}
		p.Parse(&second, text, Options{})
		if skipped != 0 {
			// Only a blank at the start of a later field can be read but not written.
			if text := string(body); !strings.Contains(text, ",\t") && !strings.Contains(text, ",\x00") {
				t.Fatalf("%d rows of %q skipped", skipped, body)
			}
			continue
		}
		forget(&first)
		forget(&second)
		if want, got := describe(&first), describe(&second); got != want {
			t.Fatalf("body %q\ntext %q\n--- was ---\n%s\n--- is ---\n%s", body, text, want, got)
		}
	}
}

// forget clears what writing a batch as text changes: refused lines are gone,
// the others stand in the order of their tables, and keys have one spelling.
func forget(b *model.Batch) {
	b.Lines, b.Rejects = 0, nil
	for _, table := range b.Tables {
		clear(table.Lines)
		clear(table.Fingerprints)
	}
}

func TestPrecisions(t *testing.T) {
	for _, test := range []struct {
		name   string
		v1, v2 Precision // 0: refused
	}{
		{"", Nanosecond, Nanosecond}, {"n", Nanosecond, 0}, {"ns", Nanosecond, Nanosecond}, {"u", Microsecond, 0},
		{"us", 0, Microsecond}, {"µ", 0, 0}, {"ms", Millisecond, Millisecond}, {"s", Second, Second},
		{"m", Minute, 0}, {"h", Hour, 0}, {"d", 0, 0}, {"S", 0, 0},
	} {
		if p, ok := ParsePrecision(test.name); p != test.v1 || ok != (test.v1 != 0) {
			t.Errorf("v1 %q: %d, %v", test.name, p, ok)
		}
		if p, ok := ParsePrecisionV2(test.name); p != test.v2 || ok != (test.v2 != 0) {
			t.Errorf("v2 %q: %d, %v", test.name, p, ok)
		}
	}
}

func TestScaling(t *testing.T) {
	const rangeError = "1: 'm f=1 %': time outside range -9223372036854775806 - 9223372036854775806"
	for _, test := range []struct {
		precision Precision
		text      string
		want      int64
		refused   bool
	}{
		{Microsecond, "9223372036854775", 9223372036854775000, false},
		{Microsecond, "9223372036854776", 0, true},
		{Millisecond, "-9223372036854", -9223372036854000000, false},
		{Millisecond, "-9223372036855", 0, true},
		{Second, "9223372036", 9223372036000000000, false},
		{Second, "9223372037", 0, true},
		{Minute, "1", 60e9, false},
		{Hour, "2562047", 2562047 * 3600e9, false},
		{Hour, "2562048", 0, true},
		{Hour, "-9223372036854775808", 0, true},
	} {
		for name, parse := range parsers {
			var b model.Batch
			parse(&b, []byte("m f=1 "+test.text), Options{Precision: test.precision})
			if test.refused {
				if want := strings.Replace(rangeError, "%", test.text, 1); brief(&b) != want {
					t.Errorf("%s %s: %s, want %s", name, test.text, brief(&b), want)
				}
			} else if b.Rows() != 1 || b.Tables[0].Times[0] != test.want {
				t.Errorf("%s %s: %s", name, test.text, brief(&b))
			}
		}
	}
}

func TestNowIsTruncated(t *testing.T) {
	for _, test := range []struct {
		now, want int64
		precision Precision
	}{
		{now, now, Nanosecond}, {now, 1700000000123456000, Microsecond}, {now, 1700000000000000000, Second},
		{now, 1699999200000000000, Hour}, {-1, -1e9, Second}, {-1e9, -1e9, Second},
	} {
		for name, parse := range parsers {
			var b model.Batch
			parse(&b, []byte("m f=1"), Options{Precision: test.precision, Now: test.now})
			if b.Rows() != 1 || b.Tables[0].Times[0] != test.want {
				t.Errorf("%s, now %d in %d: %s", name, test.now, test.precision, brief(&b))
			}
		}
	}
}
