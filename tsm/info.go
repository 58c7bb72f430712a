package tsm

import (
	"encoding/binary"

	"github.com/timberlinedb/timberline/model"
)

// Info describes a file.
type Info struct {
	Path           string
	Size           int64
	Generation     uint64
	Level          int
	Range          model.TimeRange // empty when the file has no rows
	Series         int
	Blocks         int
	Rows, Values   int64
	MinLSN, MaxLSN uint64
	AppliedDeletes uint64
}

// appendStatistics appends the statistics section: rows, values, series, blocks
// as uvarints, then the first and the last timestamp as zigzags.
func appendStatistics(dst []byte, info *Info) []byte {
	for _, v := range []int64{info.Rows, info.Values, int64(info.Series), int64(info.Blocks)} {
		dst = binary.AppendUvarint(dst, uint64(v))
	}
	return appendZigzag(appendZigzag(dst, info.Range.Min), info.Range.Max)
}

func decodeStatistics(b []byte, info *Info) bool {
	in := byteReader{b: b}
	info.Rows, info.Values = int64(in.uvarint()), int64(in.uvarint())
	info.Series, info.Blocks = int(in.uvarint()), int(in.uvarint())
	info.Range.Min = in.zigzag()
	info.Range.Max = in.zigzag()
	return !in.bad && len(in.b) == 0 && info.Rows >= 0 && info.Values >= 0 && info.Series >= 0 && info.Blocks >= 0
}
