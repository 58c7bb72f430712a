package lineproto

import (
	"bytes"

	"github.com/timberlinedb/timberline/model"
)

// newKey returns the canonical key of a spelling that is not known, or false
// when it is not valid.
func (p *Parser) newKey(fp model.Fingerprint, raw []byte) (canonical []byte, ok bool) {
	if canonical = p.findNewKey(fp); canonical != nil {
		return canonical, true
	}
	var tags model.Tags
	measurement, spelled, ok := plainKey(raw, p.tags[:0])
	p.tags = spelled
	if ok {
		tags, ok = p.inOrder(spelled)
	}
	if !ok {
		if bytes.IndexByte(raw, '\n') >= 0 {
			return nil, false // see fastKey
		}
		var err error
		measurement, tags, p.batch.Arena, err = ParseKey(raw, p.tags, p.batch.Arena)
		if p.tags = tags; err != nil {
			return nil, false
		}
	}
	if p.opt.V2 && checkReserved(tags) != nil {
		return nil, false
	}
	return p.addNewKey(fp, measurement, tags), true
}

// plainKey takes a key apart that is valid and has no escapes; its tags are in
// the order of the spelling. It reports false for any other.
func plainKey(raw []byte, dst model.Tags) (measurement []byte, tags model.Tags, ok bool) {
	if len(raw) > model.MaxKeyBytes || bytes.IndexByte(raw, '\\') >= 0 || bytes.IndexByte(raw, '\n') >= 0 || bytes.IndexByte(raw, ' ') >= 0 {
		return nil, dst, false
	}
	end := bytes.IndexByte(raw, ',')
	if end < 0 {
		return raw, dst, len(raw) > 0
	}
	if end == 0 {
		return nil, dst, false
	}
	for at := end; at < len(raw); {
		at++ // the comma
		equal := at
		for equal < len(raw) && raw[equal] != '=' {
			if raw[equal] == ',' {
				return nil, dst, false
			}
			equal++
		}
		stop := equal + 1
		for stop < len(raw) && raw[stop] != ',' {
			if raw[stop] == '=' {
				return nil, dst, false
			}
			stop++
		}
		if equal == at || stop <= equal+1 || equal >= len(raw) {
			return nil, dst, false
		}
		dst, at = append(dst, model.Tag{Key: raw[at:equal], Value: raw[equal+1 : stop]}), stop
	}
	return raw[:end], dst, true
}

// maxOrdered is how many tags inOrder sorts.
const maxOrdered = 64

// tagOrder is the order that sorted the tags of a key; most keys after it are
// spelled alike.
type tagOrder struct {
	from   []uint8    // places in the spelling, by place in the sorted tags
	sorted model.Tags // used again
}

// inOrder returns the tags sorted by key. It reports false when a key comes
// twice or there are too many.
func (p *Parser) inOrder(tags model.Tags) (model.Tags, bool) {
	if ascending(tags) {
		return tags, true
	}
	if len(tags) > maxOrdered {
		return nil, false
	}
	o := &p.order
	if len(o.from) == len(tags) {
		if o.apply(tags); ascending(o.sorted) {
			return o.sorted, true
		}
	}
	o.from = o.from[:0]
	for i := range tags {
		at := i
		o.from = append(o.from, 0)
		for ; at > 0 && bytes.Compare(tags[o.from[at-1]].Key, tags[i].Key) > 0; at-- {
			o.from[at] = o.from[at-1]
		}
		o.from[at] = uint8(i)
	}
	o.apply(tags)
	return o.sorted, ascending(o.sorted)
}

func (o *tagOrder) apply(tags model.Tags) {
	o.sorted = o.sorted[:0]
	for _, from := range o.from {
		o.sorted = append(o.sorted, tags[from])
	}
}

// ascending reports whether the tags are sorted by key and none comes twice.
func ascending(tags model.Tags) bool {
	for i := 1; i < len(tags); i++ {
		a, b := tags[i-1].Key, tags[i].Key
		if a[0] > b[0] || a[0] == b[0] && bytes.Compare(a, b) >= 0 {
			return false
		}
	}
	return true
}
