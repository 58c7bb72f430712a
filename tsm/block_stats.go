package tsm

// EachPageStats calls visit with the statistics of each field of a block,
// ascending by number, in one walk over the index; they are valid during the
// call. known is false where PageStats would say that there are none. A shared
// block has no statistics: the result is false.
func (r *Reader) EachPageStats(b *BlockRef, visit func(field uint32, s *Stats, known bool)) (bool, error) {
	if b.multi {
		return false, nil
	}
	err := b.eachField(func(f *fieldEntry, _ int64) bool {
		visit(f.number, &f.stats, f.flags&entryStats != 0)
		return true
	})
	return err == nil, err
}
