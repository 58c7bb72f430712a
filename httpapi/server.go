package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/timberlinedb/timberline/internal/clock"
)

// ServerOptions are the settings of a Server.
type ServerOptions struct {
	// Addr is the address to listen on; port 0 takes a free one.
	Addr string
	// MaxConnections closes connections above that number at once; 0: no limit.
	MaxConnections int
	// ReadHeaderTimeout is the time a client has to send its header; 0: 10 s.
	ReadHeaderTimeout time.Duration
	// IdleTimeout is how long a connection may wait for its next request; 0: 120 s.
	IdleTimeout time.Duration
	// SendIdle is the time a client has to take the next piece of an answer; 0:
	// 60 s, negative: without limit.
	SendIdle time.Duration
	// MaxHeaderBytes bounds the header, the URL included; 0: 1 MiB.
	MaxHeaderBytes int
	// TLS encrypts connections; nil: they are plain.
	TLS *TLS
	// Log receives errors of connections; nil: slog.Default.
	Log *slog.Logger
	// Clock tells the time of what is counted; nil: clock.System.
	Clock clock.Clock
}

// EnsureDefaults fills in what is empty.
func (o *ServerOptions) EnsureDefaults() {
	def(&o.ReadHeaderTimeout, 10*time.Second)
	def(&o.IdleTimeout, 120*time.Second)
	def(&o.SendIdle, time.Minute)
	def(&o.MaxHeaderBytes, 1<<20)
	if o.Clock == nil {
		o.Clock = clock.System
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
}

// Server listens and serves a handler. Its goroutines accept connections and look
// after TLS files until Close.
type Server struct {
	listener *connections
	http     *http.Server
	tls      *TLS // nil: connections are plain
	stop     context.CancelFunc
	watching sync.WaitGroup

	failed   chan error // what ended the serving; closed after that
	closing  sync.Once
	closeErr error
}

// Listen opens the address and begins to serve h.
func Listen(ctx context.Context, h http.Handler, opt ServerOptions) (*Server, error) {
	opt.EnsureDefaults()
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", opt.Addr)
	if err != nil {
		return nil, fmt.Errorf("listen for HTTP: %w", err)
	}
	conns := &connections{Listener: l, most: opt.MaxConnections, idle: opt.SendIdle, clock: opt.Clock, began: time.Now()}
	s := &Server{
		listener: conns,
		http: &http.Server{
			Handler:           h,
			ReadHeaderTimeout: opt.ReadHeaderTimeout,
			IdleTimeout:       opt.IdleTimeout,
			MaxHeaderBytes:    opt.MaxHeaderBytes,
			ErrorLog:          slog.NewLogLogger(opt.Log.Handler(), slog.LevelDebug),
		},
		tls:    opt.TLS,
		failed: make(chan error, 1),
	}
	watching, stop := context.WithCancel(context.Background())
	s.stop = stop
	if s.tls != nil {
		s.http.TLSConfig = s.tls.serverConfig()
		s.watching.Go(func() { s.tls.watch(watching) })
	}
	go s.serve()
	return s, nil
}

// serve is the goroutine that accepts connections.
func (s *Server) serve() {
	defer close(s.failed)
	serve := s.http.Serve
	if s.tls != nil {
		serve = func(l net.Listener) error { return s.http.ServeTLS(l, "", "") }
	}
	if err := serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		s.failed <- fmt.Errorf("serve HTTP on %s: %w", s.Addr(), err)
	}
}

// Addr returns the address that the server listens on.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Connections returns numbers about the connections.
func (s *Server) Connections() ConnectionStatistics { return s.listener.statistics() }

// Failed delivers the error that ended the serving, and is closed when it has
// ended.
func (s *Server) Failed() <-chan error { return s.failed }

// Close stops accepting, waits for the requests that run until ctx ends, and
// then breaks their connections. It may be called twice.
func (s *Server) Close(ctx context.Context) error {
	s.closing.Do(func() {
		s.stop()
		s.watching.Wait()
		err := s.http.Shutdown(ctx)
		if err != nil {
			err = errors.Join(fmt.Errorf("requests were still running: %w", err), s.http.Close())
		}
		s.closeErr = err
	})
	return s.closeErr
}
