package hostile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The calm client writes and asks in turns. It is a process of its own: in the process of the attackers it would wait for
// their goroutines, and tell of that instead of the server.

// calmVariable has the address of the server in the environment of the calm client.
const calmVariable = "TIMBERLINE_HOSTILE_CALM"

const (
	calmWorkers = 3
	calmPause   = 10 * time.Millisecond // between two requests of a worker
)

func TestMain(m *testing.M) {
	if server := os.Getenv(calmVariable); server != "" {
		if err := stayCalm(server, os.Stdin, os.Stdout); err != nil {
			fmt.Println("error", err)
		}
		return
	}
	os.Exit(m.Run())
}

// stayCalm makes requests until commands end. For each of these it tells of the time since the one before: the p99 of the
// requests, in nanoseconds, how many there were, and the p99 of how much too late somebody woke up who only slept.
func stayCalm(server string, commands io.Reader, out io.Writer) error {
	var (
		mu     sync.Mutex // guards the fields below
		took   []time.Duration
		since  [calmWorkers]time.Time // when the request of each worker began
		late   []time.Duration        // of the one that only sleeps
		failed error
	)
	go func() {
		runtime.LockOSThread() // the operating system's sleep, not that of Go's scheduler
		for pause := syscall.NsecToTimespec(int64(2 * time.Millisecond)); ; {
			started := time.Now()
			if err := syscall.Nanosleep(&pause, nil); err != nil {
				continue // by a signal
			}
			mu.Lock()
			late = append(late, time.Since(started)-2*time.Millisecond)
			mu.Unlock()
		}
	}()
	client := &http.Client{Timeout: 60 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: calmWorkers}}
	for worker := range calmWorkers {
		go func() {
			for n := worker; ; n++ {
				request := calmWrite
				if n%2 == 1 {
					request = calmQuery
				}
				started := time.Now()
				mu.Lock()
				since[worker] = started
				mu.Unlock()
				err := again(func() error { return request(client, server, n) })
				mu.Lock()
				if err != nil && failed == nil {
					failed = err
				}
				took = append(took, time.Since(started))
				since[worker] = time.Time{}
				mu.Unlock()
				time.Sleep(calmPause)
			}
		}()
	}
	for lines := bufio.NewScanner(commands); lines.Scan(); {
		mu.Lock()
		batch, waits, err := took, late, failed
		took, late, failed = nil, nil, nil
		for _, started := range since { // who still waits counts, too
			if !started.IsZero() {
				batch = append(batch, time.Since(started))
			}
		}
		mu.Unlock()
		if err != nil {
			return err
		}
		fmt.Fprintln(out, int64(p99Of(batch)), len(batch), int64(p99Of(waits)))
	}
	return nil
}

func p99Of(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[(len(all)-1)*99/100]
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

// calm is the process of the calm client.
type calm struct {
	process int
	in      io.WriteCloser
	out     *bufio.Reader
}

func startCalm(t *testing.T, server string) *calm {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), calmVariable+"="+server)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	return &calm{cmd.Process.Pid, in, bufio.NewReader(out)}
}

// measure is what the calm client tells of a time.
type measure struct {
	p99      time.Duration
	requests int
	// wait is the p99 of what a process that has nothing to do with the server waits for a processor.
	wait time.Duration
}

func (m measure) String() string {
	return fmt.Sprintf("p99 of %d requests %s, a processor is waited for %s", m.requests, m.p99.Round(time.Microsecond), m.wait.Round(time.Microsecond))
}

// measure tells of the time since it was asked last.
func (c *calm) measure(t *testing.T) measure {
	t.Helper()
	var m measure
	_, err := io.WriteString(c.in, "\n")
	if err != nil {
		t.Fatalf("the calm client is gone: %v", err)
	}
	line, err := c.out.ReadString('\n')
	if err != nil {
		t.Fatalf("the calm client is gone: %v", err)
	}
	if _, err := fmt.Sscan(line, (*int64)(&m.p99), &m.requests, (*int64)(&m.wait)); err != nil {
		t.Fatalf("the calm client: %s", line)
	}
	return m
}

// stepBack gives this process the lowest priority. Who attacks a server does so with the processors of other machines; here
// they are the same.
func stepBack(t *testing.T) {
	t.Helper()
	renice(t, os.Getpid(), 19)
}

// renice sets the priority of the threads of a process; those that come later have that of the one that starts them.
func renice(t *testing.T, process, nice int) {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", process))
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		id, err := strconv.Atoi(filepath.Base(task))
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Setpriority(syscall.PRIO_PROCESS, id, nice); err != nil {
			t.Logf("process %d keeps its priority: %v", process, err)
			return
		}
	}
}
