package tsm

import "slices"

// Fields that were dropped are left out of what a merge writes: a block that has
// one is not copied, its other pages are decoded and written anew, and a block
// with nothing else is passed over.

// hasDropped reports whether a block has a field that is left out.
func (m *merger) hasDropped(b *BlockRef) (found bool, err error) {
	if len(m.dropped) == 0 {
		return false, nil
	}
	err = b.eachField(func(f *fieldEntry, _ int64) bool {
		_, found = slices.BinarySearch(m.dropped, f.number)
		return !found
	})
	return found, err
}

// keepFields takes the fields out that are left out.
func (m *merger) keepFields(fields []uint32) []uint32 {
	if len(m.dropped) == 0 {
		return fields
	}
	return slices.DeleteFunc(fields, func(number uint32) bool {
		_, found := slices.BinarySearch(m.dropped, number)
		return found
	})
}

// HasField reports whether the file has values of one of the fields with the
// given numbers, which ascend.
func (r *Reader) HasField(numbers []uint32) bool {
	return slices.ContainsFunc(r.Fields(), func(f FieldDef) bool {
		_, found := slices.BinarySearch(numbers, f.Number)
		return found
	})
}
