package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a running server.
type process struct {
	url     string
	cmd     *exec.Cmd
	begun   time.Time
	ended   chan struct{} // closed when the process has ended
	failure error         // set before ended is closed
}

// startProcess runs a server; what it prints goes to a file beside its directory.
func startProcess(cmd *exec.Cmd, addr, logName string) (*process, error) {
	log, err := os.OpenFile(logName, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = log, log
	// Variables that begin like Timberline's settings are not for this server.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "TIMBERLINE_") })
	p := &process{url: "http://" + addr, cmd: cmd, ended: make(chan struct{}), begun: time.Now()}
	if err := cmd.Start(); err != nil {
		log.Close()
		return nil, err
	}
	go func() {
		p.failure = cmd.Wait()
		log.Close()
		close(p.ended)
	}()
	return p, nil
}

// freeAddress returns a loopback address that nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// stopTimeout bounds how long a server may take to stop.
const stopTimeout = 5 * time.Minute

// stop ends the server as a system would, and waits for it.
func (p *process) stop() error {
	if p.gone() {
		return fmt.Errorf("the server had ended: %w", p.failure)
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(stopTimeout):
		p.kill()
		return errors.New("the server did not stop in time")
	}
}

// kill ends the server at once, and waits for it. It may be called twice.
func (p *process) kill() {
	if !p.gone() {
		_ = p.cmd.Process.Kill() // fails only when it has just ended
	}
	<-p.ended
}

func (p *process) gone() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// cpu returns the processor time that the server has used: that of its threads
// to the nanosecond, or where the kernel does not say, of the process in ticks.
func (p *process) cpu() time.Duration {
	ticks := processTicks(p.cmd.Process.Pid)
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.cmd.Process.Pid))
	if err != nil {
		return ticks
	}
	var sum time.Duration
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // a thread that has just ended
		}
		run, _, _ := strings.Cut(string(text), " ")
		ns, err := strconv.ParseInt(run, 10, 64)
		if err != nil {
			return ticks
		}
		sum += time.Duration(ns)
	}
	// Threads that have ended are missing in the sum, fractions of ticks in the other.
	return max(sum, ticks)
}

// ticksPerSecond is USER_HZ of Linux.
const ticksPerSecond = 100

func processTicks(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * time.Second / ticksPerSecond
}

// peakMemory returns the most bytes that were ever resident.
func (p *process) peakMemory() int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	return highWater(string(text))
}

func highWater(status string) int64 {
	_, rest, _ := strings.Cut(status, "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) < 2 || fields[1] != "kB" {
		return 0
	}
	kb, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return 0
	}
	return kb << 10
}

// How background work is seen to have ended.
const (
	quietFor   = 2 * time.Second
	quietShare = 0.05 // of one core
	quietLimit = time.Minute
)

// settle waits until the server is quiet: it hardly computes and its files keep
// their sizes. It reports whether that came to be. Work that begins by itself
// after some time is waited for at least so long.
func (p *process) settle(dir string, atLeast time.Duration) bool {
	for begin := time.Now(); time.Since(begin) < quietLimit; {
		before, at := p.cpu(), time.Now()
		size, sizeErr := diskUsage(dir)
		time.Sleep(quietFor)
		if p.gone() {
			return false
		}
		now, err := diskUsage(dir)
		if float64(p.cpu()-before) < quietShare*float64(time.Since(at)) && sizeErr == nil && err == nil && now == size && time.Since(begin) >= atLeast {
			return true
		}
	}
	return false
}

// diskUsage returns the bytes of all blocks that the files of a tree hold.
func diskUsage(dir string) (int64, error) {
	var total int64
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // merged away while we look
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return fmt.Errorf("%s: no block count on this system", path)
		}
		total += stat.Blocks * 512
		return nil
	})
	return total, err
}
