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

// tags returns the set as an answer shows it.
func (t *tagset) tags() []Tag {
	if len(t.keys) == 0 {
		return nil
	}
	out := make([]Tag, len(t.keys))
	for i := range t.keys {
		out[i] = Tag{Key: t.keys[i], Value: t.values[i]}
	}
	return out
}

// seriesValues returns the values that a series has for sorted keys.
func seriesValues(tags model.Tags, keys []string) []string {
	values := make([]string, len(keys))
	for i, k := range keys {
		for j := range tags {
			if string(tags[j].Key) == k {
				values[i] = string(tags[j].Value)
				break
			}
		}
	}
	return values
}

// appendTagsetID appends what newTagset would give as the id of the values that a series has for sorted keys.
func appendTagsetID(dst []byte, keys []string, tags model.Tags) []byte {
	for _, k := range keys {
		dst = append(append(dst, k...), 0)
	}
	at := 0 // tags are sorted too
	for _, k := range keys {
		for at < len(tags) && string(tags[at].Key) < k {
			at++
		}
		if at < len(tags) && string(tags[at].Key) == k {
			dst = append(dst, tags[at].Value...)
		}
		dst = append(dst, 0)
	}
	return dst
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
