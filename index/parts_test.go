package index

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

func TestFingerprintTable(t *testing.T) {
	var table fingerprintTable
	if _, ok := table.lookup(model.Fingerprint{Hi: 1}); ok {
		t.Error("an empty table knows something")
	}
	const n = 50_000
	fps, ids := make([]model.Fingerprint, n), make([]model.SeriesID, n)
	for i := range fps { // not random at all: the table has to mix
		fps[i], ids[i] = model.Fingerprint{Hi: uint64(i % 7), Lo: uint64(i)}, model.SeriesID(i+1)
	}
	fps[0] = model.Fingerprint{}
	for i := 0; i < n; i += 100 {
		table.teach(fps[i:i+100], ids[i:i+100], n)
	}
	for i, fp := range fps {
		if id, ok := table.lookup(fp); ok != (i > 0) || ok && id != ids[i] {
			t.Fatalf("lookup(%v) = %d, %v, want %d", fp, id, ok, ids[i])
		}
	}
	if _, ok := table.lookup(model.Fingerprint{Hi: 9, Lo: 9}); ok {
		t.Error("an unknown fingerprint is found")
	}
	if entries, size := table.stats(); entries != n-1 || size < n*20 {
		t.Errorf("%d entries in %d bytes", entries, size)
	}
	table.teach(fps[1:2], ids[1:2], 10) // too many spellings: starts again
	if entries, _ := table.stats(); entries != 1 {
		t.Errorf("%d entries after the limit", entries)
	}
}

func TestFingerprintTableFull(t *testing.T) {
	var table fingerprintTable
	n := segmentMaxEntries + 100
	fps, ids := make([]model.Fingerprint, n), make([]model.SeriesID, n)
	for i := range fps { // all have the same mix, so no split helps
		v := uint64(i + 1)
		fps[i], ids[i] = model.Fingerprint{Hi: v, Lo: v<<32 | v>>32}, model.SeriesID(i+1)
	}
	table.teach(fps, ids, 2*n)
	if entries, _ := table.stats(); entries != segmentMaxEntries {
		t.Errorf("%d entries, want %d", entries, segmentMaxEntries)
	}
	if id, ok := table.lookup(fps[5]); !ok || id != 6 {
		t.Errorf("lookup = %d, %v", id, ok)
	}
}

func TestPlanRegex(t *testing.T) {
	for _, c := range []struct{ re, want string }{
		{"^(a|b|c)$", "exact [a b c]"},
		{"^a$", "exact [a]"},
		{"^(?:web|db)-[12]$", "exact [db-1 db-2 web-1 web-2]"},
		{"^colou?r$", "exact [color colour]"},
		{"^$", "exact []"},
		{"^web", "prefixes [web]"},
		{"^web-\\d+$", "prefixes [web-]"},
		{"^(web|we|db).*", "prefixes [db we]"},
		{"^[a-z\\x{4e00}-\\x{9fff}]", "match"},
		{"^.*a$", "match"},
		{"(?i)^web$", "match"},
		{"(?m)^web$", "match"},
		{"^\\x{FFFD}$", "match"},
		{"web", "contains web"},
		{"web|db", "match"},
		{"a$", "match"},
		{"", "match"},
	} {
		p := planRegex(regexp.MustCompile(c.re))
		got := "match"
		switch {
		case p.isExact:
			got = fmt.Sprintf("exact %v", p.exact)
		case len(p.prefixes) > 0:
			got = fmt.Sprintf("prefixes %v", p.prefixes)
		case len(p.contains) > 0:
			got = fmt.Sprintf("contains %s", p.contains)
		}
		if got != c.want {
			t.Errorf("%q: %s, want %s", c.re, got, c.want)
		}
	}
}

// TestPlannedMatch compares what a plan matches with what its expression does.
func TestPlannedMatch(t *testing.T) {
	r := rand.New(rand.NewPCG(testSeed(t), 3))
	parts := []string{"a", "b", "ab", "0", ".", ".*", ".+", "a+", "(ab)+", "(a|b)", "[a-c]", "a?", "é", "\\d", "(?i:ab)", "a{2}", "^", "$", "b*", "(?:0b)"}
	alphabet := []string{"a", "b", "A", "0", "é", "\xff", "c"}
	for range 3000 {
		text := ""
		for range 1 + r.IntN(5) {
			text += parts[r.IntN(len(parts))]
		}
		re, err := regexp.Compile(text)
		if err != nil {
			continue
		}
		p := planRegex(re)
		for range 20 {
			value := ""
			for range r.IntN(7) {
				value += alphabet[r.IntN(len(alphabet))]
			}
			if p.isExact {
				continue // looked up, not matched
			}
			if got, want := p.match([]byte(value)), re.MatchString(value); got != want {
				t.Fatalf("%q matches %q: %v, want %v (needs %q)", text, value, got, want, p.needs)
			}
		}
	}
}

// TestRegexCacheGrows has a result survive checkpoints, with the values that are
// new and without the series that are gone.
func TestRegexCacheGrows(t *testing.T) {
	x := openTest(t, "/", Options{FS: vfs.NewMem()})
	find := func() string {
		t.Helper()
		bm, err := x.Search("m", match("host", "a.*z"), nil)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(bm.ToArray())
	}
	hosts := []string{"a1z", "a2", "b", "a3z", "zoo", "a-z", "az"}
	for i, want := range []string{"[1]", "[1]", "[1]", "[1 4]", "[1 4]", "[1 4 6]", "[4 6 7]"} {
		resolveTest(t, x, seriesKey("m", "host", hosts[i]))
		if i == len(hosts)-1 {
			freeTest(t, x, roaring.BitmapOf(1))
		}
		for range 2 {
			if got := find(); got != want {
				t.Errorf("step %d: %s, want %s", i, got, want)
			}
			if err := x.Checkpoint(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if m := x.Metrics(); m.RegexMisses != 1 || m.RegexHits != 12 || m.RegexCacheBytes == 0 {
		t.Errorf("%d misses, %d hits, %d bytes", m.RegexMisses, m.RegexHits, m.RegexCacheBytes)
	}
}

func TestOptions(t *testing.T) {
	var o Options
	o.EnsureDefaults()
	if err := o.Validate(); err != nil || o.FS == nil || o.CheckpointSeries == 0 {
		t.Errorf("defaults: %+v, %v", o, err)
	}
	for _, bad := range []Options{{CheckpointSeries: -1}, {MaxSeries: -1}, {RebuildSeries: -1}, {SegmentBytes: 1}, {SegmentBytes: 1 << 40}} {
		bad.EnsureDefaults()
		if err := bad.Validate(); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

func TestNeedsLayer(t *testing.T) {
	x := openTest(t, "/", Options{FS: vfs.NewMem(), CheckpointSeries: 2})
	for i, want := range []bool{false, true} {
		resolveTest(t, x, seriesKey("m", "k", fmt.Sprint(i)))
		if got := x.NeedsLayer(); got != want {
			t.Errorf("with %d series: %v", i+1, got)
		}
	}
	if err := x.WriteLayer(); err != nil || x.NeedsLayer() {
		t.Errorf("after a layer: %v", err)
	}
}

// TestEmptyValue has a tag with an empty value count as no tag.
func TestEmptyValue(t *testing.T) {
	x := openTest(t, "/", Options{FS: vfs.NewMem()})
	resolveTest(t, x, seriesKey("m", "k", ""), seriesKey("m"), seriesKey("m", "k", "v"))
	for range 2 {
		bm, err := x.Search("m", equal("k", ""), nil)
		if err != nil || !slices.Equal(bm.ToArray(), []uint32{1, 2}) {
			t.Errorf("search: %v, %v", bm, err)
		}
		if v, err := x.TagValues("m", "k", nil); err != nil || !slices.Equal(v, []string{"v"}) {
			t.Errorf("values: %q, %v", v, err)
		}
		if err := x.Checkpoint(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPostingCodec(t *testing.T) {
	for n := range smallPosting {
		var list []uint32
		for i := range n {
			list = append(list, uint32(1+i*i*i*130_000))
		}
		b := appendSmallPosting([]byte{7}, list)
		ref, rest, err := decodePosting(append(b[1:], 1, 2), nil)
		if err != nil || ref.n != n || !slices.Equal(ref.list, list) || !bytes.Equal(rest, []byte{1, 2}) {
			t.Errorf("%d ids: %+v, %x, %v", n, ref, rest, err)
		}
	}
}

// TestHashKey pins the hash, which is part of the checkpoint format.
func TestHashKey(t *testing.T) {
	for _, c := range []struct {
		seed uint64
		key  string
		want uint64
	}{
		{0, "", 0x670527f286862c69},
		{1, "a", 0x8e9a61dcf021810d},
		{1, "exactly 16 bytes", 0x15763b6c0c6e62ef},
		{42, "a key that is longer than sixteen bytes", 0x3e9f87a6ebc46b9b},
	} {
		if got := hashKey(c.seed, []byte(c.key)); got != c.want {
			t.Errorf("hashKey(%d, %q) = %#x, want %#x", c.seed, c.key, got, c.want)
		}
	}
}

func TestDeltaLists(t *testing.T) {
	d := newDelta(1, 1)
	r := rand.New(rand.NewPCG(1, 1))
	want := make(map[string][]uint32)
	for id := uint32(1); id <= 3000; id++ {
		value := fmt.Sprintf("v%d", r.IntN(1+r.IntN(300)))
		key := seriesKey("m", "id", fmt.Sprint(id), "k", value)
		measurement, tags, _ := model.ParseSeriesKey(key, nil)
		d.add(id, key, measurement, tags)
		want[value] = append(want[value], id)
	}
	k := d.measurements["m"].keys["k"]
	for value, ids := range want {
		p, ok, err := k.find(value)
		if err != nil || !ok || !slices.Equal(p.bitmap().ToArray(), ids) || p.len() != len(ids) {
			t.Errorf("ids of %s: %v, want %v", value, p.bitmap(), ids)
		}
	}
}

func FuzzDecodeBlock(f *testing.F) {
	plain := appendFrontCoded(nil, nil, seriesKey("m", "k", "a"))
	plain = appendFrontCoded(plain, seriesKey("m", "k", "a"), seriesKey("m", "k", "b"))
	f.Add(appendBlock(nil, 1, 5, 2, plain))
	f.Add(appendBlock(nil, 1, 5, 2, append(plain, bytes.Repeat([]byte{0, 0}, 200)...)))
	f.Add(appendMark(nil, 1, 9, 100))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := decodeBlockHeader(b, 1)
		if len(b) >= blockHeaderSize && err != nil { // try the payload anyway
			b = bytes.Clone(b)
			b[18] %= 2
			b[19] = 0
			binary.LittleEndian.PutUint16(b[16:], uint16(b[16])%(maxBlockKeys+1))
			binary.LittleEndian.PutUint32(b, headerCRC(1, b))
			if h, err = decodeBlockHeader(b, 1); err != nil {
				return
			}
		}
		if err != nil || h.mark() {
			return
		}
		if len(b) >= h.size() {
			plain, err := decodeBlockPayload(&h, b, nil)
			if err == nil {
				walkBlock(plain, int(h.count), func(int, []byte) bool { return true })
			}
		}
		walkBlock(b[blockHeaderSize:], int(h.count), func(int, []byte) bool { return true })
	})
}

// FuzzCheckpoint changes a checkpoint and makes its checksums right again, so
// that the decoders behind them see the bytes. Nothing may panic.
func FuzzCheckpoint(f *testing.F) {
	fs, _ := sampleIndex(f, true)
	good, err := vfs.ReadFile(fs, "/index/"+checkpointName, 1<<20)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint16(100), []byte{0xff, 0xff})
	f.Add(uint16(700), []byte{0x80})
	f.Add(uint16(1500), []byte{0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, at uint16, change []byte) {
		b := bytes.Clone(good)
		copy(b[int(at)%len(b):], change)
		image := fs.Crash(vfs.CrashOptions{Unsynced: vfs.All})
		resealCheckpoint(b)
		file, err := image.Create("/index/" + checkpointName)
		if err != nil {
			t.Fatal(err)
		}
		file.Write(b)
		file.Close()
		x, err := Open(t.Context(), "/series", "/index", Options{FS: image})
		if err != nil {
			return
		}
		defer x.Close()
		x.AppendKey(nil, 5)
		x.Resolve([][]byte{seriesKey("cpu", "host", "host-1", "region", "us")}, make([]model.Fingerprint, 1), make([]model.SeriesID, 1), nil)
		x.Search("cpu", equal("region", "eu"), nil)
		x.Search("cpu", match("host", "1"), nil)
		x.Measurements(nil)
		x.TagValues("cpu", "host", roaring.BitmapOf(1, 2, 70))
		x.SortedSeries(roaring.BitmapOf(1, 2, 70))
		x.Checkpoint()
	})
}

// resealCheckpoint makes the checksums fit the bytes, as far as the parts can
// still be found.
func resealCheckpoint(b []byte) {
	end := len(b) - checkpointFooterSize
	seal := func(part []byte, at int) { binary.LittleEndian.PutUint32(part[at:], crc32c(part[:at])) }
	seal(b[:checkpointHeaderSize], checkpointHeaderSize-4)
	seal(b[end:], 44)
	foot, err := decodeCheckpointFooter(b[end:])
	if err != nil || foot.dataEnd > uint64(end) || foot.dataEnd+foot.pages()*4 > uint64(end) {
		return
	}
	for i := range foot.pages() {
		page := b[i*checksumPage : min((i+1)*checksumPage, foot.dataEnd)]
		binary.LittleEndian.PutUint32(b[foot.dataEnd+i*4:], crc32c(page))
	}
	binary.LittleEndian.PutUint32(b[end+28:], crc32c(b[foot.dataEnd:end]))
	seal(b[end:], 44)
}

func crc32c(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// TestRuns has a delta with lost keys in between.
func TestRuns(t *testing.T) {
	d := newDelta(10, 1)
	want := make(map[uint32]string)
	add := func(id uint32) {
		key := seriesKey(fmt.Sprint(id))
		want[id] = string(key)
		d.addAll(id, [][]byte{key})
	}
	add(12)
	add(13)
	d.skip(20)
	d.skip(30)
	add(30)
	add(1 << 31)
	d.skip(1<<31 + 5)
	for _, id := range []uint32{1, 10, 11, 12, 13, 14, 20, 29, 30, 31, 1<<31 - 1, 1 << 31, 1<<31 + 1, 1<<31 + 5, 1<<32 - 1} {
		if got := string(d.key(id)); got != want[id] {
			t.Errorf("key of %d is %q, want %q", id, got, want[id])
		}
		if key, ok := want[id]; ok {
			got, ok, _ := d.find(hashKey(1, []byte(key)), []byte(key), nil)
			if !ok || got != id {
				t.Errorf("id of %q is %d, want %d", key, got, id)
			}
		}
	}
	if d.count() != len(want) || d.limit() != 1<<31+5 || len(d.sortedSlots(nil)) != len(want) {
		t.Errorf("%d series up to %d", d.count(), d.limit())
	}
}
