package bench

import (
	"math"
	"math/rand/v2"
	"strconv"
	"time"
)

// Generator makes the lines of a Spec, in order of time: at every timestamp all
// hosts, of every host all lines. It is not safe for concurrent use.
//
// The keys of all hosts are kept as text and the walks as numbers: about 230
// bytes and 80 bytes per host for the workload cpu.
type Generator struct {
	spec   Spec
	work   *workload
	random *rand.Rand
	plans  []plan // of the lines of a host

	hostTags []byte   // of all hosts, one after the other
	hostEnds []uint64 // where those of each host end
	state    []float64
	stride   int // numbers of state per host
	values   []float64

	host, line int
	step, left int64
	stamp      []byte // ' ', timestamp, '\n' of the current step
}

// plan is a line made ready for writing.
type plan struct {
	open    string // measurement and leading tags
	close   string // trailing tags
	names   []string
	fields  []field
	derived []int // positions of fields that follow from others of the line
	state   int   // offset of its numbers within those of a host
}

// NewGenerator returns a generator at the first line. The Spec must be valid.
func NewGenerator(spec Spec) *Generator {
	g := &Generator{spec: spec, work: workloads[spec.Workload], left: spec.Lines(),
		random: rand.New(rand.NewPCG(spec.Seed, 0x74696d6265726c69))} // #nosec G404 -- data of a benchmark, to be had again by its seed
	for _, l := range g.work.lines {
		p := plan{open: l.measurement + l.lead, close: l.tail, fields: l.fields, state: g.stride}
		for i, f := range l.fields {
			separator := ","
			if i == 0 {
				separator = " "
			}
			p.names = append(p.names, separator+f.name+"=")
			if f.kind == rest || f.kind == percent {
				p.derived = append(p.derived, i)
			}
		}
		g.stride += len(l.fields)
		g.plans = append(g.plans, p)
		g.values = make([]float64, max(len(g.values), len(l.fields)))
	}
	g.drawHosts()
	g.stamp = appendStamp(nil, spec.Start)
	return g
}

// drawHosts gives every host its tags and the first value of every field.
func (g *Generator) drawHosts() {
	g.hostEnds = make([]uint64, g.spec.Hosts)
	g.state = make([]float64, g.spec.Hosts*g.stride)
	for h := range g.hostEnds {
		g.hostTags = g.work.hostTags(g.hostTags, g.random, h)
		g.hostEnds[h] = uint64(len(g.hostTags))
		for _, p := range g.plans {
			for i, f := range p.fields {
				g.state[h*g.stride+p.state+i] = f.low + g.random.Float64()*(f.high-f.low)
			}
		}
	}
}

// appendStamp appends a timestamp in nanoseconds as it ends a line.
func appendStamp(dst []byte, t time.Time) []byte {
	return append(strconv.AppendInt(append(dst, ' '), t.UnixNano(), 10), '\n')
}

// Append appends up to n lines and returns how many there were, zero at the
// end, and how many field values they hold.
func (g *Generator) Append(dst []byte, n int) (out []byte, lines, values int) {
	for lines < n && g.left > 0 {
		p := &g.plans[g.line]
		dst = g.appendLine(dst, p)
		lines, values = lines+1, values+len(p.fields)
		g.left--
		g.advance()
	}
	return dst, lines, values
}

func (g *Generator) advance() {
	if g.line++; g.line < len(g.plans) {
		return
	}
	g.line = 0
	if g.host++; g.host < g.spec.Hosts {
		return
	}
	g.host = 0
	g.step++
	g.stamp = appendStamp(g.stamp[:0], g.spec.Start.Add(time.Duration(g.step)*g.spec.Interval))
}

func (g *Generator) appendLine(dst []byte, p *plan) []byte {
	var begin uint64
	if g.host > 0 {
		begin = g.hostEnds[g.host-1]
	}
	dst = append(dst, p.open...)
	dst = append(dst, g.hostTags[begin:g.hostEnds[g.host]]...)
	dst = append(dst, p.close...)
	values := g.values[:len(p.fields)]
	g.nextValues(values, p)
	for i := range p.fields {
		dst = append(dst, p.names[i]...)
		dst = appendValue(dst, p.fields[i].kind, values[i])
	}
	return append(dst, g.stamp...)
}

// nextValues moves the fields of a line on by a step.
func (g *Generator) nextValues(values []float64, p *plan) {
	at := g.host*g.stride + p.state
	state := g.state[at : at+len(values)]
	total, used := 0.0, 0.0 // ticks of a processor
	for i := range p.fields {
		f := &p.fields[i]
		switch f.kind {
		case walkInteger, walkDecimal, walkFloat:
			state[i] = g.walk(state[i], f)
			values[i] = state[i]
		case counter:
			values[i] = state[i]
			state[i] += math.Floor(max(f.step+f.step/2*g.random.NormFloat64(), 0) + g.random.Float64())
		case uptime:
			values[i] = state[i] + math.Floor(float64(g.step)*g.spec.Interval.Seconds())
		case ticks:
			if total == 0 {
				total = 996 + float64(g.random.IntN(8))
			}
			state[i] = g.walk(state[i], f)
			n := min(math.Floor(state[i]), total-used)
			used += n
			values[i] = n / total * 100
		case idle:
			values[i] = (total - used) / total * 100
		case fixed:
			values[i] = state[i]
		}
		if f.unit != 0 {
			values[i] = math.Floor(values[i]/f.unit) * f.unit
		}
	}
	for _, i := range p.derived {
		f := &p.fields[i]
		if f.kind == rest {
			values[i] = math.Floor(values[f.of]) - math.Floor(values[f.by])
		} else {
			values[i] = math.Floor(values[f.of]) / math.Floor(values[f.by]) * 100
		}
	}
}

// walk takes a step of N(0, f.step) and stays within the bounds.
func (g *Generator) walk(from float64, f *field) float64 {
	return min(max(from+f.step*g.random.NormFloat64(), f.low), f.high)
}

func appendValue(dst []byte, k kind, v float64) []byte {
	switch k {
	case walkDecimal:
		return appendHundredths(dst, int64(v*100))
	case walkFloat, ticks, idle, percent:
		return strconv.AppendFloat(dst, v, 'f', -1, 64)
	default:
		return append(strconv.AppendInt(dst, int64(v), 10), 'i')
	}
}

// appendHundredths writes n/100 as strconv does with precision -1.
func appendHundredths(dst []byte, n int64) []byte {
	if n < 0 {
		dst, n = append(dst, '-'), -n
	}
	dst = strconv.AppendInt(dst, n/100, 10)
	switch tens, ones := byte(n/10%10), byte(n%10); {
	case ones != 0:
		dst = append(dst, '.', '0'+tens, '0'+ones)
	case tens != 0:
		dst = append(dst, '.', '0'+tens)
	}
	return dst
}
