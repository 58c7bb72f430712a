package monitor

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"time"
)

// WriteVars prints the object of /debug/vars: the process, the memory of the
// Go runtime, and one member a statistic in the order of the sources. When two
// have one name, the later ones are left out, since an object has a name once.
func (m *Monitor) WriteVars(w io.Writer) error {
	now := m.clock.Now()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	members := []member{
		{"system", map[string]any{
			"currentTime": now.UTC().Format(time.RFC3339Nano),
			"started":     m.started.UTC().Format(time.RFC3339Nano),
			"uptime":      int64(now.Sub(m.started).Seconds()),
		}},
		{"cmdline", m.cmdline},
		{"memstats", &mem},
	}
	for _, s := range m.Statistics() {
		members = append(members, member{s.key(), s.object()})
	}
	return writeObject(w, members)
}

// member is one name and value of a JSON object whose order matters to readers.
type member struct {
	name  string
	value any
}

func writeObject(w io.Writer, members []member) error {
	out := []byte("{")
	seen := map[string]bool{}
	for _, m := range members {
		if seen[m.name] {
			continue
		}
		seen[m.name] = true
		value, err := json.Marshal(m.value)
		if err != nil {
			return fmt.Errorf("print statistic %s: %w", m.name, err)
		}
		name, err := json.Marshal(m.name)
		if err != nil {
			return fmt.Errorf("print name of statistic %s: %w", m.name, err)
		}
		if len(seen) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(append(out, '\n'), name...), ": "...), value...)
	}
	_, err := w.Write(append(out, "\n}\n"...))
	return err
}

// key returns the statistic's name in /debug/vars: the plain one, with the
// values of the tags that tell its kind apart.
func (s *Statistic) key() string {
	key := s.Name
	for _, tag := range s.Distinct {
		if v := s.Tags[tag]; v != "" {
			key += ":" + v
		}
	}
	return key
}

func (s *Statistic) object() any {
	return struct {
		Name   string            `json:"name"`
		Tags   map[string]string `json:"tags"`
		Values map[string]any    `json:"values"`
	}{s.Name, s.Tags, s.Values}
}
