package tsdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// fieldDef is a field of a shard: rows in the log name it by its number.
type fieldDef struct {
	Number      uint32
	Type        model.FieldType
	Measurement string
	Name        string
}

// fieldTable holds the fields of a shard with their types. Numbers are given
// once and never again. Frames of the log define fields before rows use them;
// the file holds what those frames said up to its LSN, see
// docs/formats/fields.md.
type fieldTable struct {
	mu           sync.RWMutex // guards the fields below
	measurements map[string]map[string]fieldDef
	byNumber     map[uint32]fieldDef
	next         uint32
	lsn          uint64 // newest frame that changed the table
	saved        uint64 // the lsn of the file

	// gone are the numbers that were given out and mean no field any more,
	// ascending; stale says that they have to be found anew.
	gone  []uint32
	stale bool
}

const (
	fieldsName    = "fields"
	fieldsMagic   = "TLFIELD1"
	fieldsMaxFile = 1 << 30
)

func newFieldTable() *fieldTable {
	return &fieldTable{
		measurements: make(map[string]map[string]fieldDef),
		byNumber:     make(map[uint32]fieldDef),
		next:         1,
		stale:        true,
	}
}

// lookup returns the definition of a field; ok is false when there is none.
func (ft *fieldTable) lookup(measurement, name []byte) (def fieldDef, ok bool) {
	ft.mu.RLock()
	defer ft.mu.RUnlock()
	def, ok = ft.measurements[string(measurement)][string(name)]
	return def, ok
}

// numbers returns the numbers of the table's columns, when each has values and is
// known with its type; nil otherwise.
func (ft *fieldTable) numbers(t *model.Table) []uint32 {
	ft.mu.RLock()
	defer ft.mu.RUnlock()
	known := ft.measurements[string(t.Measurement)]
	if known == nil {
		return nil
	}
	list := make([]uint32, len(t.Columns))
	for i := range t.Columns {
		c := &t.Columns[i]
		def, ok := known[string(c.Name)]
		if !ok || def.Type != c.Type || len(c.Values) == 0 {
			return nil
		}
		list[i] = def.Number
	}
	return list
}

// fields returns the definitions of a measurement, sorted by name.
func (ft *fieldTable) fields(measurement string) []fieldDef {
	ft.mu.RLock()
	defer ft.mu.RUnlock()
	m := ft.measurements[measurement]
	list := slices.AppendSeq(make([]fieldDef, 0, len(m)), maps.Values(m))
	slices.SortFunc(list, func(a, b fieldDef) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// number returns the definition of a field number.
func (ft *fieldTable) number(n uint32) (def fieldDef, ok bool) {
	ft.mu.RLock()
	defer ft.mu.RUnlock()
	def, ok = ft.byNumber[n]
	return def, ok
}

// reserve returns the next n numbers without giving them out: define does.
func (ft *fieldTable) reserve() uint32 {
	ft.mu.RLock()
	defer ft.mu.RUnlock()
	return ft.next
}

// define adds fields that frame lsn defines. A number that is defined anew gives its field another name, or with an
// empty name takes it out; the number stays known, because rows that are still around may name it.
func (ft *fieldTable) define(lsn uint64, defs []fieldDef) {
	ft.mu.Lock()
	defer ft.mu.Unlock()
	for _, d := range defs {
		m := ft.measurements[d.Measurement]
		if m == nil {
			m = make(map[string]fieldDef)
			ft.measurements[d.Measurement] = m
		}
		was, again := ft.byNumber[d.Number]
		if again && m[was.Name].Number == d.Number {
			delete(m, was.Name)
		}
		switch {
		case !again || d.Name != "":
			m[d.Name] = d
		case len(m) == 0:
			delete(ft.measurements, d.Measurement)
		}
		ft.byNumber[d.Number] = d
		ft.next = max(ft.next, d.Number+1)
	}
	ft.lsn, ft.stale = max(ft.lsn, lsn), true
}

// forget drops the fields of a measurement, as frame lsn says. Their numbers
// stay known, because rows that are still around may name them.
func (ft *fieldTable) forget(lsn uint64, measurement string) {
	ft.mu.Lock()
	defer ft.mu.Unlock()
	delete(ft.measurements, measurement)
	ft.lsn, ft.stale = max(ft.lsn, lsn), true
}

// dropped returns the numbers of fields that were dropped, ascending, and the LSN
// of the newest change that they follow from. They must not be changed.
func (ft *fieldTable) dropped() (numbers []uint32, lsn uint64) {
	ft.mu.Lock()
	defer ft.mu.Unlock()
	if !ft.stale {
		return ft.gone, ft.lsn
	}
	ft.gone, ft.stale = nil, false
	live := 0
	for _, m := range ft.measurements {
		live += len(m)
	}
	if uint64(live)+1 >= uint64(ft.next) {
		return nil, ft.lsn
	}
	alive := roaring.New()
	for _, m := range ft.measurements {
		for _, d := range m {
			alive.Add(d.Number)
		}
	}
	for n := uint32(1); n < ft.next; n++ {
		if !alive.Contains(n) {
			ft.gone = append(ft.gone, n)
		}
	}
	return ft.gone, ft.lsn
}

// covers reports whether the file had the frame's change already.
func (ft *fieldTable) covers(lsn uint64) bool {
	ft.mu.RLock()
	defer ft.mu.RUnlock()
	return lsn <= ft.saved
}

// save makes the table durable if it changed since it was saved last. Changes
// by frames up to the LSN returned are in the file. wait is called with that LSN
// before anything is written.
func (ft *fieldTable) save(fsys vfs.FS, path string, wait func(lsn uint64) error) (lsn uint64, err error) {
	ft.mu.RLock()
	lsn = ft.lsn
	if lsn == ft.saved {
		ft.mu.RUnlock()
		return lsn, nil
	}
	b := ft.appendFile(nil)
	ft.mu.RUnlock()
	if err := wait(lsn); err != nil {
		return 0, err
	}
	err = vfs.WriteFile(fsys, path, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("save field types: %w", err)
	}
	ft.mu.Lock()
	ft.saved = max(ft.saved, lsn)
	ft.mu.Unlock()
	return lsn, nil
}

// appendFile appends the bytes of the file. The lock must be held.
func (ft *fieldTable) appendFile(dst []byte) []byte {
	var defs []fieldDef
	for _, m := range ft.measurements {
		defs = slices.AppendSeq(defs, maps.Values(m))
	}
	slices.SortFunc(defs, func(a, b fieldDef) int {
		if c := strings.Compare(a.Measurement, b.Measurement); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	dst = append(dst, fieldsMagic...)
	dst = binary.AppendUvarint(dst, ft.lsn)
	dst = binary.AppendUvarint(dst, uint64(ft.next))
	dst = binary.AppendUvarint(dst, uint64(len(defs)))
	last := ""
	for _, d := range defs {
		m := d.Measurement
		if m == last {
			m = "" // as the one before
		}
		last = d.Measurement
		dst = binary.AppendUvarint(dst, uint64(d.Number))
		dst = append(dst, byte(d.Type))
		dst = appendString(dst, m)
		dst = appendString(dst, d.Name)
	}
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst, castagnoli))
}

func appendString(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

// openFieldTable reads the file at path; a missing one is an empty table.
func openFieldTable(fsys vfs.FS, path string) (*fieldTable, error) {
	b, err := vfs.ReadFile(fsys, path, fieldsMaxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return newFieldTable(), nil
	}
	if err != nil {
		return nil, fmt.Errorf("read field types: %w", err)
	}
	return decodeFieldTable(path, b)
}

func decodeFieldTable(path string, b []byte) (*fieldTable, error) {
	if len(b) < len(fieldsMagic)+4 || string(b[:len(fieldsMagic)]) != fieldsMagic {
		return nil, &CorruptError{File: path, Offset: 0, Reason: "not a field table of a known version"}
	}
	end := len(b) - 4
	if crc32.Checksum(b[:end], castagnoli) != binary.LittleEndian.Uint32(b[end:]) {
		return nil, &CorruptError{File: path, Offset: int64(end), Reason: "checksum differs"}
	}
	ft := newFieldTable()
	d := fieldDecoder{src: b[len(fieldsMagic):end]}
	lsn, next := d.uvarint(), d.uvarint()
	defs := make([]fieldDef, 0, 16)
	last := ""
	for n := d.count(4); n > 0; n-- {
		number := d.uvarint()
		def := fieldDef{Number: uint32(number), Type: model.FieldType(d.byte())}
		if def.Measurement = d.string(); def.Measurement == "" {
			def.Measurement = last
		}
		last = def.Measurement
		def.Name = d.string()
		if !def.Type.Valid() || number > math.MaxUint32 {
			d.fail()
		}
		defs = append(defs, def)
	}
	if d.bad || len(d.src) > 0 || next > 1<<32-1 {
		return nil, &CorruptError{File: path, Offset: int64(end - len(d.src)), Reason: "malformed entry"}
	}
	ft.define(lsn, defs)
	ft.next, ft.stale = max(ft.next, uint32(next)), true
	ft.saved = lsn
	return ft, nil
}

// unsaved reports whether the table has changes that its file has not.
func (ft *fieldTable) unsaved() bool {
	ft.mu.RLock()
	defer ft.mu.RUnlock()
	return ft.lsn > ft.saved
}

// newest returns the LSN of the newest change.
func (ft *fieldTable) newest() uint64 {
	ft.mu.RLock()
	defer ft.mu.RUnlock()
	return ft.lsn
}

// known returns the measurements that have fields, in no order.
func (ft *fieldTable) known() []string {
	ft.mu.RLock()
	defer ft.mu.RUnlock()
	return slices.Collect(maps.Keys(ft.measurements))
}
