package query

import (
	"slices"
	"strings"

	"github.com/timberlinedb/timberline/model"
)

// tagset is an immutable list of tags that groups rows. Keys are sorted; a tag that a series lacks has the empty value.
// Two tagsets are equal when their ids are.
type tagset struct {
	keys, values []string
	id           string
}

// noTags is the tagset of rows that are not grouped.
var noTags = &tagset{}

// newTagset returns the tagset of sorted keys and their values, which it keeps.
func newTagset(keys, values []string) *tagset {
	if len(keys) == 0 {
		return noTags
	}
	n := 0
	for i := range keys {
		n += len(keys[i]) + len(values[i]) + 2
	}
	var b strings.Builder
	b.Grow(n)
	for _, k := range keys {
		b.WriteString(k)
		b.WriteByte(0)
	}
	for _, v := range values {
		b.WriteString(v)
		b.WriteByte(0)
	}
	return &tagset{keys: keys, values: values, id: b.String()}
}

// get returns the value of key, "" when the set has no such tag.
func (t *tagset) get(key string) string {
	if i, ok := slices.BinarySearch(t.keys, key); ok {
		return t.values[i]
	}
	return ""
}

// limitKey orders tagsets as SLIMIT and SOFFSET count them: by the keys of the tags that are there, then by their values.
func (t *tagset) limitKey() string {
	var keys, values []string
	for i, v := range t.values {
		if v != "" {
			keys, values = append(keys, t.keys[i]), append(values, v)
		}
	}
	return strings.Join(append(keys, values...), "|")
}

// subset returns the tags of the sorted keys, with empty values for those that t lacks.
func (t *tagset) subset(keys []string) *tagset {
	if len(keys) == 0 {
		return noTags
	}
	if slices.Equal(t.keys, keys) {
		return t
	}
	values := make([]string, len(keys))
	for i, k := range keys {
		values[i] = t.get(k)
	}
	return newTagset(keys, values)
}

// appendTo appends the set as an answer shows it.
func (t *tagset) appendTo(dst []Tag) []Tag {
	for i := range t.keys {
		dst = append(dst, Tag{Key: t.keys[i], Value: t.values[i]})
	}
	return dst
}

// tagsetMaker makes tagsets of sorted keys from the tags of series, many in one piece of memory.
type tagsetMaker struct {
	keys   []string
	buf    []byte // the id of the series at hand
	ends   []int  // of its values in buf
	sets   []tagset
	values []string
}

// id returns what newTagset would give as the id of the values that a series has for the keys, valid until the next call.
func (m *tagsetMaker) id(tags model.Tags) []byte {
	m.buf, m.ends = m.buf[:0], m.ends[:0]
	for _, k := range m.keys {
		m.buf = append(append(m.buf, k...), 0)
	}
	at := 0 // tags are sorted too
	for _, k := range m.keys {
		for at < len(tags) && string(tags[at].Key) < k {
			at++
		}
		if at < len(tags) && string(tags[at].Key) == k {
			m.buf = append(m.buf, tags[at].Value...)
		}
		m.ends = append(m.ends, len(m.buf))
		m.buf = append(m.buf, 0)
	}
	return m.buf
}

// Tagsets are made in pieces of so many.
const (
	firstTagsets = 4
	mostTagsets  = 256
)

// make returns the tagset of the last id.
func (m *tagsetMaker) make() *tagset {
	if len(m.keys) == 0 {
		return noTags
	}
	if len(m.sets) == cap(m.sets) {
		n := min(max(2*cap(m.sets), firstTagsets), mostTagsets)
		m.sets, m.values = make([]tagset, 0, n), make([]string, 0, n*len(m.keys))
	}
	id := string(m.buf)
	from := len(m.values)
	at := len(id) - m.valueBytes()
	for _, end := range m.ends {
		m.values = append(m.values, id[at:end])
		at = end + 1
	}
	m.sets = append(m.sets, tagset{keys: m.keys, values: m.values[from:len(m.values):len(m.values)], id: id})
	return &m.sets[len(m.sets)-1]
}

// valueBytes returns the bytes of the last id that are for values.
func (m *tagsetMaker) valueBytes() int {
	n := len(m.buf)
	for _, k := range m.keys {
		n -= len(k) + 1
	}
	return n
}

// subsetter computes subsets for one list of keys and remembers the last one, since points come in runs of one set.
type subsetter struct {
	keys []string
	last *tagset
	sub  *tagset
}

func (s *subsetter) of(t *tagset) *tagset {
	if t != s.last {
		s.last = t
		sub := t.subset(s.keys)
		if s.sub == nil || s.sub.id != sub.id {
			s.sub = sub
		}
	}
	return s.sub
}
