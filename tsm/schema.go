package tsm

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/timberlinedb/timberline/model"
)

// MaxFieldNumber is the largest number of a field. The numbers above stand for
// the other pages of a block in checksums.
const MaxFieldNumber = 0xffffff00

const (
	seriesPageNumber = 0xfffffffe
	timePageNumber   = 0xffffffff
)

// FieldDef says what a field number means. Numbers are given by the field table
// of the shard; every file repeats those it uses.
type FieldDef struct {
	Number      uint32
	Measurement string
	Name        string
	Type        model.FieldType
}

// appendSchema appends the schema section: fields ascending by number.
//
//	count uvarint, then per field:
//	number - number before - 1 uvarint (first: number), type u8,
//	0 (the measurement of the field before) or length+1 uvarint and measurement,
//	length uvarint and name
func appendSchema(dst []byte, fields []FieldDef) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(fields)))
	next, measurement := uint32(0), ""
	for i, f := range fields {
		dst = binary.AppendUvarint(dst, uint64(f.Number-next))
		next = f.Number + 1
		dst = append(dst, byte(f.Type))
		if i > 0 && f.Measurement == measurement {
			dst = append(dst, 0)
		} else {
			dst = binary.AppendUvarint(dst, uint64(len(f.Measurement))+1)
			dst = append(dst, f.Measurement...)
			measurement = f.Measurement
		}
		dst = binary.AppendUvarint(dst, uint64(len(f.Name)))
		dst = append(dst, f.Name...)
	}
	return dst
}

func decodeSchema(b []byte) ([]FieldDef, error) {
	in := byteReader{b: b}
	n := in.uvarint()
	if n > uint64(len(b)) {
		return nil, fmt.Errorf("schema of %d bytes claims %d fields", len(b), n)
	}
	fields := make([]FieldDef, 0, n)
	next, measurement := uint64(0), ""
	for i := range n {
		f := FieldDef{}
		if f.Number = in.fieldNumber(next); in.bad {
			return nil, fmt.Errorf("malformed number of field %d", i)
		}
		next = uint64(f.Number) + 1
		f.Type = model.FieldType(in.byte())
		switch length := in.uvarint(); {
		case length > 0:
			measurement = string(in.bytes(length - 1))
		case i == 0:
			return nil, fmt.Errorf("the first field has no measurement")
		}
		f.Measurement = measurement
		f.Name = string(in.bytes(in.uvarint()))
		if in.bad || !f.Type.Valid() {
			return nil, fmt.Errorf("definition of field %d of %d", i, n)
		}
		fields = append(fields, f)
	}
	if in.bad || len(in.b) != 0 {
		return nil, fmt.Errorf("%d bytes behind the schema", len(in.b))
	}
	return fields, nil
}

// findField returns the index of a number in fields that are sorted by number.
func findField(fields []FieldDef, number uint32) (int, bool) {
	return slices.BinarySearchFunc(fields, number, func(f FieldDef, n uint32) int {
		switch {
		case f.Number < n:
			return -1
		case f.Number > n:
			return 1
		}
		return 0
	})
}

// byteReader cuts numbers from the front of bytes. After a read beyond the end
// or of a malformed number, bad is set and every read returns zero.
type byteReader struct {
	b   []byte
	bad bool
}

func (r *byteReader) uvarint() uint64 {
	if len(r.b) > 0 && r.b[0] < 0x80 {
		v := uint64(r.b[0])
		r.b = r.b[1:]
		return v
	}
	v, w := binary.Uvarint(r.b)
	if w <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[w:]
	return v
}

// fieldNumber reads how far the number of a field is behind least, the smallest that it may have.
func (r *byteReader) fieldNumber(least uint64) uint32 {
	step := r.uvarint()
	if step > MaxFieldNumber || least+step > MaxFieldNumber {
		r.fail()
		return 0
	}
	return uint32(least + step)
}

func (r *byteReader) zigzag() int64 {
	u := r.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (r *byteReader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *byteReader) uint64() uint64 {
	if len(r.b) < 8 {
		r.fail()
		return 0
	}
	v := binary.LittleEndian.Uint64(r.b)
	r.b = r.b[8:]
	return v
}

func (r *byteReader) bytes(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *byteReader) fail() { r.b, r.bad = nil, true }

func appendZigzag(dst []byte, v int64) []byte {
	return binary.AppendUvarint(dst, uint64(v<<1)^uint64(v>>63))
}
