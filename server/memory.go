package server

import (
	"os"
	"strconv"
	"strings"

	"github.com/timberlinedb/timberline/config"
)

// memoryLimit resolves the setting to bytes; 0 is no limit. A percentage is of
// what the container may use, or of the machine's memory.
func memoryLimit(m config.MemoryLimit) int64 {
	if m.Percent <= 0 {
		return int64(m.Size)
	}
	return int64(float64(availableMemory()) * m.Percent / 100)
}

// fallbackMemory stands for machines that do not tell.
const fallbackMemory = 4 << 30

// availableMemory returns the smallest of the limits that hold for the process.
func availableMemory() int64 {
	least := int64(0)
	for _, n := range []int64{
		numberIn("/sys/fs/cgroup/memory.max"),
		numberIn("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
		machineMemory(),
	} {
		if n > 0 && (least == 0 || n < least) {
			least = n
		}
	}
	if least == 0 {
		return fallbackMemory
	}
	return least
}

func numberIn(file string) int64 {
	b, err := os.ReadFile(file) // #nosec G304 -- names below /proc and /sys, written in this file
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return 0 // "max": none
	}
	return n
}

func machineMemory() int64 {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			kb, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kb << 10
		}
	}
	return 0
}
