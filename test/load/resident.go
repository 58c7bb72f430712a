package load

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// resident is the physical memory of a process in bytes, as the system counts it.
type resident struct {
	All       int64
	Anonymous int64 // what the process has made itself
	Files     int64 // mapped files; the system takes these back when memory is short
}

func (r resident) String() string {
	return fmt.Sprintf("%d MiB (%d of its own, %d of files)", r.All>>20, r.Anonymous>>20, r.Files>>20)
}

// residentOf reads what a process holds now.
func residentOf(pid int) (r resident, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return r, err
	}
	for line := range strings.Lines(string(b)) {
		name, rest, _ := strings.Cut(line, ":")
		var to *int64
		switch name {
		case "VmRSS":
			to = &r.All
		case "RssAnon":
			to = &r.Anonymous
		case "RssFile":
			to = &r.Files
		default:
			continue
		}
		kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
		if err != nil {
			return r, fmt.Errorf("%s of process %d: %w", name, pid, err)
		}
		*to = kb << 10
	}
	return r, nil
}

// samplePause is the time between two looks at a process.
const samplePause = 20 * time.Millisecond

// peak follows the memory of a process until the function that it returns is
// called, which says what it held at most.
func peak(pid int) (stop func() resident) {
	done := make(chan struct{})
	var highest resident
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			if r, err := residentOf(pid); err == nil && r.All > highest.All {
				highest = r
			}
			select {
			case <-done:
				return
			case <-time.After(samplePause):
			}
		}
	})
	return func() resident {
		close(done)
		wg.Wait()
		return highest
	}
}
