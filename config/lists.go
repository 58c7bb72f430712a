package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// list is a section that may stand several times in the file, as [[name]].
type list struct {
	name, doc string
	grow      func(c *Config, n int) // makes n entries
	entries   func(c *Config) int
	settings  []listSetting
}

// listSetting is one row of the table of such a section.
type listSetting struct {
	key, def, doc string
	secret        bool
	field         func(c *Config, entry int) any
	check         func(any) error
}

// maxEntries bounds how often a section may stand.
const maxEntries = 64

// of returns the setting of one entry.
func (s *listSetting) of(l *list, entry int) *setting {
	return &setting{
		section: fmt.Sprintf("%s[%d]", l.name, entry), key: s.key, def: s.def, doc: s.doc, secret: s.secret, check: s.check,
		field: func(c *Config) any { return s.field(c, entry) },
	}
}

// variable returns the name of an entry's setting in the environment; the first
// entry may be named without its number.
func (s *listSetting) variable(l *list, entry int) string {
	return variableName(fmt.Sprintf("%s_%d_%s", l.name, entry, s.key))
}

func (s *listSetting) shortVariable(l *list) string { return variableName(l.name + "_" + s.key) }

func variableName(name string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

func listNamed(name string) *list {
	for i := range lists {
		if lists[i].name == name {
			return &lists[i]
		}
	}
	return nil
}

func (l *list) keys() []string {
	var keys []string
	for i := range l.settings {
		keys = append(keys, l.settings[i].key)
	}
	return keys
}

// entriesOf returns the entries that a file has of a section: those of [[name]],
// or the one of [name]. Other content is ok = false.
func entriesOf(content any) (entries []map[string]any, ok bool) {
	switch content := content.(type) {
	case map[string]any:
		return []map[string]any{content}, true
	case []map[string]any:
		return content, true
	case []any:
		for _, c := range content {
			m, isTable := c.(map[string]any)
			if !isTable {
				return nil, false
			}
			entries = append(entries, m)
		}
		return entries, true
	}
	return nil, content == nil
}

// count returns how many entries of l there are in the file or the environment.
func (l *list) count(entries []map[string]any, env map[string]string) int {
	n := len(entries)
	for key, v := range env {
		if entry, _, ok := l.variableEntry(key); ok && v != "" {
			n = max(n, entry+1)
		}
	}
	return n
}

// variableEntry returns which entry and key of l a variable is meant for.
func (l *list) variableEntry(variable string) (entry int, s *listSetting, ok bool) {
	rest, ok := strings.CutPrefix(variable, variableName(l.name)+"_")
	if !ok {
		return 0, nil, false
	}
	if number, key, found := strings.Cut(rest, "_"); found {
		if n, err := strconv.Atoi(number); err == nil && n >= 0 && n < maxEntries {
			entry, rest = n, key
		}
	}
	for i := range l.settings {
		if s := &l.settings[i]; strings.ToUpper(strings.ReplaceAll(s.key, "-", "_")) == rest {
			return entry, s, true
		}
	}
	return 0, nil, false
}

// decode gives every setting of every entry its value.
func (l *list) decode(out *Loaded, content any, file string, env map[string]string, text []byte) (errs []error) {
	entries, _ := entriesOf(content)
	n := l.count(entries, env)
	if n > maxEntries {
		return []error{fmt.Errorf("%s stands %d times, which is more than %d (%s)", l.name, n, maxEntries, file)}
	}
	l.grow(&out.Config, n)
	for entry := range n {
		for i := range l.settings {
			ls := &l.settings[i]
			s := ls.of(l, entry)
			raw, origin := any(s.def), ""
			if entry < len(entries) {
				if v, given := entries[entry][s.key]; given {
					raw, origin = v, place(file, entryLine(text, l.name, entry, s.key))
				}
			}
			if v := env[ls.shortVariable(l)]; v != "" && entry == 0 {
				raw, origin = v, ls.shortVariable(l)
			}
			if v := env[ls.variable(l, entry)]; v != "" {
				raw, origin = v, ls.variable(l, entry)
			}
			if origin != "" {
				out.Origins[s.name()] = origin
			}
			if err := s.set(&out.Config, raw); err != nil {
				if origin == "" {
					origin = "default"
				}
				errs = append(errs, fmt.Errorf("%s: %w (%s)", s.name(), err, origin))
			}
		}
	}
	return errs
}

// unknown reports what stands in a section of l but not in its table.
func (l *list) unknown(content any, note func(section, key string, err error)) {
	entries, ok := entriesOf(content)
	if !ok {
		note(l.name, "", fmt.Errorf("%s is not a section of the form [[%s]]", l.name, l.name))
		return
	}
	for _, e := range entries {
		for key := range e {
			if !slices.Contains(l.keys(), key) {
				note(l.name, key, fmt.Errorf("there is no setting %s.%s%s", l.name, key, suggestion(key, l.keys())))
			}
		}
	}
}

// entryLine is keyLine for the entry of a section that may stand several times.
func entryLine(text []byte, section string, entry int, key string) int {
	line, seen := 0, -1
	for row := range strings.Lines(string(text)) {
		line++
		row = strings.ToLower(strings.TrimSpace(row))
		if strings.HasPrefix(row, "[") {
			if strings.Trim(row[:strings.IndexByte(row+"]", ']')], "[] \t\"'") == section {
				seen++
			} else if seen >= entry {
				return 0
			}
			continue
		}
		name, _, found := strings.Cut(row, "=")
		if found && seen == entry && strings.Trim(name, " \t\"'") == key {
			return line
		}
	}
	return 0
}
