package lineproto

import (
	"github.com/timberlinedb/timberline/internal/fingerprint"
	"github.com/timberlinedb/timberline/model"
)

// ParsePlain does what Parser.Parse does, in the simplest way: the plain
// grammar on every line, and maps. It is there to read and to compare with.
func ParsePlain(dst *model.Batch, body []byte, opt Options) {
	opt.ensureDefaults()
	dst.Reset()
	b := plainBuilder{batch: dst, opt: opt, tables: map[string]*plainTable{}}
	var pt point
	for line, at := 1, 0; at < len(body); {
		text, size, newlines := nextLine(body[at:])
		if len(text) > 0 && text[0] != '#' {
			dst.Lines++
			if err := b.addLine(&pt, text, line); err != nil && len(dst.Rejects) < maxRejects {
				dst.Rejects = append(dst.Rejects, model.Reject{Line: line, Text: text, Reason: err.Error()})
			}
		}
		at, line = at+size, line+newlines
	}
	b.finish()
}

type plainBuilder struct {
	batch  *model.Batch
	opt    Options
	tables map[string]*plainTable // by measurement
}

type plainTable struct {
	*model.Table
	columns map[plainColumn]int
}

type plainColumn struct {
	name string
	typ  model.FieldType
}

func (b *plainBuilder) addLine(pt *point, text []byte, line int) (err error) {
	if len(text) > b.opt.MaxLineBytes {
		return lineTooLong(len(text), b.opt.MaxLineBytes)
	}
	if b.batch.Arena, err = parsePoint(pt, text, b.opt.Precision, b.opt.V2, b.batch.Arena); err != nil {
		return err
	}
	if !pt.timed {
		if pt.timestamp, err = b.opt.now(); err != nil {
			return err
		}
	}
	t := b.tables[string(pt.measurement)]
	if t == nil {
		t = &plainTable{b.batch.AddTable(pt.measurement), map[plainColumn]int{}}
		b.tables[string(pt.measurement)] = t
	}
	row := int32(t.Rows())
	for i := range pt.fields {
		b.addField(t, &pt.fields[i], row)
	}
	var id model.SeriesID
	fp := fingerprint.Of(pt.key)
	if b.opt.Series != nil {
		id, _ = b.opt.Series.Lookup(fp)
	}
	if id != 0 {
		fp = model.Fingerprint{}
	} else {
		t.NewKeys = append(t.NewKeys, model.NewKey{Row: row, Key: model.AppendSeriesKey(nil, pt.measurement, pt.tags)})
	}
	t.Times = append(t.Times, pt.timestamp)
	t.Series = append(t.Series, id)
	t.Fingerprints = append(t.Fingerprints, fp)
	t.Lines = append(t.Lines, int32(line))
	return nil
}

func (b *plainBuilder) addField(t *plainTable, f *pointField, row int32) {
	name, arena := unescapeKey(f.key, b.batch.Arena)
	which := plainColumn{string(name), f.typ}
	k, ok := t.columns[which]
	if !ok {
		k = t.AddColumn(name, f.typ)
		t.columns[which] = k
	}
	bits := f.bits
	if f.typ == model.String {
		start := len(arena)
		arena = appendString(arena, f.quoted)
		bits = model.StringRef(start, len(arena)-start)
	}
	b.batch.Arena = arena
	c := &t.Columns[k]
	c.Rows = append(c.Rows, row)
	c.Values = append(c.Values, bits)
}

// finish gives string columns their buffer and dense columns their nil Rows.
func (b *plainBuilder) finish() {
	for _, t := range b.batch.Tables {
		for i := range t.Columns {
			c := &t.Columns[i]
			if len(c.Rows) == t.Rows() {
				c.Rows = nil
			}
			if c.Type == model.String {
				c.Strings = b.batch.Arena
			}
		}
	}
}
