package blackbox

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var (
	buildOnce sync.Once
	buildPath string
	buildErr  error
)

// Binary returns the path of the program, built once per test process. The
// variable TIMBERLINE_BINARY names one that is built already.
func Binary(t testing.TB) string {
	t.Helper()
	buildOnce.Do(func() {
		if buildPath = os.Getenv("TIMBERLINE_BINARY"); buildPath != "" {
			return
		}
		dir, err := os.MkdirTemp("", "timberline-binary-")
		if err != nil {
			buildErr = err
			return
		}
		buildPath = filepath.Join(dir, "timberline")
		cmd := exec.Command("go", "build", "-o", buildPath, "./cmd/timberline")
		cmd.Dir = Root()
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			buildErr = fmt.Errorf("build: %w\n%s", err, out)
		}
	})
	if buildErr != nil {
		t.Fatal(buildErr)
	}
	return buildPath
}

// Root returns the directory of the project.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}

// Server is a running program.
type Server struct {
	URL string // http://127.0.0.1:port, https with TLS

	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended

	mu  sync.Mutex // guards log and err
	log bytes.Buffer
	err error
}

// Start runs `serve` on a data directory and a free port and waits until it
// listens. The process is killed when the test ends.
func Start(t testing.TB, dataDir string, args ...string) *Server {
	t.Helper()
	return StartWith(t, dataDir, nil, args...)
}

// StartWith is Start with more variables of the environment, NAME=value.
func StartWith(t testing.TB, dataDir string, env []string, args ...string) *Server {
	t.Helper()
	s, err := launch(Binary(t), dataDir, env, args)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	return s
}

var address = regexp.MustCompile(`https?://(127\.0\.0\.1|\[::1\]):\d+`)

// startTimeout bounds the wait for the address.
const startTimeout = 60 * time.Second

// Launch is Start without a test.
func Launch(binary, dataDir string, args ...string) (*Server, error) {
	return launch(binary, dataDir, nil, args)
}

func launch(binary, dataDir string, env, args []string) (*Server, error) {
	args = append([]string{"serve", "--data-dir", dataDir, "--http-addr", "127.0.0.1:0"}, args...)
	s := &Server{cmd: exec.Command(binary, args...), done: make(chan struct{})}
	s.cmd.Env = append(environment(), "TIMBERLINE_MONITOR_STORE_ENABLED=false") // so that answers do not depend on the time
	s.cmd.Env = append(s.cmd.Env, env...)
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	s.cmd.Stdout, s.cmd.Stderr = w, w
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	w.Close()
	found := make(chan string, 1)
	go s.follow(r, found)
	select {
	case s.URL = <-found:
		return s, nil
	case <-s.done:
		return nil, fmt.Errorf("the server ended at start: %w\n%s", s.exitErr(), s.Log())
	case <-time.After(startTimeout):
		s.Kill()
		return nil, fmt.Errorf("the server told no address in %s\n%s", startTimeout, s.Log())
	}
}

// environment is the one of this process without the variables that begin like
// settings of the program: those of the tests would be refused as unknown.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "TIMBERLINE_") })
}

// follow collects the output and reports the first address in it.
func (s *Server) follow(r io.Reader, found chan<- string) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	told := false
	for lines.Scan() {
		s.mu.Lock()
		if s.log.Len() < 4<<20 {
			s.log.Write(lines.Bytes())
			s.log.WriteByte('\n')
		}
		s.mu.Unlock()
		if u := address.FindString(lines.Text()); u != "" && !told {
			told = true
			found <- u
		}
	}
	err := s.cmd.Wait()
	s.mu.Lock()
	s.err = err
	s.mu.Unlock()
	close(s.done)
}

func (s *Server) exitErr() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Log returns what the program has printed.
func (s *Server) Log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// PID returns the number of the process.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Kill ends the process at once, as a crash would, and waits for its end.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill()
	<-s.done
}

// stopTimeout bounds the wait for a clean end.
const stopTimeout = 60 * time.Second

// Stop asks the program to end and returns how it ended.
func (s *Server) Stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-s.done:
		return s.exitErr()
	case <-time.After(stopTimeout):
		s.Kill()
		return fmt.Errorf("still running %s after SIGTERM\n%s", stopTimeout, s.Log())
	}
}
