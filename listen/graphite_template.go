package listen

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/timberlinedb/timberline/model"
)

// templates says how the paths of Graphite become measurements, tags and
// fields. A template is
//
//	[filter] pattern [tag=value,…]
//
// A filter is a path whose parts may be *, and holds for the paths that begin
// with it; of several the one with the most parts is taken, an exact part before
// a *. A pattern names what the parts of a path are: measurement, field, the key
// of a tag, or nothing for a part that is left out; measurement* and field* take
// all that follow. Parts with one name are joined by the separator.
type templates struct {
	separator string
	tags      model.Tags // of every point; those of a template win
	list      []template // best first
	fallback  *template
}

// template is one line of the configuration.
type template struct {
	filter  []string // nil: holds for every path
	pattern []string
	tags    model.Tags
	line    string
}

// newTemplates reads the templates of a configuration.
func newTemplates(lines, tags []string, separator string) (*templates, error) {
	ts := &templates{separator: cmp.Or(separator, ".")}
	var err error
	if ts.tags, err = parseTags(tags); err != nil {
		return nil, fmt.Errorf("tags: %w", err)
	}
	for _, line := range lines {
		t, err := parseTemplate(line)
		if err != nil {
			return nil, fmt.Errorf("template %q: %w", line, err)
		}
		if t.filter != nil {
			ts.list = append(ts.list, t)
			continue
		}
		if ts.fallback != nil {
			return nil, fmt.Errorf("template %q: there is another one without a filter, %q", line, ts.fallback.line)
		}
		ts.fallback = &t
	}
	if ts.fallback == nil {
		ts.fallback = &template{pattern: []string{"measurement*"}}
	}
	slices.SortStableFunc(ts.list, compareFilters)
	for i := 1; i < len(ts.list); i++ {
		if slices.Equal(ts.list[i-1].filter, ts.list[i].filter) {
			return nil, fmt.Errorf("template %q: its filter is that of %q", ts.list[i].line, ts.list[i-1].line)
		}
	}
	return ts, nil
}

// compareFilters orders filters by what they say of a path: more parts first,
// then exact parts before wildcards from the left.
func compareFilters(a, b template) int {
	if c := cmp.Compare(len(b.filter), len(a.filter)); c != 0 {
		return c
	}
	for i, part := range a.filter {
		switch {
		case part == b.filter[i]:
		case part == "*":
			return 1
		case b.filter[i] == "*":
			return -1
		default:
			return cmp.Compare(part, b.filter[i])
		}
	}
	return 0
}

func parseTemplate(line string) (template, error) {
	t := template{line: line}
	words := strings.Fields(line)
	var pattern string
	var tags []string
	switch {
	case len(words) == 1:
		pattern = words[0]
	case len(words) == 2 && strings.Contains(words[1], "="):
		pattern, tags = words[0], strings.Split(words[1], ",")
	case len(words) == 2:
		t.filter, pattern = strings.Split(words[0], "."), words[1]
	case len(words) == 3:
		t.filter, pattern, tags = strings.Split(words[0], "."), words[1], strings.Split(words[2], ",")
	default:
		return t, fmt.Errorf("want `[filter] pattern [tag=value,…]`, not %d words", len(words))
	}
	t.pattern = strings.Split(pattern, ".")
	var err error
	if t.tags, err = parseTags(tags); err != nil {
		return t, err
	}
	return t, t.check()
}

func (t *template) check() error {
	measurement := false
	for _, name := range t.pattern {
		switch {
		case name == "measurement" || name == "measurement*":
			measurement = true
		case name != "field*" && strings.Contains(name, "*"):
			return fmt.Errorf("%q: only measurement and field may end in *", name)
		}
	}
	if !measurement {
		return fmt.Errorf("the pattern names no measurement")
	}
	return nil
}

func parseTags(pairs []string) (model.Tags, error) {
	var tags model.Tags
	for _, pair := range pairs {
		if pair == "" {
			continue
		}
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" || value == "" {
			return nil, fmt.Errorf("%q is not of the form key=value", pair)
		}
		tags = append(tags, model.Tag{Key: []byte(key), Value: []byte(value)})
	}
	return tags, nil
}

// path is what a template makes of a path.
type path struct {
	measurement, field string
	tags               model.Tags
}

// apply finds the template of a path and applies it.
func (ts *templates) apply(name string) path {
	parts := strings.Split(name, ".")
	t := ts.fallback
	for i := range ts.list {
		if ts.list[i].holds(parts) {
			t = &ts.list[i]
			break
		}
	}
	return t.apply(parts, ts)
}

func (t *template) holds(parts []string) bool {
	if len(parts) < len(t.filter) {
		return false
	}
	for i, want := range t.filter {
		if want != "*" && want != parts[i] {
			return false
		}
	}
	return true
}

func (t *template) apply(parts []string, ts *templates) path {
	var p path
	join := func(have, more string) string {
		if have == "" {
			return more
		}
		return have + ts.separator + more
	}
	found := map[string]string{}
	var order []string
	for i, name := range t.pattern {
		if i >= len(parts) {
			break
		}
		switch name {
		case "":
		case "measurement":
			p.measurement = join(p.measurement, parts[i])
		case "field":
			p.field = join(p.field, parts[i])
		case "measurement*":
			p.measurement = join(p.measurement, strings.Join(parts[i:], ts.separator))
		case "field*":
			p.field = join(p.field, strings.Join(parts[i:], ts.separator))
		default:
			if _, ok := found[name]; !ok {
				order = append(order, name)
			}
			found[name] = join(found[name], parts[i])
		}
		if name == "measurement*" || name == "field*" {
			break
		}
	}
	for _, key := range order {
		p.tags = append(p.tags, model.Tag{Key: []byte(key), Value: []byte(found[key])})
	}
	p.addTags(t.tags)
	p.addTags(ts.tags)
	if p.measurement == "" {
		p.measurement = strings.Join(parts, ".")
	}
	return p
}

// addTags adds the tags whose keys the path does not have.
func (p *path) addTags(tags model.Tags) {
	for _, t := range tags {
		if p.tags.Get(t.Key) == nil {
			p.tags = append(p.tags, t)
		}
	}
}
