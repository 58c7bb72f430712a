package tsdb

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/index"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
	"github.com/timberlinedb/timberline/tsm"
)

// View opens a read view on the shards given, of which those count that exist
// and overlap r. It holds what it needs until it is closed, whatever is flushed,
// merged, deleted or dropped meanwhile.
func (s *Store) View(ctx context.Context, db uint32, shards []uint64, r model.TimeRange) (cursor.View, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d, err := s.database(db)
	if err != nil {
		return nil, err
	}
	v := &view{db: d, span: r, durable: s.readable(), epoch: d.gate.enter()}
	for _, id := range shards {
		sh, err := d.awakenIn(id, r)
		if err != nil {
			return nil, errors.Join(err, v.Close())
		}
		if sh == nil || slices.Contains(v.ids, id) {
			continue
		}
		if sv := sh.view(); sv != nil {
			v.shards = append(v.shards, sv)
			v.ids = append(v.ids, id)
		}
	}
	slices.SortFunc(v.shards, func(a, b *shardView) int { return cmp.Compare(a.spec.Range.Min, b.spec.Range.Min) })
	v.present, v.version = d.index.PresentVersion(v.ids)
	if err := errors.Join(d.failures(shards, r), d.lostSeries(v.present), v.lostFiles()); err != nil {
		return nil, errors.Join(err, v.Close())
	}
	return v, nil
}

// lostFiles returns an error when a file of the view's range cannot be read:
// nobody knows which series it had, so every answer might lack some.
func (v *view) lostFiles() error {
	for _, sv := range v.shards {
		for _, l := range sv.lost {
			if l.Range.Overlaps(v.span) {
				return fmt.Errorf("file %d of shard %d cannot be read: %w", l.Number, sv.spec.ID, l.err)
			}
		}
	}
	return nil
}

// view is a cursor.View.
type view struct {
	db      *database
	span    model.TimeRange
	durable uint64 // rows of frames up to this LSN are seen
	shards  []*shardView
	ids     []uint64
	present *roaring.Bitmap // series that have rows in the shards; never changed
	version uint64          // of present, as the index counts
	epoch   uint32          // of the database's gate
	lent    bool            // another view holds what it needs

	closeOnce sync.Once
}

// shardView is a shard as it was when a view was opened. It holds its caches and
// files.
type shardView struct {
	sh      *shard
	spec    ShardSpec
	active  *cache
	frozen  []*cache
	files   []*shardFile
	lost    []lostFile
	deletes []tsm.Delete
	next    uint64 // caches and files of lower generations are all here

	mu     sync.Mutex // guards limits
	limits map[*cacheTable]uint32
}

// view takes a hold of everything that the shard reads from; nil when the shard
// was dropped.
func (sh *shard) view() *shardView {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	if sh.dropped {
		return nil
	}
	sv := &shardView{
		sh: sh, spec: sh.spec, active: sh.active, frozen: sh.frozen, lost: sh.lost,
		deletes: sh.deletes, next: sh.next, limits: make(map[*cacheTable]uint32),
	}
	sv.active.acquire()
	for _, c := range sv.frozen {
		c.acquire()
	}
	for _, f := range sh.files {
		if f.reader.Ref() {
			sv.files = append(sv.files, f)
		}
	}
	return sv
}

func (sv *shardView) release() error {
	var first error
	sv.active.release()
	for _, c := range sv.frozen {
		c.release()
	}
	for _, f := range sv.files {
		if err := f.reader.Unref(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// limit returns how many rows of a table of the active cache the view sees. It
// stays the same as long as the view is open.
func (sv *shardView) limit(c *cache, ct *cacheTable, durable uint64) uint32 {
	sv.mu.Lock()
	defer sv.mu.Unlock()
	n, ok := sv.limits[ct]
	if !ok {
		c.mu.RLock()
		n = ct.limit(durable)
		c.mu.RUnlock()
		sv.limits[ct] = n
	}
	return n
}

// Range returns the time range that the view was opened with.
func (v *view) Range() model.TimeRange { return v.span }

// SeriesVersion tells which series the view has; false for a view of chosen ones.
func (v *view) SeriesVersion() (cursor.SeriesVersion, bool) {
	if v.lent {
		return cursor.SeriesVersion{}, false
	}
	shards := make([]byte, 0, 8*len(v.ids))
	for _, id := range v.ids {
		shards = binary.LittleEndian.AppendUint64(shards, id)
	}
	return cursor.SeriesVersion{Index: v.db.index.Instance(), Version: v.version, Shards: string(shards)}, true
}

// Measurements returns the measurements that have series in the view.
func (v *view) Measurements() ([]string, error) {
	names, err := v.db.index.Measurements(v.present)
	return names, v.db.ended(err)
}

// Fields returns the fields of a measurement over all shards.
func (v *view) Fields(measurement string) ([]cursor.Field, error) {
	if len(v.shards) == 1 {
		defs := v.shards[0].sh.fields.fields(measurement)
		list := make([]cursor.Field, len(defs))
		for i := range defs {
			list[i] = cursor.Field{Name: defs[i].Name, Type: defs[i].Type}
		}
		return list, nil
	}
	types := make(map[string]model.FieldType)
	for _, sv := range v.shards {
		for _, def := range sv.sh.fields.fields(measurement) {
			if old, ok := types[def.Name]; !ok || def.Type.Precedence() < old.Precedence() {
				types[def.Name] = def.Type
			}
		}
	}
	list := make([]cursor.Field, 0, len(types))
	for name, typ := range types {
		list = append(list, cursor.Field{Name: name, Type: typ})
	}
	slices.SortFunc(list, func(a, b cursor.Field) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// search returns the series of a measurement that filter selects; "" and no filter
// stand for all series of the view. The bitmap must not be changed.
func (v *view) search(measurement string, filter *model.TagFilter) (*roaring.Bitmap, error) {
	if measurement == "" && filter == nil {
		return v.present, nil
	}
	ids, err := v.db.index.Search(measurement, filter, v.present)
	return ids, v.db.ended(err)
}

// TagKeys returns the tag keys of the series that filter selects.
func (v *view) TagKeys(measurement string, filter *model.TagFilter) ([]string, error) {
	ids := v.present
	if filter != nil {
		var err error
		if ids, err = v.search(measurement, filter); err != nil {
			return nil, err
		}
	}
	keys, err := v.db.index.TagKeys(measurement, ids)
	return keys, v.db.ended(err)
}

// HasTagKey reports whether a series of the measurement has a tag key.
func (v *view) HasTagKey(measurement, key string) (bool, error) {
	ok, err := v.db.index.HasTagKey(measurement, key, v.present)
	return ok, v.db.ended(err)
}

// TagValues returns the values of a tag key among the series that filter
// selects.
func (v *view) TagValues(measurement, key string, filter *model.TagFilter) ([]string, error) {
	ids, err := v.search(measurement, filter)
	if err != nil {
		return nil, err
	}
	values, err := v.db.index.TagValues(measurement, key, ids)
	return values, v.db.ended(err)
}

// Series returns the series that filter selects, by tag set.
func (v *view) Series(measurement string, filter *model.TagFilter) (cursor.SeriesSet, error) {
	ids, err := v.search(measurement, filter)
	if err != nil {
		return nil, err
	}
	sorted, err := v.db.index.SortedSeries(ids)
	if err != nil {
		return nil, v.db.ended(err)
	}
	return &seriesSet{view: v, ids: sorted}, nil
}

// FirstSeries returns the first n series that filter selects, by tag set.
func (v *view) FirstSeries(measurement string, filter *model.TagFilter, n int) (cursor.SeriesSet, error) {
	ids, err := v.search(measurement, filter)
	if err != nil {
		return nil, err
	}
	sorted, err := v.db.index.FirstSeries(ids, n)
	if err != nil {
		return nil, v.db.ended(err)
	}
	return &seriesSet{view: v, ids: sorted}, nil
}

// SeriesIDs returns the ids of the series that filter selects, ascending.
func (v *view) SeriesIDs(measurement string, filter *model.TagFilter) ([]model.SeriesID, error) {
	found, err := v.search(measurement, filter)
	if err != nil {
		return nil, err
	}
	ids := make([]model.SeriesID, 0, found.GetCardinality())
	found.Iterate(func(id uint32) bool { ids = append(ids, model.SeriesID(id)); return true })
	return ids, nil
}

// CountTagValues counts the distinct values of tag keys among the series that filter
// selects.
func (v *view) CountTagValues(measurement string, keys []string, filter *model.TagFilter) (int64, error) {
	ids, err := v.search(measurement, filter)
	if err != nil {
		return 0, err
	}
	n, err := v.db.index.CountTagValues(measurement, keys, ids)
	return n, v.db.ended(err)
}

// EstimateTagValues returns about how many distinct values tag keys have.
func (v *view) EstimateTagValues(measurement string, keys []string) (int64, error) {
	n, err := v.db.index.EstimateTagValues(measurement, keys, v.ids)
	return n, v.db.ended(err)
}

// Cardinality returns the number of series that filter selects.
func (v *view) Cardinality(measurement string, filter *model.TagFilter) (int64, error) {
	ids, err := v.search(measurement, filter)
	if err != nil {
		return 0, err
	}
	return int64(ids.GetCardinality()), nil
}

// Close lets go of caches and files.
func (v *view) Close() error {
	if v.lent {
		return nil
	}
	var err error
	v.closeOnce.Do(func() {
		for _, sv := range v.shards {
			if e := sv.release(); e != nil && err == nil {
				err = fmt.Errorf("close view: %w", e)
			}
		}
		v.db.gate.leave(v.epoch)
	})
	return err
}

// seriesSet is a cursor.SeriesSet.
type seriesSet struct {
	view *view
	ids  []model.SeriesID

	only  []string     // keys of the tags that are asked for; nil: all
	asked atomic.Int32 // calls of Tags, up to tagTableAsked
	once  sync.Once    // makes table
	table *index.TagTable
}

// Who asks for the tags of tagTableAsked series of a set probably asks for those of
// all. In sets that are not small they are then read for all at once.
const (
	tagTableAsked  = 32
	tagTableSeries = 128
)

// Len returns the number of series.
func (s *seriesSet) Len() int { return len(s.ids) }

// ID returns the id of series i.
func (s *seriesSet) ID(i int) model.SeriesID { return s.ids[i] }

// Only names the keys of the tags that will be asked for.
func (s *seriesSet) Only(keys []string) { s.only = keys }

// Tags appends the tags of series i to dst[:0].
func (s *seriesSet) Tags(i int, dst model.Tags) model.Tags {
	if t := s.tagTable(); t != nil {
		return t.Tags(i, dst)
	}
	_, tags, _, err := s.view.db.index.Tags(s.ids[i], dst, nil)
	if err != nil {
		return dst[:0]
	}
	return tags
}

// tagTable returns the tags of all series, nil as long as they are read one by one.
func (s *seriesSet) tagTable() *index.TagTable {
	if len(s.ids) < tagTableSeries {
		return nil
	}
	if s.asked.Load() < tagTableAsked && s.asked.Add(1) < tagTableAsked {
		return nil
	}
	s.once.Do(func() {
		if t, err := s.view.db.index.TagTableOf(s.ids, s.only); err == nil {
			s.table = t
		}
	})
	return s.table
}
