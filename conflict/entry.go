package conflict

import (
	"encoding/binary"
	"errors"
	"time"
)

// Entry is a field value that was not stored.
type Entry struct {
	ID   uint64    // ascending in a database; given by Append
	Time time.Time // when it came

	Policy      string // retention policy that it was written to
	Measurement string
	Field       string
	Reason      string
	Client      string // address of the sender; empty: not known
	Line        string // line protocol with this field alone and the timestamp in nanoseconds
}

// errEntry says that the bytes are none of entries.
var errEntry = errors.New("malformed entry")

// appendEntry appends the bytes of an entry.
func appendEntry(dst []byte, e *Entry) []byte {
	dst = binary.AppendUvarint(dst, e.ID)
	dst = binary.AppendVarint(dst, e.Time.UnixNano())
	for _, s := range []string{e.Policy, e.Measurement, e.Field, e.Reason, e.Client, e.Line} {
		dst = append(binary.AppendUvarint(dst, uint64(len(s))), s...)
	}
	return dst
}

// decodeEntry reads an entry and returns what follows it.
func decodeEntry(src []byte) (e Entry, rest []byte, err error) {
	id, n := binary.Uvarint(src)
	if n <= 0 {
		return e, nil, errEntry
	}
	src = src[n:]
	at, n := binary.Varint(src)
	if n <= 0 {
		return e, nil, errEntry
	}
	src = src[n:]
	e.ID, e.Time = id, time.Unix(0, at).UTC()
	for _, s := range []*string{&e.Policy, &e.Measurement, &e.Field, &e.Reason, &e.Client, &e.Line} {
		size, n := binary.Uvarint(src)
		if n <= 0 || size > uint64(len(src)-n) {
			return e, nil, errEntry
		}
		*s = string(src[n : n+int(size)])
		src = src[n+int(size):]
	}
	return e, src, nil
}

// decodeEntries calls each for the entries of a frame's payload, in order.
func decodeEntries(src []byte, each func(Entry)) error {
	for len(src) > 0 {
		e, rest, err := decodeEntry(src)
		if err != nil {
			return err
		}
		each(e)
		src = rest
	}
	return nil
}
