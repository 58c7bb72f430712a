package tsm

import "math"

// indexWriter collects one of the two indexes.
type indexWriter struct {
	multi  bool
	leaf   leafBuilder
	leaves []byte     // finished leaves that are not in the file yet
	tops   []topEntry // offsets of those in leaves are relative to it
	placed int        // number of tops whose leaves are in the file
}

func (w *Writer) addEntry(e *blockEntry) error {
	x := &w.single
	if e.multi {
		x = &w.multi
	}
	x.leaf.add(e)
	if x.leaf.full() {
		x.closeLeaf(generationSeed(w.opt.Generation))
	}
	w.info.Rows += int64(e.rows)
	w.info.Blocks++
	if w.info.Range.Empty() {
		w.info.Range = e.span
	} else {
		w.info.Range = w.info.Range.Union(e.span)
	}
	if len(x.leaves) >= leafBuffer {
		return w.placeLeaves(x)
	}
	return nil
}

func (x *indexWriter) closeLeaf(seed uint32) {
	if x.leaf.count == 0 {
		return
	}
	top := topEntry{series: x.leaf.first, time: x.leaf.baseTime, offset: int64(len(x.leaves))}
	if x.multi {
		top.time = math.MinInt64
	}
	x.leaves = x.leaf.appendTo(x.leaves, seed)
	top.length = len(x.leaves) - int(top.offset)
	x.tops = append(x.tops, top)
}

// placeLeaves writes the finished leaves to the file.
func (w *Writer) placeLeaves(x *indexWriter) error {
	for ; x.placed < len(x.tops); x.placed++ {
		x.tops[x.placed].offset += w.offset
	}
	err := w.write(x.leaves)
	x.leaves = x.leaves[:0]
	return err
}

// placeCells is placeLeaves for those of cells.
func (w *Writer) placeCells(x *cellIndexWriter) error {
	for ; x.placed < len(x.tops); x.placed++ {
		x.tops[x.placed].offset += w.offset
	}
	err := w.write(x.leaves)
	x.leaves = x.leaves[:0]
	return err
}
