package index

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"
)

// A checkpoint is a chain of files: the one named checkpoint has the ids from 1 on,
// each layer those that follow the file before it. A full delta becomes a layer,
// which costs as much as the delta is large; merges make one file of several
// neighbours, so that there are few. What a merge has made is published under its
// own name before its inputs go, so a directory may hold files for the same ids:
// those count that reach furthest.

const layerSuffix = ".layer"

// layerFile names a layer by the ids that it covers: those from after+1 to covered.
type layerFile struct {
	after, covered uint32
}

func (l layerFile) name() string {
	return fmt.Sprintf("%010d-%010d%s", l.after, l.covered, layerSuffix)
}

func parseLayerName(name string) (l layerFile, ok bool) {
	name, ok = strings.CutSuffix(name, layerSuffix)
	if !ok || len(name) != 21 || name[10] != '-' {
		return l, false
	}
	after, err1 := strconv.ParseUint(name[:10], 10, 32)
	covered, err2 := strconv.ParseUint(name[11:], 10, 32)
	return layerFile{uint32(after), uint32(covered)}, err1 == nil && err2 == nil
}

// checkpointFile returns the path of the file with the ids from after+1 to covered.
func (x *Index) checkpointFile(after, covered uint32) string {
	if after == 0 {
		return filepath.Join(x.indexDir, checkpointName)
	}
	return filepath.Join(x.indexDir, layerFile{after, covered}.name())
}

// listLayers returns the layers in the directory, those that reach furthest first.
func (x *Index) listLayers() ([]layerFile, error) {
	names, err := x.opt.FS.List(x.indexDir)
	if err != nil {
		return nil, fmt.Errorf("list index %s: %w", x.indexDir, err)
	}
	var layers []layerFile
	for _, name := range names {
		if l, ok := parseLayerName(name); ok {
			layers = append(layers, l)
		}
	}
	slices.SortFunc(layers, func(a, b layerFile) int { return cmp.Compare(b.covered, a.covered) })
	return layers, nil
}

// openLayers appends the layers that follow bases. One that is damaged is set aside;
// what comes after it is then made again from the series log.
func (x *Index) openLayers(bases []*base) ([]*base, error) {
	layers, err := x.listLayers()
	if err != nil || len(bases) == 0 {
		return bases, err
	}
	for i := 0; i < len(layers); i++ {
		last := bases[len(bases)-1]
		l := layers[i]
		if l.after != last.h.covered || l.covered <= l.after {
			continue
		}
		b, err := x.openLayer(l, last)
		switch {
		case err == nil:
			bases = append(bases, b)
			i = -1 // from the furthest again
		case errors.Is(err, ErrCorrupt):
			x.found.damage = append(x.found.damage, err)
			x.found.presenceLost = true
			if err := x.setAside(x.checkpointFile(l.after, l.covered)); err != nil {
				return bases, err
			}
		default:
			return bases, err
		}
	}
	return bases, nil
}

// openLayer opens the layer that follows last.
func (x *Index) openLayer(l layerFile, last *base) (*base, error) {
	b, err := x.openBase(x.checkpointFile(l.after, l.covered))
	if err != nil {
		return nil, err
	}
	switch {
	case b.h.after != l.after || b.h.covered != l.covered:
		err = b.p.corrupt(16, fmt.Sprintf("layer has the ids from %d to %d", b.h.after+1, b.h.covered))
	case b.h.seed != last.h.seed:
		err = b.p.corrupt(24, "layer belongs to another checkpoint")
	case b.h.log.before(last.h.log):
		err = b.p.corrupt(32, "layer ends in the series log before the one it follows")
	default:
		if err = x.loadPresence(b); err == nil {
			return b, nil
		}
	}
	b.release()
	return nil, err
}

// before reports whether p comes before q.
func (p logPosition) before(q logPosition) bool {
	return p.segment < q.segment || p.segment == q.segment && p.offset < q.offset
}

// removeStrayLayers removes the layers that are none of bases: their ids are in
// others, or come after damage.
func (x *Index) removeStrayLayers(bases []*base) error {
	layers, err := x.listLayers()
	if err != nil {
		return err
	}
	removed := false
	for _, l := range layers {
		if slices.ContainsFunc(bases, func(b *base) bool { return b.h.after == l.after && b.h.covered == l.covered }) {
			continue
		}
		name := x.checkpointFile(l.after, l.covered)
		if l.after == 0 { // no file of ours
			name = filepath.Join(x.indexDir, l.name())
		}
		if err := x.opt.FS.Remove(name); err != nil && !isNotExist(err) {
			return fmt.Errorf("remove layer of the checkpoint: %w", err)
		}
		removed = true
	}
	if !removed {
		return nil
	}
	return x.opt.FS.SyncDir(x.indexDir)
}

// mergeFiles is how many files are merged at least. A file is merged with those after
// it when it is not larger than all of them together. So each file is larger than all
// that follow it but for the last few, and of N layers each is written about log₂ N
// times at most.
const mergeFiles = 4

// planLayers returns how many of the first files a merge leaves alone; ok is false
// when there is nothing to merge. sizes are the series of the files, oldest first.
func planLayers(sizes []int) (keep int, ok bool) {
	sum, keep := 0, len(sizes)
	for keep > 0 && (keep == len(sizes) || sizes[keep-1] <= sum) {
		keep--
		sum += sizes[keep]
	}
	return keep, len(sizes)-keep >= mergeFiles
}

// seriesOf returns the number of series in bases that have a key.
func seriesOf(bases []*base) (n int) {
	for _, b := range bases {
		n += int(b.h.series)
	}
	return n
}

// covered returns the last id of bases, and the place in the series log after it.
func coveredBy(bases []*base) (id uint32, end logPosition) {
	if len(bases) == 0 {
		return 0, logPosition{}
	}
	last := bases[len(bases)-1]
	return last.h.covered, last.h.log
}

// findInBases looks for a key, in the newest first.
func findInBases(bases []*base, h uint64, key []byte, dead *roaring.Bitmap) (uint32, bool, error) {
	for i := len(bases) - 1; i >= 0; i-- {
		if id, ok, err := bases[i].find(h, key, dead); ok || err != nil {
			return id, ok, err
		}
	}
	return 0, false, nil
}

// generationsIn returns which segments of the series log were rewritten, as the files
// of a chain tell it, of each the first that does; nil for an empty chain.
func generationsIn(bases []*base) generations {
	if len(bases) == 0 {
		return nil
	}
	all := generations{}
	for _, b := range bases {
		for segment, generation := range b.generations {
			if _, ok := all[segment]; !ok {
				all[segment] = generation
			}
		}
	}
	return all
}

// freedIn returns the series of bases that one of them says were freed; nil for
// none. Those that a merge has left out already do not count.
func freedIn(bases []*base) (*roaring.Bitmap, error) {
	freed := roaring.New()
	for _, b := range bases {
		if b.freed != nil {
			freed.Or(b.freed)
		}
	}
	if freed.IsEmpty() {
		return nil, nil
	}
	stored, err := snapshot{bases: bases}.all()
	if err != nil {
		return nil, err
	}
	freed.And(stored)
	return freed, nil
}

func releaseBases(bases []*base) error {
	var errs []error
	for _, b := range bases {
		errs = append(errs, b.release())
	}
	return errors.Join(errs...)
}

// mergeLayers makes one file of those of the chain after the first keep, without the
// dead, and takes it in use. mergeMu must be held.
func (x *Index) mergeLayers(bases []*base, keep int, dead *roaring.Bitmap) error {
	inputs := bases[keep:]
	covered, end := coveredBy(bases)
	x.checkpointMu.Lock()
	in := checkpointInput{
		header: checkpointHeader{after: inputs[0].h.after, covered: covered, log: end},
		bases:  inputs, delta: newDelta(covered+1, x.seed), presence: x.presence.copy(inputs[0].h.after), dead: dead, generations: x.generations,
	}
	if keep > 0 {
		in.freed = x.freedUpTo(covered)
	}
	x.checkpointMu.Unlock()
	rewrite, err := x.rewriteLog(&in)
	if err != nil {
		return err
	}
	b, err := x.publish(in)
	if err != nil {
		return err
	}
	b.regexes.takeOver(inputs, dead)
	x.checkpointMu.Lock()
	defer x.checkpointMu.Unlock()
	x.generations = in.generations
	x.mu.Lock()
	chain := append(slices.Clone(bases[:keep]), b)
	x.snap.bases = append(chain, x.snap.bases[len(bases):]...) // layers may have come meanwhile
	x.forgetDeadLocked(dead)
	chain = x.snap.bases
	x.mu.Unlock()
	err = errors.Join(releaseBases(inputs), x.removeStrayLayers(chain))
	if rewrite != nil {
		x.rewritten.Add(rewrite.count)
		x.log.shrunk(rewrite.saved)
		err = errors.Join(err, removeSegments(x.opt.FS, x.seriesDir, rewrite.superseded))
	}
	return err
}

// freedUpTo returns the dead up to an id; nil for none.
func (x *Index) freedUpTo(id uint32) *roaring.Bitmap {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.snap.dead == nil {
		return nil
	}
	freed := x.snap.dead.Clone()
	freed.RemoveRange(uint64(id)+1, 1<<32)
	if freed.IsEmpty() {
		return nil
	}
	return freed
}
