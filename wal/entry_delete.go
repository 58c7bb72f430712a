package wal

import "encoding/binary"

// Delete is the entry of a delete: series and times in the shards, each up to
// the generation of files that it had then.
type Delete struct {
	Database uint32
	Shards   []ShardMark

	// Series are roaring bytes in the portable format; the log does not look
	// into them. Decoded ones point into the source.
	Series []byte

	Min, Max int64 // nanoseconds, both included

	// Measurement, when not nil, names the measurement that is deleted as a
	// whole. Decoded, it points into the source.
	Measurement []byte
}

// ShardMark is a shard and the highest generation of its files that a delete
// concerns.
type ShardMark struct {
	Shard, MaxGeneration uint64
}

// AppendDelete appends the payload of a KindDelete frame.
func AppendDelete(dst []byte, x *Delete) []byte {
	dst = binary.AppendUvarint(dst, uint64(x.Database))
	dst = binary.AppendVarint(dst, x.Min)
	dst = binary.AppendVarint(dst, x.Max)
	dst = binary.AppendUvarint(dst, uint64(len(x.Shards)))
	for _, s := range x.Shards {
		dst = binary.AppendUvarint(dst, s.Shard)
		dst = binary.AppendUvarint(dst, s.MaxGeneration)
	}
	dst = appendBytes(dst, x.Series)
	if x.Measurement == nil {
		return append(dst, 0)
	}
	return appendBytes(append(dst, 1), x.Measurement)
}

// DecodeDelete reads the payload of a KindDelete frame into x, whose memory is
// reused.
func DecodeDelete(src []byte, x *Delete) error {
	d := decoder{kind: KindDelete, src: src}
	x.Database = d.uint32("database")
	x.Min, x.Max = d.varint(), d.varint()
	if x.Min > x.Max {
		d.fail("time range is %d to %d", x.Min, x.Max)
	}
	n := d.count("shards", 1)
	x.Shards = x.Shards[:0]
	for range n {
		if !d.ok() {
			break
		}
		x.Shards = append(x.Shards, ShardMark{Shard: d.uvarint(), MaxGeneration: d.uvarint()})
	}
	x.Series, x.Measurement = d.bytes(), nil
	switch named := d.byte(); named {
	case 0:
	case 1:
		x.Measurement = d.bytes()
	default:
		d.fail("measurement flag is %#x", named)
	}
	return d.finish()
}
