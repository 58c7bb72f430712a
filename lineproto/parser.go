package lineproto

import (
	"bytes"
	"slices"

	"github.com/timberlinedb/timberline/internal/fingerprint"
	"github.com/timberlinedb/timberline/model"
)

// SeriesTable tells which raw spellings of series keys are known. The spelling
// of a refused line is never known, so a known one needs no check.
type SeriesTable interface {
	// Lookup returns the series whose raw key has the fingerprint.
	Lookup(fp model.Fingerprint) (model.SeriesID, bool)

	// LookupAll sets ids, which is as long as fps, to what Lookup returns for
	// each fingerprint; 0 where there is no series.
	LookupAll(ids []model.SeriesID, fps []model.Fingerprint)
}

// Options say how a body is read.
type Options struct {
	Precision    Precision   // of the timestamps; 0: nanoseconds
	Now          int64       // time of lines without a timestamp, in nanoseconds; truncated to Precision
	Series       SeriesTable // nil: no spelling is known
	MaxLineBytes int         // 0: 4 MiB
	V2           bool        // refuse the tag keys _measurement, _field and time
}

const defaultMaxLineBytes = 4 << 20

// maxRejects bounds how many refused lines of a body are kept with their
// reason. Two bytes can be a refused line, and a Reject is much larger; the
// others are in Batch.Lines all the same.
const maxRejects = 1 << 16

func (o *Options) ensureDefaults() {
	if o.Precision <= 0 {
		o.Precision = Nanosecond
	}
	if o.MaxLineBytes <= 0 {
		o.MaxLineBytes = defaultMaxLineBytes
	}
}

// now returns the time of lines without a timestamp.
func (o *Options) now() (int64, error) {
	if !model.AllTime.Contains(o.Now) {
		return 0, errTimeRange
	}
	t := o.Precision.truncate(o.Now)
	if !model.AllTime.Contains(t) {
		return 0, errTimeRange
	}
	return t, nil
}

// Parser reads bodies into batches. It keeps scratch memory between bodies,
// none of which a batch refers to. The zero value is ready; it is not for
// concurrent use.
type Parser struct {
	batch *model.Batch
	body  []byte
	opt   Options

	now              int64 // time of lines without a timestamp
	nowErr           error
	minTime, maxTime int64 // range of timestamps as the body writes them

	line      int // number of the line being read
	nextSpace int // index of the first space at or after the line being read, when not below it

	tables  []*tableState
	current *tableState // of the line before, nil at the start

	byName     hashTable // unescaped measurement -> index in spellings
	bySpelling hashTable // raw measurement -> index in spellings
	spellings  []spelling
	byField    hashTable // table and raw field key -> table<<32 | column

	byKey hashTable // fingerprint of a spelling that is not known -> index in keys
	keys  []newKey

	pt   point
	tags model.Tags

	order tagOrder // of tags, by the last new key

	memory memory   // of lines of this body and of earlier ones
	number uint64   // of the body, never 0 in use
	last   lastTime // of this body
	block  block    // lines that are read and not yet in the batch
}

// spelling is one way to write a measurement.
type spelling struct {
	raw   []byte
	table *tableState
}

// newKey is a spelling that the series table does not know.
type newKey struct {
	fp        model.Fingerprint
	canonical []byte
}

// Parse empties dst and reads body into it. Byte slices of the batch point
// into body and into the batch's arena. Lines that are refused leave nothing
// but their Reject; of the first 65,536 of them there is one, of the others
// only the count, which is dst.Lines - dst.Rows().
//
// The number of a line is that of its first character's line in the body.
// Where a field key comes twice in a line with one type, the value that comes last
// counts; with two types both are kept, for storage to refuse one.
func (p *Parser) Parse(dst *model.Batch, body []byte, opt Options) {
	p.begin(dst, body, opt)
	for pos := 0; pos < len(body); {
		start := skipBlanks(body, pos)
		point := start < len(body) && body[start] > '\r' && body[start] != '#'
		if point {
			if next, ok := p.shapedLine(start); ok {
				if pos = next; p.block.full() || pos == len(body) {
					pos = p.flush(pos)
				}
				continue
			}
		}
		if next := p.flush(pos); next != pos {
			pos = next
			continue
		}
		if point {
			if next, ok := p.fastLine(start); ok {
				pos = next
				continue
			}
		}
		pos = p.plainLine(pos)
	}
	p.finish()
}

func (p *Parser) begin(dst *model.Batch, body []byte, opt Options) {
	opt.ensureDefaults()
	dst.Reset()
	p.batch, p.body, p.opt = dst, body, opt
	p.now, p.nowErr = opt.now()
	p.minTime, p.maxTime = model.MinTime/int64(opt.Precision), model.MaxTime/int64(opt.Precision)
	p.line, p.nextSpace = 1, -1
	p.number, p.last = p.number+1, lastTime{}
	p.memory.begin()
	p.block.limit = blockLines
	for _, h := range p.hashTables() {
		h.reset()
	}
}

func (p *Parser) hashTables() [4]*hashTable {
	return [4]*hashTable{&p.byName, &p.bySpelling, &p.byField, &p.byKey}
}

// plainLine reads the line at body[pos:] by the plain grammar and returns
// where the next one begins.
func (p *Parser) plainLine(pos int) int {
	text, size, newlines := nextLine(p.body[pos:])
	if len(text) > 0 && text[0] != '#' {
		p.batch.Lines++
		if err := p.addLine(text); err != nil && len(p.batch.Rejects) < maxRejects {
			p.batch.Rejects = append(p.batch.Rejects, model.Reject{Line: p.line, Text: text, Reason: err.Error()})
		}
	}
	p.line += newlines
	return pos + size
}

// addLine adds the point of a line to its table, which it makes if needed,
// with the columns that are missing.
func (p *Parser) addLine(text []byte) (err error) {
	if len(text) > p.opt.MaxLineBytes {
		return lineTooLong(len(text), p.opt.MaxLineBytes)
	}
	arena, pt := p.batch.Arena, &p.pt
	if p.batch.Arena, err = parsePoint(pt, text, p.opt.Precision, p.opt.V2, arena); err != nil {
		p.batch.Arena = p.batch.Arena[:len(arena)]
		return err
	}
	if !pt.timed {
		if pt.timestamp, err = p.now, p.nowErr; err != nil {
			return err
		}
	}
	fp := fingerprint.Of(pt.key)
	id := p.lookup(fp)
	var canonical []byte
	if id == 0 {
		if canonical = p.findNewKey(fp); canonical == nil {
			canonical = p.addNewKey(fp, pt.measurement, pt.tags)
		}
	}
	ts := p.tableOf(pt)
	ts.addFields(p, pt.fields)
	ts.endRow(pt.timestamp, p.line, id, fp, canonical)
	p.current = ts
	if len(pt.key) <= maxFastKey && len(pt.fields) <= maxShapeFields {
		p.memory.learn(pt.key, id != 0, pt.fields)
	}
	return nil
}

func (p *Parser) lookup(fp model.Fingerprint) model.SeriesID {
	if p.opt.Series == nil {
		return 0
	}
	id, _ := p.opt.Series.Lookup(fp)
	return id
}

// findNewKey returns the canonical key of a spelling that came before in this
// body and is not known, or nil.
func (p *Parser) findNewKey(fp model.Fingerprint) []byte {
	for at := p.byKey.find(fp.Lo); at.found; at = p.byKey.again(at) {
		if k := &p.keys[at.value]; k.fp == fp {
			return k.canonical
		}
	}
	return nil
}

// addNewKey makes the canonical key of a spelling.
func (p *Parser) addNewKey(fp model.Fingerprint, measurement []byte, tags model.Tags) []byte {
	start := len(p.batch.Arena)
	p.batch.Arena = model.AppendSeriesKey(p.batch.Arena, measurement, tags)
	canonical := slices.Clip(p.batch.Arena[start:])
	p.byKey.add(fp.Lo, uint64(len(p.keys)))
	p.keys = append(p.keys, newKey{fp, canonical})
	return canonical
}

// tableOf returns the table of a point, which it makes if needed.
func (p *Parser) tableOf(pt *point) *tableState {
	raw, _, _ := cutMeasurement(pt.key) // the key is valid
	return p.tableNamed(raw, pt.measurement)
}

// tableNamed returns the table of a measurement that is spelled raw, which it
// makes if needed, and learns the spelling.
func (p *Parser) tableNamed(raw, measurement []byte) *tableState {
	if ts := p.findTable(raw); ts != nil {
		return ts
	}
	hash := hashBytes(0, measurement)
	var ts *tableState
	for at := p.byName.find(hash); at.found; at = p.byName.again(at) {
		if s := p.spellings[at.value]; bytes.Equal(s.table.table.Measurement, measurement) {
			ts = s.table
			break
		}
	}
	if ts == nil {
		ts = p.addTable(measurement)
		p.byName.add(hash, uint64(len(p.spellings)))
	}
	p.bySpelling.add(hashBytes(0, raw), uint64(len(p.spellings)))
	p.spellings = append(p.spellings, spelling{raw, ts})
	ts.raw = raw
	return ts
}

// findTable returns the table of a raw measurement that came before in this
// body, or nil.
func (p *Parser) findTable(raw []byte) *tableState {
	for at := p.bySpelling.find(hashBytes(0, raw)); at.found; at = p.bySpelling.again(at) {
		if s := &p.spellings[at.value]; bytes.Equal(s.raw, raw) {
			s.table.raw = s.raw
			return s.table
		}
	}
	return nil
}

func (p *Parser) addTable(measurement []byte) *tableState {
	n := len(p.tables)
	if n < cap(p.tables) && p.tables[:n+1][n] != nil {
		p.tables = p.tables[:n+1]
	} else {
		p.tables = append(p.tables, new(tableState))
	}
	ts := p.tables[n]
	ts.reset(n, p.batch.AddTable(measurement))
	return ts
}

// What an idle parser keeps of its scratch memory, at most.
const (
	maxIdleTables  = 64
	maxIdleColumns = 1024 // of each table
	maxIdleSlots   = 1 << 14
)

// finish completes the columns and lets go of the body and the batch.
func (p *Parser) finish() {
	sparse := 0
	for _, ts := range p.tables {
		sparse += ts.sparseRows()
	}
	rows := make([]int32, 0, sparse)
	for _, ts := range p.tables {
		rows = ts.finish(p.batch.Arena, rows)
	}
	for _, h := range p.hashTables() {
		h.trim()
	}
	clear(p.spellings)
	clear(p.keys)
	clear(p.block.keys[:p.block.used])
	p.block.used = 0
	p.spellings, p.keys = p.spellings[:0], p.keys[:0]
	if cap(p.spellings) > maxIdleSlots {
		p.spellings = nil
	}
	if cap(p.keys) > maxIdleSlots {
		p.keys = nil
	}
	if len(p.tables) > maxIdleTables {
		p.tables = slices.Clone(p.tables[:maxIdleTables])
	}
	p.tables = p.tables[:0]
	clear(p.tags[:cap(p.tags)])
	clear(p.order.sorted[:cap(p.order.sorted)])
	p.pt.forget()
	for i := range p.memory.shapes {
		p.memory.shapes[i].table = nil
	}
	p.batch, p.body, p.current, p.opt = nil, nil, nil, Options{}
}
