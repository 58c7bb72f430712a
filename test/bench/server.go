package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const database = "bench"

// server is a running peer.
type server struct {
	name string
	url  string
	cmd  *exec.Cmd
	done chan error
	http *http.Client
}

// start runs a peer on a directory and a free port.
func start(o options, name, dir string) (*server, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	var cmd *exec.Cmd
	switch name {
	case "timberline":
		cmd = exec.Command(o.binary, "serve", "--data-dir", dir, "--http-addr", addr)
	case "influxdb":
		file := filepath.Join(dir, "influxdb.conf")
		if err := os.WriteFile(file, []byte(influxConfig(dir, addr)), 0o600); err != nil {
			return nil, err
		}
		cmd = exec.Command("influxd", "-config", file)
	case "victoria-metrics":
		cmd = exec.Command("victoria-metrics", "-storageDataPath="+dir, "-httpListenAddr="+addr, "-retentionPeriod=100y")
	default:
		return nil, fmt.Errorf("no such peer")
	}
	log, err := os.Create(dir + ".log")
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{name: name, url: "http://" + addr, cmd: cmd, done: make(chan error, 1),
		http: &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	go func() { s.done <- cmd.Wait(); log.Close() }()
	return s, s.waitReady()
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// influxConfig is the default configuration on other paths, without reports
// and without a log line per request.
func influxConfig(dir, addr string) string {
	return fmt.Sprintf(`reporting-disabled = true
bind-address = "127.0.0.1:0"
[meta]
  dir = %q
[data]
  dir = %q
  wal-dir = %q
  index-version = "tsi1"
  max-series-per-database = 0
  max-values-per-tag = 0
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = %q
  log-enabled = false
`, dir+"/meta", dir+"/data", dir+"/wal", addr)
}

const readyTimeout = 5 * time.Minute

func (s *server) waitReady() error {
	for begin := time.Now(); time.Since(begin) < readyTimeout; time.Sleep(2 * time.Millisecond) {
		select {
		case err := <-s.done:
			return fmt.Errorf("ended at start: %v", err)
		default:
		}
		resp, err := s.http.Get(s.url + "/ping")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode < 300 {
				return nil
			}
		}
	}
	return errors.New("not ready in time")
}

func (s *server) stop() error {
	if s.cmd.Process == nil {
		return nil
	}
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.done:
		s.done <- nil
		return nil
	case <-time.After(readyTimeout):
		s.cmd.Process.Kill()
		return errors.New("did not stop in time")
	}
}

func (s *server) createDatabase() error {
	if s.name == "victoria-metrics" {
		return nil
	}
	for range maxTries { // some servers answer pings before they take statements
		resp, err := s.http.PostForm(s.url+"/query", url.Values{"q": {"CREATE DATABASE " + database}})
		if err != nil {
			return err
		}
		resp.Body.Close()
		switch resp.StatusCode {
		case http.StatusOK:
			return nil
		case http.StatusServiceUnavailable:
			time.Sleep(10 * time.Millisecond)
		default:
			return fmt.Errorf("create database: %s", resp.Status)
		}
	}
	return errors.New("create database: the server stayed busy")
}

// maxTries bounds how often a body is sent to a busy server.
const maxTries = 600

func (s *server) write(body []byte) error {
	for range maxTries {
		resp, err := s.http.Post(s.url+"/write?db="+database, "text/plain", bytes.NewReader(body))
		if err != nil {
			return err
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		switch resp.StatusCode {
		case http.StatusNoContent:
			return nil
		case http.StatusServiceUnavailable:
			time.Sleep(100 * time.Millisecond)
		default:
			return fmt.Errorf("write: %s: %.300s", resp.Status, text)
		}
	}
	return errors.New("the server stayed busy")
}

// ask runs a query and returns how long the whole answer took.
func (s *server) ask(q string) (time.Duration, error) {
	if s.name == "victoria-metrics" {
		return 0, nil
	}
	begin := time.Now()
	resp, err := s.http.Get(s.url + "/query?" + url.Values{"db": {database}, "epoch": {"ns"}, "q": {q}}.Encode())
	for tries := 0; err == nil && resp.StatusCode == http.StatusServiceUnavailable && tries < 100*maxTries; tries++ {
		resp.Body.Close()
		time.Sleep(time.Millisecond)
		resp, err = s.http.Get(s.url + "/query?" + url.Values{"db": {database}, "epoch": {"ns"}, "q": {q}}.Encode())
	}
	if err != nil {
		return 0, err
	}
	text, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		return 0, err
	}
	if resp.StatusCode != http.StatusOK || bytes.Contains(text, []byte(`"error":`)) {
		return 0, fmt.Errorf("%s: %.300s", resp.Status, text)
	}
	return time.Since(begin), nil
}

// ticksPerSecond is USER_HZ of Linux.
const ticksPerSecond = 100

// cpu returns the processor time that the server has used.
func (s *server) cpu() time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * time.Second / ticksPerSecond
}

// rss returns the resident bytes of the server.
func (s *server) rss() int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	pages, _ := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

// diskUsage returns the bytes that the files of a tree hold.
func diskUsage(dir string) (int64, error) {
	var total int64
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		total += info.Size()
		return nil
	})
	return total, err
}
