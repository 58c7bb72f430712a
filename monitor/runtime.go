package monitor

import "runtime"

// collectRuntime measures the Go runtime. It stops the program for some
// microseconds.
func collectRuntime(c *Collector) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	goroutines := runtime.NumGoroutine()
	c.Statistic(Statistic{Name: "runtime", Tags: map[string]string{}, Values: map[string]any{
		"Alloc": m.Alloc, "Frees": m.Frees, "HeapAlloc": m.HeapAlloc, "HeapIdle": m.HeapIdle, "HeapInUse": m.HeapInuse,
		"HeapObjects": m.HeapObjects, "HeapReleased": m.HeapReleased, "HeapSys": m.HeapSys, "Lookups": m.Lookups,
		"Mallocs": m.Mallocs, "NumGC": int64(m.NumGC), "NumGoroutine": int64(goroutines), "PauseTotalNs": m.PauseTotalNs,
		"Sys": m.Sys, "TotalAlloc": m.TotalAlloc,
	}})
	c.Gauge("go_goroutines", "Goroutines that exist.", float64(goroutines))
	c.Gauge("go_memory_bytes", "Memory that the Go runtime has from the system.", float64(m.Sys))
	c.Gauge("go_heap_in_use_bytes", "Memory in spans of the Go heap that hold something.", float64(m.HeapInuse))
	c.Gauge("go_heap_objects", "Objects on the Go heap.", float64(m.HeapObjects))
	c.Counter("go_allocated_bytes_total", "Bytes allocated on the Go heap.", float64(m.TotalAlloc))
	c.Counter("go_gc_cycles_total", "Garbage collections.", float64(m.NumGC))
	c.Counter("go_gc_pause_seconds_total", "Time for which garbage collections stopped the program.", float64(m.PauseTotalNs)/1e9)
}
