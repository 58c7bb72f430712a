package index

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
)

// presence writes the shards in the order of their ids.
func (c *checkpointWriter) presence() error {
	shards := make([]uint64, 0, len(c.in.presence))
	for shard := range c.in.presence {
		shards = append(shards, shard)
	}
	slices.Sort(shards)
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(shards)))
	for _, shard := range shards {
		raw, err := c.in.presence[shard].ToBytes()
		if err != nil {
			return err
		}
		b = binary.LittleEndian.AppendUint64(b, shard)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(raw)))
		if _, err := c.out.Write(append(b, raw...)); err != nil {
			return err
		}
		b = b[:0]
	}
	_, err := c.out.Write(b)
	return err
}

// decodePresence reads the presence section into bitmaps of their own memory.
func decodePresence(src []byte) (map[uint64]*roaring.Bitmap, error) {
	if len(src) < 4 {
		return nil, fmt.Errorf("presence has only %d bytes", len(src))
	}
	n := binary.LittleEndian.Uint32(src)
	src = src[4:]
	presence := make(map[uint64]*roaring.Bitmap)
	for range n {
		if len(src) < 12 {
			return nil, fmt.Errorf("presence of %d shards is cut short", n)
		}
		shard, size := binary.LittleEndian.Uint64(src), binary.LittleEndian.Uint32(src[8:])
		if src = src[12:]; uint64(size) > uint64(len(src)) {
			return nil, fmt.Errorf("presence of shard %d is cut short", shard)
		}
		bm, err := decodeBitmap(src[:size])
		if err != nil {
			return nil, fmt.Errorf("presence of shard %d: %w", shard, err)
		}
		presence[shard] = bm
		src = src[size:]
	}
	return presence, nil
}

// decodeBitmap reads a bitmap into its own memory.
func decodeBitmap(src []byte) (*roaring.Bitmap, error) {
	bm := roaring.New()
	if err := bm.UnmarshalBinary(src); err != nil {
		return nil, err
	}
	if err := bm.Validate(); err != nil && !bm.IsEmpty() {
		return nil, err
	}
	return bm, nil
}
