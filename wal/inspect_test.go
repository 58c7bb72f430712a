package wal

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// goldenSegment writes a small segment with every kind of entry, and one kind
// that is not known.
func goldenSegment(t *testing.T) []byte {
	m := vfs.NewMem()
	l, _, _ := openLog(t, Options{FS: m, SegmentBytes: 4096, MinLSN: 41})
	fields := testFields()
	table := &model.Table{Times: []int64{1000, 2000, 3500}, Series: []model.SeriesID{7, 8, 9}}
	rows := &Rows{Database: 3, Shard: 1 << 40, Table: table, Fields: []uint32{1, 2, 3, 4, 5}}
	add := func(typ model.FieldType, values ...uint64) *model.Column {
		c := &table.Columns[table.AddColumn(nil, typ)]
		c.Values = values
		return c
	}
	add(model.Float, math.Float64bits(1.5), math.Float64bits(-20.25), math.Float64bits(0))
	add(model.Integer, 1, 1<<20, 3)
	add(model.Unsigned, math.MaxUint64).Rows = []int32{2}
	add(model.Boolean, 1, 0, 1)
	text := add(model.String, model.StringRef(0, 3), model.StringRef(3, 0), model.StringRef(3, 4))
	text.Strings = []byte("onefour")

	for _, f := range []struct {
		kind    Kind
		payload []byte
	}{
		{KindSeries, AppendSeries(nil, &Series{Database: 3, First: 7, Keys: [][]byte{
			model.AppendSeriesKey(nil, []byte("cpu"), model.Tags{{Key: []byte("host"), Value: []byte("a")}}),
			model.AppendSeriesKey(nil, []byte("mem"), nil),
		}})},
		{KindFields, AppendFields(nil, &fields)},
		{KindRows, AppendRows(nil, rows)},
		{KindDelete, AppendDelete(nil, &Delete{Database: 3, Shards: []ShardMark{{5, 6}}, Series: []byte("roaring"), Min: -1, Max: 1, Measurement: []byte("cpu")})},
		{77, []byte("from the future")},
	} {
		appendWait(t, l, f.kind, string(f.payload))
	}
	must(t, l.Close())
	b, err := vfs.ReadFile(m, filepath.Join(testDir, segmentName(1)), 1<<20)
	must(t, err)
	// While the segment was written to there were zeros ahead; Close has cut them.
	return append(b, make([]byte, 4096-len(b))...)
}

// TestGoldenSegment holds the format to the file in testdata: the same calls
// write the same bytes, and Inspect prints the same text.
func TestGoldenSegment(t *testing.T) {
	const name = "testdata/version1.wal"
	b := goldenSegment(t)
	if *rewrite {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(name, b, 0o644))
	}
	golden, err := os.ReadFile(name)
	must(t, err)
	if !bytes.Equal(b, golden) {
		t.Errorf("%s differs from what is written today; a change of the format is a new version", name)
	}
	checkInspect(t, "testdata/version1.txt", golden)
}

func TestInspectDamage(t *testing.T) {
	b := goldenSegment(t)
	b[headerBlockBytes+20] ^= 1 // the second header
	damage := func(frame int) {
		at := int64(framesAt)
		for range frame {
			h := decodeFrameHeader(b[at:])
			at += h.bytes()
		}
		b[at+frameHeaderBytes] ^= 1
	}
	damage(1)
	damage(5)
	copy(b[3000:], "from an earlier use")
	checkInspect(t, "testdata/damaged.txt", b)

	checkInspect(t, "testdata/headerless.txt", make([]byte, 2000))
}

func checkInspect(t *testing.T, golden string, segment []byte) {
	t.Helper()
	m := vfs.NewMem()
	f, err := m.Create("/x.wal")
	must(t, err)
	_, err = f.Write(segment)
	must(t, err)
	var got strings.Builder
	must(t, Inspect(&got, m, "/x.wal"))
	if *rewrite {
		must(t, os.WriteFile(golden, []byte(got.String()), 0o644))
	}
	want, err := os.ReadFile(golden)
	must(t, err)
	if got.String() != string(want) {
		t.Errorf("%s:\n%s\nwant\n%s", golden, got.String(), want)
	}
}

// FuzzRecover recovers a log of one segment with any bytes: no panic, no
// error, and frames ascend.
func FuzzRecover(f *testing.F) {
	golden, err := os.ReadFile("testdata/version1.wal")
	must(f, err)
	f.Add(golden)
	f.Add(golden[:framesAt+100])
	f.Add(golden[:700])
	f.Fuzz(func(t *testing.T, b []byte) {
		m := vfs.NewMem()
		name := filepath.Join(testDir, segmentName(1))
		must(t, vfs.MkdirAll(m, testDir))
		file, err := m.Create(name)
		must(t, err)
		_, err = file.Write(b)
		must(t, err)
		if err := Inspect(new(strings.Builder), m, name); err != nil {
			t.Fatal(err)
		}
		last := uint64(0)
		opt := Options{FS: m}
		opt.EnsureDefaults(testDir)
		r := recoverer{ctx: ctx, fs: m, dir: testDir, opt: &opt, replay: func(f Frame) error {
			if f.LSN <= last {
				return fmt.Errorf("LSN %d follows %d", f.LSN, last)
			}
			last = f.LSN
			return nil
		}}
		must(t, r.run())
	})
}

// FuzzFrames recovers frames behind a good header: any bytes, and then the same
// bytes with good checksums where a frame could be.
func FuzzFrames(f *testing.F) {
	golden, err := os.ReadFile("testdata/version1.wal")
	must(f, err)
	f.Add(golden[framesAt:1500], uint8(0))
	f.Add(golden[framesAt:1500], uint8(3))
	f.Fuzz(func(t *testing.T, frames []byte, fix uint8) {
		b := append(append([]byte(nil), golden[:framesAt]...), frames...)
		for at := framesAt; at+frameHeaderBytes <= len(b) && fix > 0; fix-- {
			h := decodeFrameHeader(b[at:])
			if h.bytes() > int64(len(b)-at) {
				break
			}
			frame := b[at : at+int(h.bytes())]
			binary.LittleEndian.PutUint32(frame[frameChecksumAt:], frameChecksum(generationSeed(1), int64(at), frame))
			at += len(frame)
		}
		m := vfs.NewMem()
		must(t, vfs.MkdirAll(m, testDir))
		file, err := m.Create(filepath.Join(testDir, segmentName(1)))
		must(t, err)
		_, err = file.Write(b)
		must(t, err)
		opt := Options{FS: m}
		opt.EnsureDefaults(testDir)
		last := uint64(0)
		r := recoverer{ctx: ctx, fs: m, dir: testDir, opt: &opt, replay: func(f Frame) error {
			if f.LSN <= last {
				t.Fatalf("LSN %d follows %d", f.LSN, last)
			}
			last = f.LSN
			return nil
		}}
		must(t, Inspect(new(strings.Builder), m, filepath.Join(testDir, segmentName(1))))
		must(t, r.run())
	})
}
