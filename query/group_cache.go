package query

import (
	"container/list"
	"encoding/binary"
	"sync"

	"github.com/timberlinedb/timberline/internal/budget"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// groupCache keeps what the series of a source are when they are found, sorted and cut into groups, for the next statements
// that want the same of the same series: dashboards ask again and again. What it keeps is never changed. An entry is good
// as long as its view's version of the series is that of the view that asks; the first that finds another version drops
// all entries of the old one. Entries that were not used for longest make room for new ones.
type groupCache struct {
	account *budget.Account // what entries take; its limit is that of the cache; nil: nothing is kept

	mu      sync.Mutex // guards the fields below
	entries map[string]*list.Element
	recent  list.List // of *groupedSeries, the one used last in front
	bytes   int64
	metrics GroupCacheMetrics // the counters of it
}

// GroupCacheMetrics describes the cache of sorted and grouped series.
type GroupCacheMetrics struct {
	Entries int
	Bytes   int64 // taken from the account

	Hits, Misses int64 // of statements that could use it
	Dropped      int64 // entries whose series have changed since
	Evicted      int64 // entries that made room for others
}

// groupedSeries is the series of a source in groups, in order of the answer.
type groupedSeries struct {
	key     string
	version cursor.SeriesVersion
	series  []model.SeriesID
	groups  []seriesGroup
	tags    *sourceTags // nil when the statement does not read them
	places  []int32     // of the series in tags
	bytes   int64
}

// minCachedSeries is the number of series from which on groups are kept: fewer are found as fast.
const minCachedSeries = 32

// get returns the groups kept under a key, nil when there are none of that version.
func (c *groupCache) get(key []byte, version cursor.SeriesVersion) *groupedSeries {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[string(key)]
	if e == nil {
		c.metrics.Misses++
		return nil
	}
	g := e.Value.(*groupedSeries)
	if g.version != version {
		c.metrics.Misses++
		c.dropVersions(version)
		return nil
	}
	c.metrics.Hits++
	c.recent.MoveToFront(e)
	return g
}

// dropVersions drops the entries of an index that are of another version of it.
func (c *groupCache) dropVersions(now cursor.SeriesVersion) {
	for e := c.recent.Front(); e != nil; {
		next := e.Next()
		if g := e.Value.(*groupedSeries); g.version.Index == now.Index && g.version.Version != now.Version {
			c.remove(e)
			c.metrics.Dropped++
		}
		e = next
	}
}

// put keeps groups, which the cache owns from here on. What finds no room is not kept.
func (c *groupCache) put(g *groupedSeries) {
	g.bytes = g.size()
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.entries[g.key]; old != nil {
		c.remove(old)
	}
	if limit := c.account.Limit(); limit > 0 && g.bytes > limit {
		return
	}
	for c.account.Reserve(g.bytes) != nil {
		oldest := c.recent.Back()
		if oldest == nil {
			return
		}
		c.remove(oldest)
		c.metrics.Evicted++
	}
	if c.entries == nil {
		c.entries = make(map[string]*list.Element)
	}
	c.entries[g.key] = c.recent.PushFront(g)
	c.bytes += g.bytes
}

func (c *groupCache) remove(e *list.Element) {
	g := c.recent.Remove(e).(*groupedSeries)
	delete(c.entries, g.key)
	c.bytes -= g.bytes
	c.account.Release(g.bytes)
}

func (c *groupCache) count() GroupCacheMetrics {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.metrics
	m.Entries, m.Bytes = len(c.entries), c.bytes
	return m
}

// What an entry takes beside the texts in it, about: of its own, per series and per group with its tagset.
const (
	groupedBytes     = 300
	groupSeriesBytes = 4
	groupTagsetBytes = 130
)

// size returns about how many bytes g takes.
func (g *groupedSeries) size() int64 {
	n := groupedBytes + len(g.key) + (len(g.series)+len(g.places))*groupSeriesBytes + g.tags.bytes()
	for i := range g.groups {
		tags := g.groups[i].tags
		n += groupTagsetBytes + 16*len(tags.values) + len(tags.id)
		if outer := g.groups[i].outer; outer != tags && outer != noTags {
			n += groupTagsetBytes + 32*len(outer.values) + len(outer.id)
		}
	}
	return int64(n)
}

// groupKey returns what the groups of a source are kept under, and the version of the series they are made from; false
// when they cannot be kept. It names all that decides which series a source has, how they are grouped and in which order,
// and whether their tags are kept as well.
func (s *source) groupKey(cond *tagCondition, tags bool) (key []byte, version cursor.SeriesVersion, ok bool) {
	versioned, ok := s.view.view.(cursor.VersionedView)
	if !ok || s.run.engine.groups.account == nil {
		return nil, version, false
	}
	if version, ok = versioned.SeriesVersion(); !ok {
		return nil, version, false
	}
	key = binary.LittleEndian.AppendUint64(nil, version.Index)
	key = appendKeyText(key, version.Shards)
	key = appendKeyText(key, s.measurement)
	key = appendKeyTexts(key, s.opt.groupBy)
	key = appendKeyTexts(key, s.opt.dimensions)
	form := byte(0)
	if s.opt.ascending {
		form |= 1
	}
	if tags {
		form |= 2
	}
	key = append(key, form)
	return appendKeyFilter(key, cond.filter), version, true
}

func appendKeyText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendKeyTexts(dst []byte, list []string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for _, s := range list {
		dst = appendKeyText(dst, s)
	}
	return dst
}

// appendKeyFilter appends a form of a filter that no other filter has.
func appendKeyFilter(dst []byte, f *model.TagFilter) []byte {
	if f == nil {
		return append(dst, 0xff)
	}
	dst = append(dst, byte(f.Op))
	dst = appendKeyText(dst, f.Key)
	dst = appendKeyText(dst, f.Value)
	if f.Regex != nil {
		dst = appendKeyText(append(dst, 1), f.Regex.String())
	} else {
		dst = append(dst, 0)
	}
	dst = binary.AppendUvarint(dst, uint64(len(f.Args)))
	for _, a := range f.Args {
		dst = appendKeyFilter(dst, a)
	}
	return dst
}
