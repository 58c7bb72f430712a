package wal

import (
	"bytes"
	"encoding/binary"

	"github.com/timberlinedb/timberline/model"
)

// Fields is the entry of new fields of a shard.
type Fields struct {
	Database uint32
	Shard    uint64
	Fields   []Field
}

// Field is one field of a measurement. Decoded names point into the source.
type Field struct {
	Number      uint32 // in the shard
	Measurement []byte
	Name        []byte
	Type        model.FieldType
}

// AppendFields appends the payload of a KindFields frame. A measurement that
// equals the one before is not repeated.
func AppendFields(dst []byte, f *Fields) []byte {
	dst = binary.AppendUvarint(dst, uint64(f.Database))
	dst = binary.AppendUvarint(dst, f.Shard)
	dst = binary.AppendUvarint(dst, uint64(len(f.Fields)))
	for i := range f.Fields {
		x := &f.Fields[i]
		dst = binary.AppendUvarint(dst, uint64(x.Number))
		flags := byte(x.Type)
		if i > 0 && bytes.Equal(x.Measurement, f.Fields[i-1].Measurement) {
			flags |= fieldSameMeasurement
		}
		dst = append(dst, flags)
		if flags&fieldSameMeasurement == 0 {
			dst = appendBytes(dst, x.Measurement)
		}
		dst = appendBytes(dst, x.Name)
	}
	return dst
}

// The byte in front of a field's or column's content: its type and a flag.
const (
	typeBits             = 0x07
	fieldSameMeasurement = 0x08
	columnSparse         = 0x08
)

// DecodeFields reads the payload of a KindFields frame into f, whose memory is
// reused.
func DecodeFields(src []byte, f *Fields) error {
	d := decoder{kind: KindFields, src: src}
	f.Database = d.uint32("database")
	f.Shard = d.uvarint()
	n := d.count("fields", 1)
	f.Fields = f.Fields[:0]
	var measurement []byte
	for i := range n {
		if !d.ok() {
			break
		}
		x := Field{Number: d.uint32("field number")}
		flags := d.byte()
		x.Type = takeType(&d, flags, fieldSameMeasurement)
		if flags&fieldSameMeasurement == 0 {
			measurement = d.bytes()
		} else if i == 0 {
			d.fail("first field has no measurement")
		}
		x.Measurement, x.Name = measurement, d.bytes()
		f.Fields = append(f.Fields, x)
	}
	return d.finish()
}

// takeType returns the type in flags, which has no other bits than flag.
func takeType(d *decoder, flags, flag byte) model.FieldType {
	t := model.FieldType(flags & typeBits)
	if !t.Valid() || flags&^(typeBits|flag) != 0 {
		d.fail("type byte is %#x", flags)
	}
	return t
}
