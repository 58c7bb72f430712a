package query

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/timberlinedb/timberline/model"
)

// TestSourceTags keeps the tags of random series as columns and asks for them again.
func TestSourceTags(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var kept sourceTags
	var want []map[string]string
	for range 2000 {
		var tags model.Tags
		texts := make(map[string]string)
		for k := range 6 {
			key := fmt.Sprint("key", k)
			if k > len(want)/100 || rng.IntN(4) == 0 {
				continue
			}
			value := fmt.Sprint("value ", rng.IntN(40))
			if rng.IntN(10) == 0 {
				value = ""
			}
			tags = append(tags, model.Tag{Key: []byte(key), Value: []byte(value)})
			if value != "" {
				texts[key] = value
			}
		}
		if place := kept.add(tags); int(place) != len(want) {
			t.Fatalf("series %d is at %d", len(want), place)
		}
		want = append(want, texts)
	}
	size := kept.bytes()
	if kept.complete(); size < 6*4*len(want)/2 {
		t.Errorf("%d series take %d bytes", len(want), size)
	}
	for place, texts := range want {
		for k := range 7 {
			key := fmt.Sprint("key", k)
			v := kept.column(key).value(int32(place))
			if v.null() != (texts[key] == "") || v.str != texts[key] {
				t.Fatalf("series %d: %s is %q, want %q", place, key, v.str, texts[key])
			}
		}
		last := ""
		all := kept.of(int32(place))
		for _, tag := range all {
			if key := string(tag.Key); texts[key] != string(tag.Value) || key <= last {
				t.Fatalf("series %d: got %s, want %v", place, all, texts)
			}
			last = string(tag.Key)
		}
		if len(all) != len(texts) {
			t.Fatalf("series %d: got %s, want %v", place, all, texts)
		}
	}
}
