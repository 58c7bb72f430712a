package lineproto

import (
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/model"
)

// TestFastPath: a line that is repeated is read without the plain grammar; one
// that is refused leaves nothing behind.
func TestFastPath(t *testing.T) {
	for _, test := range []struct {
		line string
		fast bool
	}{
		{`cpu,host=a,region=b usage_user=1i,usage_system=22i,usage_guest_nice_percent=333i 1700000000000000000`, true},
		{`m f=1.5,g=-2i,h=t,i="text",j=18446744073709551615u`, false}, // twenty digits
		{`m f=1.5,g=-2i,h=True,i="text",j=5u,k=1e5,l=.5,m=123456789012345678 -5`, true},
		{`m\ x,t\,u=\=v f\ f="a \"b\" c",s="two` + "\n" + `lines" 5`, true},
		{`m f=1  5 `, true},
		{"m f=1 5\r", true},
		{`m f=1`, true},
		{`m f=9223372036854775807i,g=-9223372036854775808i,h=9999999999999999999u`, true},
		{`m f=0.1234567890123456789,g=123456789012345678901234567890`, true},
		{`m f=1,f=2`, false},
	} {
		var p Parser
		var b model.Batch
		body := []byte(test.line + "\n" + test.line + "\n" + test.line + ",\n" + test.line)
		p.begin(&b, body, Options{Now: now})
		at := p.plainLine(0)
		if len(b.Rejects) > 0 {
			t.Fatal(brief(&b))
		}
		next, ok := p.fastLine(at)
		if ok != test.fast || ok && next != 2*at {
			t.Errorf("%q: fast path %v up to %d, line ends at %d", test.line, ok, next, 2*at)
		}
		if ok {
			values, arena := b.Values(), len(b.Arena)
			if _, ok := p.fastLine(next); ok || b.Values() != values || b.Rows() != 2 || len(b.Arena) != arena {
				t.Errorf("%q: a line that is refused was taken, or left a trace", test.line)
			}
		}
		p.finish()
	}
}

// TestLongKeys: the limit on keys holds whatever came before in the body.
func TestLongKeys(t *testing.T) {
	var p Parser
	for _, tagSize := range []int{1, 250, 300, 600, 32760, 32770, 65000} {
		for _, fieldSize := range []int{1, 500, 520, 60000, 65520} {
			tag, field := strings.Repeat("v", tagSize), strings.Repeat("f", fieldSize)
			body := "m " + field + "=1\nm f=1\nm,t=" + tag + " f=2\nm,t=" + tag + " f=3," + field + "=4\nm,t=" + tag + " " + field + "=2"
			agree(t, &p, []byte(body), Options{Now: now})
		}
	}
}

// TestHashTable: things whose hashes are equal are all found, and none after
// a reset.
func TestHashTable(t *testing.T) {
	var h hashTable
	for round := range uint64(3) {
		h.reset()
		for v := range uint64(200) {
			h.add(v%3, v+round)
		}
		for hash := range uint64(4) {
			sum, n := uint64(0), 0
			for at := h.find(hash); at.found; at = h.again(at) {
				sum, n = sum+at.value-round, n+1
			}
			want, count := uint64(0), 0
			for v := hash; v < 200 && hash < 3; v += 3 {
				want, count = want+v, count+1
			}
			if sum != want || n != count {
				t.Fatalf("round %d, hash %d: %d entries with sum %d, want %d with %d", round, hash, n, sum, count, want)
			}
		}
	}
}

// TestRejects: the reasons of very many refused lines are not all kept, the
// lines are all counted.
func TestRejects(t *testing.T) {
	const lines = maxRejects + 10
	body := []byte(strings.Repeat("m\n", lines) + "m f=1")
	for name, parse := range parsers {
		var b model.Batch
		parse(&b, body, Options{})
		if len(b.Rejects) != maxRejects || b.Lines-b.Rows() != lines || b.Rejects[maxRejects-1].Line != maxRejects {
			t.Errorf("%s: %d rejects, %d lines, %d rows", name, len(b.Rejects), b.Lines, b.Rows())
		}
	}
}

// TestLimits: lines and strings up to their limits are taken.
func TestLimits(t *testing.T) {
	text := strings.Repeat("x", model.MaxStringBytes)
	for _, test := range []struct{ name, body, want string }{
		{"string", `m f="` + text + `"`, ""},
		{"escaped string", `m f="\"` + text[1:] + `"`, ""},
		{"long string", `m\ n,t=v f\,g="x` + text + `" 5`, `input field "f,g" on measurement "m n" is too long, 1048577 > 1048576`},
		{"line", `m a="` + text + `",b="` + text + `",c="` + text + `",d="` + text[:1<<20-21] + `"`, ""},
		{"long line", `m a="` + text + `",b="` + text + `",c="` + text + `",d="` + text + `"`, "line is too long, 4194325 > 4194304"},
	} {
		for name, parse := range parsers {
			var b model.Batch
			parse(&b, []byte(test.body), Options{})
			checkBatch(t, &b)
			got := ""
			if len(b.Rejects) > 0 {
				got = b.Rejects[0].Reason
			}
			if got != test.want || (test.want == "") != (b.Rows() == 1) {
				t.Errorf("%s, %s: %q, want %q", test.name, name, got, test.want)
			}
		}
	}
}

// TestParseKey covers what a parser never hands to ParseKey.
func TestParseKey(t *testing.T) {
	for _, test := range []struct{ raw, want string }{
		{"", "missing measurement"},
		{"m", `"m" []`},
		{"m n", "unescaped space or newline in key"},
		{"m\\\nn", "unescaped space or newline in key"},
		{"m,t\n=v", "unescaped space or newline in key"},
		{"m,t=\n", "unescaped space or newline in key"},
		{"m,t=v\n", "unescaped space or newline in key"},
		{"m,t=v w", "unescaped space or newline in key"},
		{"m,t=v,", "missing tag key"},
		{`m\,n,b=2\ ,a\==\,x`, `"m,n" ["a=" ",x" "b" "2 "]`},
		{`m,t==v`, `"m" ["t" "=v"]`},
		{strings.Repeat("m", 65535), `"` + strings.Repeat("m", 65535) + `" []`},
		{strings.Repeat("m", 65536), "max key length exceeded: 65536 > 65535"},
	} {
		measurement, tags, _, err := ParseKey([]byte(test.raw), nil, nil)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			var parts []string
			for _, tag := range tags {
				parts = append(parts, quote(tag.Key), quote(tag.Value))
			}
			got = quote(measurement) + " [" + strings.Join(parts, " ") + "]"
		}
		if got != test.want {
			t.Errorf("%.100q: got %.100s, want %.100s", test.raw, got, test.want)
		}
	}
}

func quote(b []byte) string { return `"` + string(b) + `"` }
