package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/config"
	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/lineproto"
	"github.com/timberlinedb/timberline/listen"
	"github.com/timberlinedb/timberline/monitor"
)

// listenerStart is a listener that the configuration asks for.
type listenerStart struct {
	common config.Listener
	open   func(context.Context, listen.Options) (*listen.Listener, error)
}

// openListeners starts the listeners that are not HTTP. Their databases are
// made when they do not exist.
func (s *Server) openListeners(ctx context.Context) error {
	for _, start := range s.listenerStarts() {
		if !start.common.Enabled {
			continue
		}
		if err := s.ensurePolicy(start.common.Database, start.common.RetentionPolicy); err != nil {
			return fmt.Errorf("database of the listener on %s: %w", start.common.BindAddress, err)
		}
		l, err := start.open(ctx, listen.Options{
			Address: start.common.BindAddress, Door: s.writer, Clock: s.clock, Log: s.log,
			Batching: listen.Batching{
				Database: start.common.Database, Policy: start.common.RetentionPolicy,
				Size: start.common.BatchSize, Pending: start.common.BatchPending, Timeout: start.common.BatchTimeout,
			},
		})
		if err != nil {
			return err
		}
		s.listenersMu.Lock()
		s.listeners = append(s.listeners, l)
		s.listenersMu.Unlock()
		m := l.Metrics()
		s.log.Info("listening", "protocol", m.Protocol, "address", m.Address, "database", start.common.Database)
		if !isLoopback(m.Address) {
			s.log.Warn("whoever reaches this address may write: the protocol knows no users", "protocol", m.Protocol, "address", m.Address)
		}
	}
	return nil
}

func (s *Server) listenerStarts() (all []listenerStart) {
	for _, c := range s.cfg.UDP {
		all = append(all, listenerStart{c.Listener, func(ctx context.Context, o listen.Options) (*listen.Listener, error) {
			o.Batching.Precision, _ = lineproto.ParsePrecision(c.Precision) // config has checked it
			o.ReadBuffer = c.ReadBuffer
			return listen.UDP(ctx, o)
		}})
	}
	for _, c := range s.cfg.Graphite {
		all = append(all, listenerStart{c.Listener, func(ctx context.Context, o listen.Options) (*listen.Listener, error) {
			o.ReadBuffer = c.UDPReadBuffer
			return listen.Graphite(ctx, listen.GraphiteOptions{Options: o, Protocol: c.Protocol, Templates: c.Templates, Tags: c.Tags, Separator: c.Separator})
		}})
	}
	for _, c := range s.cfg.OpenTSDB {
		all = append(all, listenerStart{c.Listener, func(ctx context.Context, o listen.Options) (*listen.Listener, error) {
			var secure *tls.Config
			if c.TLSEnabled {
				var err error
				if secure, err = loadCertificate(s.fs, c.Certificate); err != nil {
					return nil, err
				}
			}
			return listen.OpenTSDB(ctx, listen.OpenTSDBOptions{Options: o, TLS: secure, LogPointErrors: c.LogPointErrors, MaxPoints: s.cfg.HTTP.MaxPointsPerRequest})
		}})
	}
	for _, c := range s.cfg.Collectd {
		all = append(all, listenerStart{c.Listener, func(ctx context.Context, o listen.Options) (*listen.Listener, error) {
			o.ReadBuffer = c.ReadBuffer
			return listen.Collectd(ctx, listen.CollectdOptions{Options: o, FS: s.fs, TypesDB: c.TypesDB,
				SecurityLevel: c.SecurityLevel, AuthFile: c.AuthFile, Join: c.ParseMultivaluePlugin == "join"})
		}})
	}
	return all
}

// maxCertificateBytes bounds a file of certificates.
const maxCertificateBytes = 1 << 20

// loadCertificate reads a certificate and its key from one file.
func loadCertificate(fs vfs.FS, name string) (*tls.Config, error) {
	pem, err := vfs.ReadFile(fs, name, maxCertificateBytes)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	pair, err := tls.X509KeyPair(pem, pem)
	if err != nil {
		return nil, fmt.Errorf("certificate %s: %w", name, err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// ensurePolicy makes a database and, when it is named, a retention policy that
// keeps everything.
func (s *Server) ensurePolicy(database, policy string) error {
	d, err := s.catalog.CreateDatabase(database, nil)
	if err != nil || policy == "" || d.Policy(policy) != nil {
		return err
	}
	return s.catalog.CreatePolicy(database, catalog.PolicySpec{Name: policy}, false)
}

// currentListeners returns the listeners that run.
func (s *Server) currentListeners() []*listen.Listener {
	s.listenersMu.Lock()
	defer s.listenersMu.Unlock()
	return slices.Clone(s.listeners)
}

// closeListeners ends the listeners; what they have taken is stored.
func (s *Server) closeListeners() (errs []error) {
	for _, l := range s.currentListeners() {
		if err := l.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close listener: %w", err))
		}
	}
	return errs
}

// collectListeners tells what the listeners have seen, as 1.x named it.
func collectListeners(c *monitor.Collector, m listen.Metrics) {
	values := map[string]any{
		"pointsRx": m.Points, "bytesRx": m.Bytes, "pointsParseFail": m.Refused, "readFail": m.ReadErrors,
		"batchesTx": m.Batches, "pointsTx": m.Sent, "batchesTxFail": m.FailedBatches,
	}
	switch m.Protocol {
	case "graphite":
		values["pointsNaNFail"], values["connsActive"], values["connsHandled"] = m.NotNumbers, m.ConnectionsActive, m.Connections
	case "opentsdb":
		values = map[string]any{
			"tlConnsActive": m.ConnectionsActive, "tlPointsRx": m.Points, "tlBytesRx": m.Bytes, "tlReadErr": m.ReadErrors,
			"tlBadLine": m.BadLines, "tlBadTime": m.BadTimes, "tlBadTag": m.BadTags, "tlBadFloat": m.BadValues,
			"batchesTx": m.Batches, "pointsTx": m.Sent, "batchesTxFail": m.FailedBatches,
			"connsActive": m.ConnectionsActive, "connsHandled": m.Connections, "droppedPointsInvalid": m.NotNumbers,
			"tlConnsHandled": m.Connections - m.HTTPConnections, "httpConnsHandled": m.HTTPConnections,
		}
	case "collectd":
		values["droppedPointsInvalid"] = m.NotNumbers
	}
	distinct, tags := []string{"bind"}, map[string]string{"bind": m.Address}
	if m.Protocol == "graphite" {
		distinct, tags["proto"] = []string{"proto", "bind"}, m.Network
	}
	c.Statistic(monitor.Statistic{Name: m.Protocol, Distinct: distinct, Tags: tags, Values: values})
	labels := []monitor.Label{{Key: "protocol", Value: m.Protocol}, {Key: "address", Value: m.Address}}
	c.Counter("listener_received_bytes_total", "Bytes that came in.", float64(m.Bytes), labels...)
	c.Counter("listener_points_total", "Points that came in.", float64(m.Points), labels...)
	c.Counter("listener_points_stored_total", "Points that were stored.", float64(m.Sent), labels...)
	c.Counter("listener_points_refused_total", "Points or lines that say nothing useful.", float64(m.Refused), labels...)
	c.Counter("listener_points_not_numbers_total", "Points whose value is NaN or infinite.", float64(m.NotNumbers), labels...)
	c.Counter("listener_points_dropped_total", "Points that had no room in the queue, or were in a batch that could not be stored.", float64(m.Dropped), labels...)
	c.Counter("listener_batches_failed_total", "Batches that could not be stored.", float64(m.FailedBatches), labels...)
	c.Counter("listener_read_errors_total", "Failed reads of sockets.", float64(m.ReadErrors), labels...)
	c.Counter("listener_connections_total", "Connections that were taken.", float64(m.Connections), labels...)
	c.Counter("listener_requests_too_large_total", "Requests of OpenTSDB with more points than they may have.", float64(m.TooManyPoints), labels...)
	c.Counter("listener_connections_refused_total", "Connections that were one too many.", float64(m.ConnectionsRefused), labels...)
	c.Gauge("listener_connections_active", "Connections that are open.", float64(m.ConnectionsActive), labels...)
}
