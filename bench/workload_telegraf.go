package bench

import (
	"fmt"
	"math/rand/v2"
	"strconv"
)

// telegrafCores is the number of processors of a host.
const telegrafCores = 4

// telegrafWorkload is what Telegraf's default inputs write of a Linux host:
// tags in order of their names, percentages as floats with all their digits,
// counters that never fall, gauges that hardly move.
func telegrafWorkload() *workload {
	w := &workload{
		hostTags: func(dst []byte, _ *rand.Rand, host int) []byte {
			return fmt.Appendf(dst, ",host=server-%06d", host)
		},
	}
	for core := range telegrafCores {
		w.lines = append(w.lines, line{measurement: "cpu", lead: ",cpu=cpu" + strconv.Itoa(core), fields: telegrafCPU()})
	}
	w.lines = append(w.lines, line{measurement: "cpu", lead: ",cpu=cpu-total", fields: telegrafCPU()},
		line{measurement: "mem", fields: telegrafMemory()})
	for _, d := range [][3]string{{"sda1", "ext4", "/"}, {"sda2", "ext4", "/boot"}, {"sdb1", "xfs", "/var"}} {
		w.lines = append(w.lines, line{measurement: "disk", lead: ",device=" + d[0] + ",fstype=" + d[1], tail: ",mode=rw,path=" + d[2], fields: telegrafDisk()})
	}
	for _, name := range []string{"sda", "sdb"} {
		w.lines = append(w.lines, line{measurement: "diskio", tail: ",name=" + name, fields: inUnits(512, append(
			counters(40, "io_time", "merged_reads/10", "merged_writes", "read_bytes*4096", "read_time", "reads", "weighted_io_time", "write_bytes*8192", "write_time*2"),
			field{name: "iops_in_progress", kind: walkInteger, low: 0, high: 30, step: 2}, field{name: "writes", kind: counter, high: 6e5, step: 60}),
			"read_bytes", "write_bytes")})
	}
	for _, name := range []string{"eth0", "eth1"} {
		w.lines = append(w.lines, line{measurement: "net", tail: ",interface=" + name, fields: counters(200,
			"bytes_recv*700", "bytes_sent*500", "drop_in/1000", "drop_out/1000", "err_in/1000", "err_out/1000", "packets_recv", "packets_sent")})
	}
	w.lines = append(w.lines, telegrafSystem()...)
	w.about = fmt.Sprintf("%d lines per host as Telegraf's default inputs write them: cpu per core, mem, disk, diskio, net, system, processes, swap", len(w.lines))
	return w
}

func telegrafCPU() []field {
	share := func(name string, high, step float64) field {
		return field{name: name, kind: ticks, low: 0, high: high, step: step}
	}
	return []field{
		share("usage_user", 400, 15), share("usage_system", 150, 6), share("usage_nice", 2, 0.1), share("usage_iowait", 60, 3),
		share("usage_irq", 0.5, 0.05), share("usage_softirq", 20, 1), share("usage_steal", 10, 0.5),
		share("usage_guest", 0.5, 0), share("usage_guest_nice", 0.5, 0), {name: "usage_idle", kind: idle},
	}
}

func telegrafMemory() []field {
	return inUnits(1024, []field{
		{name: "total", kind: fixed, low: 8 << 30, high: 64 << 30},
		{name: "used", kind: walkInteger, low: 1 << 30, high: 7 << 30, step: 4 << 20},
		{name: "available", kind: rest, of: 0, by: 1},
		{name: "used_percent", kind: percent, of: 1, by: 0},
		{name: "available_percent", kind: percent, of: 2, by: 0},
		{name: "active", kind: walkInteger, low: 1 << 30, high: 4 << 30, step: 1 << 20},
		{name: "buffered", kind: walkInteger, low: 1 << 20, high: 1 << 29, step: 1 << 16},
		{name: "cached", kind: walkInteger, low: 1 << 29, high: 4 << 30, step: 1 << 20},
		{name: "dirty", kind: walkInteger, low: 0, high: 1 << 26, step: 1 << 18},
		{name: "free", kind: walkInteger, low: 1 << 28, high: 4 << 30, step: 1 << 21},
		{name: "inactive", kind: walkInteger, low: 1 << 28, high: 4 << 30, step: 1 << 20},
		{name: "slab", kind: walkInteger, low: 1 << 27, high: 1 << 29, step: 1 << 14},
		{name: "swap_total", kind: fixed, low: 2 << 30, high: 2 << 30},
		{name: "huge_pages_total", kind: fixed},
	})
}

func telegrafDisk() []field {
	return inUnits(4096, []field{
		{name: "total", kind: fixed, low: 100e9, high: 2e12},
		{name: "used", kind: walkInteger, low: 10e9, high: 90e9, step: 1 << 20},
		{name: "free", kind: rest, of: 0, by: 1},
		{name: "used_percent", kind: percent, of: 1, by: 0},
		{name: "inodes_total", kind: fixed, low: 5e6, high: 5e7},
		{name: "inodes_used", kind: walkInteger, low: 1e5, high: 4e6, step: 5},
		{name: "inodes_free", kind: rest, of: 4, by: 5},
	}, "total", "used")
}

// telegrafSystem are the lines of the inputs system, processes and swap.
// Telegraf writes some fields of one series as lines of their own.
func telegrafSystem() []line {
	return []line{
		{measurement: "system", fields: []field{
			{name: "load1", kind: walkDecimal, low: 0, high: 8, step: 0.2},
			{name: "load5", kind: walkDecimal, low: 0, high: 6, step: 0.05},
			{name: "load15", kind: walkDecimal, low: 0, high: 5, step: 0.02},
			{name: "n_cpus", kind: fixed, low: telegrafCores, high: telegrafCores},
			{name: "n_users", kind: walkInteger, low: 0, high: 5, step: 0.05},
		}},
		{measurement: "system", fields: []field{{name: "uptime", kind: uptime, low: 1e4, high: 1e7}}},
		{measurement: "processes", fields: gauges(400, 1, "blocked", "dead", "idle", "paging", "running", "sleeping", "stopped",
			"total", "total_threads", "unknown", "zombies")},
		{measurement: "swap", fields: []field{
			{name: "total", kind: fixed, low: 2 << 30, high: 2 << 30},
			{name: "used", kind: walkInteger, low: 0, high: 1 << 30, step: 1 << 12},
			{name: "free", kind: rest, of: 0, by: 1},
			{name: "used_percent", kind: percent, of: 1, by: 0},
		}},
		{measurement: "swap", fields: counters(3, "in", "out")},
	}
}
