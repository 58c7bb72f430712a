package query

import "math"

// zeroTime marks a point whose reducer left the time to the window it belongs to.
const zeroTime = math.MinInt64

// point is one value on its way through the operators, with the values of other fields at the same place beside it.
// Points are never changed once they were handed on, except by who allocated them for itself.
type point struct {
	name string
	tags *tagset
	time int64
	val  value
	aux  []value
	n    uint64 // values that were aggregated into val; 0 or 1 for a plain value
}

// iterator yields points group by group: ordered by measurement, then by the tags of the statement's dimensions, then
// by time or, where the operator that reads allows it, by time window.
type iterator interface {
	// next returns the next point, or nil at the end.
	next() (*point, error)
	close()
}

// emptyIterator yields nothing.
type emptyIterator struct{}

func (emptyIterator) next() (*point, error) { return nil, nil }
func (emptyIterator) close()                {}

// peeker lets an operator look at a point before it takes it.
type peeker struct {
	in   iterator
	held *point
}

func (p *peeker) next() (*point, error) {
	if pt := p.held; pt != nil {
		p.held = nil
		return pt, nil
	}
	return p.in.next()
}

func (p *peeker) peek() (*point, error) {
	if p.held == nil {
		pt, err := p.in.next()
		if err != nil {
			return nil, err
		}
		p.held = pt
	}
	return p.held, nil
}

// unread puts back the point that was read last; nil is ignored.
func (p *peeker) unread(pt *point) {
	if pt != nil {
		p.held = pt
	}
}

func (p *peeker) close() { p.in.close() }

// slab hands out points and lists of values in blocks, so that a row costs no allocation of its own.
type slab struct {
	points []point
	values []value
	size   int // of the block of points
}

// Blocks grow by doubling.
const (
	firstSlabPoints = 8
	slabPoints      = 256
)

func (s *slab) point() *point {
	if len(s.points) == 0 {
		s.size = min(max(2*s.size, firstSlabPoints), slabPoints)
		s.points = make([]point, s.size)
	}
	p := &s.points[0]
	s.points = s.points[1:]
	return p
}

func (s *slab) list(n int) []value {
	if n == 0 {
		return nil
	}
	if len(s.values) < n {
		s.values = make([]value, max(n, min(n*max(s.size, firstSlabPoints), slabPoints)))
	}
	l := s.values[:n:n]
	s.values = s.values[n:]
	return l
}
