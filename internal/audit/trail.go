package audit

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/vfs"
)

// Outcome is what became of an event.
type Outcome string

// The outcomes.
const (
	OK        Outcome = "ok"
	Refused   Outcome = "refused"   // it is not allowed
	Failed    Outcome = "failed"    // it was tried and did not work
	Throttled Outcome = "throttled" // it was not looked at
)

// Event is something that happened.
type Event struct {
	Kind    string // "login", "statement", "resource", "tls", "server"
	Outcome Outcome
	User    string // who, as far as known
	Client  string // address
	Request string // id of the request
	Detail  string // what, without secrets
	Error   string
}

// line is an event in the file.
type line struct {
	Time       string  `json:"time"`
	Kind       string  `json:"kind"`
	Outcome    Outcome `json:"outcome"`
	User       string  `json:"user,omitempty"`
	Client     string  `json:"client,omitempty"`
	Request    string  `json:"request_id,omitempty"`
	Detail     string  `json:"detail,omitempty"`
	Error      string  `json:"error,omitempty"`
	Suppressed int64   `json:"suppressed,omitempty"` // failures before this one that were too many to write
}

// Options configures a trail.
type Options struct {
	FS   vfs.FS // required with a path
	Path string // of the file; empty: events go to Log
	// MaxBytes is the size at which the file is renamed to .1, the one before to .2, and so on; 0: 64 MiB.
	MaxBytes int64
	// Keep is how many renamed files there are at most; 0: none, the file begins anew.
	Keep  int
	Clock clock.Clock  // nil: clock.System
	Log   *slog.Logger // nil: slog.Default
}

const (
	// maxFailures is how many events a second are written that are not OK. Those who try passwords must not fill the
	// disk.
	maxFailures = 100
	// maxText bounds each text of an event, in bytes.
	maxText = 8192
)

// Metrics are the numbers of a trail since it was opened.
type Metrics struct {
	Events     int64 // written
	Suppressed int64 // failures above the limit, counted in the next line
	Lost       int64 // that could not be written
}

// Trail takes events. Its methods may be called concurrently; those of nil do nothing.
type Trail struct {
	opt Options

	mu         sync.Mutex // guards the fields below
	file       vfs.File   // nil: closed, or events go to the log
	size       int64
	second     int64 // of the failures counted
	failures   int
	suppressed int64 // not told yet
	metrics    Metrics
}

// Open opens a trail, and its file for appending.
func Open(opt Options) (*Trail, error) {
	if opt.MaxBytes == 0 {
		opt.MaxBytes = 64 << 20
	}
	if opt.Clock == nil {
		opt.Clock = clock.System
	}
	if opt.Log == nil {
		opt.Log = slog.Default()
	}
	t := &Trail{opt: opt}
	if opt.Path == "" {
		return t, nil
	}
	if err := vfs.MkdirAll(opt.FS, filepath.Dir(opt.Path)); err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	if err := t.openFile(); err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return t, nil
}

// openFile opens the file at its end, or makes it.
func (t *Trail) openFile() error {
	if _, err := t.opt.FS.Stat(t.opt.Path); err != nil {
		return t.create()
	}
	f, err := t.opt.FS.OpenReadWrite(t.opt.Path)
	if err != nil {
		return err
	}
	size, err := f.Size()
	if err != nil {
		f.Close()
		return err
	}
	t.file, t.size = f, size
	return nil
}

func (t *Trail) create() error {
	f, err := t.opt.FS.Create(t.opt.Path)
	if err != nil {
		return err
	}
	t.file, t.size = f, 0
	return t.opt.FS.SyncDir(filepath.Dir(t.opt.Path))
}

// Record writes an event.
func (t *Trail) Record(e Event) {
	if t == nil {
		return
	}
	now := t.opt.Clock.Now().UTC()
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.Outcome != OK && t.tooMany(now.Unix()) {
		t.suppressed++
		t.metrics.Suppressed++
		return
	}
	l := line{
		Time: now.Format(time.RFC3339Nano), Kind: e.Kind, Outcome: e.Outcome, User: cut(e.User), Client: e.Client, Request: cut(e.Request),
		Detail: cut(e.Detail), Error: cut(e.Error), Suppressed: t.suppressed,
	}
	if err := t.write(&l); err != nil {
		t.metrics.Lost++
		t.opt.Log.Error("an audit event was not written", "file", t.opt.Path, "error", err)
		return
	}
	t.suppressed = 0
	t.metrics.Events++
}

// tooMany counts a failure and reports whether it is above the limit of its second.
func (t *Trail) tooMany(second int64) bool {
	if second != t.second {
		t.second, t.failures = second, 0
	}
	t.failures++
	return t.failures > maxFailures
}

func cut(text string) string {
	if len(text) > maxText {
		return text[:maxText] + "…"
	}
	return text
}

func (t *Trail) write(l *line) error {
	if t.opt.Path == "" {
		t.opt.Log.Info("audit", "kind", l.Kind, "outcome", string(l.Outcome), "user", l.User, "client", l.Client,
			"request_id", l.Request, "detail", l.Detail, "error", l.Error, "suppressed", l.Suppressed)
		return nil
	}
	b, err := json.Marshal(l)
	if err != nil {
		return err
	}
	b = append(b, '\n')
	if t.size > 0 && t.size+int64(len(b)) > t.opt.MaxBytes {
		if err := t.rotate(); err != nil {
			return err
		}
	}
	if t.file == nil {
		return fs.ErrClosed
	}
	if _, err := t.file.WriteAt(b, t.size); err != nil {
		return err
	}
	t.size += int64(len(b))
	return nil
}

// rotate renames the file and begins a new one.
func (t *Trail) rotate() error {
	if t.file == nil {
		return fs.ErrClosed
	}
	name := func(i int) string {
		if i == 0 {
			return t.opt.Path
		}
		return t.opt.Path + "." + strconv.Itoa(i)
	}
	err := t.file.Sync()
	if closeErr := t.file.Close(); err == nil {
		err = closeErr
	}
	t.file = nil
	for i := t.opt.Keep; i > 0 && err == nil; i-- {
		if _, statErr := t.opt.FS.Stat(name(i - 1)); statErr == nil {
			err = t.opt.FS.Rename(name(i-1), name(i))
		}
	}
	if err != nil {
		if openErr := t.openFile(); openErr != nil {
			return openErr
		}
		return nil // the file goes on; the next event tries again
	}
	return t.create()
}

// Metrics returns the numbers of now.
func (t *Trail) Metrics() Metrics {
	if t == nil {
		return Metrics{}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.metrics
}

// Close makes the file durable and closes it. It may be called twice.
func (t *Trail) Close() error {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.file == nil {
		return nil
	}
	err := t.file.Sync()
	if closeErr := t.file.Close(); err == nil {
		err = closeErr
	}
	t.file = nil
	return err
}
