package tsdb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsm"
)

// flushRows is how many rows of a series are handed to the writer at once.
const flushRows = 8192

// flush writes the rows of the shard's caches to files. It returns when
// everything that was in them at the time of the call is in published files.
func (sh *shard) flush(ctx context.Context) error {
	sh.flushMu.Lock()
	defer sh.flushMu.Unlock()
	sh.freeze()
	for {
		c := sh.oldestFrozen()
		if c == nil {
			break
		}
		err := sh.flushCache(ctx, c)
		c.release()
		if err != nil {
			return fmt.Errorf("flush shard %d: %w", sh.spec.ID, err)
		}
	}
	if sh.gone() {
		return nil
	}
	if err := sh.saveFields(ctx); err != nil {
		return fmt.Errorf("flush shard %d: %w", sh.spec.ID, err)
	}
	return nil
}

func (sh *shard) gone() bool {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return sh.dropped
}

// flushCache makes a file of a frozen cache. The steps are in the order in which
// a crash may cut them: rows are durable in the log before they are in a file;
// series and fields that the file names are durable before the log may forget
// them; the file has its name before the manifest has it; the cache goes last.
func (sh *shard) flushCache(ctx context.Context, c *cache) error {
	started := sh.store.clock.Now()
	sh.activity.flushing.Add(1)
	defer sh.activity.flushing.Add(-1)
	if err := sh.store.waitDurable(ctx, c.maxLSN); err != nil {
		return err
	}
	if err := sh.db.syncIndex(); err != nil {
		return err
	}
	if err := sh.saveFields(ctx); err != nil {
		return err
	}
	file, overwritten, err := sh.writeFile(ctx, c)
	if err != nil {
		return err
	}
	edit := manifestEdit{Flushed: c.maxLSN, Next: c.generation + 1}
	if file != nil {
		edit.Added, edit.Series = []fileEntry{file.fileEntry}, file.lastSeries()
	}
	if err := sh.publish(edit); err != nil {
		return errors.Join(err, sh.discard(file, err))
	}
	sh.retire(c, file)
	rows, bytes := int64(0), int64(0)
	if file != nil {
		rows, bytes = file.reader.Info().Rows, file.Size
	}
	counts := &sh.store.counters
	counts.flushes.Add(1)
	sh.activity.flushes.Add(1)
	sh.activity.flushNanos.Add(sh.store.clock.Now().Sub(started).Nanoseconds())
	counts.flushedRows.Add(rows)
	counts.flushedBytes.Add(bytes)
	sh.noteOverwrites(overwritten)
	if tell := sh.store.opt.Events.Flushed; tell != nil {
		tell(sh.ref(), rows, bytes, sh.store.clock.Now().Sub(started))
	}
	return nil
}

// publish makes an edit of the manifest durable.
func (sh *shard) publish(e manifestEdit) error {
	sh.manifestMu.Lock()
	defer sh.manifestMu.Unlock()
	return sh.manifest.apply(e)
}

// discard removes a file that was written and that no edit names. It is kept
// when that is not sure.
func (sh *shard) discard(file *shardFile, cause error) error {
	if file == nil {
		return nil
	}
	err := file.reader.Close()
	if errors.Is(cause, errManifestUnsure) {
		return err
	}
	return errors.Join(err, sh.store.fs.Remove(file.path))
}

// retire puts the file in the place of the cache it was made of.
func (sh *shard) retire(c *cache, file *shardFile) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if file != nil {
		sh.files = append(slices.Clip(sh.files), file)
		sortFiles(sh.files)
	}
	if len(sh.frozen) > 0 && sh.frozen[0] == c {
		sh.frozen = slices.Clone(sh.frozen[1:])
		c.release()
	}
	sh.lastFlush = sh.store.clock.Now()
}

func sortFiles(files []*shardFile) {
	slices.SortStableFunc(files, func(a, b *shardFile) int { return cmp.Compare(a.Generation, b.Generation) })
}

// cachedSeries is a series with the table that has its rows.
type cachedSeries struct {
	id    uint32
	table int32
}

// writeFile writes and publishes the file of a frozen cache and opens it. There
// is none when all rows were deleted.
func (sh *shard) writeFile(ctx context.Context, c *cache) (_ *shardFile, overwritten overwrites, err error) {
	tables := c.sorted()
	var series []cachedSeries
	opt := tsm.WriterOptions{
		Generation: c.generation, MinLSN: c.minLSN, MaxLSN: c.maxLSN,
		SparseRows: sh.store.opt.SparseRows, CellPercent: sh.store.opt.CellPercent,
		BlockRows: sh.store.opt.BlockRows, Codecs: sh.store.opt.Codecs,
	}
	for i, ct := range tables {
		var ids []uint32
		for _, id := range ct.heads.series(ids) {
			series = append(series, cachedSeries{id, int32(i)})
		}
		for _, col := range ct.columns {
			opt.Fields = append(opt.Fields, tsm.FieldDef{
				Number: col.field, Measurement: ct.measurement, Name: col.name, Type: col.typ,
			})
		}
	}
	if len(series) == 0 {
		return nil, overwritten, nil
	}
	slices.SortFunc(series, func(a, b cachedSeries) int { return cmp.Compare(a.id, b.id) })
	path := sh.filePath(c.generation)
	w, err := tsm.Create(sh.store.fs, path, opt)
	if err != nil {
		return nil, overwritten, err
	}
	sources := make([]*cacheSource, len(tables))
	for i, ct := range tables {
		sources[i] = newCacheSource(c, ct, ct.rows, nil)
	}
	for i, s := range series {
		if i%1024 == 0 {
			if err = ctx.Err(); err == nil && sh.gone() {
				err = ErrShardNotFound
			}
		}
		if err == nil {
			err = writeSeries(w, sources[s.table], model.SeriesID(s.id), &overwritten)
		}
		if err != nil {
			return nil, overwritten, errors.Join(err, w.Abort())
		}
	}
	file, err := sh.finishFile(w, path, c.generation)
	return file, overwritten, err
}

// writeSeries adds the rows of a cached series to a file.
func writeSeries(w *tsm.Writer, s *cacheSource, id model.SeriesID, o *overwrites) error {
	s.found = s.table.collect(uint32(id), s.limit, allTimestamps, s.found)
	w.Expect(id, len(s.found))
	for at := 0; at < len(s.found); {
		end := min(at+flushRows, len(s.found))
		for end < len(s.found) && s.found[end].time == s.found[end-1].time {
			end++
		}
		if rows := s.table.gather(s.found[at:end], nil, &s.gather); rows > 0 {
			o.rows += int64(rows)
			o.note(s.gather.replaced(), s.table.measurement, id, s.found[at:end])
		}
		s.fill()
		s.out.Series = id
		if err := w.Add(&s.out); err != nil {
			return err
		}
		at = end
	}
	return nil
}

// finishFile makes a written file durable under its name and opens it. A file
// that cannot be opened again is not published.
func (sh *shard) finishFile(w *tsm.Writer, path string, number uint64) (*shardFile, error) {
	info, err := w.Finish()
	if err != nil {
		return nil, err
	}
	fs := sh.store.fs
	if err := tsm.Publish(fs, path); err != nil {
		return nil, errors.Join(err, ignoreMissing(fs.Remove(path+tempSuffix)))
	}
	return sh.openPublished(path, number, info)
}

// openPublished opens a file that was just published. It must be readable before
// the manifest names it.
func (sh *shard) openPublished(path string, number uint64, info tsm.Info) (*shardFile, error) {
	fs := sh.store.fs
	r, err := tsm.Open(fs, path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read back: %w", damaged(err)), fs.Remove(path))
	}
	return &shardFile{
		fileEntry: fileEntry{Number: number, Generation: info.Generation, Level: uint8(info.Level), Size: info.Size, Range: info.Range},
		path:      path, reader: r,
	}, nil
}
