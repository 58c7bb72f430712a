package index

import (
	"bytes"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
)

// valueMatcher matches values that come in the order of a dictionary. Most values
// begin as the one before, so it remembers where in that one the first literal
// was, and looks for it only where the value is another.
type valueMatcher struct {
	plan  *regexPlan
	first []byte   // literal that every match has, empty: none is known
	then  [][]byte // that come after it, none over another
	at    int      // where first begins in the value before, -1: nowhere
}

func (p *regexPlan) matcher() *valueMatcher {
	m := &valueMatcher{plan: p, at: -1}
	if len(p.contains) > 0 {
		m.first = p.contains
	} else if len(p.needs) > 0 {
		m.first, m.then = p.needs[0], p.needs[1:]
	}
	return m
}

// match reports whether the expression matches value, which has at least its first
// shared bytes from the value of the call before. Its plain twin is regexPlan.match.
func (m *valueMatcher) match(value []byte, shared int) bool {
	if len(m.first) == 0 {
		return m.plan.re.Match(value)
	}
	if m.at < 0 || m.at+len(m.first) > shared {
		start := max(0, shared-len(m.first)+1) // before that it would lie in what is shared
		if m.at = bytes.Index(value[start:], m.first); m.at < 0 {
			return false
		}
		m.at += start
	}
	if len(m.plan.contains) > 0 {
		return true
	}
	rest := value[m.at+len(m.first):]
	for _, literal := range m.then {
		at := bytes.Index(rest, literal)
		if at < 0 {
			return false
		}
		rest = rest[at+len(literal):]
	}
	return m.plan.re.Match(value)
}

// scanChunkBlocks is how many blocks of a dictionary a processor scans before it
// asks for more; dictionaries of fewer are scanned by one.
const scanChunkBlocks = 1024

// addMatches adds to u the ids of the values that begin with prefix and that the
// plan matches. Long dictionaries are scanned by all processors.
func (k *baseKey) addMatches(prefix string, plan *regexPlan, u *unionBuilder) error {
	first, err := k.vals.seek([]byte(prefix))
	if err != nil {
		return err
	}
	done, err := k.scanBlocks(first, prefix, plan.matcher(), u)
	if done || err != nil {
		return err
	}
	var next atomic.Uint32
	next.Store(first + scanChunkBlocks)
	left := (k.vals.ref.blocks - next.Load() + scanChunkBlocks - 1) / scanChunkBlocks
	workers := make([]scanWorker, min(runtime.GOMAXPROCS(0), int(left)))
	var running sync.WaitGroup
	for i := range workers {
		w := &workers[i]
		w.u = newUnion()
		running.Go(func() { w.scan(k, &next, prefix, plan) })
	}
	running.Wait()
	for i := range workers {
		w := &workers[i]
		if w.fault != nil {
			panic(w.fault) // where the caller's caller expects it
		}
		err = errors.Join(err, w.err)
		u.bm.Or(w.u.bitmap())
	}
	return err
}

// scanWorker is a goroutine of addMatches.
type scanWorker struct {
	u     *unionBuilder
	err   error
	fault any // that it ended with
}

// scan scans one chunk of blocks after the other, until there are none.
func (w *scanWorker) scan(k *baseKey, next *atomic.Uint32, prefix string, plan *regexPlan) {
	defer func() { w.fault = recover() }()
	m := plan.matcher()
	for {
		at := next.Add(scanChunkBlocks) - scanChunkBlocks
		if at >= k.vals.ref.blocks {
			return
		}
		done, err := k.scanBlocks(at, prefix, m, w.u)
		if w.err = err; done || err != nil {
			next.Store(k.vals.ref.blocks) // the others need not go on
			return
		}
	}
}

// scanBlocks adds the matches in one chunk of blocks. It reports whether no value
// after them begins with prefix.
func (k *baseKey) scanBlocks(first uint32, prefix string, m *valueMatcher, u *unionBuilder) (done bool, err error) {
	blocks := k.vals.ref.blocks
	c := tableCursor{t: k.vals, block: first}
	c.t.ref.blocks = min(first+scanChunkBlocks, blocks)
	list := make([]uint32, 0, smallPosting)
	shared := 0 // with the last value that was matched
	for c.next() {
		shared = min(shared, c.shared)
		if prefix != "" {
			if cmp := comparePrefix(c.key, prefix); cmp < 0 {
				continue
			} else if cmp > 0 {
				return true, nil
			}
		}
		ok := m.match(c.key, shared)
		shared = len(c.key)
		if !ok {
			continue
		}
		p, _, err := k.b.postingIn(c.payload, list)
		if err != nil {
			return true, err
		}
		u.add(p)
	}
	return c.t.ref.blocks == blocks, c.fail
}
