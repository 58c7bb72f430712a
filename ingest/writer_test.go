package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/lineproto"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb"
	"github.com/timberlinedb/timberline/tsdb/cursor"
	"github.com/timberlinedb/timberline/wal"
)

// testNow is the time of the writer's clock; it lies an hour after the begin of
// a shard of a day.
var testNow = time.Date(2024, 1, 10, 1, 0, 0, 0, time.UTC)

// door is a writer with what it writes to.
type door struct {
	*Writer
	t     testing.TB
	clock *clock.Manual
}

// newDoor makes a database "db" with the policies autogen (endless) and week
// (seven days in shards of one).
func newDoor(t testing.TB) *door {
	t.Helper()
	files, clk := vfs.NewMem(), clock.NewManual(testNow)
	cat, err := catalog.Open("/data/catalog", catalog.Options{FS: files})
	if err != nil {
		t.Fatal(err)
	}
	store, err := tsdb.Open(context.Background(), "/data", nil, tsdb.Options{FS: files, Clock: clk})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	week := 7 * 24 * time.Hour
	if _, err := cat.CreateDatabase("db", nil); err != nil {
		t.Fatal(err)
	}
	if err := cat.CreatePolicy("db", catalog.PolicySpec{Name: "week", Duration: &week}, false); err != nil {
		t.Fatal(err)
	}
	return &door{Writer: New(cat, store, clk), t: t, clock: clk}
}

// write writes a body whose timestamps are seconds before now, with a minus.
func (d *door) write(policy, body string) error {
	return d.Write(context.Background(), Request{
		Database: "db", Policy: policy, Precision: lineproto.Second, Body: []byte(body), Client: "192.0.2.7:1234",
	})
}

// at spells the timestamp of a moment before now.
func at(before time.Duration) string { return fmt.Sprint(testNow.Add(-before).Unix()) }

// rows returns what a policy holds, one text per row: series, fields, and the
// age in seconds.
func (d *door) rows(policy string) []string {
	d.t.Helper()
	db := d.catalog.Snapshot().Database("db")
	var shards []uint64
	for _, g := range db.Policy(policy).Groups {
		shards = append(shards, g.Shard)
	}
	v, err := d.store.View(context.Background(), db.ID, shards, model.AllTime)
	if err != nil {
		d.t.Fatal(err)
	}
	defer v.Close()
	measurements, err := v.Measurements()
	if err != nil {
		d.t.Fatal(err)
	}
	var out []string
	for _, m := range measurements {
		out = append(out, d.measurement(v, m)...)
	}
	return out
}

func (d *door) measurement(v cursor.View, name string) (out []string) {
	d.t.Helper()
	fields, err := v.Fields(name)
	if err != nil {
		d.t.Fatal(err)
	}
	set, err := v.Series(name, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	req := cursor.Request{Measurement: name, Fields: fields, Range: model.AllTime}
	for i := range set.Len() {
		req.Series = append(req.Series, set.ID(i))
	}
	c, err := v.Read(context.Background(), req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer c.Close()
	for i, ok := c.NextSeries(); ok; i, ok = c.NextSeries() {
		key := name
		for _, tag := range set.Tags(i, nil) {
			key += fmt.Sprintf(",%s=%s", tag.Key, tag.Value)
		}
		for b := c.Next(); b != nil; b = c.Next() {
			for r, t := range b.Times {
				out = append(out, fmt.Sprintf("%s %s -%d", key, rowText(b, fields, r), (testNow.UnixNano()-t)/1e9))
			}
		}
	}
	if c.Err() != nil {
		d.t.Fatal(c.Err())
	}
	return out
}

func rowText(b *cursor.Batch, fields []cursor.Field, r int) string {
	var parts []string
	for i := range b.Columns {
		c := &b.Columns[i]
		if !c.Has(r) {
			continue
		}
		var v any
		switch c.Type {
		case model.Float:
			v = c.Floats[r]
		case model.Integer:
			v = fmt.Sprintf("%di", c.Integers[r])
		case model.Unsigned:
			v = fmt.Sprintf("%du", c.Unsigneds[r])
		case model.Boolean:
			v = c.Booleans[r]
		case model.String:
			v = fmt.Sprintf("%q", c.Strings[r])
		}
		parts = append(parts, fmt.Sprintf("%s=%v", fields[i].Name, v))
	}
	return strings.Join(parts, ",")
}

func TestWrite(t *testing.T) {
	const week = 7 * 24 * time.Hour
	tests := []struct {
		name   string
		policy string
		before string // an earlier write, which must work
		body   string
		err    string
		rows   []string
	}{
		{
			name: "all types", body: `m,t=a f=1.5,i=-2i,u=3u,b=t,s="x"`,
			rows: []string{`m,t=a b=true,f=1.5,i=-2i,s="x",u=3u -0`},
		},
		{name: "nothing", body: "\n"},
		{name: "comments only", body: "# one\n  # two\n"},
		{
			name: "tag named time", body: "m,time=x f=1\nm f=2\nm,time=x f=3",
			err:  `partial write: invalid tag key: input tag "time" on measurement "m" is invalid dropped=2`,
			rows: []string{"m f=2 -0"},
		},
		{
			name: "time is the only field", body: "m time=1\nm f=2 " + at(time.Second),
			err:  `partial write: invalid field name: input field "time" on measurement "m" is invalid dropped=1`,
			rows: []string{"m f=2 -1"},
		},
		{
			name: "only time everywhere", body: "m time=1\nm time=2i",
			err: `partial write: invalid field name: input field "time" on measurement "m" is invalid dropped=2`,
		},
		{name: "time beside other fields", body: "m f=1,time=5,g=2", rows: []string{"m f=1,g=2 -0"}},
		{
			name: "late points", policy: "week", body: "m f=1 " + at(week+time.Second) + "\nm f=2 " + at(week) + "\nm f=3 " + at(2*week),
			err:  "partial write: points beyond retention policy dropped=2",
			rows: []string{"m f=2 -604800"},
		},
		{
			name: "all late", policy: "week", body: "m f=1 " + at(week+time.Hour),
			err: "partial write: points beyond retention policy dropped=1",
		},
		{name: "endless policy", body: "m f=1 0", rows: []string{fmt.Sprintf("m f=1 -%d", testNow.Unix())}},
		{
			name: "type conflict", before: "m f=1 " + at(3*time.Second),
			body: "m f=2i " + at(2*time.Second) + "\nm f=3 " + at(time.Second) + "\nm g=1,f=true",
			err:  `partial write: field type conflict: input field "f" on measurement "m" is type integer, already exists as type float dropped=2`,
			rows: []string{"m f=1 -3", "m f=3 -1"},
		},
		{
			name: "two types for a new field", body: "m f=1i 1\nm f=2 2\nm f=3i 3\nm f=\"x\" 4",
			err: `partial write: field type conflict: input field "f" on measurement "m" is type float, already exists as type integer dropped=2`,
			rows: []string{
				fmt.Sprintf("m f=1i -%d", testNow.Unix()-1), fmt.Sprintf("m f=3i -%d", testNow.Unix()-3),
			},
		},
		{
			name: "a refused row gives no type", before: "m f=1 " + at(4*time.Second),
			body: "m f=1i,g=1 " + at(3*time.Second) + "\nm g=2i " + at(2*time.Second),
			err:  `partial write: field type conflict: input field "f" on measurement "m" is type integer, already exists as type float dropped=1`,
			rows: []string{"m f=1 -4", "m g=2i -2"},
		},
		{
			name: "types are of one shard", body: "m f=1 0\nm f=1i",
			rows: []string{fmt.Sprintf("m f=1 -%d", testNow.Unix()), "m f=1 -0"},
		},
		{
			name: "first row of a shard gives the type", body: "m f=1i 0\nm f=1\nm f=2i 1\nm f=2i",
			err:  `partial write: field type conflict: input field "f" on measurement "m" is type integer, already exists as type float dropped=1`,
			rows: []string{fmt.Sprintf("m f=1 -%d", testNow.Unix()), fmt.Sprintf("m f=2 -%d", testNow.Unix()-1), "m f=1 -0"},
		},
		{
			name: "several shards", policy: "week",
			body: "a f=1 " + at(0) + "\nb f=2 " + at(50*time.Hour) + "\na f=3 " + at(100*time.Hour) + "\na f=4 " + at(2*time.Hour),
			rows: []string{"a f=3 -360000", "a f=4 -7200", "a f=1 -0", "b f=2 -180000"},
		},
		{
			name: "all malformed", body: "m\nm f=\nm,t= f=1",
			err: "unable to parse 'm': missing fields\nunable to parse 'm f=': missing field value\nunable to parse 'm,t= f=1': missing tag value",
		},
		{
			name: "some malformed", body: "m\nm f=1\nm f=x",
			err:  "partial write: unable to parse 'm': missing fields\nunable to parse 'm f=x': invalid boolean dropped=0",
			rows: []string{"m f=1 -0"},
		},
		{
			name: "unbalanced quotes", body: "m f=1\nm s=\"open\nm f=2",
			err:  "partial write: unable to parse 'm s=\"open\nm f=2': unbalanced quotes dropped=0",
			rows: []string{"m f=1 -0"},
		},
		{
			name: "malformed and conflict", before: "m f=1 " + at(time.Minute), body: "m\nm f=1i\nm f=2",
			err: "partial write: unable to parse 'm': missing fields\n" +
				`field type conflict: input field "f" on measurement "m" is type integer, already exists as type float dropped=1`,
			rows: []string{"m f=1 -60", "m f=2 -0"},
		},
		{
			name: "malformed and all others refused", before: "m f=1 " + at(time.Minute), body: "m\nm f=1i",
			err: "partial write: unable to parse 'm': missing fields\n" +
				`field type conflict: input field "f" on measurement "m" is type integer, already exists as type float dropped=1`,
			rows: []string{"m f=1 -60"},
		},
		{
			name: "every cause at once", policy: "week", before: "m f=1 " + at(time.Minute),
			body: "m\nm,time=a f=1\nm time=3\nm f=1 " + at(8*24*time.Hour) + "\nm f=1i\nm f=4",
			err: "partial write: unable to parse 'm': missing fields\n" +
				`invalid tag key: input tag "time" on measurement "m" is invalid dropped=4`,
			rows: []string{"m f=1 -60", "m f=4 -0"},
		},
		{
			name: "duplicates merge", body: "m,t=a f=1,g=1\nm,t=a f=2\nm,t=a h=3",
			rows: []string{"m,t=a f=2,g=1,h=3 -0"},
		},
		{name: "last of a field given twice", body: "m f=1,f=2", rows: []string{"m f=2 -0"}},
		{
			name: "field given with two types", body: "m f=1,f=2i\nm f=3",
			err:  `partial write: field type conflict: input field "f" on measurement "m" is type integer, already exists as type float dropped=1`,
			rows: []string{"m f=3 -0"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDoor(t)
			if tt.before != "" {
				if err := d.write(tt.policy, tt.before); err != nil {
					t.Fatal(err)
				}
			}
			got := ""
			if err := d.write(tt.policy, tt.body); err != nil {
				got = err.Error()
			}
			if got != tt.err {
				t.Errorf("answer\n\t%s\nwant\n\t%s", got, tt.err)
			}
			if rows := d.rows(tt.policy); !slices.Equal(rows, tt.rows) {
				t.Errorf("rows\n\t%s\nwant\n\t%s", strings.Join(rows, "\n\t"), strings.Join(tt.rows, "\n\t"))
			}
		})
	}
}

func TestWriteToNowhere(t *testing.T) {
	d := newDoor(t)
	var database *DatabaseNotFoundError
	err := d.Write(context.Background(), Request{Database: "none", Body: []byte("m f=1")})
	if !errors.As(err, &database) || err.Error() != `database not found: "none"` {
		t.Errorf("unknown database: %v", err)
	}
	var policy *PolicyNotFoundError
	if err := d.write("none", "m f=1"); !errors.As(err, &policy) || err.Error() != "retention policy not found: none" {
		t.Errorf("unknown policy: %v", err)
	}
	if _, err := d.catalog.DropPolicy("db", "autogen"); err != nil {
		t.Fatal(err)
	}
	if err := d.write("", "m f=1"); !errors.As(err, &policy) || err.Error() != "retention policy not found: autogen" {
		t.Errorf("default policy that was dropped: %v", err)
	}
}

// What was refused tells its kind, so that the answer's status can be chosen.
func TestErrorKinds(t *testing.T) {
	d := newDoor(t)
	var parse *ParseError
	if err := d.write("", "# c\nm\nm"); !errors.As(err, &parse) || parse.FirstLine != 2 || len(parse.Lines) != 2 {
		t.Errorf("malformed: %#v", err)
	}
	var partial *PartialWriteError
	if err := d.write("week", "m f=1 1\nm"); !errors.As(err, &partial) || partial.Cause != BeyondRetention || partial.Dropped != 1 || partial.FirstLine != 2 {
		t.Errorf("late: %#v", err)
	}
	if err := d.write("", "m f=1\nm"); !errors.As(err, &partial) || partial.Cause != Malformed || partial.Dropped != 0 {
		t.Errorf("partly malformed: %#v", err)
	}
	if err := d.write("", "m f=1i"); !errors.As(err, &partial) || partial.Cause != FieldConflict || partial.FirstLine != 0 {
		t.Errorf("conflict: %#v", err)
	}
	for _, tt := range []struct{ err, class error }{
		{tsdb.ErrCacheFull, ErrBusy}, {wal.ErrNoSpace, ErrNoSpace}, {wal.ErrPoisoned, ErrUnavailable}, {tsdb.ErrClosed, ErrUnavailable},
	} {
		got := classify("db", fmt.Errorf("write: %w", tt.err))
		if !errors.Is(got, tt.class) || !errors.Is(got, tt.err) {
			t.Errorf("%v is classified as %v", tt.err, got)
		}
		if strings.Contains(got.Error(), "partial write") || strings.Contains(got.Error(), "unable to parse") {
			t.Errorf("clients would drop the points of %q", got)
		}
	}
}

func TestMetrics(t *testing.T) {
	d := newDoor(t)
	if err := d.write("", "m f=1,g=2\nm f=3 1"); err != nil {
		t.Fatal(err)
	}
	d.write("week", "m\nm f=1 1\nm f=1 2\nm,time=x f=1\nm f=1")
	d.write("week", "m f=true")
	d.write("nowhere", "m f=1")
	m := d.Metrics()
	if m.Requests != 4 || m.Failed != 0 || m.Rows != 3 || m.Values != 4 {
		t.Errorf("%d requests, %d failed, %d rows, %d values", m.Requests, m.Failed, m.Rows, m.Values)
	}
	var want [causes]Refused
	for c := range causes {
		want[c].Cause = c
	}
	for c, r := range map[Cause]Refused{
		Malformed:       {Rows: 1, Example: Example{Reason: "unable to parse 'm': missing fields"}},
		InvalidKey:      {Rows: 1, Example: Example{Reason: `invalid tag key: input tag "time" on measurement "m" is invalid`}},
		BeyondRetention: {Rows: 2, Example: Example{Reason: `point of measurement "m" at 1970-01-01T00:00:01Z is older than the retention policy keeps`}},
		FieldConflict:   {Rows: 1, Example: Example{Reason: `field type conflict: input field "f" on measurement "m" is type boolean, already exists as type float`}},
		NotFound:        {Rows: 1, Example: Example{Reason: "retention policy not found: nowhere"}},
	} {
		r.Cause, r.Example.Client, r.Example.Database, r.Example.Time = c, "192.0.2.7:1234", "db", d.clock.Now()
		want[c] = r
	}
	if m.Refused != want {
		t.Errorf("refused\n\t%+v\nwant\n\t%+v", m.Refused, want)
	}
	if err := d.write("", strings.Repeat("x", 1000)); err == nil {
		t.Fatal("a line without fields was stored")
	}
	if n := len(d.Metrics().Refused[Malformed].Example.Reason); n != maxExampleBytes {
		t.Errorf("an example of %d bytes is kept, want %d", n, maxExampleBytes)
	}
}

// A batch is used again: what was taken out of one body must not show in later ones.
func TestBodiesDoNotMix(t *testing.T) {
	d := newDoor(t)
	if err := d.write("", "m a=1,time=2,b=3,c=4 1"); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		body := fmt.Sprintf("n a=%d,b=%d,c=%d,d=%d %d", i, 100+i, 200+i, 300+i, i)
		if err := d.write("", body); err != nil {
			t.Fatal(err)
		}
	}
	for i, row := range d.rows("")[1:] {
		if want := fmt.Sprintf("n a=%d,b=%d,c=%d,d=%d -%d", i, 100+i, 200+i, 300+i, testNow.Unix()-int64(i)); row != want {
			t.Errorf("got %s, want %s", row, want)
		}
	}
}

func TestWriteBatch(t *testing.T) {
	d := newDoor(t)
	body := []byte("m,t=a f=1 10\nm,t=b f=2,time=3 604800000000000\nm,time=x f=3 30")
	var b model.Batch
	var p lineproto.Parser
	p.Parse(&b, body, lineproto.Options{Now: testNow.UnixNano()})
	err := d.WriteBatch(context.Background(), Request{Database: "db"}, &b)
	if want := `partial write: invalid tag key: input tag "time" on measurement "m" is invalid dropped=1`; err == nil || err.Error() != want {
		t.Errorf("answer %v, want %s", err, want)
	}
	if rows := d.rows(""); len(rows) != 2 || !strings.HasPrefix(rows[0], "m,t=a f=1 ") || !strings.HasPrefix(rows[1], "m,t=b f=2 ") {
		t.Errorf("rows: %q", rows)
	}
}

// TestWriteWithinScope writes what a sender may and may not write.
func TestWriteWithinScope(t *testing.T) {
	d := newDoor(t)
	write := func(body string, measurements []string) error {
		return d.Write(context.Background(), Request{Database: "db", Precision: 1, Body: []byte(body), Measurements: measurements})
	}
	if err := write("a f=1 1\nb f=1 1", []string{"b", "a"}); err != nil {
		t.Error(err)
	}
	for _, body := range []string{"a f=2 1\nc f=1 1", "c f=1", "c,a=b f=1"} {
		var refused *ForbiddenError
		if err := write(body, []string{"a"}); !errors.As(err, &refused) || refused.Measurement != "c" {
			t.Errorf("%s: %v", body, err)
		}
	}
	if err := write("a f=1", []string{}); err == nil {
		t.Error("who may write nothing has written")
	}
	if n := d.Metrics().Rows; n != 2 {
		t.Errorf("%d rows are stored, want 2", n)
	}
}
