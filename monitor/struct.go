package monitor

import (
	"reflect"
	"strings"
	"time"
	"unicode"
)

// Struct adds every number and truth value of a plain struct, and of the
// structs inside it, as an untyped metric: field WriteBytes of a struct with
// the name wal becomes wal_write_bytes, a time.Duration is told in seconds and
// ends in _seconds. Other fields are left out.
func (c *Collector) Struct(name string, v any, labels ...Label) {
	c.walk(name, reflect.Indirect(reflect.ValueOf(v)), labels)
}

var durationType = reflect.TypeFor[time.Duration]()

func (c *Collector) walk(name string, v reflect.Value, labels []Label) {
	if !v.IsValid() || v.Kind() != reflect.Struct {
		return
	}
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		inner := name
		if !field.Anonymous {
			inner += "_" + snakeCase(field.Name)
		}
		c.field(inner, v.Field(i), labels)
	}
}

func (c *Collector) field(name string, v reflect.Value, labels []Label) {
	var value float64
	switch {
	case v.Type() == durationType:
		name += "_seconds"
		value = time.Duration(v.Int()).Seconds()
	case v.CanInt():
		value = float64(v.Int())
	case v.CanUint():
		value = float64(v.Uint())
	case v.CanFloat():
		value = v.Float()
	case v.Kind() == reflect.Bool:
		if v.Bool() {
			value = 1
		}
	default:
		c.walk(name, v, labels)
		return
	}
	c.metrics = append(c.metrics, Metric{Name: name, Labels: labels, Value: value})
}

// snakeCase turns WriteBytesTSM into write_bytes_tsm.
func snakeCase(name string) string {
	var out strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		if unicode.IsUpper(r) && i > 0 {
			startsWord := unicode.IsLower(runes[i-1]) || unicode.IsDigit(runes[i-1])
			endsAcronym := i+1 < len(runes) && unicode.IsUpper(runes[i-1]) && unicode.IsLower(runes[i+1])
			if startsWord || endsAcronym {
				out.WriteByte('_')
			}
		}
		out.WriteRune(unicode.ToLower(r))
	}
	return out.String()
}
