package tsdb

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/timberlinedb/timberline/index"
	"github.com/timberlinedb/timberline/model"
)

// resolved tells what became of rows with new series at the limits of the index.
type resolved struct {
	series     int // rows refused because of the number of series
	values     int // rows refused because of the number of values of a tag
	overflowed int // rows whose value of a tag was replaced

	valuesReason, overflowReason string // of the first of them

	seriesLine, valuesLine, overflowLine int // their lines; 0: not known
}

func (r *resolved) add(o resolved) {
	r.series += o.series
	r.values += o.values
	r.overflowed += o.overflowed
	if r.valuesReason == "" {
		r.valuesReason, r.valuesLine = o.valuesReason, o.valuesLine
	}
	if r.overflowReason == "" {
		r.overflowReason, r.overflowLine = o.overflowReason, o.overflowLine
	}
	if r.seriesLine == 0 {
		r.seriesLine = o.seriesLine
	}
}

// resolve gives every row of b its series, creating those that do not exist.
// Rows whose series may not be created are taken out.
func (db *database) resolve(b *model.Batch) (sum resolved, err error) {
	for at, t := range b.Tables {
		if len(t.NewKeys) == 0 {
			continue
		}
		keys := make([][]byte, len(t.NewKeys))
		prints := make([]model.Fingerprint, len(t.NewKeys))
		ids := make([]model.SeriesID, len(t.NewKeys))
		for i, k := range t.NewKeys {
			keys[i] = k.Key
			if int(k.Row) < len(t.Fingerprints) {
				prints[i] = t.Fingerprints[k.Row]
			}
		}
		err := db.index.Resolve(keys, prints, ids, db.journal)
		full := errors.Is(err, index.ErrMaxSeries) || errors.Is(err, index.ErrMaxValues)
		if full {
			var some resolved
			some, err = db.resolveSome(t, keys, prints, ids)
			sum.add(some)
		}
		if err != nil {
			return sum, fmt.Errorf("number the series of %q: %w", t.Measurement, db.ended(err))
		}
		if db.index.NeedsLayer() {
			db.store.layers.write()
		}
		var bad []int32
		for i, k := range t.NewKeys {
			t.Series[k.Row] = ids[i]
			if ids[i] == 0 {
				bad = append(bad, k.Row)
			}
		}
		if len(bad) > 0 {
			b.Tables[at] = withoutRows(t, bad)
		}
	}
	return sum, nil
}

// resolveSome finds the ids of known series and makes new ones as long as there
// is room; the others stay without.
func (db *database) resolveSome(t *model.Table, keys [][]byte, prints []model.Fingerprint, ids []model.SeriesID) (some resolved, err error) {
	for i := range keys {
		err := db.index.Resolve(keys[i:i+1], prints[i:i+1], ids[i:i+1], db.journal)
		var values *index.TagValuesError
		if errors.As(err, &values) && db.store.opt.Index.OverflowValue != "" {
			if ids[i], err = db.overflow(keys[i], values); err == nil {
				some.overflowed++
				if some.overflowReason == "" {
					some.overflowReason, some.overflowLine = values.Error(), lineOf(t, i)
				}
			}
		}
		switch {
		case err == nil:
		case errors.As(err, &values):
			some.values++
			if some.valuesReason == "" {
				some.valuesReason, some.valuesLine = values.Error(), lineOf(t, i)
			}
		case errors.Is(err, index.ErrMaxSeries):
			some.series++
			if some.seriesLine == 0 {
				some.seriesLine = lineOf(t, i)
			}
		default:
			return some, err
		}
	}
	return some, nil
}

// lineOf returns the number of the line of a new key, 0 when there is none.
func lineOf(t *model.Table, key int) int {
	if row := t.NewKeys[key].Row; int(row) < len(t.Lines) {
		return int(t.Lines[row])
	}
	return 0
}

// overflow returns the series of a key in which values that are too many are
// replaced. The spelling of the key is not learned: the next row with it is counted,
// too, and gets its own series when there is room again.
func (db *database) overflow(key []byte, full *index.TagValuesError) (model.SeriesID, error) {
	other := []byte(db.store.opt.Index.OverflowValue)
	for {
		measurement, tags, err := model.ParseSeriesKey(key, nil)
		if err != nil {
			return 0, err
		}
		replaced := false
		for i := range tags {
			if string(tags[i].Key) == full.Key && !bytes.Equal(tags[i].Value, other) {
				tags[i].Value, replaced = other, true
			}
		}
		if !replaced {
			return 0, full
		}
		key = model.AppendSeriesKey(nil, measurement, tags)
		ids := make([]model.SeriesID, 1)
		err = db.index.Resolve([][]byte{key}, make([]model.Fingerprint, 1), ids, db.journal)
		if !errors.As(err, &full) { // another tag of it may be full, too
			return ids[0], err
		}
	}
}
