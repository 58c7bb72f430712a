package tsdb

import (
	"errors"
	"fmt"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/index"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// noteLostSeries remembers which series have lost their keys to damage of the
// series log.
func (db *database) noteLostSeries(damage error) {
	var c *index.CorruptionError
	if errors.As(damage, &c) && c.First != 0 && c.Last >= c.First {
		db.lost = append(db.lost, c)
	}
}

// lostSeries returns an error when series that are present have lost their keys:
// they would be missing from every answer without a word.
func (db *database) lostSeries(present *roaring.Bitmap) error {
	for _, c := range db.lost {
		in := roaring.New()
		in.AddRange(uint64(c.First), uint64(c.Last)+1)
		if n := in.AndCardinality(present); n > 0 {
			return fmt.Errorf("%w: %d series have lost their names: %w", cursor.ErrCorrupt, n, c)
		}
	}
	return nil
}
