package model

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
)

// SeriesID is the number of a series (a measurement with a tag set) inside one
// database. Zero is never given out.
type SeriesID uint32

// Tag is one key and value. Both are unescaped.
type Tag struct {
	Key, Value []byte
}

// Tags is a tag set, sorted by key, without duplicate keys.
type Tags []Tag

// Get returns the value of key, or nil when the set has no such tag.
func (ts Tags) Get(key []byte) []byte {
	for i := range ts {
		if bytes.Equal(ts[i].Key, key) {
			return ts[i].Value
		}
	}
	return nil
}

// Sort orders the set by key.
func (ts Tags) Sort() {
	slices.SortFunc(ts, func(a, b Tag) int { return bytes.Compare(a.Key, b.Key) })
}

// ErrSeriesKey says that bytes are not a series key.
var ErrSeriesKey = errors.New("malformed series key")

// AppendSeriesKey appends the canonical series key of a measurement and a
// sorted tag set to dst: the length-prefixed measurement, then the number of
// tags, then each key and value with their lengths; all numbers are uvarints.
// Equal series have equal keys, byte for byte.
func AppendSeriesKey(dst, measurement []byte, tags Tags) []byte {
	dst = appendBytes(dst, measurement)
	dst = binary.AppendUvarint(dst, uint64(len(tags)))
	for i := range tags {
		dst = appendBytes(dst, tags[i].Key)
		dst = appendBytes(dst, tags[i].Value)
	}
	return dst
}

// ParseSeriesKey splits a canonical series key. The measurement and the tags,
// which are appended to tags[:0], point into key.
func ParseSeriesKey(key []byte, tags Tags) (measurement []byte, _ Tags, err error) {
	tags = tags[:0]
	measurement, rest, ok := cutBytes(key)
	if !ok {
		return nil, tags, ErrSeriesKey
	}
	n, w := binary.Uvarint(rest)
	if w <= 0 || n > uint64(len(rest)) {
		return nil, tags, ErrSeriesKey
	}
	rest = rest[w:]
	for range n {
		var k, v []byte
		if k, rest, ok = cutBytes(rest); !ok {
			return nil, tags, ErrSeriesKey
		}
		if v, rest, ok = cutBytes(rest); !ok {
			return nil, tags, ErrSeriesKey
		}
		tags = append(tags, Tag{Key: k, Value: v})
	}
	if len(rest) != 0 {
		return nil, tags, ErrSeriesKey
	}
	return measurement, tags, nil
}

// SeriesMeasurement returns the measurement of a canonical series key; it
// points into key.
func SeriesMeasurement(key []byte) ([]byte, error) {
	m, _, ok := cutBytes(key)
	if !ok {
		return nil, ErrSeriesKey
	}
	return m, nil
}

// AppendSeriesText appends the text form of a series to dst, as SHOW SERIES
// prints it and line protocol spells it: m,k=v,k2=v2 with commas, spaces and
// equal signs escaped by a backslash.
func AppendSeriesText(dst, measurement []byte, tags Tags) []byte {
	dst = appendEscaped(dst, measurement, false)
	for i := range tags {
		dst = append(dst, ',')
		dst = appendEscaped(dst, tags[i].Key, true)
		dst = append(dst, '=')
		dst = appendEscaped(dst, tags[i].Value, true)
	}
	return dst
}

func appendEscaped(dst, s []byte, equal bool) []byte {
	for _, c := range s {
		if c == ',' || c == ' ' || c == '=' && equal {
			dst = append(dst, '\\')
		}
		dst = append(dst, c)
	}
	return dst
}

func appendBytes(dst, b []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b)))
	return append(dst, b...)
}

func cutBytes(b []byte) (head, rest []byte, ok bool) {
	n, w := binary.Uvarint(b)
	if w <= 0 || n > uint64(len(b)-w) {
		return nil, nil, false
	}
	b = b[w:]
	return b[:n:n], b[n:], true
}
