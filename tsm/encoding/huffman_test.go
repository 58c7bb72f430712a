package encoding

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// residualShapes are columns that a huffman page suits in one way or other.
func residualShapes(r *rand.Rand, n int) map[string][]int64 {
	shapes := integerShapes(r, n)
	for _, width := range []float64{0.3, 1, 3, 50, 1e6, 1e15} {
		var walk, noise, waits []int64
		level := int64(1) << 40
		for range n {
			level += int64(width * r.NormFloat64())
			walk = append(walk, level)
			noise = append(noise, int64(width*r.NormFloat64()))
			waits = append(waits, int64(width*r.ExpFloat64()))
		}
		name := func(kind string) string { return kind + " " + string(rune('a'+int(math.Log10(width)+1))) }
		shapes[name("walk")], shapes[name("noise")], shapes[name("waits")] = walk, noise, waits
		spikes := slices.Clone(noise)
		for range n/40 + 1 {
			spikes[r.IntN(n)] = int64(r.Uint64() >> r.IntN(63))
		}
		shapes[name("spikes")] = spikes
	}
	return shapes
}

// The length that a page was chosen for is the length that it has.
func TestPlannedLengthIsExact(t *testing.T) {
	r := newRandom(t)
	for _, n := range lengths {
		for name, values := range residualShapes(r, n) {
			for _, codec := range []Codec{0, Packed, Huffman, Runs} {
				p := new(planner)
				plan := planPage(p, values, Choice{Codec: codec})
				page := appendPlanned(nil, new(planner), values, Choice{Codec: codec})
				got, err := DecodeIntegers(nil, page, n)
				if err != nil || !slices.Equal(got, values) {
					t.Fatalf("%s, %d values, %v: %v, got %v, want %v", name, n, Codec(page[0]), err, got, values)
				}
				size := plan.size
				wide := pageRange(p.ranges)
				if codec == Huffman && uint64(wide.hi)-uint64(wide.lo) > maxHuffmanRange {
					continue // distances wrap around: possible, but never chosen
				}
				if len(page) != size {
					t.Fatalf("%s, %d values, %v: %d bytes, planned %d", name, n, Codec(page[0]), len(page), size)
				}
			}
		}
	}
}

// The loops for whole words agree with those for single tokens, in every table.
func TestTokensAgreeWithPlain(t *testing.T) {
	r := newRandom(t)
	for table := range tableCount {
		tokens := tableOf(table)
		for _, n := range []int{0, 1, 5, 64, 300} {
			width := 0.2 + 8*r.Float64()
			values := make([]uint64, n)
			for i := range values {
				values[i] = uint64(int64(width * r.NormFloat64()))
				if r.IntN(60) == 0 {
					values[i] = r.Uint64() >> r.IntN(64)
				}
			}
			centre := uint64(r.IntN(9) - 4)
			shift := uint(r.IntN(4))
			written := tokenWriter{dst: []byte{1, 2}, table: tokens, centre: centre, shift: shift}
			singly := written
			singly.dst = []byte{1, 2}
			written.write(values)
			singly.writePlain(values)
			fast, plain := written.close(), singly.close()
			if !bytes.Equal(fast, plain) {
				t.Fatalf("table %d, %d values: written\n%x, plain\n%x", table, n, fast, plain)
			}
			for _, behind := range []int{0, 3, 20} {
				src := append(bytes.Clone(fast[2:]), bytes.Repeat([]byte{0xff}, behind)...)
				a, b := tokenStream{src: src, table: tokens, left: n}, tokenStream{src: src, table: tokens}
				for i := 0; i < n; i += groupSize {
					m := min(groupSize, n-i)
					a.fill(m)
					for k, v := range values[i : i+m] {
						q, escaped := b.next()
						got := int64(int8(a.tokens[k]))
						if at := slices.IndexFunc(a.escapes[:a.escaped], func(e escape) bool { return e.at == k }); at >= 0 {
							got = a.escapes[at].q
						} else if escaped {
							t.Fatalf("table %d, value %d of %d: no escape, plain has one", table, i+k, n)
						}
						if got != q || q != int64(v-centre)>>shift {
							t.Fatalf("table %d, value %d of %d: token %d, plain %d, want %d", table, i+k, n, got, q, int64(v-centre)>>shift)
						}
					}
					a.drop(m)
				}
				rest, err := a.rest()
				if err != nil || len(rest) != behind || a.at != b.at {
					t.Fatalf("table %d, %d values: %v, %d bytes left, want %d; bit %d, plain %d", table, n, err, len(rest), behind, a.at, b.at)
				}
			}
		}
	}
}

func TestCodeLengths(t *testing.T) {
	r := newRandom(t)
	for range 300 {
		weights := make([]uint64, 2+r.IntN(200))
		for i := range weights {
			weights[i] = 1 + r.Uint64()>>(24+r.IntN(40))
		}
		lengths := codeLengths(weights)
		words, ok := appendCodeWords(nil, lengths)
		if !ok {
			t.Fatalf("lengths %v of weights %v are no complete code", lengths, weights)
		}
		for i, a := range words {
			for _, b := range words[:i] {
				short := min(a.len(), b.len())
				if (a.bits()^b.bits())&(1<<short-1) == 0 {
					t.Fatalf("words %x and %x of lengths %d and %d begin alike", a.bits(), b.bits(), a.len(), b.len())
				}
			}
		}
		if got, want, depth := cost(weights, lengths), uint64(0), 0; true {
			if want, depth = plainHuffman(weights); depth <= maxCodeBits && got != want {
				t.Fatalf("weights %v: %d bits, an optimal code takes %d", weights, got, want)
			} else if got < want {
				t.Fatalf("weights %v: %d bits are less than the optimal %d", weights, got, want)
			}
		}
	}
}

func cost(weights []uint64, lengths []uint8) (bits uint64) {
	for i, w := range weights {
		bits += w * uint64(lengths[i])
	}
	return bits
}

// plainHuffman returns the bits that a Huffman code takes without a bound of the
// lengths, and a bound of its depth.
func plainHuffman(weights []uint64) (bits uint64, depth int) {
	type node struct {
		weight uint64
		depth  int
	}
	var nodes []node
	for _, w := range weights {
		nodes = append(nodes, node{w, 0})
	}
	for len(nodes) > 1 {
		slices.SortStableFunc(nodes, func(a, b node) int {
			if a.weight != b.weight {
				if a.weight < b.weight {
					return -1
				}
				return 1
			}
			return a.depth - b.depth
		})
		sum := node{nodes[0].weight + nodes[1].weight, max(nodes[0].depth, nodes[1].depth) + 1}
		bits += sum.weight
		nodes = append([]node{sum}, nodes[2:]...)
	}
	return bits, nodes[0].depth
}

// What the walks of the TSBS take; the floor of any code of single differences is
// 0.268. Marks of parts come on top.
func TestWalksAreSmall(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, c := range []struct {
		n, groups int
		limit     float64
	}{{1000, 0, 0.288}, {4096, 255, 0.284}, {4096, 0, 0.287}} {
		const pages = 50
		size, n, limit := 0, c.n, c.limit
		for range pages {
			page := Choice{groups: c.groups}.AppendIntegers(nil, cpuWalk(r, n))
			if Codec(page[0]) != Huffman {
				t.Errorf("a walk of %d values is %v", n, Codec(page[0]))
			}
			size += len(page)
		}
		if got := float64(size) / float64(pages*n); got > limit {
			t.Errorf("%d values per page: %.4f bytes per value, want %.3f", n, got, limit)
		}
	}
}

func TestValueDictionary(t *testing.T) {
	r := newRandom(t)
	for _, n := range []int{16, 100, 1000, 5000} {
		for _, distinct := range []int{2, 3, 7, n / 3, n} {
			keys := make([]int64, distinct)
			for i := range keys {
				keys[i] = int64(r.Uint64())
			}
			values := make([]int64, n)
			for i := range values {
				at := r.IntN(distinct)
				if r.IntN(3) > 0 {
					at = int(float64(distinct) * math.Pow(r.Float64(), 4))
				}
				values[i] = keys[at]
			}
			page := Choice{Codec: ValueDictionary}.AppendIntegers(nil, values)
			if Codec(page[0]) != ValueDictionary {
				t.Fatalf("%d of %d values: %v", distinct, n, Codec(page[0]))
			}
			got, rest, err := CutIntegers(nil, append(page, 1, 2, 3), n)
			if err != nil || !slices.Equal(got, values) || len(rest) != 3 {
				t.Fatalf("%d of %d values: %v, %d bytes left", distinct, n, err, len(rest))
			}
			if distinct <= n/10 && n > 500 {
				if best := AppendIntegers(nil, values); Codec(best[0]) != ValueDictionary {
					t.Errorf("%d of %d values: %v is chosen", distinct, n, Codec(best[0]))
				}
				floats := make([]float64, n)
				for i, v := range values {
					floats[i] = math.Float64frombits(uint64(v))
				}
				if best := AppendFloats(nil, floats); Codec(best[0]) != OrderedPacked || Codec(best[1]) != ValueDictionary {
					t.Errorf("%d of %d floats: %v, %v", distinct, n, Codec(best[0]), Codec(best[1]))
				}
			}
		}
	}
}

// The decoder by bits is the plain twin of that by tables.
func TestDictionaryWordsAgreeWithPlain(t *testing.T) {
	r := newRandom(t)
	for range 50 {
		distinct := 2 + r.IntN(300)
		n := 1 + r.IntN(2000)
		values := make([]int64, n)
		for i := range values {
			values[i] = int64(math.Pow(r.Float64(), 6)*float64(distinct)) * 1_000_003
		}
		page := Choice{Codec: ValueDictionary}.AppendIntegers(nil, values)
		got, err := plainDictionary(page[1:], n)
		if err != nil || !slices.Equal(got, values) {
			t.Fatalf("%d values: %v", n, err)
		}
	}
}

// plainDictionary decodes bit by bit.
func plainDictionary(src []byte, n int) ([]int64, error) {
	distinct, rest, _ := cutUvarint(src)
	keys, rest, err := CutIntegers(nil, rest, int(distinct))
	if err != nil {
		return nil, err
	}
	out := make([]int64, n)
	if form := rest[0]; form != dictionaryHuffman {
		rest = rest[1:]
		for i := range out {
			at := i % groupSize
			out[i] = keys[unpackPlain(rest, at+1, uint(form))[at]]
			if at == groupSize-1 {
				rest = rest[packedLen(groupSize, uint(form)):]
			}
		}
		return out, nil
	}
	lengths := make([]uint8, distinct)
	for i := range lengths {
		lengths[i] = rest[1+i/2] >> (i % 2 * 4) & 15
	}
	words, ok := appendCodeWords(nil, lengths)
	if !ok {
		return nil, ErrMalformed
	}
	in := bitReader{src: rest[1+(distinct+1)/2:]}
	for i := range out {
		var word codeWord
		for l := 1; !slices.Contains(words, word) || l == 1; l++ {
			word = codeWord(word.bits()|in.read(1)<<(l-1)) | codeWord(l)<<16
		}
		out[i] = keys[slices.Index(words, word)]
	}
	return out, nil
}

// Values that stand still and jump now and then take next to nothing.
func TestRuns(t *testing.T) {
	r := newRandom(t)
	for _, n := range []int{150, 1000, 4096} {
		values := standsStill(r, n)
		if values[n-1] == values[0] {
			continue
		}
		page := AppendIntegers(nil, values)
		got, rest, err := CutIntegers(nil, append(page, 7), n)
		if err != nil || !slices.Equal(got, values) || len(rest) != 1 {
			t.Fatalf("%d values: %v, %d bytes left", n, err, len(rest))
		}
		if n > 1000 && (Codec(page[0]) != Runs || len(page) > n/8) {
			t.Errorf("%d values that mostly stand still take %d bytes as %v", n, len(page), Codec(page[0]))
		}
	}
}

// The decoder by one value at a time is the plain twin of that by runs, on pages
// that are whole, cut off and damaged.
func TestRunsAgreeWithPlain(t *testing.T) {
	r := newRandom(t)
	for range 300 {
		n := 1 + r.IntN(400)
		values := make([]int64, n)
		for i := range values {
			if values[i] = int64(r.Uint64() >> r.IntN(64)); i > 0 && r.IntN(1+i%7) > 0 {
				values[i] = values[i-1]
			}
		}
		page := append(Choice{Codec: Runs}.AppendIntegers(nil, values), 1, 2, 3)
		if Codec(page[0]) != Runs {
			t.Fatalf("%v, want runs", Codec(page[0]))
		}
		plain, rest, ok := plainRuns(page[1:], n)
		if !ok || !slices.Equal(plain, values) || len(rest) != 3 {
			t.Fatalf("%d values: plain reads %v, %d bytes left", n, plain, len(rest))
		}
		got, rest, err := decodeRuns[int64](nil, page[1:], n)
		if err != nil || !slices.Equal(got, values) || len(rest) != 3 {
			t.Fatalf("%d values: %v, %d bytes left", n, err, len(rest))
		}
		if r.IntN(2) == 0 {
			page = page[:1+r.IntN(len(page)-1)]
		}
		if len(page) > 1 {
			page[1+r.IntN(len(page)-1)] ^= byte(1 + r.IntN(255))
		}
		rows := n + r.IntN(3) - 1
		plain, want, ok := plainRuns(page[1:], rows)
		got, rest, err = decodeRuns[int64](nil, page[1:], rows)
		if ok != (err == nil) || ok && (!slices.Equal(got, plain) || len(rest) != len(want)) {
			t.Fatalf("damaged page %x of %d rows: %v and %v, plain %v and %v", page, rows, got, err, plain, ok)
		}
	}
}

// plainRuns decodes the body of a runs page row by row.
func plainRuns(src []byte, n int) (out []int64, rest []byte, ok bool) {
	count, rest, ok := cutUvarint(src)
	if !ok || count == 0 || count > uint64(n) || len(rest) == 0 || Codec(rest[0]) == Runs {
		return nil, nil, false
	}
	lengths, rest, err := CutIntegers(nil, rest, int(count))
	if err != nil || len(rest) == 0 || Codec(rest[0]) == Runs {
		return nil, nil, false
	}
	values, rest, err := CutIntegers(nil, rest, int(count))
	if err != nil {
		return nil, nil, false
	}
	for len(out) < n {
		if len(lengths) == 0 {
			return nil, nil, false
		}
		out = append(out, values[0])
		if lengths[0]--; lengths[0] == -1 {
			lengths, values = lengths[1:], values[1:]
		} else if lengths[0] < -1 {
			return nil, nil, false
		}
	}
	return out, rest, len(lengths) == 0
}
