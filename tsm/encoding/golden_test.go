package encoding

import (
	"encoding/hex"
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the golden pages anew")

// goldenPage is a column of a fixed content and how to encode it.
type goldenPage struct {
	kind   string // integers, timestamps, floats, booleans or strings
	codec  Codec
	column string
	groups int // of the parts of a huffman page
}

var goldenPages = []goldenPage{
	{"integers", Raw, "walk", 0}, {"integers", Constant, "constant", 0}, {"integers", Linear, "linear", 0},
	{"integers", Packed, "walk", 0}, {"integers", Packed, "counter", 0},
	{"integers", Huffman, "walk", 0}, {"integers", Huffman, "counter", 0}, {"integers", Huffman, "noise", 0},
	{"integers", Huffman, "spikes", 0}, {"integers", Huffman, "parabola", 0},
	{"integers", ValueDictionary, "states", 0}, {"integers", ValueDictionary, "noise", 0}, {"integers", Runs, "states", 0},
	{"integers", Huffman, "counter", 1}, {"integers", Huffman, "parabola", 1}, {"integers", Huffman, "noise", 1},
	{"timestamps", ScaledPacked, "counter", 0},
	{"floats", Raw, "walk", 0}, {"floats", Constant, "constant", 0}, {"floats", Decimal, "walk", 0}, {"floats", XOR, "walk", 0},
	{"floats", OrderedPacked, "walk", 0}, {"floats", Huffman, "counter", 0}, {"floats", ValueDictionary, "states", 0},
	{"booleans", Constant, "constant", 0}, {"booleans", Bitmap, "walk", 0},
	{"strings", Constant, "constant", 0}, {"strings", Dictionary, "states", 0}, {"strings", Plain, "walk", 0},
}

// goldenColumn returns 150 values that no library decides about.
func goldenColumn(name string) []int64 {
	state, level := uint64(1), int64(50)
	next := func(n uint64) int64 {
		state = state*6364136223846793005 + 1442695040888963407
		return int64(state >> 33 % n)
	}
	out := make([]int64, 150)
	for i := range out {
		switch name {
		case "constant":
			out[i] = -77
		case "linear":
			out[i] = int64(i)*10_000 - 5
		case "walk":
			level += next(3) + next(3) - 2
			out[i] = level
		case "counter":
			level += 1000 + next(300)
			out[i] = level * 1000
		case "noise":
			out[i] = next(9) + next(9) - 100
		case "spikes":
			if out[i] = next(4); i%23 == 22 {
				out[i] = math.MinInt64 >> i / 3
			}
		case "parabola":
			out[i] = int64(i*i) + next(2)
		case "states":
			out[i] = []int64{0, 7, 7, 7, 1 << 40, 0, 7, 7}[next(8)]
		}
	}
	return out
}

// encode returns the page and a function that checks whether a page decodes to
// the column.
func (g *goldenPage) encode() (page []byte, check func(page []byte) error) {
	c := Choice{Codec: g.codec, groups: g.groups}
	values := goldenColumn(g.column)
	n := len(values)
	same := func(got, want any, err error) error {
		if err == nil && fmt.Sprint(got) != fmt.Sprint(want) {
			err = fmt.Errorf("got %v, want %v", got, want)
		}
		return err
	}
	switch g.kind {
	case "integers":
		return c.AppendIntegers(nil, values), func(page []byte) error {
			got, err := DecodeIntegers(nil, page, n)
			return same(got, values, err)
		}
	case "timestamps":
		return c.AppendTimestamps(nil, values), func(page []byte) error {
			got, err := DecodeTimestamps(nil, page, n)
			return same(got, values, err)
		}
	case "floats":
		floats := make([]float64, n)
		for i, v := range values {
			floats[i] = float64(v) / 8
		}
		return c.AppendFloats(nil, floats), func(page []byte) error {
			got, err := DecodeFloats(nil, page, n)
			return same(got, floats, err)
		}
	case "booleans":
		booleans := make([]bool, n)
		for i, v := range values {
			booleans[i] = v&1 == 1
		}
		return c.AppendBooleans(nil, booleans), func(page []byte) error {
			got, err := DecodeBooleans(nil, page, n)
			return same(got, booleans, err)
		}
	}
	text := make([][]byte, n)
	for i, v := range values {
		text[i] = fmt.Append(nil, v)
	}
	return c.AppendStrings(nil, text), func(page []byte) error {
		got, _, err := DecodeStrings(nil, nil, page, n)
		return same(got, text, err)
	}
}

// The kept pages of every codec decode to what they were made of, and are still
// what is written.
func TestGoldenPages(t *testing.T) {
	const path = "testdata/pages.txt"
	if *rewrite {
		var out strings.Builder
		for _, g := range goldenPages {
			page, _ := g.encode()
			fmt.Fprintf(&out, "%s %v %s %x\n", g.kind, g.codec, g.column, page)
		}
		if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(kept)), "\n")
	if len(lines) != len(goldenPages) {
		t.Fatalf("%d pages are kept, want %d", len(lines), len(goldenPages))
	}
	for i, g := range goldenPages {
		written, check := g.encode()
		parts := strings.Fields(lines[i])
		page, err := hex.DecodeString(parts[len(parts)-1])
		if err != nil {
			t.Fatal(err)
		}
		if err := check(page); err != nil {
			t.Errorf("%s: %v", lines[i][:40], err)
		}
		if string(page) != string(written) {
			t.Errorf("%s %v %s: this program writes\n%x, kept is\n%x", g.kind, g.codec, g.column, written, page)
		}
	}
}
