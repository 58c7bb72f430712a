package lineproto

// Precision is the unit of the timestamps of a body, in nanoseconds. Zero
// means Nanosecond.
type Precision int64

// The units of timestamps.
const (
	Nanosecond  Precision = 1
	Microsecond           = 1000 * Nanosecond
	Millisecond           = 1000 * Microsecond
	Second                = 1000 * Millisecond
	Minute                = 60 * Second
	Hour                  = 60 * Minute
)

// ParsePrecision returns the unit that a v1 write names: n, ns, u, ms, s, m or
// h; the empty name means nanoseconds.
func ParsePrecision(s string) (Precision, bool) {
	switch s {
	case "", "n", "ns":
		return Nanosecond, true
	case "u":
		return Microsecond, true
	case "ms":
		return Millisecond, true
	case "s":
		return Second, true
	case "m":
		return Minute, true
	case "h":
		return Hour, true
	}
	return 0, false
}

// ParsePrecisionV2 returns the unit that a v2 write names: ns, us, ms or s;
// the empty name means nanoseconds.
func ParsePrecisionV2(s string) (Precision, bool) {
	switch s {
	case "", "ns":
		return Nanosecond, true
	case "us":
		return Microsecond, true
	case "ms":
		return Millisecond, true
	case "s":
		return Second, true
	}
	return 0, false
}

// truncate returns the last multiple of p that is not after t.
func (p Precision) truncate(t int64) int64 {
	rest := t % int64(p)
	if rest < 0 {
		rest += int64(p)
	}
	return t - rest
}
