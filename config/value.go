package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Size is a number of bytes.
type Size int64

var sizeUnits = []struct {
	suffix string
	bytes  int64
}{{"g", 1 << 30}, {"m", 1 << 20}, {"k", 1 << 10}}

// String returns the size with the largest suffix that divides it.
func (s Size) String() string {
	for _, u := range sizeUnits {
		if s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.suffix
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// ParseSize reads a number of bytes, or of kibi-, mebi- or gibibytes with the
// suffix k, m or g.
func ParseSize(text string) (Size, error) {
	number, unit := strings.ToLower(strings.TrimSpace(text)), int64(1)
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(number, u.suffix); ok {
			number, unit = rest, u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("want a number of bytes such as 25000000, 25m or 1g")
	}
	if n > math.MaxInt64/unit {
		return 0, fmt.Errorf("is more bytes than can be counted")
	}
	return Size(n * unit), nil
}

// MemoryLimit is a number of bytes, or a share of the memory there is. The
// zero value is no limit.
type MemoryLimit struct {
	Size    Size
	Percent float64 // of the machine's memory; 0: Size counts
}

// String returns the limit as it is written.
func (m MemoryLimit) String() string {
	if m.Percent > 0 {
		return strconv.FormatFloat(m.Percent, 'f', -1, 64) + "%"
	}
	return m.Size.String()
}

// ParseMemoryLimit reads a size or a percentage.
func ParseMemoryLimit(text string) (MemoryLimit, error) {
	number, isPercent := strings.CutSuffix(strings.TrimSpace(text), "%")
	if !isPercent {
		n, err := ParseSize(text)
		if err != nil {
			return MemoryLimit{}, fmt.Errorf("want a size such as 4g or a percentage such as 60%%")
		}
		return MemoryLimit{Size: n}, nil
	}
	p, err := strconv.ParseFloat(number, 64)
	if err != nil || !(p > 0 && p <= 100) {
		return MemoryLimit{}, fmt.Errorf("want a percentage above 0 and up to 100")
	}
	return MemoryLimit{Percent: p}, nil
}

const day = 24 * time.Hour

// ParseDuration reads a duration as Go writes it, with d for days and w for
// weeks beside: 10s, 168h, 7d, 1w2d3h.
func ParseDuration(text string) (time.Duration, error) {
	bad := fmt.Errorf("want a duration such as 500ms, 10s, 168h or 7d")
	s := strings.TrimSpace(text)
	var total time.Duration
	for _, u := range []struct {
		letter string
		length time.Duration
	}{{"w", 7 * day}, {"d", day}} {
		number, rest, found := strings.Cut(s, u.letter)
		if !found {
			continue
		}
		n, err := strconv.ParseUint(number, 10, 31)
		if err != nil || time.Duration(n) > (math.MaxInt64-total)/u.length {
			return 0, bad
		}
		total += time.Duration(n) * u.length
		if s = rest; s == "" {
			return total, nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || (total > 0 && (d < 0 || d > math.MaxInt64-total)) {
		return 0, bad
	}
	return total + d, nil
}

// FormatDuration returns the shortest text that ParseDuration reads as d, with
// days where they are whole.
func FormatDuration(d time.Duration) string {
	if d > 0 && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// assign reads raw, a text or what TOML has for it, into the field that p
// points to.
func assign(p, raw any) error {
	text := fmt.Sprint(raw)
	var err error
	switch p := p.(type) {
	case *string:
		s, ok := raw.(string)
		if !ok {
			return fmt.Errorf("want a text in quotes")
		}
		*p = s
	case *[]string:
		*p, err = texts(raw)
	case *bool:
		if *p, err = strconv.ParseBool(text); err != nil {
			return fmt.Errorf("want true or false")
		}
	case *int:
		if *p, err = strconv.Atoi(text); err != nil {
			return fmt.Errorf("want a whole number")
		}
	case *Size:
		*p, err = ParseSize(text)
	case *MemoryLimit:
		*p, err = ParseMemoryLimit(text)
	case *time.Duration:
		*p, err = ParseDuration(text)
	default:
		err = fmt.Errorf("has a field of type %T, which cannot be configured", p)
	}
	return err
}

// texts reads a list: of texts, as the file has it, or the lines of one text, as
// the environment has it.
func texts(raw any) ([]string, error) {
	var list []string
	switch raw := raw.(type) {
	case string:
		for line := range strings.Lines(raw) {
			if line = strings.TrimSpace(line); line != "" {
				list = append(list, line)
			}
		}
		return list, nil
	case []any:
		for _, v := range raw {
			text, ok := v.(string)
			if !ok {
				return nil, fmt.Errorf("want a list of texts in quotes")
			}
			list = append(list, text)
		}
		return list, nil
	}
	return nil, fmt.Errorf("want a list of texts, such as [\"one\", \"two\"]")
}

// value returns what the field that p points to holds.
func value(p any) any {
	switch p := p.(type) {
	case *string:
		return *p
	case *[]string:
		return *p
	case *bool:
		return *p
	case *int:
		return *p
	case *Size:
		return *p
	case *MemoryLimit:
		return *p
	case *time.Duration:
		return *p
	}
	return nil
}

// format returns a value as it stands in the file.
func format(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.Quote(v)
	case []string:
		quoted := make([]string, len(v))
		for i, text := range v {
			quoted[i] = strconv.Quote(text)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	case time.Duration:
		return strconv.Quote(FormatDuration(v))
	case Size:
		if s := v.String(); s != strconv.FormatInt(int64(v), 10) {
			return strconv.Quote(s)
		}
		return strconv.FormatInt(int64(v), 10)
	case MemoryLimit:
		if v.Percent > 0 {
			return strconv.Quote(v.String())
		}
		return format(v.Size)
	}
	return fmt.Sprint(v)
}

// typeName returns the name of a field's type for the documentation.
func typeName(p any) string {
	switch p.(type) {
	case *string:
		return "text"
	case *[]string:
		return "list of texts"
	case *bool:
		return "true or false"
	case *int:
		return "number"
	case *Size:
		return "size"
	case *MemoryLimit:
		return "size or percentage"
	case *time.Duration:
		return "duration"
	}
	return "unknown"
}
