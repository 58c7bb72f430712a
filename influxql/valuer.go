package influxql

import "time"

// Valuer gives values to names. A value is a float64, int64, uint64, string, bool, time.Time or time.Duration.
type Valuer interface {
	// Value returns the value of a name; false if there is none, which leaves the name as it is.
	Value(name string) (any, bool)
}

// CallValuer is a Valuer that can call functions as well.
type CallValuer interface {
	Valuer
	// Call returns the result of a function; false if it cannot be called.
	Call(name string, args []any) (any, bool)
}

// ZoneValuer is a Valuer that knows in which time zone dates without one are meant.
type ZoneValuer interface {
	Valuer
	// Zone returns the time zone, or nil for UTC.
	Zone() *time.Location
}

// MapValuer gives the values of a map.
type MapValuer map[string]any

// Value returns the value of a name.
func (m MapValuer) Value(name string) (any, bool) {
	v, ok := m[name]
	return v, ok
}

// NowValuer gives the current time as now() and the time zone of a statement.
type NowValuer struct {
	Now      time.Time
	Location *time.Location
}

// Value returns the time for the name "now()".
func (v *NowValuer) Value(name string) (any, bool) {
	if name == "now()" && !v.Now.IsZero() {
		return v.Now, true
	}
	return nil, false
}

// Call returns the time for now().
func (v *NowValuer) Call(name string, args []any) (any, bool) {
	if name == "now" && len(args) == 0 {
		return v.Now, true
	}
	return nil, false
}

// Zone returns the time zone.
func (v *NowValuer) Zone() *time.Location { return v.Location }

// multiValuer asks valuers in turn.
type multiValuer []Valuer

// MultiValuer returns a Valuer that asks the given ones in turn; the first that knows an answer gives it.
func MultiValuer(valuers ...Valuer) Valuer { return multiValuer(valuers) }

func (m multiValuer) Value(name string) (any, bool) {
	for _, valuer := range m {
		if v, ok := valuer.Value(name); ok {
			return v, true
		}
	}
	return nil, false
}

func (m multiValuer) Call(name string, args []any) (any, bool) {
	for _, valuer := range m {
		if caller, ok := valuer.(CallValuer); ok {
			if v, ok := caller.Call(name, args); ok {
				return v, true
			}
		}
	}
	return nil, false
}

func (m multiValuer) Zone() *time.Location {
	for _, valuer := range m {
		if loc := zoneOf(valuer); loc != nil {
			return loc
		}
	}
	return nil
}

// zoneOf returns the time zone a valuer knows, or nil.
func zoneOf(valuer Valuer) *time.Location {
	if z, ok := valuer.(ZoneValuer); ok {
		return z.Zone()
	}
	return nil
}
