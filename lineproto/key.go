package lineproto

import (
	"bytes"

	"github.com/timberlinedb/timberline/model"
)

// hopelessKeyBytes is the length of a key of which nothing but the length is looked
// at: a line may have a million tags.
const hopelessKeyBytes = 4 * model.MaxKeyBytes

// ParseKey unescapes, sorts and validates a raw key: a measurement and its
// tags as a line spells them, without the space that ends them. The tags are
// appended to dst[:0]. What had escapes is appended to arena, which is returned
// grown; the results point into raw and arena. The error's text is the reason
// to refuse the line.
func ParseKey(raw []byte, dst model.Tags, arena []byte) (measurement []byte, tags model.Tags, arenaOut []byte, err error) {
	tags = dst[:0]
	if len(raw) > hopelessKeyBytes {
		return nil, tags, arena, keyTooLong(len(raw))
	}
	measurement, rest, err := cutMeasurement(raw)
	if err != nil {
		return nil, tags, arena, err
	}
	measurement, arena = unescapeKey(measurement, arena)
	for rest != nil {
		var key, value []byte
		if key, value, rest, err = cutTag(rest); err != nil {
			return nil, tags, arena, err
		}
		key, arena = unescapeKey(key, arena)
		value, arena = unescapeKey(value, arena)
		tags = append(tags, model.Tag{Key: key, Value: value})
	}
	if !sorted(tags) {
		tags.Sort()
	}
	for i := 1; i < len(tags); i++ {
		if bytes.Equal(tags[i-1].Key, tags[i].Key) {
			return nil, tags, arena, ErrDuplicateTags
		}
	}
	if len(raw) > model.MaxKeyBytes {
		return nil, tags, arena, keyTooLong(len(raw))
	}
	return measurement, tags, arena, nil
}

// cutMeasurement splits a raw key after the measurement. The rest is nil when
// there are no tags, and begins after the comma otherwise.
func cutMeasurement(raw []byte) (measurement, rest []byte, err error) {
	if len(raw) == 0 || raw[0] == ',' {
		return nil, nil, ErrMissingMeasurement
	}
	for i, c := range raw {
		escaped := i > 0 && raw[i-1] == '\\'
		switch {
		case c == '\n', c == ' ' && !escaped:
			return nil, nil, ErrKeyEnd
		case c == ',' && !escaped:
			return raw[:i], raw[i+1:], nil
		}
	}
	return raw, nil, nil
}

// cutTag splits the first tag off raw. The rest is nil when it was the last.
func cutTag(raw []byte) (key, value, rest []byte, err error) {
	if len(raw) == 0 || raw[0] == ' ' || raw[0] == ',' || raw[0] == '=' {
		return nil, nil, nil, ErrMissingTagKey
	}
	equal := special(raw, 1)
	if equal == len(raw) || raw[equal] == ',' || raw[equal] == ' ' {
		return nil, nil, nil, ErrMissingTagValue
	}
	if raw[equal] == '\n' {
		return nil, nil, nil, ErrKeyEnd
	}
	key, raw = raw[:equal], raw[equal+1:]
	if len(raw) == 0 || raw[0] == ',' || raw[0] == ' ' {
		return nil, nil, nil, ErrMissingTagValue
	}
	end := 0
	if raw[0] != '\n' {
		end = special(raw, 1) // a value may begin with an equal sign
	}
	switch {
	case end == len(raw):
		return key, raw, nil, nil
	case raw[end] == ',':
		return key, raw[:end], raw[end+1:], nil
	case raw[end] == '=':
		return nil, nil, nil, ErrTagFormat
	}
	return nil, nil, nil, ErrKeyEnd
}

// special returns the index of the first newline, or comma, space or equal
// sign that no backslash precedes, at or after i, which is at least 1; or
// len(raw).
func special(raw []byte, i int) int {
	for ; i < len(raw); i++ {
		switch raw[i] {
		case '\n':
			return i
		case ',', ' ', '=':
			if raw[i-1] != '\\' {
				return i
			}
		}
	}
	return i
}

// unescapeKey returns a measurement, tag or field key without its escapes: a
// backslash goes when a comma, space or equal sign follows. The result points
// into raw when there was nothing to do, and into arena otherwise.
func unescapeKey(raw, arena []byte) (name, arenaOut []byte) {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw, arena
	}
	start := len(arena)
	for i, c := range raw {
		if c == '\\' && i+1 < len(raw) && (raw[i+1] == ',' || raw[i+1] == ' ' || raw[i+1] == '=') {
			continue
		}
		arena = append(arena, c)
	}
	return arena[start:len(arena):len(arena)], arena
}

func sorted(tags model.Tags) bool {
	for i := 1; i < len(tags); i++ {
		if bytes.Compare(tags[i-1].Key, tags[i].Key) > 0 {
			return false
		}
	}
	return true
}

// The tag keys that a v2 write may not use.
var reservedTagKeys = [][]byte{[]byte("_measurement"), []byte("_field"), []byte("time")}

// checkReserved returns the error for the first reserved tag key of tags.
func checkReserved(tags model.Tags) error {
	for i := range tags {
		for _, reserved := range reservedTagKeys {
			if bytes.Equal(tags[i].Key, reserved) {
				return reservedTagKey(reserved)
			}
		}
	}
	return nil
}

// mayHoldReserved reports whether the raw key of a valid line may have a
// reserved tag key. None of them has a character that could be escaped.
func mayHoldReserved(raw []byte) bool {
	return bytes.Contains(raw, []byte(",_measurement=")) ||
		bytes.Contains(raw, []byte(",_field=")) ||
		bytes.Contains(raw, []byte(",time="))
}
