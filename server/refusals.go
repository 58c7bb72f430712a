package server

import (
	"time"

	"github.com/timberlinedb/timberline/httpapi"
	"github.com/timberlinedb/timberline/ingest"
	"github.com/timberlinedb/timberline/listen"
	"github.com/timberlinedb/timberline/monitor"
	"github.com/timberlinedb/timberline/query"
	"github.com/timberlinedb/timberline/tsdb"
)

// refusalsModule is the module of SHOW DIAGNOSTICS that tells what was not kept,
// and the statistic that counts it.
const refusalsModule = "refusals"

// refusal is what was sent and is not there, or no more, for one reason.
type refusal struct {
	reason                 string
	points                 int64
	last, client, database string
	at                     time.Time // zero: not known
}

// refusals are those of a server since its start, a row a reason.
type refusals []refusal

// refusals asks all who refuse, drop or overwrite.
func (s *Server) refusals() refusals {
	var all refusals
	for _, r := range s.writer.Metrics().Refused {
		all = append(all, refusal{r.Cause.String(), r.Rows, r.Example.Reason, r.Example.Client, r.Example.Database, r.Example.Time})
	}
	for _, n := range s.writer.Metrics().Noticed {
		all = append(all, refusal{n.Notice.String(), n.Rows, n.Example.Reason, n.Example.Client, n.Example.Database, n.Example.Time})
	}
	all = append(all, refusal{
		reason: "field_conflict_kept", points: s.writer.Metrics().Kept, last: "SHOW FIELD CONFLICTS ON a database tells them",
	})
	all = all.ofRequests(s.handler.Statistics()).ofConnections(s.http.Connections())
	all = all.ofStore(s.store.Metrics())
	for _, l := range s.currentListeners() {
		all = all.ofListener(l.Metrics())
	}
	if s.subscriber != nil {
		m := s.subscriber.Metrics()
		all = append(all, refusal{reason: "subscription_queue_full", points: m.Dropped, last: "batches that were stored here and not sent on"})
	}
	return all
}

func (all refusals) ofRequests(h httpapi.Statistics) refusals {
	return append(all,
		refusal{reason: "remote_not_numbers", points: h.RemoteNotNumbers},
		refusal{reason: "remote_histograms", points: h.RemoteHistograms},
		refusal{reason: "remote_refused", points: h.RemoteRefused},
		refusal{reason: "writes_throttled", points: h.ThrottledWrites, last: "requests whose body was not read"},
		ofIncident("body_too_large", h.LargeBodies),
		ofIncident("slow_body", h.SlowBodies),
	)
}

func (all refusals) ofConnections(c httpapi.ConnectionStatistics) refusals {
	return append(all, ofIncident("connection_refused", c.Refused), ofIncident("slow_reader", c.SlowReaders))
}

// ofIncident tells of requests or connections, of which nobody knows how many points they would have brought.
func ofIncident(reason string, i httpapi.Incident) refusal {
	return refusal{reason: reason, points: i.Count, last: i.Last, client: i.Client, at: i.Time}
}

func (all refusals) ofStore(m tsdb.Metrics) refusals {
	return append(all, refusal{reason: "values_overwritten", points: m.ValuesOverwritten, last: m.LastOverwritten})
}

func (all refusals) ofListener(m listen.Metrics) refusals {
	for _, r := range []struct {
		what   string
		points int64
	}{{"refused", m.Refused}, {"not_numbers", m.NotNumbers}, {"dropped", m.Dropped}} {
		client := "listener " + m.Address
		if m.Client != "" {
			client = m.Client + " at " + client
		}
		all = append(all, refusal{reason: m.Protocol + "_" + r.what, points: r.points, last: m.Example, client: client, at: m.Time})
	}
	return all
}

// series returns the answer of SHOW DIAGNOSTICS: reasons for which nothing was
// ever refused are left out.
func (all refusals) series() *query.Series {
	columns := []string{"reason", "points", "last", "client", "database", "time"}
	s := &query.Series{Name: refusalsModule, Columns: columns}
	values := make([][]any, len(columns))
	for _, r := range all {
		if r.points == 0 {
			continue
		}
		at := ""
		if !r.at.IsZero() {
			at = r.at.UTC().Format(time.RFC3339Nano)
		}
		for i, v := range []any{r.reason, r.points, r.last, r.client, r.database, at} {
			values[i] = append(values[i], v)
		}
		s.Rows++
	}
	for i := range columns {
		s.Values = append(s.Values, query.Column{Kind: query.AnyColumn, Any: values[i]})
	}
	return s
}

// collectRefusals tells the numbers as one statistic, with a field a reason.
func (s *Server) collectRefusals(c *monitor.Collector) {
	values := make(map[string]any)
	for _, r := range s.refusals() {
		n, _ := values[r.reason].(int64) // of another listener of the protocol
		values[r.reason] = n + r.points
	}
	c.Statistic(monitor.Statistic{Name: refusalsModule, Tags: map[string]string{}, Values: values})
}

// refusedRows returns the rows that the door of writes has refused.
func refusedRows(m ingest.Metrics) (rows int64) {
	for _, r := range m.Refused {
		rows += r.Rows
	}
	return rows
}
