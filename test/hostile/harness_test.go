package hostile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/test/blackbox"
)

// memoryLimit is what the attacked server is told to stay within. Its code, the stacks of goroutines and what the
// collector has not looked at yet come on top: a sixth of it.
const (
	memoryLimit  = 512 << 20
	memoryBeyond = memoryLimit / 6
)

// Timeouts of the attacked server, short so that a test sees them pass.
const serverTimeout = 2 * time.Second

const configuration = `
[data]
  memory-limit = "512m"
[http]
  read-header-timeout = "2s"
  body-idle-timeout = "2s"
  response-idle-timeout = "2s"
`

// A calm client is slower on a busy machine without any attack. Below calmFloor its slowness does not count.
const (
	calmFactor = 3
	calmFloor  = 500 * time.Millisecond
	calmPause  = 10 * time.Millisecond
)

// attackTime is how long each attack lasts at least; TIMBERLINE_HOSTILE_TIME has another duration.
func attackTime(t *testing.T) time.Duration {
	s := os.Getenv("TIMBERLINE_HOSTILE_TIME")
	if s == "" {
		return 1500 * time.Millisecond
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatalf("TIMBERLINE_HOSTILE_TIME: %v", err)
	}
	return d
}

// target is the server under attack.
type target struct {
	*blackbox.Server
	host   string // host:port
	client *http.Client
	before time.Duration // p99 of the calm client without an attack
	worst  int64         // memory that was found to be too much
}

// startTarget starts a server with a database `calm` and measures the calm client.
func startTarget(t *testing.T) *target {
	t.Helper()
	file := filepath.Join(t.TempDir(), "timberline.toml")
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	s := blackbox.Start(t, t.TempDir(), "--config", file)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	g := &target{Server: s, host: u.Host, client: &http.Client{
		Timeout:   60 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: 32},
	}}
	t.Cleanup(g.client.CloseIdleConnections)
	s.Query(t, "", "CREATE DATABASE calm")
	var lines strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&lines, "sensor,host=h%d,room=r%d v=%d %d\n", i, i%20, i, 1_700_000_000_000_000_000+i)
	}
	s.Write(t, "calm", lines.String())
	calm := g.calm()
	time.Sleep(3 * time.Second)
	g.before, err = calm()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// calm starts a client that writes and asks in turns. What it returns ends the client and tells the p99 of its requests and
// what it was refused.
func (g *target) calm() (stop func() (time.Duration, error)) {
	ctx, cancel := context.WithCancel(context.Background())
	client := &http.Client{Timeout: 60 * time.Second, Transport: &http.Transport{}}
	var took []time.Duration
	var failed error
	var wg sync.WaitGroup
	wg.Go(func() {
		defer client.CloseIdleConnections()
		for n := 0; ctx.Err() == nil; n++ {
			request := calmWrite
			if n%2 == 1 {
				request = calmQuery
			}
			started := time.Now()
			if err := again(func() error { return request(client, g.URL, n) }); err != nil {
				failed = err
				return
			}
			took = append(took, time.Since(started))
			time.Sleep(calmPause)
		}
	})
	return func() (time.Duration, error) {
		cancel()
		wg.Wait()
		if failed != nil {
			return 0, fmt.Errorf("the calm client: %w", failed)
		}
		slices.Sort(took)
		return took[(len(took)-1)*99/100], nil
	}
}

// errBusy says that the server has asked to come again: there is no memory at the moment.
var errBusy = errors.New("the server is busy")

// again makes a request until the server has room for it. The time of all tries counts as one.
func again(request func() error) error {
	for started := time.Now(); ; time.Sleep(calmPause) {
		if err := request(); !errors.Is(err, errBusy) || time.Since(started) > 10*time.Second {
			return err
		}
	}
}

func calmWrite(client *http.Client, server string, n int) error {
	resp, err := client.Post(server+"/write?db=calm", "", strings.NewReader(fmt.Sprintf("work,k=a v=%d\n", n)))
	return wanted(resp, err, http.StatusNoContent)
}

func calmQuery(client *http.Client, server string, _ int) error {
	resp, err := client.Get(server + "/query?db=calm&q=" + url.QueryEscape(`SELECT max(v) FROM work WHERE k = 'a'`))
	return wanted(resp, err, http.StatusOK)
}

func wanted(resp *http.Response, err error, status int) error {
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if bytes.Contains(body, []byte("memory limit exceeded")) {
		return errBusy
	}
	if resp.StatusCode != status || bytes.Contains(body, []byte(`"error"`)) {
		return fmt.Errorf("%s: %d %.300s", resp.Request.URL.Path, resp.StatusCode, body)
	}
	return nil
}

// peakMemory returns the most that the process ever held, and what of it now are mapped files, which the system takes back
// when memory is short.
func (g *target) peakMemory(t *testing.T) (peak, files int64) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.PID()))
	if err != nil {
		t.Skipf("this system does not tell what a process holds: %v", err)
	}
	for line := range strings.Lines(string(b)) {
		name, rest, _ := strings.Cut(line, ":")
		kb, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
		switch name {
		case "VmHWM":
			peak = kb << 10
		case "RssFile":
			files = kb << 10
		}
	}
	return peak, files
}

// attack is something that is done to a server over and over, by several at once.
type attack struct {
	name    string
	workers int
	run     func(t *testing.T, g *target)
}

// suffer runs an attack beside the calm client and checks what became of the server.
func (g *target) suffer(t *testing.T, a attack) {
	atLeast := attackTime(t)
	calm := g.calm()
	end := time.Now().Add(atLeast)
	rounds := make([]int, a.workers)
	var wg sync.WaitGroup
	for i := range rounds {
		wg.Go(func() {
			for time.Now().Before(end) && !t.Failed() || rounds[i] == 0 {
				a.run(t, g)
				rounds[i]++
			}
		})
	}
	wg.Wait()
	p99, err := calm()
	if err != nil {
		t.Error(err)
	}
	if bound := max(calmFactor*g.before, calmFloor); p99 > bound {
		t.Errorf("the calm client's p99 is %s, before it was %s", p99, g.before)
	}
	peak, files := g.peakMemory(t)
	if peak-files > max(memoryLimit+memoryBeyond, g.worst) {
		g.worst = peak // told once
		t.Errorf("the server held %d MiB, its limit is %d MiB", (peak-files)>>20, memoryLimit>>20)
	}
	total := 0
	for _, n := range rounds {
		total += n
	}
	t.Logf("%d rounds, p99 %s (before %s), most memory so far %d MiB", total, p99.Round(time.Microsecond), g.before.Round(time.Microsecond), peak>>20)
	if r, err := g.Do("GET", "/ping", nil, nil); err != nil || r.Status != http.StatusNoContent {
		t.Fatalf("after the attack /ping answers %d, %v\n%s", r.Status, err, g.Log())
	}
}
