// Package telegraf runs Telegraf's own input and output plugins against the
// built program. It is a module of its own so that their dependencies stay out
// of the product.
package telegraf

import (
	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/inputs/cpu"
	"github.com/influxdata/telegraf/plugins/inputs/disk"
	"github.com/influxdata/telegraf/plugins/inputs/diskio"
	"github.com/influxdata/telegraf/plugins/inputs/processes"
	"github.com/influxdata/telegraf/plugins/inputs/system"
	"github.com/influxdata/telegraf/testutil"
)

// configure sets what the default configuration file sets.
func configure(in telegraf.Input) {
	log := testutil.Logger{}
	switch p := in.(type) {
	case *cpu.CPU:
		p.PerCPU, p.TotalCPU, p.Log = true, true, log
	case *disk.Disk:
		p.IgnoreFS = []string{"tmpfs", "devtmpfs", "devfs", "iso9660", "overlay", "aufs", "squashfs"}
		p.Log = log
	case *diskio.DiskIO:
		p.Log = log
	case *processes.Processes:
		p.Log = log
	case *system.System:
		p.Log = log
	}
}
