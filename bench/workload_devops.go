package bench

// devopsWorkload is a machine that serves a web site: the nine measurements of
// the devops case of TSBS with their fields, every one with the ten tags of the
// machine.
func devopsWorkload() *workload {
	return &workload{
		about:    "nine lines per host: cpu, diskio, disk, kernel, mem, net, nginx, postgresl, redis (the shape of TSBS devops)",
		hostTags: machineTags,
		lines: []line{
			{measurement: "cpu", fields: cpuStates()},
			{measurement: "diskio", tail: ",serial=694-511-162", fields: counters(50, "reads", "writes", "read_bytes*512", "write_bytes*512", "read_time", "write_time", "io_time")},
			{measurement: "disk", tail: ",path=/dev/sda1,fstype=ext4", fields: devopsDisk()},
			{measurement: "kernel", fields: append([]field{{name: "boot_time", kind: fixed, low: 1.5e9, high: 1.6e9}},
				counters(50, "interrupts*10", "context_switches*20", "processes_forked", "disk_pages_in*4", "disk_pages_out*4")...)},
			{measurement: "mem", fields: devopsMemory()},
			{measurement: "net", tail: ",interface=eth0", fields: counters(50, "bytes_sent*600", "bytes_recv*900", "packets_sent", "packets_recv",
				"err_in/100", "err_out/100", "drop_in/100", "drop_out/100")},
			{measurement: "nginx", tail: ",port=8080,server=nginx_1", fields: devopsNginx()},
			{measurement: "postgresl", fields: devopsPostgres()},
			{measurement: "redis", tail: ",port=6379,server=redis_1", fields: devopsRedis()},
		},
	}
}

func devopsDisk() []field {
	return []field{
		{name: "total", kind: fixed, low: 1 << 40, high: 1 << 41},
		{name: "free", kind: rest, of: 0, by: 2},
		{name: "used", kind: walkInteger, low: 0, high: 1 << 40, step: 1 << 20},
		{name: "used_percent", kind: percent, of: 2, by: 0},
		{name: "inodes_total", kind: fixed, low: 1 << 28, high: 1 << 29},
		{name: "inodes_free", kind: rest, of: 4, by: 6},
		{name: "inodes_used", kind: walkInteger, low: 0, high: 1 << 28, step: 100},
	}
}

func devopsMemory() []field {
	return []field{
		{name: "total", kind: fixed, low: 8 << 30, high: 16 << 30},
		{name: "available", kind: rest, of: 0, by: 2},
		{name: "used", kind: walkInteger, low: 0, high: 8 << 30, step: 64 << 20},
		{name: "free", kind: rest, of: 0, by: 2},
		{name: "cached", kind: walkInteger, low: 0, high: 4 << 30, step: 16 << 20},
		{name: "buffered", kind: walkInteger, low: 0, high: 1 << 30, step: 4 << 20},
		{name: "used_percent", kind: percent, of: 2, by: 0},
		{name: "available_percent", kind: percent, of: 1, by: 0},
		{name: "buffered_percent", kind: percent, of: 5, by: 0},
	}
}

func devopsNginx() []field {
	return append(counters(20, "accepts", "handled", "requests*5"), gauges(100, 5, "active", "reading", "waiting", "writing")...)
}

func devopsPostgres() []field {
	fields := gauges(1000, 5, "numbackends", "xact_commit", "xact_rollback", "blks_read", "blks_hit", "tup_returned", "tup_fetched",
		"tup_inserted", "tup_updated", "tup_deleted", "conflicts", "temp_files")
	fields = append(fields, field{name: "temp_bytes", kind: walkInteger, low: 0, high: 1 << 30, step: 1 << 10})
	return append(fields, gauges(1000, 5, "deadlocks", "blk_read_time", "blk_write_time")...)
}

func devopsRedis() []field {
	fields := []field{{name: "uptime_in_seconds", kind: uptime, low: 0, high: 1e7}}
	fields = append(fields, counters(20, "total_connections_received", "expired_keys", "evicted_keys", "keyspace_hits*10", "keyspace_misses")...)
	fields = append(fields, gauges(1000, 1, "instantaneous_ops_per_sec", "instantaneous_input_kbps", "instantaneous_output_kbps", "connected_clients")...)
	fields = append(fields, gauges(16<<30, 50, "used_memory", "used_memory_rss", "used_memory_peak", "used_memory_lua")...)
	fields = append(fields, counters(20, "rdb_changes_since_last_save", "sync_full/100", "sync_partial_ok/100", "sync_partial_err/100")...)
	fields = append(fields, gauges(1000, 1, "pubsub_channels", "pubsub_patterns", "latest_fork_usec", "connected_slaves")...)
	fields = append(fields, counters(20, "master_repl_offset*100", "repl_backlog_active")...)
	fields = append(fields, gauges(1<<20, 50, "repl_backlog_size", "repl_backlog_histlen")...)
	fields = append(fields, field{name: "mem_fragmentation_ratio", kind: walkInteger, low: 0, high: 100, step: 1})
	return append(fields, gauges(1000, 5, "used_cpu_sys", "used_cpu_user", "used_cpu_sys_children", "used_cpu_user_children")...)
}
