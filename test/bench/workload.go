package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
)

// workload is what every server is given: the same bodies in the same order.
type workload struct {
	bodies               [][]byte
	lines, values, bytes int
	queries              []query
	probe                string // asked after a restart
}

// query is asked several times, each time for another series.
type query struct {
	name string
	text func(i int) string
}

const (
	firstTime = 1_700_000_000 // seconds; a multiple of ten
	interval  = 10            // seconds between the points of a series
)

func newWorkload(o options) (*workload, error) {
	random := rand.New(rand.NewPCG(1, 2))
	w := &workload{}
	var line func(dst []byte, series, step int) []byte
	var fields int
	switch o.workload {
	case "sensor":
		line, fields = sensorLine(random, o.series), 1
		w.queries, w.probe = sensorQueries(o), `SELECT count(value) FROM sensor WHERE site = 'site-000'`
	case "cpu":
		line, fields = cpuLine(random, o.series), 10
		w.queries, w.probe = cpuQueries(o), `SELECT count(usage_user) FROM cpu WHERE hostname = 'host_0'`
	default:
		return nil, fmt.Errorf("no workload %q", o.workload)
	}
	var body []byte
	for n := range o.rows {
		body = line(body, n%o.series, n/o.series)
		if (n+1)%o.batch == 0 || n+1 == o.rows {
			w.bytes += len(body)
			w.bodies = append(w.bodies, append([]byte(nil), body...))
			body = body[:0]
		}
	}
	w.lines, w.values = o.rows, o.rows*fields
	return w, nil
}

// sensorLine makes lines with three tags, a key of about 60 bytes and a float
// with two decimals that walks.
func sensorLine(random *rand.Rand, series int) func([]byte, int, int) []byte {
	state := make([]float64, series)
	for i := range state {
		state[i] = 20 + random.Float64()*10
	}
	return func(dst []byte, s, step int) []byte {
		state[s] += random.NormFloat64() / 10
		dst = fmt.Appendf(dst, "sensor,site=site-%03d,rack=rack-%02d,device=device-%09d value=", s%100, s/100%50, s)
		dst = strconv.AppendFloat(dst, float64(int64(state[s]*100))/100, 'f', -1, 64)
		return appendTime(dst, step)
	}
}

func appendTime(dst []byte, step int) []byte {
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, int64(firstTime+step*interval)*1e9, 10)
	return append(dst, '\n')
}

var cpuFields = []string{"usage_user", "usage_system", "usage_idle", "usage_nice", "usage_iowait",
	"usage_irq", "usage_softirq", "usage_steal", "usage_guest", "usage_guest_nice"}

// cpuLine makes lines like those of the cpu-only use case of TSBS.
func cpuLine(random *rand.Rand, hosts int) func([]byte, int, int) []byte {
	keys := make([]string, hosts)
	state := make([][10]float64, hosts)
	for i := range keys {
		region := i % 9
		keys[i] = fmt.Sprintf("cpu,hostname=host_%d,region=eu-central-%d,datacenter=eu-central-%d%c,rack=%d,os=Ubuntu16.04LTS,arch=x64,team=SF,service=%d,service_version=1,service_environment=production",
			i, region, region, 'a'+i%3, i%100, i%20)
		for f := range state[i] {
			state[i][f] = random.Float64() * 100
		}
	}
	return func(dst []byte, h, step int) []byte {
		dst = append(dst, keys[h]...)
		for f, name := range cpuFields {
			v := min(max(state[h][f]+random.NormFloat64(), 0), 100)
			state[h][f] = v
			sep := byte(',')
			if f == 0 {
				sep = ' '
			}
			dst = append(append(append(dst, sep), name...), '=')
			dst = append(strconv.AppendInt(dst, int64(v), 10), 'i')
		}
		return appendTime(dst, step)
	}
}

// between is the time filter for the last d seconds of the data.
func between(o options, d int) string {
	last := firstTime + (o.rows/o.series-1)*interval
	return fmt.Sprintf("time > %ds AND time <= %ds", max(last-d, firstTime-1), last)
}

func sensorQueries(o options) []query {
	return []query{
		{"mean of one series by minute, 1 h", func(i int) string {
			s := i * 37 % o.series
			return fmt.Sprintf(`SELECT mean(value) FROM sensor WHERE device = 'device-%09d' AND %s GROUP BY time(1m)`, s, between(o, 3600))
		}},
		{"last of one site", func(i int) string {
			return fmt.Sprintf(`SELECT last(value) FROM sensor WHERE site = 'site-%03d' GROUP BY device`, i%100)
		}},
	}
}

func cpuQueries(o options) []query {
	return []query{
		{"single-groupby-1-1-1", func(i int) string {
			return fmt.Sprintf(`SELECT max(usage_user) FROM cpu WHERE hostname = 'host_%d' AND %s GROUP BY time(1m)`, i*37%o.series, between(o, 3600))
		}},
		{"single-groupby-5-8-1", func(i int) string {
			hosts := ""
			for j := range 8 {
				if j > 0 {
					hosts += " OR "
				}
				hosts += fmt.Sprintf("hostname = 'host_%d'", (i*37+j*11)%o.series)
			}
			return fmt.Sprintf(`SELECT max(usage_user), max(usage_system), max(usage_idle), max(usage_nice), max(usage_iowait) FROM cpu WHERE (%s) AND %s GROUP BY time(1m)`, hosts, between(o, 3600))
		}},
		{"double-groupby-1", func(int) string {
			return fmt.Sprintf(`SELECT mean(usage_user) FROM cpu WHERE %s GROUP BY time(1h), hostname`, between(o, 12*3600))
		}},
		{"high-cpu-1", func(i int) string {
			return fmt.Sprintf(`SELECT * FROM cpu WHERE usage_user > 90 AND hostname = 'host_%d' AND %s`, i*37%o.series, between(o, 12*3600))
		}},
		{"lastpoint", func(int) string { return `SELECT last(*) FROM cpu GROUP BY hostname` }},
		{"groupby-orderby-limit", func(int) string {
			return fmt.Sprintf(`SELECT max(usage_user) FROM cpu WHERE %s GROUP BY time(1m) ORDER BY time DESC LIMIT 5`, between(o, 3600))
		}},
	}
}

// send writes all bodies over several connections. A body that the server is
// too busy for is sent again.
func (w *workload) send(s *server, workers int) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, workers)
	for range workers {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(w.bodies) {
					return
				}
				if err := s.write(w.bodies[i]); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}
