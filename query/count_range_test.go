package query

import (
	"math"
	"testing"
)

// Means and counts of more values than 32 bits count are right.
func TestMoreThan32BitsOfValues(t *testing.T) {
	const many = math.MaxUint32
	r := &meanReducer{}
	r.add(&point{val: floatValue(1), n: many})
	r.add(&point{val: floatValue(3), n: many})
	p := r.emit(nil, nil)[0]
	if p.val.float() != 2 || p.n != 2*many {
		t.Errorf("mean %v of %d values, want 2 of %d", p.val.float(), p.n, uint64(2*many))
	}
	count := &countReducer{n: 2 * many}
	if p := count.emit(nil, nil)[0]; p.n != 2*many || p.val.integer() != 2*many {
		t.Errorf("count %d with weight %d, want %d", p.val.integer(), p.n, uint64(2*many))
	}
	a := &scanCall{kind: aggregateMean, scan: &aggregateScan{source: &source{opt: &scanOptions{ascending: true}}}}
	run := cellRun{{val: floatValue(1), n: many}}
	out := a.joinRuns([]cellRun{run, {{val: floatValue(3), n: many}}})
	if len(out) != 1 || out[0].n != 2*many || out[0].val.float() != 2 {
		t.Errorf("joined %+v", out)
	}
}
