package tsdb

import (
	"sync"

	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/wal"
)

// payloads keeps the memory of log payloads for the next one.
var payloads = sync.Pool{New: func() any { return new([]byte) }}

// appendEntry appends one frame whose payload encode appends to its argument.
func (s *Store) appendEntry(kind wal.Kind, encode func(dst []byte) []byte) (lsn uint64, err error) {
	buf := payloads.Get().(*[]byte)
	*buf = encode((*buf)[:0])
	lsn, err = s.log.Append(kind, *buf)
	payloads.Put(buf)
	return lsn, err
}

func (s *Store) appendSeries(db uint32, first model.SeriesID, keys [][]byte) (lsn uint64, err error) {
	e := wal.Series{Database: db, First: first, Keys: keys}
	return s.appendEntry(wal.KindSeries, func(dst []byte) []byte { return wal.AppendSeries(dst, &e) })
}

func (s *Store) appendFields(sh *shard, defs []fieldDef) (lsn uint64, err error) {
	e := wal.Fields{Database: sh.db.id, Shard: sh.spec.ID}
	for _, d := range defs {
		e.Fields = append(e.Fields, wal.Field{
			Number: d.Number, Measurement: []byte(d.Measurement), Name: []byte(d.Name), Type: d.Type,
		})
	}
	return s.appendEntry(wal.KindFields, func(dst []byte) []byte { return wal.AppendFields(dst, &e) })
}

func (s *Store) appendRows(sh *shard, t *model.Table, fields []uint32) (lsn uint64, err error) {
	e := wal.Rows{Database: sh.db.id, Shard: sh.spec.ID, Table: t, Fields: fields}
	return s.appendEntry(wal.KindRows, func(dst []byte) []byte { return wal.AppendRows(dst, &e) })
}

// appendDelete logs a delete in one shard.
func (s *Store) appendDelete(sh *shard, d *shardDelete, maxGeneration uint64) (lsn uint64, err error) {
	series, err := d.series.ToBytes()
	if err != nil {
		return 0, err
	}
	e := wal.Delete{
		Database: sh.db.id,
		Shards:   []wal.ShardMark{{Shard: sh.spec.ID, MaxGeneration: maxGeneration}},
		Series:   series, Min: d.span.Min, Max: d.span.Max,
	}
	if d.forget != "" {
		e.Measurement = []byte(d.forget)
	}
	return s.appendEntry(wal.KindDelete, func(dst []byte) []byte { return wal.AppendDelete(dst, &e) })
}
