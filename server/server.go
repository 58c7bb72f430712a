package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/config"
	"github.com/timberlinedb/timberline/conflict"
	"github.com/timberlinedb/timberline/httpapi"
	"github.com/timberlinedb/timberline/ingest"
	"github.com/timberlinedb/timberline/internal/audit"
	"github.com/timberlinedb/timberline/internal/budget"
	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/listen"
	"github.com/timberlinedb/timberline/monitor"
	"github.com/timberlinedb/timberline/query"
	"github.com/timberlinedb/timberline/task"
	"github.com/timberlinedb/timberline/tsdb"
)

// Server is the running system.
//
// Its own goroutines enforce retention, run continuous queries, record statistics,
// keep the last uses of tokens and govern memory; the rooms list theirs.
type Server struct {
	log     *slog.Logger
	cfg     config.Config
	handler *httpapi.Handler
	http    *httpapi.Server
	tls     *httpapi.TLS // nil: connections are plain
	trail   *audit.Trail // nil: nothing is kept
	store   *tsdb.Store
	engine  *query.Engine
	writer  *ingest.Writer
	catalog *catalog.Catalog
	storage *storage
	fs      vfs.FS
	clock   clock.Clock

	monitor    *monitor.Monitor
	conflicts  *conflict.Store
	subscriber *ingest.Subscriber // nil: subscriptions are not served
	tasks      *task.Runner       // nil: continuous queries are not run

	listenersMu sync.Mutex         // guards listeners
	listeners   []*listen.Listener // of other protocols than HTTP

	governor *governor
	rest     context.CancelFunc // ends the governor, after storage is closed
	governed sync.WaitGroup

	stop    context.CancelFunc
	working sync.WaitGroup

	closing  sync.Once
	closeErr error
}

// Open builds the system and begins to serve. The address answers at once, with
// 503 until storage is ready.
func Open(ctx context.Context, cfg config.Config, log *slog.Logger) (*Server, error) {
	return openOn(ctx, vfs.OS(), cfg, log)
}

// openOn is Open over a file system.
func openOn(ctx context.Context, files vfs.FS, cfg config.Config, log *slog.Logger) (_ *Server, err error) {
	s := &Server{log: log, cfg: cfg, fs: files, clock: clock.System, monitor: monitor.New(clock.System)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close(context.WithoutCancel(ctx)))
		}
	}()
	if err := checkExposure(cfg.HTTP); err != nil {
		return nil, err
	}
	memory := budget.New(memoryLimit(cfg.Data.MemoryLimit))
	s.govern(memory)
	if s.trail, err = openTrail(cfg.Audit, s.fs, s.clock, log); err != nil {
		return nil, err
	}
	requests := httpOptions(cfg, log, memory.Account("requests", 0))
	if s.trail != nil {
		requests.Audit = s.trail.Record
	}
	if s.handler, err = httpapi.New(requests); err != nil {
		return nil, err
	}
	listen := listenOptions(cfg, log)
	if listen.TLS, err = newTLS(cfg.HTTP, s.fs, s.clock, log, s.recordTLS); err != nil {
		return nil, err
	}
	s.tls = listen.TLS
	if s.http, err = httpapi.Listen(ctx, s.handler, listen); err != nil {
		return nil, err
	}
	if err := s.openStorage(ctx, storeOptions(cfg, log, memory)); err != nil {
		return nil, err
	}
	s.serve(memory)
	if err := s.openListeners(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// govern starts what keeps the process near its memory limit; storage is opened
// under it.
func (s *Server) govern(memory *budget.Budget) {
	background, stop := context.WithCancel(context.Background())
	s.governor, s.rest = newGovernor(memory), stop
	s.governor.look()
	s.governed.Go(func() { s.governor.run(background, s.clock) })
}

// openStorage opens what keeps data, recovers it, and connects writes and
// queries with it.
func (s *Server) openStorage(ctx context.Context, opt tsdb.Options) (err error) {
	dir := s.cfg.Data.Dir
	if s.catalog, err = catalog.Open(filepath.Join(dir, "catalog"), catalog.Options{FS: s.fs, Clock: s.clock}); err != nil {
		return err
	}
	if err := checkCatalog(s.fs, s.catalog.Snapshot(), dir); err != nil {
		return err
	}
	if err := checkAdministrator(s.cfg.HTTP, s.catalog.Snapshot()); err != nil {
		return err
	}
	opt.FS, opt.Clock = s.fs, s.clock
	if s.store, err = tsdb.Open(ctx, dir, layout(s.catalog.Snapshot()), opt); err != nil {
		return err
	}
	if s.cfg.Subscriber.Enabled {
		s.subscriber = ingest.NewSubscriber(s.catalog, subscriberOptions(s.cfg.Subscriber, s.log))
	}
	s.writer = ingest.New(s.catalog, s.store, s.clock, s.subscriber)
	s.writer.Limit(ingest.Limits{MaxFuture: s.cfg.Coordinator.MaxFuture, NoticeFuture: s.cfg.Coordinator.CountFutureAfter})
	if err := s.openConflicts(); err != nil {
		return err
	}
	s.writer.KeepConflicts(s.conflicts)
	s.storage = &storage{catalog: s.catalog, store: s.store, writer: s.writer, conflicts: s.conflicts}
	queries := queryOptions(s.cfg, s.log, opt.Budget)
	queries.Clock = s.clock
	if s.trail != nil {
		queries.Audit = s.recordStatement
	}
	queries.Extension = &conflictStatements{
		catalog: s.catalog, store: s.conflicts, writer: s.writer,
		next: &introspection{server: s, monitor: s.monitor, store: s.store, cfg: s.cfg, clock: s.clock},
	}
	s.engine = query.New(s.catalog, s.storage, queries)
	return nil
}

// checkCatalog refuses a directory whose catalog has gone: storage removes what
// the catalog does not know, which would be everything.
func checkCatalog(fsys vfs.FS, snap *catalog.Snapshot, dir string) error {
	if snap.LastDatabaseID > 0 {
		return nil
	}
	names, err := fsys.List(filepath.Join(dir, "db"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look for databases: %w", err)
	}
	if len(names) > 0 {
		return fmt.Errorf("%s holds databases, but catalog/catalog, which says what they are, is missing or empty: put it back from a backup, or move db away to start anew", dir)
	}
	return nil
}

// layout tells the engine what the catalog knows.
func layout(snap *catalog.Snapshot) tsdb.Layout {
	var all tsdb.Layout
	for _, d := range snap.Databases {
		l := tsdb.DatabaseLayout{ID: d.ID}
		for _, p := range d.Policies {
			for _, g := range p.Groups {
				l.Shards = append(l.Shards, tsdb.ShardSpec{ID: g.Shard, Policy: p.ID, Range: g.Range})
			}
		}
		all = append(all, l)
	}
	return all
}

// serve starts what runs beside requests and lets them in.
func (s *Server) serve(memory *budget.Budget) {
	background, stop := context.WithCancel(context.Background())
	s.stop = stop
	if s.cfg.Retention.Enabled {
		r := &retention{catalog: s.catalog, storage: s.storage, clock: s.clock, every: s.cfg.Retention.CheckInterval, log: s.log}
		s.working.Go(func() { r.run(background) })
	}
	if s.cfg.ContinuousQueries.Enabled {
		s.tasks = task.NewRunner(s.catalog, s.engine, taskOptions(s.cfg.ContinuousQueries, s.log, s.clock))
		s.working.Go(func() { s.tasks.Run(background) })
	}
	s.working.Go(func() { s.noteTokens(background) })
	s.register(s.monitor, memory)
	if s.cfg.Monitor.StoreEnabled {
		recorder := monitor.NewRecorder(s.monitor, &keeper{catalog: s.catalog, writer: s.writer}, monitor.RecorderOptions{
			Database: s.cfg.Monitor.StoreDatabase, Policy: monitorPolicy, Every: s.cfg.Monitor.StoreInterval,
			Hostname: hostname(), Clock: s.clock, Log: s.log,
		})
		s.working.Go(func() { recorder.Run(background) })
	}
	s.handler.Attach(httpapi.Backend{
		Writer: s.writer, Engine: s.engine, Users: s.catalog, Catalog: s.catalog, Data: s.storage,
		Health: s, Metrics: s.monitor, Vars: s.monitor,
	})
}

// Addr returns the address that the server listens on.
func (s *Server) Addr() string { return s.http.Addr() }

// Health tells how well the parts of the server are.
func (s *Server) Health(context.Context) []httpapi.HealthCheck {
	m := s.store.Metrics()
	check := httpapi.HealthCheck{Name: "storage", Status: "pass"}
	switch {
	case m.Log.Poisoned:
		check.Status, check.Message = "fail", "the write-ahead log has failed; writes are refused until the next start"
	case m.FailedShards > 0 || m.LostFiles > 0:
		check.Message = fmt.Sprintf("damaged data: %d shards and %d files cannot be read, see the log; the rest is served", m.FailedShards, m.LostFiles)
	case m.CorruptionsFound > 0:
		check.Message = "damaged data was found since the start, last: " + m.LastCorruption
	}
	return []httpapi.HealthCheck{check}
}

// Wait returns when serving has ended: nil after Close, otherwise what ended it.
func (s *Server) Wait() error { return <-s.http.Failed() }

// Close ends serving, waits for running requests until ctx ends, and closes
// storage. It may be called twice.
func (s *Server) Close(ctx context.Context) error {
	s.closing.Do(func() { s.closeErr = s.close(ctx) })
	return s.closeErr
}

func (s *Server) close(ctx context.Context) error {
	var errs []error
	if s.http != nil {
		errs = append(errs, s.http.Close(ctx))
	}
	errs = append(errs, s.closeListeners()...)
	if s.handler != nil {
		s.handler.Close()
	}
	if s.stop != nil {
		s.stop()
		s.working.Wait()
	}
	if s.subscriber != nil {
		s.subscriber.Close(ctx)
	}
	if s.store != nil {
		if err := s.store.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close storage: %w", err))
		}
	}
	if s.conflicts != nil {
		if err := s.conflicts.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close field conflicts: %w", err))
		}
	}
	if s.rest != nil {
		s.rest()
		s.governed.Wait()
	}
	if err := s.trail.Close(); err != nil {
		errs = append(errs, fmt.Errorf("close audit file: %w", err))
	}
	return errors.Join(errs...)
}
