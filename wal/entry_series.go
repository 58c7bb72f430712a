package wal

import (
	"encoding/binary"
	"math"

	"github.com/timberlinedb/timberline/model"
)

// Series is the entry of new series. Their IDs are consecutive.
type Series struct {
	Database uint32
	First    model.SeriesID
	Keys     [][]byte // canonical series keys; decoded ones point into the source
}

// AppendSeries appends the payload of a KindSeries frame.
func AppendSeries(dst []byte, s *Series) []byte {
	dst = binary.AppendUvarint(dst, uint64(s.Database))
	dst = binary.AppendUvarint(dst, uint64(s.First))
	dst = binary.AppendUvarint(dst, uint64(len(s.Keys)))
	for _, key := range s.Keys {
		dst = appendBytes(dst, key)
	}
	return dst
}

// DecodeSeries reads the payload of a KindSeries frame into s, whose memory is
// reused.
func DecodeSeries(src []byte, s *Series) error {
	d := decoder{kind: KindSeries, src: src}
	s.Database = d.uint32("database")
	s.First = model.SeriesID(d.uint32("first series"))
	n := d.count("series keys", 1)
	if last := uint64(s.First) + uint64(n); s.First == 0 || last > math.MaxUint32+1 {
		d.fail("%d series from ID %d on", n, s.First)
	}
	s.Keys = s.Keys[:0]
	for range n {
		if !d.ok() {
			break
		}
		s.Keys = append(s.Keys, d.bytes())
	}
	return d.finish()
}
