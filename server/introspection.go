package server

import (
	"context"
	"maps"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/timberlinedb/timberline/config"
	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/monitor"
	"github.com/timberlinedb/timberline/query"
	"github.com/timberlinedb/timberline/tsdb"
)

// introspection answers SHOW STATS and SHOW DIAGNOSTICS. It implements query.Extension.
type introspection struct {
	server  *Server
	monitor *monitor.Monitor
	store   *tsdb.Store
	cfg     config.Config
	clock   clock.Clock
}

// Statement answers the two statements and leaves others alone.
func (i *introspection) Statement(_ context.Context, _ string, stmt influxql.Statement) ([]*query.Series, bool, error) {
	switch stmt := stmt.(type) {
	case *influxql.ShowStatsStatement:
		return i.statistics(stmt.Module), true, nil
	case *influxql.ShowDiagnosticsStatement:
		return i.diagnostics(stmt.Module), true, nil
	}
	return nil, false, nil
}

// indexesModule is only told when it is asked for by name, as in InfluxDB 1.x.
const indexesModule = "indexes"

// statistics returns a series of one row for each statistic of the module; "" is all of them.
func (i *introspection) statistics(module string) []*query.Series {
	if module == indexesModule {
		bytes := int64(0)
		for _, u := range i.store.Metrics().Memory {
			if u.Name == "index" {
				bytes += u.Used
			}
		}
		return []*query.Series{oneRow(indexesModule, nil, map[string]any{"memoryBytes": bytes})}
	}
	var rows []*query.Series
	for _, s := range i.monitor.Statistics() {
		if module == "" || s.Name == module {
			rows = append(rows, oneRow(s.Name, s.Tags, s.Values))
		}
	}
	return rows
}

// diagnostics returns what is known of the program, its settings and its host, by module; "" is all of them.
func (i *introspection) diagnostics(module string) []*query.Series {
	modules := map[string]map[string]any{
		"build":   i.build(),
		"network": {"hostname": hostname()},
		"runtime": {
			"GOARCH": runtime.GOARCH, "GOMAXPROCS": int64(runtime.GOMAXPROCS(0)), "GOOS": runtime.GOOS, "version": runtime.Version(),
		},
		"system": i.system(),
		"config": {"bind-address": i.cfg.HTTP.BindAddress, "reporting-enabled": false},
	}
	for _, s := range i.cfg.Settings() {
		name := configModule(s.Section)
		if modules[name] == nil {
			modules[name] = make(map[string]any)
		}
		modules[name][s.Key] = s.Value
	}
	var rows []*query.Series
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		if module == "" || name == module {
			rows = append(rows, oneRow(name, nil, modules[name]))
		}
	}
	if module == "" || module == refusalsModule {
		if s := i.server.refusals().series(); s.Rows > 0 {
			rows = append(rows, s)
		}
	}
	return rows
}

// configModule returns the name of the module that tells of a section of the configuration.
func configModule(section string) string {
	switch section {
	case "continuous_queries":
		section = "cqs"
	case "http":
		section = "httpd"
	}
	return "config-" + section
}

// build tells which program this is. The version is the one that clients are told.
func (i *introspection) build() map[string]any {
	b := map[string]any{"Branch": "", "Build Time": "", "Commit": "", "Version": i.cfg.HTTP.Version}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b["Commit"] = s.Value
			case "vcs.time":
				b["Build Time"] = s.Value
			}
		}
	}
	return b
}

func (i *introspection) system() map[string]any {
	now, started := i.clock.Now(), i.monitor.Started()
	return map[string]any{
		"PID": int64(os.Getpid()), "currentTime": now.UTC().Format(time.RFC3339Nano), "started": started.UTC().Format(time.RFC3339Nano),
		"uptime": now.Sub(started).String(),
	}
}

// hostname is "" when the system does not tell.
func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return name
}

// oneRow returns a series with a column for each value, sorted by name.
func oneRow(name string, tags map[string]string, values map[string]any) *query.Series {
	s := &query.Series{Name: name, Rows: 1}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		s.Tags = append(s.Tags, query.Tag{Key: key, Value: tags[key]})
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		s.Columns = append(s.Columns, key)
		s.Values = append(s.Values, query.Column{Kind: query.AnyColumn, Any: []any{values[key]}})
	}
	return s
}
