package index

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/timberlinedb/timberline/model"
)

// TestTagIndexerAgrees adds the same series to deltas with and without a
// goroutine for the tags, and expects the same dictionaries and postings.
func TestTagIndexerAgrees(t *testing.T) {
	r := rand.New(rand.NewPCG(testSeed(t), 0))
	x := newTagIndexer()
	for range 3 { // the deltas of one rebuild follow each other
		plain, beside := newDelta(1, 7), newDelta(1, 7)
		var tags model.Tags
		last := uint32(1 + r.IntN(3*tagBatchKeys))
		for id := uint32(1); id <= last; id++ {
			key := model.AppendSeriesKey(nil, fmt.Append(nil, "m", r.IntN(3)), model.Tags{
				{Key: []byte("few"), Value: fmt.Append(nil, r.IntN(5))},
				{Key: []byte("id"), Value: fmt.Append(nil, id)},
				{Key: []byte("some"), Value: fmt.Append(nil, r.IntN(300))},
			})
			measurement, parsed, err := model.ParseSeriesKey(key, tags)
			if err != nil {
				t.Fatal(err)
			}
			tags = parsed
			plain.add(id, key, measurement, tags)
			x.add(beside, id, beside.addKey(id, hashKey(7, key), key))
			clear(key)
		}
		x.wait()
		want, got := describeDelta(t, plain), describeDelta(t, beside)
		if !slices.Equal(got, want) {
			t.Errorf("%d lines tell of the delta, %d of its twin, and they differ", len(got), len(want))
		}
	}
	x.close()
}

// describeDelta tells what is in a delta, line by line.
func describeDelta(t *testing.T, d *delta) (lines []string) {
	t.Helper()
	for i, ref := range d.keys {
		key := d.names.at(ref)
		id, ok, err := d.find(hashKey(d.seed, key), key, nil)
		lines = append(lines, fmt.Sprintf("series %d %q %d %v %v", idOf(d.runs, uint32(i)), key, id, ok, err))
	}
	err := d.eachMeasurement(func(name []byte, m partMeasurement) error {
		all, err := m.all()
		if err != nil {
			return err
		}
		lines = append(lines, fmt.Sprintf("measurement %q %v", name, all.bitmap().ToArray()))
		return m.eachKey(func(name []byte, k partKey) error {
			for c := k.cursor(); c.next(); {
				p, err := c.posting()
				if err != nil {
					return err
				}
				found, ok, err := k.find(string(c.name()))
				lines = append(lines, fmt.Sprintf("tag %q %q %v %v %v %v", name, c.name(), p.bitmap().ToArray(), found.bitmap().ToArray(), ok, err))
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}
