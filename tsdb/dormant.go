package tsdb

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// dormantShard stands for a shard of which nothing but the manifest and the field
// table was read, which are whole: nobody has needed its files since the start. The
// first query, write or delete awakens it, and so does what the log has for it.
//
// After the start all dormant shards are surveyed, one after the other: opened,
// which finds damage, asked for their series, and closed again, unless they have work
// for the compactor. Until that is done for all shards of a database nobody knows
// which of its series are named by files, and none are freed.
type dormantShard struct {
	spec      ShardSpec
	state     manifestState
	fieldsLSN uint64 // newest frame that the field table has
	surveyed  bool   // the index knows its series
}

// rest makes a shard dormant that is there and needs nothing done. ok is false when
// it has to be opened instead; an error tells of damage or that files cannot be
// read.
func (db *database) rest(spec ShardSpec) (ok bool, err error) {
	fsys, dir := db.store.fs, db.shardDir(spec)
	path := filepath.Join(dir, manifestName)
	b, err := vfs.ReadFile(fsys, path, manifestMaxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("open shard %d: read manifest: %w", spec.ID, err)
	}
	state, size, err := readManifest(path, b)
	if err != nil {
		return false, fmt.Errorf("open shard %d: %w", spec.ID, err)
	}
	if size < int64(len(b)) || size > manifestRewrite || !state.seriesKnown() {
		return false, nil
	}
	if clean, err := db.isClean(dir, state.files); err != nil || !clean {
		return false, err
	}
	fields, err := openFieldTable(fsys, filepath.Join(dir, fieldsName))
	if err != nil {
		return false, fmt.Errorf("open shard %d: %w", spec.ID, err)
	}
	db.index.NoteNamed(model.SeriesID(state.series))
	db.mu.Lock()
	defer db.mu.Unlock()
	db.dormant[spec.ID] = &dormantShard{spec: spec, state: state, fieldsLSN: fields.newest()}
	return true, nil
}

// isClean reports whether the directory of a shard has all files that its manifest
// names and nothing that a crash has left.
func (db *database) isClean(dir string, files []fileEntry) (bool, error) {
	names, err := db.store.fs.List(dir)
	if err != nil {
		return false, fmt.Errorf("list %s: %w", dir, err)
	}
	blocks := 0
	for _, name := range names {
		switch filepath.Ext(name) {
		case vfs.TempSuffix:
			return false, nil
		case ".tsm":
			number, ok := parseFileName(name)
			if !ok || !slices.ContainsFunc(files, func(e fileEntry) bool { return e.Number == number }) {
				return false, nil
			}
			blocks++
		}
	}
	return blocks == len(files), nil
}

// awaken returns a shard, which it opens if it is dormant; nil when there is none, or
// when it turns out to be a failed one.
func (db *database) awaken(id uint64) (*shard, error) {
	db.mu.RLock()
	sh, d := db.shards[id], db.dormant[id]
	db.mu.RUnlock()
	if sh != nil || d == nil {
		return sh, nil
	}
	db.makeMu.Lock()
	defer db.makeMu.Unlock()
	if d = db.dormantShard(id); d == nil {
		return db.shard(id), nil // another one was faster
	}
	sh, err := db.openDormant(d)
	if sh != nil {
		db.wake(sh)
	}
	return sh, err
}

// awakenIn is awaken for a time range: nil, too, when the shard does not overlap it.
func (db *database) awakenIn(id uint64, span model.TimeRange) (*shard, error) {
	if d := db.dormantShard(id); d != nil && !d.spec.Range.Overlaps(span) {
		return nil, nil
	}
	sh, err := db.awaken(id)
	if sh != nil && !sh.spec.Range.Overlaps(span) {
		return nil, nil
	}
	return sh, err
}

// openDormant opens a dormant shard and tells the index which series it has. A shard
// that turns out damaged becomes a failed one: then both results are nil. makeMu must
// be held.
func (db *database) openDormant(d *dormantShard) (*shard, error) {
	sh, err := openShard(db.store, db, d.spec)
	if err != nil {
		if err = db.fail(d.spec, err); err == nil {
			db.mu.Lock()
			delete(db.dormant, d.spec.ID)
			db.mu.Unlock()
		}
		return nil, err
	}
	sh.tellPresence()
	return sh, nil
}

// wake puts an opened shard in the place of the dormant one. makeMu must be held.
func (db *database) wake(sh *shard) {
	db.mu.Lock()
	defer db.mu.Unlock()
	delete(db.dormant, sh.spec.ID)
	db.shards[sh.spec.ID] = sh
}

// dormantShard returns a dormant shard, nil when there is none.
func (db *database) dormantShard(id uint64) *dormantShard {
	db.mu.RLock()
	defer db.mu.RUnlock()
	return db.dormant[id]
}

// listDormant returns the dormant shards, ascending by number.
func (db *database) listDormant() []*dormantShard {
	db.mu.RLock()
	defer db.mu.RUnlock()
	list := make([]*dormantShard, 0, len(db.dormant))
	for _, d := range db.dormant {
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b *dormantShard) int { return cmp.Compare(a.spec.ID, b.spec.ID) })
	return list
}

// awakenAll opens all dormant shards.
func (db *database) awakenAll() error {
	var errs []error
	for _, d := range db.listDormant() {
		if _, err := db.awaken(d.spec.ID); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// surveyBatch is how many shards are surveyed at most at each tick of flushTick, so
// that a store of thousands of shards has its first minute for other things.
const surveyBatch = 64

// surveyLoop surveys the dormant shards, some at each tick, and ends when all are.
func (s *Store) surveyLoop(tick clock.Ticker) {
	defer s.loops.Done()
	defer tick.Stop()
	for {
		select {
		case <-s.closing:
			return
		case <-tick.C():
		}
		if s.surveySome(surveyBatch) {
			return
		}
	}
}

// surveySome surveys up to n dormant shards and reports whether all are.
func (s *Store) surveySome(n int) (done bool) {
	done = true
	for _, db := range s.list() {
		for _, d := range db.listDormant() {
			switch {
			case db.isSurveyed(d):
				continue
			case n == 0 || s.bg.Err() != nil:
				return false
			}
			n--
			if err := db.survey(d.spec.ID); err != nil {
				setText(&s.counters.lastCompactionError, err.Error())
				done = false
			}
		}
	}
	return done
}

func (db *database) isSurveyed(d *dormantShard) bool {
	db.mu.RLock()
	defer db.mu.RUnlock()
	return d.surveyed
}

// survey opens a dormant shard and closes it again when it has no work for anybody:
// one file at most, and no tombstones.
func (db *database) survey(id uint64) error {
	db.makeMu.Lock()
	defer db.makeMu.Unlock()
	d := db.dormantShard(id)
	if d == nil || d.surveyed {
		return nil
	}
	sh, err := db.openDormant(d)
	if sh == nil {
		return err
	}
	if len(sh.files) > 1 || len(sh.lost) > 0 || sh.tombs.Len() > 0 {
		db.wake(sh)
		return nil
	}
	db.mu.Lock()
	d.surveyed = true
	db.mu.Unlock()
	return sh.shut()
}

// dropDormant removes a dormant shard with its files; there says whether it was one.
// makeMu must be held.
func (db *database) dropDormant(id uint64) (there bool, err error) {
	db.mu.Lock()
	d := db.dormant[id]
	delete(db.dormant, id)
	db.mu.Unlock()
	if d == nil {
		return false, nil
	}
	fsys, dir := db.store.fs, db.shardDir(d.spec)
	return true, errors.Join(fsys.RemoveAll(dir), fsys.SyncDir(filepath.Dir(dir)))
}

// unsurveyed reports whether there are shards whose series are not known.
func (db *database) unsurveyed() bool {
	db.mu.RLock()
	defer db.mu.RUnlock()
	for _, d := range db.dormant {
		if !d.surveyed {
			return true
		}
	}
	return false
}

// has reports whether there is a shard that is not a failed one.
func (db *database) has(id uint64) bool {
	db.mu.RLock()
	defer db.mu.RUnlock()
	return db.shards[id] != nil || db.dormant[id] != nil
}

// addMetrics counts the shard with what its manifest says.
func (d *dormantShard) addMetrics(m *Metrics) {
	m.Shards++
	m.DormantShards++
	m.Files += len(d.state.files)
	for _, f := range d.state.files {
		m.FileBytes += f.Size
	}
}
