package encoding

import (
	"flag"
	"fmt"
	"math/big"
	"os"
	"strings"
	"testing"
)

var printLengths = flag.Bool("print-lengths", false, "print the code lengths that the formula gives, as Go source")

// The ratios of the four families of tables, 2^-32 each, as docs/formats/encodings.md
// lists them.
var familyRatios = [4][16]uint64{
	{ // normal: exp(-1/2s²), s = 0.40 × 1.20^k
		0x0b3f736c, 0x1d39b481, 0x38b875da, 0x59e4a2ad, 0x7bc466bb, 0x9a8b034b, 0xb44fd5f3, 0xc8b1b16e,
		0xd8305ed1, 0xe3a5cedc, 0xebf5e8e4, 0xf1e94fa6, 0xf621c66e, 0xf91b2b1e, 0xfb3151fc, 0xfca6e39c,
	},
	{ // Laplace: exp(-1/s), s = 0.25 × 1.22^k
		0x04b0556e, 0x09a53ddd, 0x116c0168, 0x1c49179e, 0x2a149263, 0x3a468216, 0x4c19edc4, 0x5eb5d852,
		0x714f84cc, 0x8340247e, 0x940dec06, 0xa36ba7a9, 0xb132a853, 0xbd5a4c81, 0xc7ef5c04, 0xd10c6fd7,
	},
	{ // two Laplace: as before
		0x04b0556e, 0x09a53ddd, 0x116c0168, 0x1c49179e, 0x2a149263, 0x3a468216, 0x4c19edc4, 0x5eb5d852,
		0x714f84cc, 0x8340247e, 0x940dec06, 0xa36ba7a9, 0xb132a853, 0xbd5a4c81, 0xc7ef5c04, 0xd10c6fd7,
	},
	{ // one-sided: exp(-1/s), s = 0.40 × 1.34^k
		0x150385c0, 0x27a07657, 0x3f9e063d, 0x5a929f8c, 0x75e4e073, 0x8f8710ed, 0xa639e2f7, 0xb9797923,
		0xc9470ec9, 0xd5f12d24, 0xdfe8e585, 0xe7a65463, 0xed9982ee, 0xf223a6cf, 0xf5955d76, 0xf82f85bc,
	},
}

// modelRange is how far the formula looks for the mass beyond the tokens.
const modelRange = 255

func scaled(w, ratio uint64) uint64 { return w * ratio >> 32 }

// fourthRoot returns the fourth root of a ratio, rounded down at each step.
func fourthRoot(ratio uint64) uint64 {
	root := func(x uint64) uint64 {
		n := new(big.Int).Lsh(new(big.Int).SetUint64(x), 32)
		return n.Sqrt(n).Uint64()
	}
	return root(root(ratio))
}

// modelWeights returns the weights of distances 0 to modelRange.
func modelWeights(family int, ratio uint64) (w [modelRange + 1]uint64) {
	const one = 1 << 32
	switch family {
	case 0:
		w[0] = one
		step, square := ratio, scaled(ratio, ratio)
		for i := 1; i < len(w); i++ {
			w[i] = scaled(w[i-1], step)
			step = scaled(step, square)
		}
	case 2:
		narrow, wide, root := uint64(one), uint64(one), fourthRoot(ratio)
		for i := range w {
			w[i] = 15*narrow + wide
			narrow, wide = scaled(narrow, ratio), scaled(wide, root)
		}
	default:
		w[0] = one
		for i := 1; i < len(w); i++ {
			w[i] = scaled(w[i-1], ratio)
		}
	}
	return w
}

// formulaLengths returns the code lengths of a table as the document derives them.
func formulaLengths(table int) []uint8 {
	family := table >> 4
	w := modelWeights(family, familyRatios[family][table&15])
	weights := make([]uint64, tokenCount+1)
	total := uint64(0)
	add := func(token int, w uint64) {
		total += w
		if token < tokenCount {
			weights[token] += w
		} else {
			weights[escapeToken] += w
		}
	}
	for d, w := range w {
		switch {
		case family == 3:
			add(d, w)
		case d == 0:
			add(maxToken, w)
		case d <= maxToken:
			add(maxToken+d, w)
			add(maxToken-d, w)
		default:
			add(tokenCount, 2*w)
		}
	}
	for i, w := range weights[:tokenCount] {
		if w < total>>12 {
			weights[escapeToken] += w
			weights[i] = 0
		}
	}
	weights[escapeToken] += total >> 12
	return codeLengths(weights)
}

// The document lists the tables too.
func TestLengthsAreDocumented(t *testing.T) {
	const path = "../../docs/formats/encodings.md"
	document, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for table, lengths := range tokenLengths {
		if line := fmt.Sprintf("\n%2d %s\n", table, lengths); !strings.Contains(string(document), line) {
			t.Errorf("%s does not have table %d as %q", path, table, line)
		}
	}
}

func TestLengthsFollowTheFormula(t *testing.T) {
	if *printLengths {
		var out strings.Builder
		for table := range tableCount {
			out.WriteString("\t\"")
			for _, l := range formulaLengths(table) {
				fmt.Fprintf(&out, "%x", l)
			}
			out.WriteString("\",\n")
		}
		os.Stdout.WriteString(out.String())
		return
	}
	for table := range tableCount {
		want := formulaLengths(table)
		for i, l := range want {
			if got := lengthOf(table, i); got != l {
				t.Fatalf("table %d, token %d: %d bits, the formula gives %d", table, i, got, l)
			}
		}
	}
}
