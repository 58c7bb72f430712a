package index

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// testSeed returns the seed of a random test and prints it on failure.
func testSeed(t *testing.T) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if s := os.Getenv("TIMBERLINE_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("TIMBERLINE_SEED=%d", seed)
		}
	})
	return seed
}

func seriesKey(measurement string, pairs ...string) []byte {
	var tags model.Tags
	for i := 0; i < len(pairs); i += 2 {
		tags = append(tags, model.Tag{Key: []byte(pairs[i]), Value: []byte(pairs[i+1])})
	}
	tags.Sort()
	return model.AppendSeriesKey(nil, []byte(measurement), tags)
}

func openTest(t testing.TB, dir string, opt Options) *Index {
	t.Helper()
	x, err := Open(context.Background(), filepath.Join(dir, "series"), filepath.Join(dir, "index"), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x
}

func resolveTest(t testing.TB, x *Index, keys ...[]byte) []model.SeriesID {
	t.Helper()
	ids := make([]model.SeriesID, len(keys))
	if err := x.Resolve(keys, make([]model.Fingerprint, len(keys)), ids, nil); err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestResolve(t *testing.T) {
	x := openTest(t, t.TempDir(), Options{})
	a, b, c := seriesKey("m", "k", "a"), seriesKey("m", "k", "b"), seriesKey("n")
	fps := []model.Fingerprint{{Hi: 1, Lo: 2}, {Hi: 1, Lo: 3}, {}, {Hi: 1, Lo: 4}}
	ids := make([]model.SeriesID, 4)
	var journaled []string
	journal := func(first model.SeriesID, created [][]byte) error {
		for i, key := range created {
			journaled = append(journaled, fmt.Sprintf("%d %x", int(first)+i, key))
		}
		if _, ok := x.Lookup(fps[0]); ok {
			t.Error("series is visible before the journal has it")
		}
		return nil
	}
	if err := x.Resolve([][]byte{a, b, a, c}, fps, ids, journal); err != nil {
		t.Fatal(err)
	}
	if want := []model.SeriesID{1, 2, 1, 3}; !slices.Equal(ids, want) {
		t.Fatalf("ids %d, want %d", ids, want)
	}
	if want := []string{fmt.Sprintf("1 %x", a), fmt.Sprintf("2 %x", b), fmt.Sprintf("3 %x", c)}; !slices.Equal(journaled, want) {
		t.Fatalf("journal has %q, want %q", journaled, want)
	}
	for i, fp := range fps {
		id, ok := x.Lookup(fp)
		if ok != (fp != model.Fingerprint{}) || ok && id != ids[i] {
			t.Errorf("Lookup(%v) = %d, %v", fp, id, ok)
		}
	}
	key, err := x.AppendKey([]byte("x"), 2)
	if err != nil || string(key) != "x"+string(b) {
		t.Errorf("AppendKey = %q, %v", key, err)
	}
	for _, id := range []model.SeriesID{0, 4} {
		if _, err := x.AppendKey(nil, id); !errors.Is(err, ErrUnknownSeries) {
			t.Errorf("AppendKey(%d): %v", id, err)
		}
	}
}

func TestResolveFailedJournal(t *testing.T) {
	x := openTest(t, t.TempDir(), Options{})
	a, b := seriesKey("m", "k", "a"), seriesKey("m", "k", "b")
	resolveTest(t, x, a)
	broken := errors.New("broken")
	ids := make([]model.SeriesID, 2)
	fps := []model.Fingerprint{{Hi: 1}, {Hi: 2}}
	err := x.Resolve([][]byte{a, b}, fps, ids, func(model.SeriesID, [][]byte) error { return broken })
	if !errors.Is(err, broken) || ids[0] != 1 || ids[1] != 0 {
		t.Fatalf("ids %d, error %v", ids, err)
	}
	if _, ok := x.Lookup(fps[1]); ok || x.SeriesCount() != 1 {
		t.Error("series exists although the journal failed")
	}
	if ids := resolveTest(t, x, b); ids[0] != 2 {
		t.Errorf("id %d after a failed journal, want 2", ids[0])
	}
}

func TestResolveRefuses(t *testing.T) {
	x := openTest(t, t.TempDir(), Options{MaxSeries: 2})
	resolve := func(key []byte) error {
		return x.Resolve([][]byte{key}, make([]model.Fingerprint, 1), make([]model.SeriesID, 1), nil)
	}
	unsorted := model.AppendSeriesKey(nil, []byte("m"), model.Tags{{Key: []byte("b"), Value: []byte("1")}, {Key: []byte("a"), Value: []byte("1")}})
	long := model.AppendSeriesKey(nil, make([]byte, maxSeriesKey), nil)
	for _, key := range [][]byte{nil, []byte("nonsense"), unsorted, long} {
		if err := resolve(key); !errors.Is(err, model.ErrSeriesKey) {
			t.Errorf("key of %d bytes: %v", len(key), err)
		}
	}
	resolveTest(t, x, seriesKey("a"), seriesKey("b"))
	if err := resolve(seriesKey("c")); !errors.Is(err, ErrMaxSeries) {
		t.Errorf("third series: %v", err)
	}
	if err := resolve(seriesKey("a")); err != nil {
		t.Errorf("existing series: %v", err)
	}
}

func TestSeriesLimit(t *testing.T) {
	x := openTest(t, t.TempDir(), Options{})
	x.snap.live = newDelta(maxSeriesID-1, x.seed)
	ids := resolveTest(t, x, seriesKey("a"))
	if ids[0] != maxSeriesID-1 {
		t.Fatalf("id %d", ids[0])
	}
	keys := [][]byte{seriesKey("b"), seriesKey("c")}
	err := x.Resolve(keys, make([]model.Fingerprint, 2), make([]model.SeriesID, 2), nil)
	if !errors.Is(err, ErrSeriesLimit) {
		t.Errorf("got %v", err)
	}
}

func TestReplay(t *testing.T) {
	x := openTest(t, t.TempDir(), Options{})
	a, b, c := seriesKey("m", "k", "a"), seriesKey("m", "k", "b"), seriesKey("m", "k", "c")
	x.MarkPresent(1, []model.SeriesID{1}) // so it cannot have been freed
	steps := []struct {
		first model.SeriesID
		keys  [][]byte
		bad   bool
	}{
		{1, [][]byte{a, b}, false},
		{1, [][]byte{a, b}, false},
		{2, [][]byte{b, c}, false},
		{2, [][]byte{a}, true},                  // another key
		{5, [][]byte{seriesKey("gap")}, true},   // gap
		{4, [][]byte{a}, true},                  // key of series 1, which is in use
		{4, [][]byte{[]byte("nonsense")}, true}, // no key
		{4, [][]byte{seriesKey("d")}, false},
	}
	for _, s := range steps {
		if err := x.Replay(s.first, s.keys); errors.Is(err, ErrCorrupt) != s.bad || err != nil != s.bad {
			t.Errorf("Replay(%d, %q): %v", s.first, s.keys, err)
		}
	}
	if n := x.SeriesCount(); n != 4 {
		t.Errorf("%d series, want 4", n)
	}
}

// naive is the index as maps; it defines what the answers are.
type naive struct {
	keys     []string // of ids 1, 2, …
	ids      map[string]uint32
	presence map[uint64]map[uint32]bool
}

func newNaive() *naive {
	return &naive{ids: make(map[string]uint32), presence: make(map[uint64]map[uint32]bool)}
}

func (n *naive) parse(id uint32) (string, map[string]string) {
	m, tags, err := model.ParseSeriesKey([]byte(n.keys[id-1]), nil)
	if err != nil {
		panic(err)
	}
	set := make(map[string]string)
	for _, tag := range tags {
		set[string(tag.Key)] = string(tag.Value)
	}
	return string(m), set
}

func matches(f *model.TagFilter, tags map[string]string) bool {
	switch f.Op {
	case model.TagAnd:
		return !slices.ContainsFunc(f.Args, func(a *model.TagFilter) bool { return !matches(a, tags) })
	case model.TagOr:
		return slices.ContainsFunc(f.Args, func(a *model.TagFilter) bool { return matches(a, tags) })
	case model.TagNot:
		return !matches(f.Args[0], tags)
	case model.TagEqual:
		return tags[f.Key] == f.Value
	case model.TagNotEqual:
		return tags[f.Key] != f.Value
	case model.TagMatch:
		return f.Regex.MatchString(tags[f.Key])
	}
	return !f.Regex.MatchString(tags[f.Key])
}

func (n *naive) search(measurement string, f *model.TagFilter, within map[uint32]bool) []uint32 {
	var out []uint32
	for id := uint32(1); id <= uint32(len(n.keys)); id++ {
		m, tags := n.parse(id)
		if m == measurement && (within == nil || within[id]) && (f == nil || matches(f, tags)) {
			out = append(out, id)
		}
	}
	return out
}

var (
	testMeasurements = []string{"cpu", "disk", "m\x00", "a measurement with a long name, twice"}
	testKeys         = []string{"host", "region", "rack", "os", "é"}
	testRegexes      = []string{
		"", ".*", ".+", "^$", "^(a|b|c)$", "^web", "^web[0-3]$", "web|db", "5$", "^web-1.*5$", "(?i)^WEB", "^(web|db)-(1|2)$",
		"^a?$", "^(|b)$", "b", "^(?:we|we|web)-1", "[^a]", "^a$|^b$", "\x00", "^\\x{FFFD}", "^web-\\d+$", "^^web-1$$", "(?m)^web-1$",
	}
)

func randomValue(r *rand.Rand) string {
	switch r.IntN(6) {
	case 0:
		return string(rune('a' + r.IntN(4)))
	case 1:
		return fmt.Sprintf("db-%d", r.IntN(5))
	case 2:
		return "\xff" + string(rune('a'+r.IntN(2)))
	}
	return fmt.Sprintf("web-%d", r.IntN(300))
}

func randomKey(r *rand.Rand) []byte {
	pairs := []string{}
	for _, k := range testKeys {
		if r.IntN(3) > 0 {
			pairs = append(pairs, k, randomValue(r))
		}
	}
	return seriesKey(testMeasurements[min(r.IntN(12), len(testMeasurements)-1)], pairs...)
}

func randomFilter(r *rand.Rand, depth int) *model.TagFilter {
	f := &model.TagFilter{Op: model.TagOp(r.IntN(7))}
	if depth == 0 && f.Op <= model.TagNot {
		f.Op = model.TagEqual
	}
	switch f.Op {
	case model.TagAnd, model.TagOr:
		for range r.IntN(4) {
			f.Args = append(f.Args, randomFilter(r, depth-1))
		}
	case model.TagNot:
		f.Args = append(f.Args, randomFilter(r, depth-1))
	case model.TagEqual, model.TagNotEqual:
		f.Key = append(testKeys, "none")[r.IntN(len(testKeys)+1)]
		if r.IntN(4) > 0 {
			f.Value = randomValue(r)
		}
	default:
		f.Key = append(testKeys, "none")[r.IntN(len(testKeys)+1)]
		f.Regex = regexp.MustCompile(testRegexes[r.IntN(len(testRegexes))])
	}
	return f
}

// check compares everything that can be asked.
func (n *naive) check(t *testing.T, x *Index, r *rand.Rand) {
	t.Helper()
	if x.SeriesCount() != len(n.keys) {
		t.Fatalf("%d series, want %d", x.SeriesCount(), len(n.keys))
	}
	for range 20 {
		if len(n.keys) == 0 {
			break
		}
		id := r.IntN(len(n.keys)) + 1
		key, err := x.AppendKey(nil, model.SeriesID(id))
		if err != nil || string(key) != n.keys[id-1] {
			t.Fatalf("key of %d is %q, %v, want %q", id, key, err, n.keys[id-1])
		}
	}
	for range 15 {
		measurement := testMeasurements[r.IntN(len(testMeasurements))]
		within, bm := n.randomWithin(x, r)
		f := randomFilter(r, 2)
		if r.IntN(10) == 0 {
			f = nil
		}
		got, err := x.Search(measurement, f, bm)
		if err != nil {
			t.Fatal(err)
		}
		want := n.search(measurement, f, within)
		if !slices.Equal(got.ToArray(), want) {
			t.Fatalf("search %q %s within %d: got %v, want %v", measurement, printFilter(f), len(within), got.ToArray(), want)
		}
		n.checkNames(t, x, measurement, got, want)
		n.checkSorted(t, x, got, want)
	}
	n.checkPresence(t, x)
}

func (n *naive) randomWithin(x *Index, r *rand.Rand) (map[uint32]bool, *roaring.Bitmap) {
	if r.IntN(2) == 0 || len(n.presence) == 0 {
		return nil, nil
	}
	within := make(map[uint32]bool)
	var shards []uint64
	for shard, ids := range n.presence {
		if r.IntN(2) == 0 {
			shards = append(shards, shard)
			maps.Copy(within, ids)
		}
	}
	return within, x.Present(shards)
}

func (n *naive) checkPresence(t *testing.T, x *Index) {
	t.Helper()
	for shard, ids := range n.presence {
		if got, want := x.Present([]uint64{shard}).ToArray(), slices.Sorted(maps.Keys(ids)); !slices.Equal(got, want) {
			t.Fatalf("presence of shard %d: got %d, want %d", shard, got, want)
		}
	}
	if got, want := x.Shards(), slices.Sorted(maps.Keys(n.presence)); !slices.Equal(got, want) {
		t.Fatalf("shards %d, want %d", got, want)
	}
}

func (n *naive) checkNames(t *testing.T, x *Index, measurement string, bm *roaring.Bitmap, ids []uint32) {
	t.Helper()
	values := make(map[string]map[string]bool)
	measurements := make(map[string]bool)
	for _, id := range ids {
		m, tags := n.parse(id)
		measurements[m] = true
		for k, v := range tags {
			if values[k] == nil {
				values[k] = make(map[string]bool)
			}
			values[k][v] = true
		}
	}
	got, err := x.Measurements(bm)
	if err != nil || !slices.Equal(got, slices.Sorted(maps.Keys(measurements))) {
		t.Fatalf("measurements %q, %v, want %v", got, err, measurements)
	}
	got, err = x.TagKeys(measurement, bm)
	if err != nil || !slices.Equal(got, slices.Sorted(maps.Keys(values))) {
		t.Fatalf("tag keys %q, %v, want %v", got, err, slices.Sorted(maps.Keys(values)))
	}
	for _, k := range append([]string{"no such key"}, testKeys...) {
		if has, err := x.HasTagKey(measurement, k, bm); err != nil || has != (values[k] != nil) {
			t.Fatalf("has key %s: %v, %v, want %v", k, has, err, values[k])
		}
	}
	for _, k := range testKeys {
		got, err := x.TagValues(measurement, k, bm)
		if err != nil || !slices.Equal(got, slices.Sorted(maps.Keys(values[k]))) {
			t.Fatalf("values of %s: %q, %v, want %v", k, got, err, values[k])
		}
	}
	for from := range testKeys {
		for to := from; to <= len(testKeys); to++ {
			checkValueCounts(t, x, measurement, testKeys[from:to], bm, values)
		}
	}
}

// checkValueCounts compares both ways to count the values of keys with the values.
func checkValueCounts(t *testing.T, x *Index, measurement string, keys []string, bm *roaring.Bitmap, values map[string]map[string]bool) {
	t.Helper()
	all := make(map[string]bool)
	for _, k := range keys {
		maps.Copy(all, values[k])
	}
	if got, err := x.CountTagValues(measurement, keys, bm); err != nil || int(got) != len(all) {
		t.Fatalf("%d values of %q, %v, want %d", got, keys, err, len(all))
	}
	s, err := x.acquire()
	if err != nil {
		t.Fatal(err)
	}
	defer s.release()
	dicts, err := s.dictionaries(measurement, keys, bm)
	if err != nil || len(dicts) == 0 {
		if err != nil || len(all) > 0 {
			t.Fatalf("no dictionaries of %q, %v", keys, err)
		}
		return
	}
	if got, err := countLargest(dicts, bm); err != nil || int(got) != len(all) {
		t.Fatalf("%d values of %q by the largest, %v, want %d", got, keys, err, len(all))
	}
	if got, err := countMerged(dicts, bm); err != nil || int(got) != len(all) {
		t.Fatalf("%d values of %q merged, %v, want %d", got, keys, err, len(all))
	}
}

func (n *naive) checkSorted(t *testing.T, x *Index, bm *roaring.Bitmap, ids []uint32) {
	t.Helper()
	want := make([]model.SeriesID, len(ids))
	tags := make(map[model.SeriesID]model.Tags)
	for i, id := range ids {
		want[i] = model.SeriesID(id)
		_, tags[want[i]], _ = model.ParseSeriesKey([]byte(n.keys[id-1]), nil)
	}
	slices.SortFunc(want, func(a, b model.SeriesID) int { return compareTags(tags[a], tags[b]) })
	got, err := x.SortedSeries(bm)
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("sorted series %d, %v, want %d", got, err, want)
	}
	for _, first := range []int{0, 1, 2, len(ids) / 3, len(ids) - 1, len(ids), len(ids) + 1} {
		wanted := want[:min(max(first, 0), len(want))]
		if got, err := x.FirstSeries(bm, first); err != nil || !slices.Equal(got, wanted) {
			t.Fatalf("first %d series %d, %v, want %d", first, got, err, wanted)
		}
	}
	if len(ids) == 0 {
		return
	}
	s, err := x.acquire()
	if err != nil {
		t.Fatal(err)
	}
	defer s.release()
	m, _ := n.parse(ids[0])
	keys, _, err := s.sortKeys(m)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := sortByColumns(bm, keys); err != nil || !slices.Equal(got, want) {
		t.Fatalf("sorted by columns %d, %v, want %d", got, err, want)
	}
	if got, err := x.sortByKeys(s, bm); err != nil || !slices.Equal(got, want) {
		t.Fatalf("sorted by keys %d, %v, want %d", got, err, want)
	}
	checkTagTables(t, x, s, bm, want, tags)
}

// checkTagTables compares the tags of a table, made either way, with those of the
// keys.
func checkTagTables(t *testing.T, x *Index, s snapshot, bm *roaring.Bitmap, series []model.SeriesID, want map[model.SeriesID]model.Tags) {
	t.Helper()
	table, err := x.TagTable(series)
	if err != nil || table.Len() != len(series) {
		t.Fatalf("tag table of %d of %d series, %v", table.Len(), len(series), err)
	}
	measurement, err := x.measurementOf(s, bm)
	if err != nil {
		t.Fatal(err)
	}
	keys, _, err := s.sortKeys(measurement)
	if err != nil {
		t.Fatal(err)
	}
	byValues, byKeys := &TagTable{places: table.places}, &TagTable{places: table.places}
	if err := errors.Join(byValues.readValues(keys, bm, bm.ToArray()), byKeys.readKeys(s, bm, nil)); err != nil {
		t.Fatal(err)
	}
	var only []string // every other key
	for i := 0; i < len(keys); i += 2 {
		only = append(only, keys[i].name)
	}
	someByKeys := &TagTable{places: table.places}
	some, err := x.TagTableOf(series, append([]string{}, only...))
	if err = errors.Join(err, someByKeys.readKeys(s, bm, append([]string{}, only...))); err != nil {
		t.Fatal(err)
	}
	for i, id := range series {
		var tags, few model.Tags
		for _, tag := range want[id] {
			if len(tag.Value) > 0 {
				tags = append(tags, tag)
				if slices.Contains(only, string(tag.Key)) {
					few = append(few, tag)
				}
			}
		}
		for _, table := range []*TagTable{some, someByKeys} {
			if got := table.Tags(i, nil); compareTags(got, few) != 0 {
				t.Fatalf("tags %q of %d are %v, want %v", only, id, got, few)
			}
		}
		for _, table := range []*TagTable{table, byValues, byKeys} {
			if got := table.Tags(i, nil); compareTags(got, tags) != 0 || table.Size() <= 0 {
				t.Fatalf("tags of %d are %v, want %v", id, got, tags)
			}
			for k := range table.Columns() {
				c := &table.Columns()[k]
				var value []byte
				if n := table.Number(c, i); n > 0 && int(n) <= c.Values() {
					value = c.Value(n)
				}
				if !bytes.Equal(value, tags.Get(c.Key())) {
					t.Fatalf("tag %q of %d is %q, want %q", c.Key(), id, value, tags.Get(c.Key()))
				}
			}
		}
	}
}

func printFilter(f *model.TagFilter) string {
	if f == nil {
		return "all"
	}
	s := fmt.Sprintf("(op %d %s %q %v", f.Op, f.Key, f.Value, f.Regex)
	for _, a := range f.Args {
		s += " " + printFilter(a)
	}
	return s + ")"
}

// create resolves a mix of old and new keys.
func (n *naive) create(t *testing.T, x *Index, r *rand.Rand) {
	t.Helper()
	var keys [][]byte
	for range r.IntN(60) {
		keys = append(keys, randomKey(r))
	}
	got := resolveTest(t, x, keys...)
	for i, key := range keys {
		if n.ids[string(key)] == 0 {
			n.keys = append(n.keys, string(key))
			n.ids[string(key)] = uint32(len(n.keys))
		}
		if want := n.ids[string(key)]; uint32(got[i]) != want {
			t.Fatalf("id of %q is %d, want %d", key, got[i], want)
		}
	}
}

// touch changes the presence.
func (n *naive) touch(x *Index, r *rand.Rand) {
	if len(n.keys) == 0 {
		return
	}
	shard := uint64(r.IntN(4))
	var ids []model.SeriesID
	for range r.IntN(40) {
		ids = append(ids, model.SeriesID(r.IntN(len(n.keys))+1))
	}
	bm := roaring.New()
	for _, id := range ids {
		bm.Add(uint32(id))
	}
	switch r.IntN(6) {
	case 0:
		x.DropShard(shard)
		delete(n.presence, shard)
	case 1:
		x.RemovePresent(shard, bm)
		for _, id := range ids {
			delete(n.presence[shard], uint32(id))
		}
	case 2:
		x.SetPresence(shard, bm)
		n.presence[shard] = nil
		fallthrough
	default:
		x.MarkPresent(shard, ids)
		if n.presence[shard] == nil {
			n.presence[shard] = make(map[uint32]bool)
		}
		for _, id := range ids {
			n.presence[shard][uint32(id)] = true
		}
	}
}

// TestOracle runs random histories against the naive index.
func TestOracle(t *testing.T) {
	seed := testSeed(t)
	for round := range uint64(4) {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, round))
			fs := vfs.NewFault(vfs.NewMem())
			opt := Options{FS: fs, SegmentBytes: int64(1000 + r.IntN(20000)), RebuildSeries: 100 + r.IntN(1000)}
			x, n := openTest(t, "/", opt), newNaive()
			for range 50 {
				switch r.IntN(12) {
				case 0:
					if err := x.Checkpoint(); err != nil {
						t.Fatal(err)
					}
				case 9, 10:
					if err := x.WriteLayer(); err != nil {
						t.Fatal(err)
					}
				case 11:
					if err := x.Merge(); err != nil {
						t.Fatal(err)
					}
				case 1:
					if err := x.Sync(); err != nil {
						t.Fatal(err)
					}
				case 2:
					x = n.reopen(t, x, opt, r)
				case 3:
					failCheckpoint(t, x, fs, r)
				case 4:
					n.touch(x, r)
				default:
					n.create(t, x, r)
				}
				n.check(t, x, r)
			}
		})
	}
}

// failCheckpoint leaves a frozen delta behind.
func failCheckpoint(t *testing.T, x *Index, fs *vfs.Fault, r *rand.Rand) {
	t.Helper()
	ops := []vfs.Op{vfs.OpCreate, vfs.OpRename, vfs.OpSync, vfs.OpWrite}
	rule := fs.Add(vfs.Rule{Ops: ops[r.IntN(len(ops))], Path: "/index/"})
	write := x.Checkpoint
	if x.Metrics().DeltaSeries > 0 && r.IntN(2) == 0 {
		write = x.WriteLayer
	}
	if err := write(); !errors.Is(err, vfs.ErrInjected) {
		t.Fatalf("checkpoint on a broken disk: %v", err)
	}
	rule.Clear()
}

// reopen closes and opens, sometimes without the checkpoint.
func (n *naive) reopen(t *testing.T, x *Index, opt Options, r *rand.Rand) *Index {
	t.Helper()
	if r.IntN(3) == 0 {
		if err := x.Checkpoint(); err != nil {
			t.Fatal(err)
		}
	}
	saved := make(map[uint64]*roaring.Bitmap)
	for _, shard := range x.Shards() {
		saved[shard] = x.Present([]uint64{shard})
	}
	if err := errors.Join(x.Close(), x.Close()); err != nil {
		t.Fatal(err)
	}
	if r.IntN(3) == 0 {
		opt.FS.Remove(x.checkpointPath())
	}
	_, err := opt.FS.Stat(x.checkpointPath())
	x = openTest(t, "/", opt)
	if m := x.Metrics(); m.TornBytes != 0 || m.DamagedPlaces != 0 || err != nil && m.PresenceLost != (len(n.keys) > 0) {
		t.Fatalf("after reopen: %+v %v", m, x.Damage())
	}
	for _, shard := range x.Shards() {
		if saved[shard] == nil {
			x.DropShard(shard)
		}
	}
	for shard, bm := range saved {
		x.SetPresence(shard, bm)
	}
	return x
}
