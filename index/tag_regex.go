package index

import (
	"bytes"
	"cmp"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/RoaringBitmap/roaring/v2"
)

// regexPlan is how a regular expression is matched against a dictionary. Exactly
// one of the forms is set; re is always right.
type regexPlan struct {
	re       *regexp.Regexp
	exact    []string // matches these values and no others
	isExact  bool
	prefixes []string // every match starts with one of these; disjoint ranges
	contains []byte   // matches what contains this
	needs    [][]byte // every match contains these, one after the other
}

const maxRegexLiterals = 256

// planRegex looks for literals in the expression.
func planRegex(re *regexp.Regexp) regexPlan {
	p := regexPlan{re: re}
	tree, err := syntax.Parse(re.String(), syntax.Perl)
	if err != nil {
		return p
	}
	tree = tree.Simplify()
	subs := flattenConcat(tree)
	begin, end := 0, len(subs)
	for begin < end && subs[begin].Op == syntax.OpBeginText {
		begin++
	}
	for end > begin && subs[end-1].Op == syntax.OpEndText {
		end--
	}
	p.needs = requiredLiterals(subs[begin:end])
	heads, all := expandConcat(subs[begin:end])
	switch {
	case all && begin > 0 && end < len(subs):
		slices.Sort(heads)
		p.exact, p.isExact = slices.Compact(heads), true
	case begin > 0:
		p.prefixes = prefixRanges(heads)
	case all && begin == 0 && end == len(subs) && len(heads) == 1:
		p.contains = []byte(heads[0])
	}
	return p
}

// requiredLiterals returns the literals among the parts of a concatenation that
// stand for themselves: a match has them in this order, none over another.
func requiredLiterals(subs []*syntax.Regexp) (needs [][]byte) {
	for _, sub := range subs {
		if sub.Op == syntax.OpPlus {
			sub = sub.Sub[0] // once at least
		}
		if sub.Op != syntax.OpLiteral {
			continue
		}
		if literals, ok := expand(sub); ok {
			needs = append(needs, []byte(literals[0]))
		}
	}
	return needs
}

// flattenConcat returns the parts of a concatenation, looking through groups.
func flattenConcat(re *syntax.Regexp) []*syntax.Regexp {
	switch re.Op {
	case syntax.OpConcat:
		var subs []*syntax.Regexp
		for _, sub := range re.Sub {
			subs = append(subs, flattenConcat(sub)...)
		}
		return subs
	case syntax.OpCapture:
		return flattenConcat(re.Sub[0])
	}
	return []*syntax.Regexp{re}
}

// expandConcat returns the strings that the longest possible head of subs
// matches, and whether that head is all of subs.
func expandConcat(subs []*syntax.Regexp) (heads []string, all bool) {
	heads = []string{""}
	for _, sub := range subs {
		tails, ok := expand(sub)
		if !ok || len(heads)*len(tails) > maxRegexLiterals {
			return heads, false
		}
		next := make([]string, 0, len(heads)*len(tails))
		for _, h := range heads {
			for _, t := range tails {
				next = append(next, h+t)
			}
		}
		heads = next
	}
	return heads, true
}

// expand returns the strings that re matches when they are few.
func expand(re *syntax.Regexp) ([]string, bool) {
	switch re.Op {
	case syntax.OpEmptyMatch:
		return []string{""}, true
	case syntax.OpLiteral:
		// U+FFFD matches any byte that is not UTF-8.
		if re.Flags&syntax.FoldCase != 0 || slices.Contains(re.Rune, utf8.RuneError) {
			return nil, false
		}
		return []string{string(re.Rune)}, true
	case syntax.OpCharClass:
		return expandClass(re.Rune)
	case syntax.OpCapture:
		return expand(re.Sub[0])
	case syntax.OpQuest:
		tails, ok := expand(re.Sub[0])
		return append(tails, ""), ok
	case syntax.OpConcat:
		return expandConcat(re.Sub)
	case syntax.OpAlternate:
		var out []string
		for _, sub := range re.Sub {
			s, ok := expand(sub)
			if !ok || len(out)+len(s) > maxRegexLiterals {
				return nil, false
			}
			out = append(out, s...)
		}
		return out, true
	}
	return nil, false
}

func expandClass(ranges []rune) ([]string, bool) {
	var out []string
	for i := 0; i+1 < len(ranges); i += 2 {
		if int(ranges[i+1]-ranges[i]) >= maxRegexLiterals {
			return nil, false
		}
		for r := ranges[i]; r <= ranges[i+1]; r++ {
			if r == utf8.RuneError || len(out) == maxRegexLiterals {
				return nil, false
			}
			out = append(out, string(r))
		}
	}
	return out, true
}

// prefixRanges drops prefixes that start with another one; nil when one of them
// is empty.
func prefixRanges(heads []string) []string {
	slices.Sort(heads)
	var out []string
	for _, h := range heads {
		if h == "" {
			return nil
		}
		if len(out) == 0 || !strings.HasPrefix(h, out[len(out)-1]) {
			out = append(out, h)
		}
	}
	return out
}

// match reports whether the expression matches value.
func (p *regexPlan) match(value []byte) bool {
	if len(p.contains) > 0 {
		return bytes.Contains(value, p.contains)
	}
	rest := value
	for _, literal := range p.needs { // much cheaper than the expression
		at := bytes.Index(rest, literal)
		if at < 0 {
			return false
		}
		rest = rest[at+len(literal):]
	}
	return p.re.Match(value)
}

// addMatches adds the ids of the non-empty values of k that match to u.
func (p *regexPlan) addMatches(k partKey, u *unionBuilder) error {
	if p.isExact {
		for _, value := range p.exact {
			ids, ok, err := k.find(value)
			if err != nil {
				return err
			}
			if ok {
				u.add(ids)
			}
		}
		return nil
	}
	if len(p.prefixes) == 0 {
		return k.addMatches("", p, u)
	}
	for _, prefix := range p.prefixes {
		if err := k.addMatches(prefix, p, u); err != nil {
			return err
		}
	}
	return nil
}

// regexCache keeps the ids that regular expressions select in a file of the
// checkpoint, which never change. The ids of the delta are matched each time, until
// they are in a layer.
type regexCache struct {
	stats *regexStats // nil: nobody counts

	mu      sync.Mutex // guards the fields below
	entries map[regexKey]*roaring.Bitmap
	bytes   uint64
}

type regexKey struct {
	measurement, key, regex string
}

// regexStats counts over the checkpoints of an index.
type regexStats struct{ hits, misses atomic.Int64 }

// The bounds of the cache, and of what is taken over from one checkpoint to the
// next, each of which costs a look at the values that are new.
const (
	maxRegexCacheBytes = 16 << 20
	maxRegexTaken      = 64
)

// get returns a bitmap that must not be changed.
func (c *regexCache) get(k regexKey) *roaring.Bitmap {
	c.mu.Lock()
	defer c.mu.Unlock()
	bm := c.entries[k]
	if c.stats != nil && bm != nil {
		c.stats.hits.Add(1)
	} else if c.stats != nil {
		c.stats.misses.Add(1)
	}
	return bm
}

func (c *regexCache) size() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return int64(c.bytes)
}

// takeOver fills the cache of a file that was merged with the results for the
// largest of its inputs and what matches in the others, without the dead.
func (c *regexCache) takeOver(inputs []*base, dead *roaring.Bitmap) {
	largest := slices.MaxFunc(inputs, func(a, b *base) int { return cmp.Compare(a.h.series, b.h.series) })
	for _, k := range largest.regexes.keys(maxRegexTaken) {
		re, err := regexp.Compile(k.regex)
		if err != nil {
			continue
		}
		u := newUnion()
		for _, b := range inputs {
			if err = u.addMatches(b, k, re); err != nil {
				break
			}
		}
		if err != nil {
			continue // the next search tells
		}
		bm := u.bitmap()
		if dead != nil {
			bm.AndNot(dead)
		}
		bm.CloneCopyOnWriteContainers()
		c.put(k, bm)
	}
}

// keys returns at most n of the keys that have a result.
func (c *regexCache) keys(n int) []regexKey {
	c.mu.Lock()
	defer c.mu.Unlock()
	keys := make([]regexKey, 0, min(len(c.entries), n))
	for k := range c.entries {
		if len(keys) == n {
			break
		}
		keys = append(keys, k)
	}
	return keys
}

// addMatches adds what a base has for a key, from its cache or its values.
func (u *unionBuilder) addMatches(b *base, k regexKey, re *regexp.Regexp) error {
	b.regexes.mu.Lock()
	bm := b.regexes.entries[k]
	b.regexes.mu.Unlock()
	if bm != nil {
		u.bm.Or(bm)
		return nil
	}
	m, ok, err := b.measurement(k.measurement)
	if err != nil || !ok {
		return err
	}
	key, ok, err := m.key(k.key)
	if err != nil || !ok {
		return err
	}
	plan := planRegex(re)
	return plan.addMatches(key, u)
}

// put keeps bm, which must not be changed any more.
func (c *regexCache) put(k regexKey, bm *roaring.Bitmap) {
	c.mu.Lock()
	defer c.mu.Unlock()
	size := bm.GetSizeInBytes() + 256
	if c.entries == nil {
		c.entries = make(map[regexKey]*roaring.Bitmap)
	}
	for old, was := range c.entries { // some other ones make room
		if c.bytes+size <= maxRegexCacheBytes {
			break
		}
		c.bytes -= was.GetSizeInBytes() + 256
		delete(c.entries, old)
	}
	if _, ok := c.entries[k]; !ok && c.bytes+size <= maxRegexCacheBytes {
		c.entries[k] = bm
		c.bytes += size
	}
}
