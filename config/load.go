package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/viper"

	"github.com/timberlinedb/timberline/internal/vfs"
)

const envPrefix = "TIMBERLINE_"

// otherVariables begin like settings but are none.
var otherVariables = map[string]bool{
	envPrefix + "CONFIG": true, // names the file
	envPrefix + "SEED":   true, // of random tests
}

// maxFileBytes bounds the configuration file.
const maxFileBytes = 1 << 20

// Sources is where a configuration comes from.
type Sources struct {
	FS   vfs.FS            // nil: the machine's
	File string            // empty: the file that TIMBERLINE_CONFIG names, or none
	Flag map[string]string // by section.key; for flags that were given
	Env  []string          // key=value, as os.Environ returns it
}

// Loaded is a configuration and where its values come from.
type Loaded struct {
	Config
	File    string            // that was read; empty when none was
	Origins map[string]string // of values that are not defaults, by section.key
}

// FromProcess returns the sources of a program: its environment, a file when
// named, and the flags that were given.
func FromProcess(file string, flags map[string]string) Sources {
	return Sources{File: file, Flag: flags, Env: os.Environ()}
}

// Default returns the configuration of an empty environment.
func Default() Config {
	l, err := Load(Sources{})
	if err != nil {
		panic(err) // the table contradicts itself
	}
	return l.Config
}

// Load reads the sources. Errors name every setting that is wrong, with its
// value and where it stands.
func Load(src Sources) (*Loaded, error) {
	env := environment(src.Env)
	if src.File == "" {
		src.File = env[envPrefix+"CONFIG"]
	}
	text, err := readFile(src)
	if err != nil {
		return nil, err
	}
	file := viper.New()
	file.SetConfigType("toml")
	if err := file.ReadConfig(bytes.NewReader(text)); err != nil {
		return nil, syntaxError(src.File, err)
	}
	if err := errors.Join(unknownKeys(file, src.File, text), unknownVariables(env), unknownFlags(src.Flag)); err != nil {
		return nil, err
	}
	for i := range settings {
		s := &settings[i]
		file.SetDefault(s.name(), s.def)
	}
	return decode(file, src, env, text)
}

// decode takes each setting from the first source that has it.
func decode(file *viper.Viper, src Sources, env map[string]string, text []byte) (*Loaded, error) {
	out := &Loaded{File: src.File, Origins: map[string]string{}}
	var errs []error
	for i := range settings {
		s := &settings[i]
		origin := ""
		if file.InConfig(s.section) && file.InConfig(s.name()) {
			origin = place(src.File, keyLine(text, s.section, s.key))
		}
		if v := env[s.variable()]; v != "" {
			file.Set(s.name(), v)
			origin = s.variable()
		}
		if v, given := src.Flag[s.name()]; given {
			file.Set(s.name(), v)
			origin = "command line"
		}
		if origin != "" {
			out.Origins[s.name()] = origin
		}
		if err := s.set(&out.Config, file.Get(s.name())); err != nil {
			if origin == "" {
				origin = "default"
			}
			errs = append(errs, fmt.Errorf("%s: %w (%s)", s.name(), err, origin))
		}
	}
	for i := range lists {
		errs = append(errs, lists[i].decode(out, file.Get(lists[i].name), src.File, env, text)...)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return out, nil
}

// set gives the setting's field a value and checks it.
func (s *setting) set(c *Config, raw any) error {
	p := s.field(c)
	err := assign(p, raw)
	if err == nil && s.check != nil {
		err = s.check(value(p))
	}
	if err != nil && s.secret {
		return fmt.Errorf("value cannot be used: %w", err)
	}
	if err != nil {
		return fmt.Errorf("%q cannot be used: %w", fmt.Sprint(raw), err)
	}
	return nil
}

func environment(list []string) map[string]string {
	env := map[string]string{}
	for _, entry := range list {
		if key, value, ok := strings.Cut(entry, "="); ok && strings.HasPrefix(key, envPrefix) {
			env[key] = value
		}
	}
	return env
}

func readFile(src Sources) ([]byte, error) {
	if src.File == "" {
		return nil, nil
	}
	fs := src.FS
	if fs == nil {
		fs = vfs.OS()
	}
	text, err := vfs.ReadFile(fs, src.File, maxFileBytes)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return text, nil
}

// syntaxError names the line when the TOML library tells it.
func syntaxError(file string, err error) error {
	var at interface{ Position() (row, column int) }
	if errors.As(err, &at) {
		row, column := at.Position()
		return fmt.Errorf("configuration is not TOML: %w (%s:%d:%d)", errors.Unwrap(err), file, row, column)
	}
	return fmt.Errorf("configuration is not TOML: %w (%s)", err, file)
}

func place(file string, line int) string {
	if line == 0 {
		return file
	}
	return fmt.Sprintf("%s:%d", file, line)
}

// unknownKeys reports what stands in the file but not in the table.
func unknownKeys(file *viper.Viper, name string, text []byte) error {
	type finding struct {
		line int
		err  error
	}
	var found []finding
	note := func(section, key string, err error) {
		line := keyLine(text, section, key)
		found = append(found, finding{line, fmt.Errorf("%w (%s)", err, place(name, line))})
	}
	for top, content := range file.AllSettings() {
		keys, isTable := content.(map[string]any)
		_, isList := content.([]any)
		if l := listNamed(top); l != nil {
			l.unknown(content, note)
			continue
		}
		switch {
		case isList && !hasSection(top):
			note(top, "", fmt.Errorf("there is no section [[%s]]", top))
		case !isTable && hasSection(top):
			note(top, "", fmt.Errorf("%s is not a section of the form [%s]", top, top))
		case !isTable:
			note("", top, fmt.Errorf("%s is not a setting that can stand outside of a section", top))
		case !hasSection(top):
			note(top, "", fmt.Errorf("there is no section [%s]%s", top, suggestion(top, sectionNames())))
		default:
			for key := range keys {
				if lookup(top, key) == nil {
					note(top, key, fmt.Errorf("there is no setting %s.%s%s", top, key, suggestion(key, keysOf(top))))
				}
			}
		}
	}
	slices.SortFunc(found, func(a, b finding) int {
		return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.err.Error(), b.err.Error()))
	})
	var errs []error
	for _, f := range found {
		errs = append(errs, f.err)
	}
	return errors.Join(errs...)
}

func unknownVariables(env map[string]string) error {
	known := map[string]bool{}
	var names []string
	for i := range settings {
		known[settings[i].variable()] = true
		names = append(names, settings[i].variable())
	}
	isEntry := func(variable string) bool {
		return slices.ContainsFunc(lists, func(l list) bool { _, _, ok := l.variableEntry(variable); return ok })
	}
	var errs []error
	for key := range env {
		if !known[key] && !otherVariables[key] && !isEntry(key) {
			errs = append(errs, fmt.Errorf("the environment has %s, which is no setting%s", key, suggestion(key, names)))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

func unknownFlags(flags map[string]string) error {
	var errs []error
	for name := range flags {
		section, key, _ := strings.Cut(name, ".")
		if lookup(section, key) == nil {
			errs = append(errs, fmt.Errorf("there is no setting %s", name))
		}
	}
	return errors.Join(errs...)
}

func lookup(section, key string) *setting {
	for i := range settings {
		if s := &settings[i]; s.section == section && s.key == key {
			return s
		}
	}
	return nil
}

func hasSection(name string) bool { return slices.Contains(sectionNames(), name) }

func sectionNames() []string {
	var names []string
	for _, s := range sections {
		names = append(names, s.name)
	}
	return names
}

func keysOf(section string) []string {
	var keys []string
	for i := range settings {
		if settings[i].section == section {
			keys = append(keys, settings[i].key)
		}
	}
	return keys
}

// keyLine returns the number of the line where a key of a section stands, or
// where the section begins when key is empty; 0 when it is not found. It looks
// at lines only, which is enough for a hint to the reader.
func keyLine(text []byte, section, key string) int {
	current := ""
	line := 0
	for row := range strings.Lines(string(text)) {
		line++
		row = strings.ToLower(strings.TrimSpace(row))
		if strings.HasPrefix(row, "[") {
			current = strings.Trim(row[:strings.IndexByte(row+"]", ']')], "[] \t\"'")
			if key == "" && (current == section || strings.HasPrefix(current, section+".")) {
				return line
			}
			continue
		}
		name, _, found := strings.Cut(row, "=")
		name = strings.Trim(name, " \t\"'")
		if found && (current == section && name == key || current == "" && (name == section+"."+key || key == "" && name == section)) {
			return line
		}
	}
	return 0
}

// suggestion returns the name that is close to a wrong one, as the end of a
// sentence; empty when none is.
func suggestion(wrong string, names []string) string {
	best, bestDistance := "", len(wrong)/3+1
	for _, name := range names {
		if d := distance(wrong, name); d < bestDistance {
			best, bestDistance = name, d
		}
	}
	if best == "" {
		return ""
	}
	return ", did you mean " + best + "?"
}

// distance returns how many letters must be put in, taken out or changed to
// make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
