package query

import (
	"slices"

	"github.com/timberlinedb/timberline/model"
)

// sourceTags holds the tags of the series of a source as columns: each value once, and its number for every series. It
// needs nothing of the view that it was made from, and is not changed once it is complete.
type sourceTags struct {
	columns []*tagValues
	series  int
}

// tagValues has the values of one tag key.
type tagValues struct {
	key     string
	values  []string
	numbers []uint32 // by place of the series: number n is values[n-1], 0 none; what lies behind the end is 0 too

	seen map[string]uint32 // numbers of the values; nil when the column is complete
	last uint32            // number that was given out last
}

// add takes the tags of one more series and returns its place.
func (t *sourceTags) add(tags model.Tags) (place int32) {
	for i := range tags {
		if len(tags[i].Value) > 0 {
			t.columnAt(i, tags[i].Key).put(t.series, tags[i].Value)
		}
	}
	t.series++
	return int32(t.series - 1)
}

// columnAt returns the column of a key, which mostly is column i: most series have the same keys.
func (t *sourceTags) columnAt(i int, key []byte) *tagValues {
	if i < len(t.columns) && t.columns[i].key == string(key) {
		return t.columns[i]
	}
	if c := t.column(string(key)); c != nil {
		return c
	}
	t.columns = append(t.columns, &tagValues{key: string(key), seen: make(map[string]uint32)})
	return t.columns[len(t.columns)-1]
}

// put sets the value of the series at a place, which is behind those that have one.
func (c *tagValues) put(place int, value []byte) {
	n := c.last
	if n == 0 || c.values[n-1] != string(value) {
		var ok bool
		if n, ok = c.seen[string(value)]; !ok {
			text := string(value)
			c.values = append(c.values, text)
			n = uint32(len(c.values))
			c.seen[text] = n
		}
		c.last = n
	}
	for len(c.numbers) < place {
		c.numbers = append(c.numbers, 0)
	}
	c.numbers = append(c.numbers, n)
}

// complete gives back what was needed to add series.
func (t *sourceTags) complete() {
	for _, c := range t.columns {
		c.seen = nil
	}
}

// column returns the column of a key, nil when no series has it.
func (t *sourceTags) column(key string) *tagValues {
	if t == nil {
		return nil
	}
	i := slices.IndexFunc(t.columns, func(c *tagValues) bool { return c.key == key })
	if i < 0 {
		return nil
	}
	return t.columns[i]
}

// text returns the value that the series at a place has, "" when it has none.
func (c *tagValues) text(place int32) string {
	if c == nil || int(place) >= len(c.numbers) || c.numbers[place] == 0 {
		return ""
	}
	return c.values[c.numbers[place]-1]
}

// value is text as a value; without one it is null.
func (c *tagValues) value(place int32) value {
	if v := c.text(place); v != "" {
		return stringValue(v)
	}
	return value{}
}

// of returns the tags of the series at a place, which the caller owns.
func (t *sourceTags) of(place int32) model.Tags {
	if t == nil {
		return nil
	}
	var tags model.Tags
	for _, c := range t.columns {
		if v := c.text(place); v != "" {
			tags = append(tags, model.Tag{Key: []byte(c.key), Value: []byte(v)})
		}
	}
	slices.SortFunc(tags, func(a, b model.Tag) int { return slices.Compare(a.Key, b.Key) })
	return tags
}

// bytes returns about how much memory a complete table takes.
func (t *sourceTags) bytes() int {
	if t == nil {
		return 0
	}
	n := 24 + 8*len(t.columns)
	for _, c := range t.columns {
		n += 100 + len(c.key) + 4*cap(c.numbers) + 16*cap(c.values)
		for _, v := range c.values {
			n += len(v)
		}
	}
	return n
}
