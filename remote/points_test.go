package remote

import (
	"errors"
	"testing"

	"github.com/timberlinedb/timberline/model"
)

func TestPointsKeepTheirLimits(t *testing.T) {
	full := errors.New("no memory")
	var p Points
	add := func(n int) {
		t.Helper()
		s, err := p.series([]byte("m"), model.Tags{{Key: []byte("k"), Value: []byte("v")}})
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			p.point(s, int64(i))
			p.float("value", float64(i))
			p.integer("count", int64(i))
		}
	}
	check := func(points, beyond int, refused error) {
		t.Helper()
		if b := p.Batch(); p.Len() != points || b.Rows() != points || b.Values() != 2*points || p.Beyond() != beyond || !errors.Is(p.Refused(), refused) || (refused == nil) != (p.Refused() == nil) {
			t.Errorf("%d points, %d rows, %d values, %d beyond, %v; want %d points, %d beyond, %v", p.Len(), b.Rows(), b.Values(), p.Beyond(), p.Refused(), points, beyond, refused)
		}
		p.Reset()
	}
	p.Limit(3, nil)
	add(2)
	add(4)
	check(3, 3, nil)
	add(5) // Reset has lifted the limit
	check(5, 0, nil)

	room := int64(2 * stepPoints * pointBytes)
	p.Limit(0, func(n int64) error {
		if room -= n; room < 0 {
			return full
		}
		return nil
	})
	add(2 * stepPoints)
	check(2*stepPoints, 0, nil)
	room = stepPoints * pointBytes
	p.Limit(0, func(n int64) error {
		if room -= n; room < 0 {
			return full
		}
		return nil
	})
	add(3 * stepPoints)
	check(2*stepPoints, stepPoints, full)
}
