package index

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// TestValueMatcher compares the matcher with its plain twin on sorted values, of
// which some are left out between, and with shares that are too small.
func TestValueMatcher(t *testing.T) {
	r := rand.New(rand.NewPCG(testSeed(t), 6))
	alphabet := []string{"a", "b", "aba", "0", "é", "\xff"}
	for _, text := range []string{"a", "ab", "aba", "a.*b", "ab.*ab", "[0a]b", "(aba)+0", "b$", "é", "a+b", "", "(?i)A", "0.*a.*b", "abaaba"} {
		plan := planRegex(regexp.MustCompile(text))
		if plan.isExact {
			t.Fatalf("%q is exact", text)
		}
		for range 40 {
			var values []string
			for range 50 {
				value := ""
				for range r.IntN(8) {
					value += alphabet[r.IntN(len(alphabet))]
				}
				values = append(values, value)
			}
			if r.IntN(4) > 0 {
				slices.Sort(values)
			}
			m := plan.matcher()
			last := ""
			for _, value := range values {
				shared := 0
				for shared < min(len(last), len(value)) && last[shared] == value[shared] {
					shared++
				}
				if r.IntN(5) == 0 {
					shared = r.IntN(shared + 1)
				}
				if got, want := m.match([]byte(value), shared), plan.match([]byte(value)); got != want {
					t.Fatalf("%q matches %q after %q, %d shared: %v, want %v", text, value, last, shared, got, want)
				}
				last = value
			}
		}
	}
}

// TestLongDictionary searches a dictionary that several processors scan.
func TestLongDictionary(t *testing.T) {
	x := openTest(t, "/", Options{FS: vfs.NewMem()})
	const n = 5 * scanChunkBlocks * tableBlockEntries / 2
	name := func(i int) string { return fmt.Sprintf("host-%05d.%x", i%30_000, i*i) }
	const step = 1000
	fps, ids := make([]model.Fingerprint, step), make([]model.SeriesID, step)
	for i := 0; i < n; i += step {
		var keys [][]byte
		for j := i; j < i+step; j++ {
			keys = append(keys, seriesKey("m", "host", name(j)))
		}
		if err := x.Resolve(keys, fps, ids, nil); err != nil {
			t.Fatal(err)
		}
	}
	made := x.SeriesCount()
	if err := x.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"7.*ab", "^host-1", "^host-29.*7", "^host-(00000|29999).*", "99", "[0-3]\\.[a-f]+$", "nowhere", "^zzz"} {
		re := regexp.MustCompile(text)
		got, err := x.Search("m", match("host", text), nil)
		if err != nil {
			t.Fatal(err)
		}
		want := 0
		for i := range made {
			key, err := x.AppendKey(nil, model.SeriesID(i+1))
			if err != nil {
				t.Fatal(err)
			}
			_, tags, err := model.ParseSeriesKey(key, nil)
			if err != nil {
				t.Fatal(err)
			}
			if re.Match(tags.Get([]byte("host"))) {
				if want++; !got.Contains(uint32(i + 1)) {
					t.Fatalf("%q does not select series %d, %s", text, i+1, tags)
				}
			}
		}
		if int(got.GetCardinality()) != want {
			t.Errorf("%q selects %d series, want %d", text, got.GetCardinality(), want)
		}
	}
}
