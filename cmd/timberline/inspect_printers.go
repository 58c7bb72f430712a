package main

import (
	"github.com/timberlinedb/timberline/index"
	"github.com/timberlinedb/timberline/tsm"
	"github.com/timberlinedb/timberline/wal"
)

// printers has the printer of each file format, by the name of its kind.
var printers = map[string]printer{
	"index":      index.InspectIndex,
	"series":     index.InspectSeries,
	"tombstones": tsm.InspectTombstones,
	"tsm":        tsm.Inspect,
	"wal":        wal.Inspect,
}
