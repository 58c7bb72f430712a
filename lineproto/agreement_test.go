package lineproto

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/model"
)

// agree fails the test when the two parsers read body differently, without
// known series and with some of its own.
func agree(t testing.TB, p *Parser, body []byte, opt Options) {
	t.Helper()
	var plain, fast model.Batch
	check := func(opt Options) {
		t.Helper()
		ParsePlain(&plain, body, opt)
		p.Parse(&fast, body, opt)
		checkBatch(t, &plain)
		checkBatch(t, &fast)
		if want, got := describe(&plain), describe(&fast); got != want {
			t.Fatalf("body %q, options %+v\n--- plain ---\n%s\n--- parser ---\n%s", body, opt, want, got)
		}
	}
	check(opt)
	v1 := opt
	v1.V2 = false // a series that a v1 write made can be known to a v2 write
	ParsePlain(&plain, body, v1)
	known := newSeriesSet(make([]string, plain.Rows())...)
	for _, table := range plain.Tables {
		for _, fp := range table.Fingerprints {
			if fp.Hi%4 != 0 {
				known.add(fp)
			}
		}
	}
	opt.Series = known
	check(opt)
}

var precisions = []Precision{0, Nanosecond, Microsecond, Millisecond, Second, Minute, Hour}

func FuzzAgreement(f *testing.F) {
	for _, seed := range []string{
		"m,t=v f=1,g=2i,h=3u,s=\"x\\\"y\\\\\",b=true 5\nm,t=v f=1,g=2i,h=3u,s=\"a\nb\",b=F 6\r\n",
		"m f=1\nm g=1\nm f=1,g=2\nm f=1i\nm f=1,f=2\nm f=1i,f=2\nm f=2 x\n",
		"m\\ x,a\\,b=\\=c f\\ g=1.25 5\nm\\=x f=1\nm=x f=1\n,\n#c\n\nm",
		"m,time=1,_field=2 f=1e5\nm,b=1,a=2 f=-0.5,g=123456789.123456789\nm f=\"unterminated\nm f=1",
		"m f=0\nm,\n0=0 f=00",
		"m f=t,g=99999999999999999999,h=9223372036854775807i -9223372036854775806\n \tm f=.5 ",
	} {
		f.Add([]byte(seed), uint8(1), false, uint16(0))
	}
	f.Fuzz(func(t *testing.T, body []byte, unit uint8, v2 bool, limit uint16) {
		opt := Options{Precision: precisions[int(unit)%len(precisions)], Now: now, V2: v2, MaxLineBytes: int(limit)}
		var p Parser
		agree(t, &p, body, opt)
		agree(t, &p, []byte(string(body)+"\n"+string(body)), opt)
	})
}

// randomSeed returns the seed of a random test: TIMBERLINE_SEED, or a new one.
func randomSeed(t testing.TB) uint64 {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("TIMBERLINE_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("TIMBERLINE_SEED=%d", seed)
	return seed
}

// TestRandomBodies compares the parsers on bodies of lines that are mostly
// right, in which one of a few characters is now and then changed.
func TestRandomBodies(t *testing.T) {
	seed := randomSeed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	var p Parser
	for range 3000 {
		body := randomBody(r)
		opt := Options{Precision: precisions[r.IntN(len(precisions))], Now: now, V2: r.IntN(4) == 0}
		if r.IntN(8) == 0 {
			opt.MaxLineBytes = 1 + r.IntN(60)
		}
		agree(t, &p, body, opt)
	}
}

func pick(r *rand.Rand, from ...string) string { return from[r.IntN(len(from))] }

func randomBody(r *rand.Rand) []byte {
	var s strings.Builder
	for range r.IntN(12) {
		s.WriteString(randomLine(r))
		s.WriteString(pick(r, "\n", "\n", "\n", "\r\n", "\n\n", "\n \t"))
	}
	body := []byte(s.String())
	for r.IntN(2) == 0 && len(body) > 0 {
		body[r.IntN(len(body))] = pick(r, " ", ",", "=", "\\", "\"", "\n", "\r", "1", "i", "-", ".", "e", "x", "\t", "#", "\x00")[0]
	}
	if r.IntN(4) == 0 {
		body = body[:r.IntN(len(body)+1)]
	}
	return body
}

func randomLine(r *rand.Rand) string {
	line := pick(r, "cpu", "cpu", "m", `m\ x`, `m\=x`, `m=x`, "averylongmeasurementname")
	for range r.IntN(4) {
		line += "," + pick(r, "a", "b", "host", `k\,k`, "time", "_field") + "=" + pick(r, "1", "2", `v\ w`, "server-01", "=x")
	}
	for i := range 1 + r.IntN(6) {
		line += pick(r, " ", ",", ",", ",", ",")[:1]
		if i == 0 {
			line = strings.TrimRight(line, " ,") + " "
		}
		line += pick(r, "f", "g", "usage_user", "usage_user_total_seconds", `f\ f`, `f\=`, "eight_ch", "seven_c", "time") + "=" + randomValue(r)
	}
	return line + pick(r, "", " ", " 5", " -5", " 1700000000000000000", " 1700000000", "  17 ", " 9223372036854775806", " x")
}

func randomValue(r *rand.Rand) string {
	digits := func(n int) string {
		b := make([]byte, 1+r.IntN(n))
		for i := range b {
			b[i] = byte('0' + r.IntN(10))
		}
		return string(b)
	}
	switch r.IntN(9) {
	case 0:
		return pick(r, "t", "T", "true", "True", "TRUE", "f", "F", "false", "False", "FALSE", "tru", "Falsey")
	case 1:
		return pick(r, "", "-") + digits(20) + "i"
	case 2:
		return digits(21) + "u"
	case 3:
		return pick(r, "", "-") + digits(19) + "." + digits(18)
	case 4:
		return pick(r, "", "-") + digits(3) + pick(r, "", ".", "."+digits(3)) + pick(r, "e", "E", "") + pick(r, "", "-", "+") + digits(3)
	case 5:
		return pick(r, "", "-") + digits(20)
	case 6:
		return `"` + pick(r, "", "text", `a\"b`, `\\`, "new\nline", "a longer text, with = and more") + `"`
	}
	return digits(2) + "i"
}

// TestFloats compares floats in many spellings with strconv, which the plain
// grammar uses.
func TestFloats(t *testing.T) {
	seed := randomSeed(t)
	r := rand.New(rand.NewPCG(seed, 1))
	var p Parser
	for range 300 {
		var s strings.Builder
		s.WriteString("m f=1\n")
		for range 50 {
			v := []float64{r.NormFloat64(), r.Float64() * 1e18, float64(r.IntN(1e6)) / 100, r.ExpFloat64() * 1e-6}[r.IntN(4)]
			fmt.Fprintf(&s, "m f=%s\n", strconv.FormatFloat(v, pick(r, "f", "e", "g")[0], r.IntN(25)-1, 64))
		}
		agree(t, &p, []byte(s.String()), Options{Now: now})
	}
}

// TestQuotient compares quotients with strconv.
func TestQuotient(t *testing.T) {
	r := rand.New(rand.NewPCG(randomSeed(t), 3))
	for range 200_000 {
		digits, scale := r.Uint64()>>r.IntN(11), 1+r.IntN(19)
		if r.IntN(4) == 0 { // close to the middle of two floats
			digits = (r.Uint64()>>11|1<<52)<<1 | 1
			digits = digits/powersOfTen[scale%4]*powersOfTen[scale%4] + uint64(r.IntN(3))
		}
		want, err := strconv.ParseFloat(strconv.FormatUint(digits, 10)+"e-"+strconv.Itoa(scale), 64)
		if err != nil {
			t.Fatal(err)
		}
		if got := quotient(digits, powersOfTen[scale]); got != want && digits > 0 {
			t.Fatalf("%d / 10^%d = %v, want %v", digits, scale, got, want)
		}
	}
}

// TestEveryByteInANumber puts every byte at every place of a timestamp and of an
// integer in a line that looks like the one before, which the parser reads by
// words of eight bytes.
func TestEveryByteInANumber(t *testing.T) {
	const first, second = "m,t=v f=12345678i 1700000000123456789\n", "m,t=v f=87654321i 1700000001987654321\nm f=1\n"
	var p Parser
	for at := strings.IndexByte(second, '='); at < len(second)-len("m f=1\n"); at++ {
		for c := range 256 {
			body := []byte(first + first + second)
			body[2*len(first)+at] = byte(c)
			agree(t, &p, body, Options{Now: now})
		}
	}
}
