package httpapi

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/timberlinedb/timberline/internal/audit"
	"github.com/timberlinedb/timberline/internal/clock"
)

// Options are the settings of the endpoints.
type Options struct {
	// Version is the version that clients are told, without a leading v;
	// empty: 1.8.10. Clients choose their dialect by its first number.
	Version string
	// Commit is named by /health when set.
	Commit string
	// BindAddress names the httpd statistics; empty: :8086.
	BindAddress string
	// Durability is told in the header X-Timberline-Durability of writes;
	// empty: durable.
	Durability string

	Limits Limits

	// Auth says of whom credentials are asked.
	Auth Auth

	// CheckOrganization refuses requests of the v2 API that name another
	// organization than there is; otherwise the name does not matter.
	CheckOrganization bool

	// Audit is told of logins that fail, of what is refused, and of changes by
	// the v2 API; nil: nobody is. It must not block.
	Audit func(audit.Event)

	// OTLP says where metrics go whose request names no database.
	OTLP OTLP

	// AccessLog writes a line to Log for every request.
	AccessLog bool
	// Pprof serves /debug/pprof.
	Pprof bool
	// Log receives panics and, when asked for, requests; nil: slog.Default.
	Log *slog.Logger
	// Clock tells the time; nil: clock.System.
	Clock clock.Clock
	// Memory is asked before bodies take memory; nil: without a limit.
	Memory Memory
}

// OTLP is where metrics of OpenTelemetry go. With an empty database requests
// must name one.
type OTLP struct {
	Database, Policy string
}

// Limits bounds what requests may take. Zero means what each field says.
type Limits struct {
	MaxBodyBytes     int64 // of a body on the wire; 0: 25,000,000, negative: no limit
	MaxInflatedBytes int64 // of a body after decompression; 0: 250,000,000, negative: no limit
	MaxInflateRatio  int64 // of inflated to wire bytes, for bodies above a megabyte; 0: 200, negative: no limit

	MaxPoints int // of a write, in any protocol; 0: no limit

	MaxConcurrentWrites  int           // 0: no limit
	MaxEnqueuedWrites    int           // writes that wait for one of those; 0: none waits
	EnqueuedWriteTimeout time.Duration // how long they wait; 0: without limit
	WriteTimeout         time.Duration // of storing one body; 0: no limit

	MaxRows         int // of an answer that is not chunked; 0: no limit
	MaxMsgpackBytes int // of an answer in MessagePack; 0: 256 MiB

	MinBodyRate int // bytes a second that a body must bring on average once it takes longer than ReadIdle; 0: no limit

	ReadIdle time.Duration // a body must bring its next bytes in this time; 0: 60 s, negative: no limit
}

// Memory is an account of bytes, such as one of internal/budget.
type Memory interface {
	Reserve(n int64) error
	Release(n int64)
}

// EnsureDefaults fills in what is empty.
func (o *Options) EnsureDefaults() {
	def(&o.Version, "1.8.10")
	def(&o.BindAddress, ":8086")
	def(&o.Durability, "durable")
	def(&o.Limits.MaxBodyBytes, 25_000_000)
	def(&o.Limits.MaxInflatedBytes, 250_000_000)
	def(&o.Limits.MaxInflateRatio, 200)
	def(&o.Limits.MaxMsgpackBytes, 256<<20)
	def(&o.Limits.ReadIdle, time.Minute)
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Clock == nil {
		o.Clock = clock.System
	}
}

func def[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Validate reports settings that cannot be.
func (o *Options) Validate() error {
	if err := CheckVersion(o.Version); err != nil {
		return err
	}
	if o.Durability != "durable" && o.Durability != "interval" {
		return fmt.Errorf("durability is %q, want durable or interval", o.Durability)
	}
	if err := o.Auth.validate(); err != nil {
		return err
	}
	l := &o.Limits
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"MaxPoints", int64(l.MaxPoints)}, {"MinBodyRate", int64(l.MinBodyRate)}, {"MaxConcurrentWrites", int64(l.MaxConcurrentWrites)}, {"MaxEnqueuedWrites", int64(l.MaxEnqueuedWrites)},
		{"EnqueuedWriteTimeout", int64(l.EnqueuedWriteTimeout)}, {"WriteTimeout", int64(l.WriteTimeout)},
		{"MaxRows", int64(l.MaxRows)}, {"MaxMsgpackBytes", int64(l.MaxMsgpackBytes)},
	} {
		if n.value < 0 {
			return fmt.Errorf("%s is %d, want 0 or more", n.name, n.value)
		}
	}
	return nil
}

// CheckVersion reports whether clients can live with a version string. They
// take one that begins otherwise, or that contains -c or relay, for another
// product.
func CheckVersion(v string) error {
	known := strings.HasPrefix(v, "1.") || strings.HasPrefix(v, "2.") || strings.HasPrefix(v, "3.")
	if !known || strings.Contains(v, "-c") || strings.Contains(v, "relay") || strings.ContainsAny(v, " \r\n") {
		return fmt.Errorf("version is %q, want one that begins with 1., 2. or 3. and contains neither -c nor relay", v)
	}
	return nil
}
