package tsdb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/index"
	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/tsm"
)

// RebuiltIndex tells what RebuildIndexes made of the index of a database.
type RebuiltIndex struct {
	Database        uint32
	Series          int // with a key
	Shards, Files   int
	Nameless        int     // series in files whose keys are lost
	CutBytes        int64   // torn tail of the series log
	CheckpointBytes int64   // of the new checkpoint
	Damage          []error // of the series log: what is named there is lost
	Unreadable      []error // block files; their series may be missing from their shards
}

// RebuildIndexes makes the index of every database in the data directory again,
// from the series log and the block files: dictionaries, postings, the
// exact-match table, and which series are in which shard. The old checkpoint stays
// as checkpoint.bad. No program may have the directory open. Rows that are only in
// the log are counted in at the next start, as always.
func RebuildIndexes(ctx context.Context, dir string, opt Options) (_ []RebuiltIndex, err error) {
	opt.EnsureDefaults()
	opt.Index.FS = opt.FS
	if _, err := opt.FS.List(filepath.Join(dir, "db")); err != nil {
		return nil, fmt.Errorf("%s is not a data directory with databases: %w", dir, err)
	}
	s := &Store{dir: dir, opt: opt, fs: opt.FS}
	if err := s.claim(); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.lock.Close()) }()
	ids, err := numbered(opt.FS, filepath.Join(dir, "db"))
	if err != nil {
		return nil, err
	}
	var all []RebuiltIndex
	for _, id := range ids {
		r, err := rebuildIndex(ctx, s, uint32(id))
		if err != nil {
			return all, fmt.Errorf("rebuild index of database %d: %w", id, err)
		}
		all = append(all, r)
	}
	return all, nil
}

func rebuildIndex(ctx context.Context, s *Store, id uint32) (r RebuiltIndex, err error) {
	r.Database = id
	db := s.databaseDir(id)
	x, err := index.Rebuild(ctx, filepath.Join(db, "series"), filepath.Join(db, "index"), s.opt.Index)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	known, err := x.Unused() // all, since there is no presence yet
	if err != nil {
		return r, err
	}
	named := roaring.New()
	if err := r.readShards(ctx, s.fs, db, func(shard uint64, series *roaring.Bitmap) {
		named.Or(series)
		x.SetPresence(shard, series)
	}); err != nil {
		return r, err
	}
	if err := x.Checkpoint(); err != nil {
		return r, err
	}
	m := x.Metrics()
	r.Series, r.CutBytes, r.CheckpointBytes = m.Series, m.TornBytes, m.CheckpointBytes
	r.Damage = x.Damage()
	r.Nameless = int(roaring.AndNot(named, known).GetCardinality())
	return r, nil
}

// readShards tells which series the block files of each shard have.
func (r *RebuiltIndex) readShards(ctx context.Context, fsys vfs.FS, db string, tell func(shard uint64, series *roaring.Bitmap)) error {
	policies, err := numbered(fsys, db)
	if err != nil {
		return err
	}
	for _, p := range policies {
		policy := filepath.Join(db, strconv.FormatUint(p, 10))
		shards, err := numbered(fsys, policy)
		if err != nil {
			return err
		}
		for _, shard := range shards {
			if err := ctx.Err(); err != nil {
				return err
			}
			series, err := r.readShard(fsys, filepath.Join(policy, strconv.FormatUint(shard, 10)))
			if err != nil {
				return err
			}
			r.Shards++
			tell(shard, series)
		}
	}
	return nil
}

// readShard returns the series that the block files in dir have, whether the
// manifest names them or not: a series too many is corrected at the next start.
func (r *RebuiltIndex) readShard(fsys vfs.FS, dir string) (*roaring.Bitmap, error) {
	names, err := fsys.List(dir)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	series := roaring.New()
	for _, name := range names {
		if !strings.HasSuffix(name, ".tsm") {
			continue
		}
		f, err := tsm.Open(fsys, filepath.Join(dir, name))
		if err != nil {
			r.Unreadable = append(r.Unreadable, err)
			continue
		}
		series.Or(f.SeriesIDs())
		r.Files++
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
	series.CloneCopyOnWriteContainers()
	return series, nil
}

// numbered returns the entries of dir whose names are numbers, ascending.
func numbered(fsys vfs.FS, dir string) ([]uint64, error) {
	names, err := fsys.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	var numbers []uint64
	for _, name := range names {
		if n, err := strconv.ParseUint(name, 10, 64); err == nil && strconv.FormatUint(n, 10) == name {
			numbers = append(numbers, n)
		}
	}
	slices.SortFunc(numbers, cmp.Compare)
	return numbers, nil
}
