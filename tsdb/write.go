package tsdb

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/timberlinedb/timberline/model"
)

// WriteResult tells what became of a write.
type WriteResult struct {
	LSN          uint64 // of the last frame; Commit waits for it
	Rows, Values int    // stored
	Dropped      int    // rows refused because of a field type
	Reason       string // why the first of them was

	// SeriesRefused is the number of rows of new series beyond MaxSeries.
	SeriesRefused, MaxSeries int

	// ValuesRefused is the number of rows that would give a tag key more values
	// than MaxTagValues, ValuesReason why the first of them was refused.
	// Overflowed is the number of rows that were stored under OverflowValue instead.
	ValuesRefused, Overflowed    int
	ValuesReason, OverflowReason string

	// The numbers of the lines of the first such rows, 0 when they have none.
	SeriesLine, ValuesLine, OverflowLine int

	// Conflicts are the refused rows, by table.
	Conflicts []TypeConflict
}

// TypeConflict are the rows of a table that were refused because of a field
// type.
type TypeConflict struct {
	Table *model.Table               // of the batch that was written, with its series
	Rows  []int32                    // ascending
	Types map[string]model.FieldType // of the fields, after the rest was stored
}

// Write appends the rows of b, which all lie in the time range of the shard, to
// the log and the cache. It does not wait for the disk: the rows count, and are
// seen by readers, when Commit of the LSN in the result has returned. Rows whose
// field types contradict those of the shard are left out and
// counted, and so are rows of new series beyond the limits of series and of the values of a tag.
//
// The batch is changed: series are filled in. Who has filled in some himself
// holds the series (see HoldSeries).
func (s *Store) Write(ctx context.Context, db uint32, shard uint64, b *model.Batch) (WriteResult, error) {
	d, sh, err := s.find(db, shard)
	if err != nil {
		return WriteResult{}, err
	}
	if err := s.admit(ctx); err != nil {
		return WriteResult{}, err
	}
	defer d.gate.leave(d.gate.enter())
	limited, err := d.resolve(b)
	if err != nil {
		return WriteResult{}, err
	}
	res, err := sh.write(b)
	res.SeriesRefused, res.MaxSeries = limited.series, s.opt.Index.MaxSeries
	res.ValuesRefused, res.ValuesReason = limited.values, limited.valuesReason
	res.Overflowed, res.OverflowReason = limited.overflowed, limited.overflowReason
	res.SeriesLine, res.ValuesLine, res.OverflowLine = limited.seriesLine, limited.valuesLine, limited.overflowLine
	sh.activity.wrote(res, err)
	s.counters.rowsWritten.Add(int64(res.Rows))
	s.counters.valuesWritten.Add(int64(res.Values))
	if res.Dropped > 0 {
		s.counters.rowsDropped.Add(int64(res.Dropped))
		setText(&s.counters.lastDropped, res.Reason)
		if tell := s.opt.Events.RowsDropped; tell != nil {
			tell(sh.ref(), res.Dropped, res.Reason)
		}
	}
	s.flusher.noteWrite(sh)
	return res, err
}

// AppendSeriesKey appends the canonical key of a series of a database to dst.
func (s *Store) AppendSeriesKey(dst []byte, db uint32, id model.SeriesID) ([]byte, error) {
	d, err := s.database(db)
	if err != nil {
		return dst, err
	}
	return d.index.AppendKey(dst, id)
}

// admit waits until the caches are below their limit. A write that is larger
// than the limit alone is let in when there is room for any.
func (s *Store) admit(ctx context.Context) error {
	if !s.cacheFull() {
		return nil
	}
	stalled := s.clock.After(max(s.opt.WriteStall, 0))
	for {
		freed := s.flusher.freed()
		if !s.cacheFull() {
			return nil
		}
		s.flusher.kick()
		select {
		case <-freed:
		case <-stalled:
			if !s.cacheFull() {
				return nil
			}
			s.counters.writesRefused.Add(1)
			return fmt.Errorf("%w: %d bytes, at most %d are held", ErrCacheFull, s.cacheAccount.Used(), s.opt.CacheLimit)
		case <-ctx.Done():
			return ctx.Err()
		case <-s.closing:
			return ErrClosed
		}
	}
}

// write stores a batch whose series are known.
func (sh *shard) write(b *model.Batch) (res WriteResult, err error) {
	var fresh []uint32
	sh.writeMu.Lock()
	defer sh.writeMu.Unlock()
	sh.mu.RLock()
	active, dropped := sh.active, sh.dropped
	sh.mu.RUnlock()
	if dropped {
		return res, fmt.Errorf("write to shard %d: %w", sh.spec.ID, ErrShardNotFound)
	}
	for _, t := range b.Tables {
		if slices.Contains(t.Series, 0) {
			return res, fmt.Errorf("write to shard %d: a row of %q has no series", sh.spec.ID, t.Measurement)
		}
		typed, err := sh.typeFields(t)
		if err != nil {
			return res, err
		}
		if res.Dropped == 0 && typed.dropped > 0 {
			res.Reason = typed.reason
		}
		if typed.dropped > 0 {
			res.Conflicts = append(res.Conflicts, TypeConflict{Table: t, Rows: typed.bad, Types: typed.types})
		}
		res.Dropped += typed.dropped
		if typed.table.Rows() == 0 {
			continue
		}
		if typed.lsn > 0 {
			res.LSN = typed.lsn
		}
		for part := range cutTable(typed.table, sh.store.opt.FrameBytes) {
			lsn, err := sh.store.appendRows(sh, part, typed.fields)
			if err != nil {
				return res, err
			}
			res.LSN = lsn
			fresh = active.insert(lsn, sh.store.readable(), sh.store.clock.Now(), part, typed.fields, fresh[:0])
			if len(fresh) > 0 {
				sh.markPresent(fresh)
			}
			res.Rows += part.Rows()
			for i := range part.Columns {
				res.Values += len(part.Columns[i].Values)
			}
		}
	}
	return res, nil
}

func (sh *shard) markPresent(ids []uint32) {
	list := make([]model.SeriesID, len(ids))
	for i, id := range ids {
		list[i] = model.SeriesID(id)
	}
	sh.db.index.MarkPresent(sh.spec.ID, list)
}

// typedTable is a table whose columns have field numbers.
type typedTable struct {
	table   *model.Table
	fields  []uint32 // by column
	lsn     uint64   // of the frame that defined new ones, 0 when there was none
	dropped int      // rows
	reason  string

	bad   []int32 // the dropped ones, and the types that they contradict
	types map[string]model.FieldType
}

// typeFields finds the field numbers of a table's columns. Fields that the shard
// does not know are defined in the log first; rows with a value of another type
// than the shard's are taken out. Of two types of a new field in one body the
// first that is stored stands. The write lock must be held.
func (sh *shard) typeFields(t *model.Table) (typedTable, error) {
	if numbers := sh.fields.numbers(t); numbers != nil {
		return typedTable{table: t, fields: numbers}, nil // nearly always
	}
	tt := typedTable{table: t}
	var fresh map[string]model.FieldType // types of new fields
	conflict, bare := false, false
	for i := range t.Columns {
		c := &t.Columns[i]
		if len(c.Values) == 0 {
			bare = true
			continue
		}
		typ, ok := fresh[string(c.Name)]
		if def, known := sh.fields.lookup(t.Measurement, c.Name); known {
			typ, ok = def.Type, true
		}
		if !ok {
			if fresh == nil {
				fresh = make(map[string]model.FieldType)
			}
			fresh[string(c.Name)] = c.Type
		}
		conflict = conflict || ok && typ != c.Type
	}
	if conflict || bare {
		tt.bad, tt.types, tt.reason = sh.conflicts(t)
		tt.dropped = len(tt.bad)
		tt.table = withoutRows(t, tt.bad)
	}
	return tt, sh.numberFields(&tt)
}

// conflicts returns the rows of t, ascending, with a value of another type than
// its field has, the types of the fields, and why the first of them is refused. A
// new field gets its type from the first row that is not refused.
func (sh *shard) conflicts(t *model.Table) (bad []int32, types map[string]model.FieldType, reason string) {
	types = make(map[string]model.FieldType)
	for i := range t.Columns {
		if def, ok := sh.fields.lookup(t.Measurement, t.Columns[i].Name); ok {
			types[string(t.Columns[i].Name)] = def.Type
		}
	}
	done := make([]int, len(t.Columns)) // values of each column that were passed
	var row []*model.Column             // those with a value in the row
	for r := range int32(t.Rows()) {
		row = row[:0]
		for i := range t.Columns {
			c := &t.Columns[i]
			if c.Dense() || done[i] < len(c.Rows) && c.Rows[done[i]] == r {
				row = append(row, c)
				done[i]++
			}
		}
		if why := conflictOf(t.Measurement, row, types); why != "" {
			bad = append(bad, r)
			if reason == "" {
				reason = why
			}
			continue
		}
		for _, c := range row {
			types[string(c.Name)] = c.Type
		}
	}
	return bad, types, reason
}

// conflictOf tells which value of a row has another type than its field; empty
// when none has.
func conflictOf(measurement []byte, row []*model.Column, types map[string]model.FieldType) string {
	for i, c := range row {
		typ, ok := types[string(c.Name)]
		for _, other := range row[:i] {
			if !ok && string(other.Name) == string(c.Name) {
				typ, ok = other.Type, true
			}
		}
		if ok && typ != c.Type {
			return fmt.Sprintf("field type conflict: input field %q on measurement %q is type %s, already exists as type %s",
				c.Name, measurement, c.Type, typ)
		}
	}
	return ""
}

// numberFields fills in the numbers of the fields and defines the new ones.
func (sh *shard) numberFields(tt *typedTable) error {
	var created []fieldDef
	next := sh.fields.reserve()
	for i := range tt.table.Columns {
		c := &tt.table.Columns[i]
		if def, ok := sh.fields.lookup(tt.table.Measurement, c.Name); ok {
			tt.fields = append(tt.fields, def.Number)
			continue
		}
		def := fieldDef{Number: next, Type: c.Type, Measurement: string(tt.table.Measurement), Name: string(c.Name)}
		next++
		created = append(created, def)
		tt.fields = append(tt.fields, def.Number)
	}
	if len(created) == 0 {
		return nil
	}
	if next < sh.fields.reserve() {
		return errors.New("field numbers of the shard are used up")
	}
	lsn, err := sh.store.appendFields(sh, created)
	if err != nil {
		return err
	}
	tt.lsn = lsn
	sh.fieldsPin = olderLSN(sh.fieldsPin, lsn)
	sh.fields.define(lsn, created)
	sh.activity.fields.Add(int64(len(created)))
	return nil
}
