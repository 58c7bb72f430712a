package index

import "github.com/RoaringBitmap/roaring/v2"

// part answers for the ids of one range: the checkpoint, the frozen delta or
// the delta.
type part interface {
	// limit returns the id after the last one that is indexed completely.
	limit() uint32
	// find returns the id of a key whose hashKey is h, unless it is dead.
	find(h uint64, key []byte, dead *roaring.Bitmap) (uint32, bool, error)
	// eachKey calls fn with the keys of those ids of bm that the part holds,
	// ascending. The key is valid until fn returns; it is nil when it is lost.
	eachKey(bm *roaring.Bitmap, fn func(id uint32, key []byte) error) error
	measurement(name string) (partMeasurement, bool, error)
	eachMeasurement(fn func(name []byte, m partMeasurement) error) error
}

// partMeasurement is a measurement in a part.
type partMeasurement interface {
	// all returns the ids of the measurement.
	all() (posting, error)
	// meets reports whether any of them is in bm.
	meets(bm *roaring.Bitmap) (bool, error)
	key(name string) (partKey, bool, error)
	eachKey(fn func(name []byte, k partKey) error) error
}

// partKey is a tag key of a measurement in a part.
type partKey interface {
	// union returns the ids that have the key with any value.
	union() (posting, error)
	// size returns how many they are.
	size() (int, error)
	// meets reports whether any of them is in bm.
	meets(bm *roaring.Bitmap) (bool, error)
	// values returns the number of values.
	values() int
	find(value string) (posting, bool, error)
	// addMatches adds the ids of each value that starts with prefix and that the
	// plan matches to u.
	addMatches(prefix string, plan *regexPlan, u *unionBuilder) error
	// cursor walks all values in order.
	cursor() valueCursor
}

// valueCursor walks tag values in order. Name and posting are valid until the
// next call of next.
type valueCursor interface {
	next() bool
	name() []byte
	posting() (posting, error)
	err() error
}
