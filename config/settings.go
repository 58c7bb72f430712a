package config

import "time"

// Setting is one setting with its value.
type Setting struct {
	Section, Key string
	Value        any // bool, int64 or string
}

// Settings returns all settings in the order of the documentation. Secrets are not told.
func (c *Config) Settings() []Setting {
	all := make([]Setting, 0, len(settings))
	for i := range settings {
		s := &settings[i]
		v := value(s.field(c))
		switch x := v.(type) {
		case int:
			v = int64(x)
		case Size:
			v = int64(x)
		case MemoryLimit:
			v = x.String()
		case time.Duration:
			v = x.String()
		}
		if s.secret && v != "" {
			v = redacted
		}
		all = append(all, Setting{Section: s.section, Key: s.key, Value: v})
	}
	return all
}
