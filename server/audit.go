package server

import (
	"log/slog"

	"github.com/timberlinedb/timberline/config"
	"github.com/timberlinedb/timberline/internal/audit"
	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/query"
)

// openTrail opens the trail of what matters for security, nil when there is none.
func openTrail(cfg config.Audit, files vfs.FS, clk clock.Clock, log *slog.Logger) (*audit.Trail, error) {
	if !cfg.Enabled {
		return nil, nil
	}
	return audit.Open(audit.Options{FS: files, Path: cfg.Path, MaxBytes: int64(cfg.MaxSize), Keep: cfg.MaxFiles, Clock: clk, Log: log})
}

// recordStatement notes a statement that has changed something.
func (s *Server) recordStatement(e query.AuditEvent) {
	out := audit.Event{Kind: "statement", Outcome: audit.OK, User: e.User, Client: e.Client, Request: e.ID, Detail: e.Statement}
	if e.Database != "" {
		out.Detail += " (database " + e.Database + ")"
	}
	if e.Err != nil {
		out.Outcome, out.Error = audit.Failed, e.Err.Error()
	}
	s.trail.Record(out)
}

// recordTLS notes that the files of certificates were replaced.
func (s *Server) recordTLS(err error) {
	e := audit.Event{Kind: "tls", Outcome: audit.OK, Detail: "files were replaced: " + s.cfg.HTTP.HTTPSCertificate}
	if err != nil {
		e.Outcome, e.Error = audit.Failed, err.Error()
	}
	s.trail.Record(e)
}
