package query

import "math"

// simplex looks for the parameters with the least value of a function by the method of Nelder and Mead.
type simplex struct {
	fn       func([]float64) float64
	vertices [][]float64
	values   []float64
	best     int
	worst    int
	second   int // the worst but one
}

// Coefficients of the method, and how long it is tried.
const (
	simplexReflect  = 1.0
	simplexContract = 0.5
	simplexExpand   = 2.0
	simplexRounds   = 1000
)

// minimize begins at start with a simplex of edge length one and stops when the values differ by less than epsilon.
func minimize(fn func([]float64) float64, start []float64, epsilon float64) (float64, []float64) {
	s := newSimplex(fn, start)
	for range simplexRounds {
		s.rank()
		s.step()
		if s.spread() < epsilon {
			break
		}
	}
	s.rank()
	params := append([]float64(nil), s.vertices[s.best]...)
	return fn(s.vertices[s.best]), params
}

func newSimplex(fn func([]float64) float64, start []float64) *simplex {
	n := len(start)
	s := &simplex{fn: fn, vertices: make([][]float64, n+1), values: make([]float64, n+1)}
	near := (math.Sqrt(float64(n+1)) - 1) / (float64(n) * math.Sqrt2)
	far := (math.Sqrt(float64(n+1)) - 1 + float64(n)) / (float64(n) * math.Sqrt2)
	for i := range s.vertices {
		v := append([]float64(nil), start...)
		for j := range v {
			switch {
			case i == 0:
			case j == i-1:
				v[j] = far + start[j]
			default:
				v[j] = near + start[j]
			}
		}
		s.vertices[i] = v
	}
	for i := range s.values {
		s.values[i] = fn(s.vertices[i])
	}
	return s
}

// rank finds the best, the worst and the second worst vertex.
func (s *simplex) rank() {
	s.worst, s.best = 0, 0
	for i, f := range s.values {
		if f > s.values[s.worst] {
			s.worst = i
		}
		if f < s.values[s.best] {
			s.best = i
		}
	}
	s.second = s.best
	for i, f := range s.values {
		if f > s.values[s.second] && f < s.values[s.worst] {
			s.second = i
		}
	}
}

// step replaces the worst vertex, or shrinks the simplex.
func (s *simplex) step() {
	center := s.centroid()
	worst := s.vertices[s.worst]
	reflected := combine(center, func(i int) float64 { return center[i] + float64(simplexReflect*(center[i]-worst[i])) })
	value := s.fn(reflected)
	switch {
	case value < s.values[s.best]:
		expanded := combine(center, func(i int) float64 { return center[i] + float64(simplexExpand*(reflected[i]-center[i])) })
		if v := s.fn(expanded); v < value {
			s.replace(expanded, v)
		} else {
			s.replace(reflected, value)
		}
	case value < s.values[s.second]:
		s.replace(reflected, value)
	}
	if value >= s.values[s.second] {
		s.contract(center, reflected, value)
	}
}

func (s *simplex) contract(center, reflected []float64, value float64) {
	worst := s.vertices[s.worst]
	contracted := combine(center, func(i int) float64 {
		if value < s.values[s.worst] {
			return center[i] + float64(simplexContract*(reflected[i]-center[i]))
		}
		return center[i] - float64(simplexContract*(center[i]-worst[i]))
	})
	if v := s.fn(contracted); v < s.values[s.worst] {
		s.replace(contracted, v)
		return
	}
	best := s.vertices[s.best]
	for row, v := range s.vertices {
		if row == s.best {
			continue
		}
		for i := range v {
			v[i] = best[i] + (v[i]-best[i])/2
		}
	}
	s.values[s.worst] = s.fn(s.vertices[s.worst])
	s.values[s.second] = s.fn(s.vertices[s.second])
}

// centroid is the middle of all vertices but the worst.
func (s *simplex) centroid() []float64 {
	n := len(s.vertices) - 1
	center := make([]float64, n)
	for i := range center {
		sum := 0.0
		for m, v := range s.vertices {
			if m != s.worst {
				sum += v[i]
			}
		}
		center[i] = sum / float64(n)
	}
	return center
}

func (s *simplex) replace(v []float64, value float64) {
	copy(s.vertices[s.worst], v)
	s.values[s.worst] = value
}

// spread is the standard deviation of the values.
func (s *simplex) spread() float64 {
	sum := 0.0
	for _, f := range s.values {
		sum += f
	}
	mean := sum / float64(len(s.values))
	sum = 0
	for _, f := range s.values {
		sum += math.Pow(f-mean, 2) / float64(len(s.values)-1)
	}
	return math.Sqrt(sum)
}

func combine(like []float64, at func(int) float64) []float64 {
	v := make([]float64, len(like))
	for i := range v {
		v[i] = at(i)
	}
	return v
}
