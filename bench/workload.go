package bench

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// workload is what one host writes at every timestamp.
type workload struct {
	about string
	// hostTags appends the tags of a host, each with a comma before it. What
	// is drawn comes from random, once for every host and in order.
	hostTags func(dst []byte, random *rand.Rand, host int) []byte
	lines    []line
}

// line is one line of a host: a series.
type line struct {
	measurement string
	lead, tail  string // tags before and after those of the host, each with its comma
	fields      []field
}

// field is how the values of a field come about.
type field struct {
	name string
	kind kind
	// low and high bound a walk; what is fixed or counts starts between them.
	low, high float64
	// step is the standard deviation of a walk's step and the mean growth of a
	// counter per timestamp.
	step float64
	// unit, when it is not zero, is what values are cut down to multiples of, as
	// kernels count in pages, sectors and kilobytes.
	unit float64
	// of and by are the positions of earlier fields of the line.
	of, by int
}

// kind says how a value follows from the one before and how it is written.
type kind uint8

const (
	walkInteger kind = iota // clamped walk, cut to an integer
	walkDecimal             // clamped walk, cut to two decimals
	walkFloat               // clamped walk with all its digits
	fixed                   // an integer that stays as it was drawn
	counter                 // an integer that grows
	uptime                  // seconds since some moment before the start
	ticks                   // a walk's share of the ticks of a processor, in percent
	idle                    // what earlier ticks of the line leave of 100 percent
	rest                    // integer: of minus by
	percent                 // float: 100 times of, divided by by
)

// workloads are those of the product, by name.
var workloads = map[string]*workload{
	"cpu":      cpuWorkload(),
	"devops":   devopsWorkload(),
	"telegraf": telegrafWorkload(),
	"sensor":   sensorWorkload(),
}

// Workloads returns the names of all workloads, sorted.
func Workloads() []string { return slices.Sorted(maps.Keys(workloads)) }

// About says in one line what a workload writes, empty for an unknown one.
func About(name string) string {
	if w := workloads[name]; w != nil {
		return w.about
	}
	return ""
}

// FieldOf is a field of a measurement.
type FieldOf struct{ Measurement, Field string }

// FirstFields returns the first field of every measurement of a workload:
// counting them counts lines.
func FirstFields(name string) []FieldOf {
	var all []FieldOf
	for _, l := range workloads[name].lines {
		f := FieldOf{l.measurement, l.fields[0].name}
		if !slices.Contains(all, f) {
			all = append(all, f)
		}
	}
	return all
}

// choose returns one of the choices.
func choose[T any](random *rand.Rand, choices []T) T { return choices[random.IntN(len(choices))] }
