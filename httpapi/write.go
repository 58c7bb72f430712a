package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/timberlinedb/timberline/ingest"
	"github.com/timberlinedb/timberline/lineproto"
)

// serveWrite is POST /write. Its parameters stand in the URL only.
func (h *Handler) serveWrite(w http.ResponseWriter, r *http.Request) {
	q := urlParameters(r)
	req, f := writeRequest(q)
	if f != nil {
		h.beginWrite(w, r)()
		writeFailure(w, *f)
		return
	}
	h.store(w, r, req, func(err error) failure { return writeFailureOf(err, "") }, writeFailure)
}

func writeRequest(q url.Values) (ingest.Request, *failure) {
	precision, ok := lineproto.ParsePrecision(q.Get("precision"))
	if !ok {
		return ingest.Request{}, invalid(fmt.Sprintf("invalid precision %q (use n, u, ms, s, m or h)", q.Get("precision")))
	}
	if writeDatabase(q) == "" {
		return ingest.Request{}, invalid("database is required")
	}
	switch strings.ToLower(q.Get("consistency")) {
	case "", "any", "one", "quorum", "all":
	default:
		return ingest.Request{}, invalid("invalid consistency level")
	}
	return ingest.Request{Database: writeDatabase(q), Policy: q.Get("rp"), Precision: precision}, nil
}

func invalid(text string) *failure { return &failure{status: http.StatusBadRequest, text: text} }

// serveWriteV2 is POST /api/v2/write. A bucket is a database, or a database
// and a retention policy with a slash between.
func (h *Handler) serveWriteV2(w http.ResponseWriter, r *http.Request) {
	q := urlParameters(r)
	bucket := q.Get("bucket")
	req, f := writeRequestV2(q)
	if f != nil {
		h.beginWrite(w, r)()
		writeFailureV2(w, *f)
		return
	}
	h.store(w, r, req, func(err error) failure { return writeFailureV2Of(err, bucket) }, writeFailureV2)
}

func writeRequestV2(q url.Values) (ingest.Request, *failure) {
	precision, ok := lineproto.ParsePrecisionV2(q.Get("precision"))
	if !ok {
		return ingest.Request{}, invalid("invalid precision; valid precision units are ns, us, ms, and s")
	}
	database, policy := bucketParts(q)
	if database == "" {
		return ingest.Request{}, &failure{status: http.StatusNotFound, text: "bucket not found"}
	}
	return ingest.Request{Database: database, Policy: policy, Precision: precision, V2: true}, nil
}

// writeDatabase returns the database that the parameters of /write name.
func writeDatabase(q url.Values) string { return q.Get("db") }

// bucketDatabase returns the database that the parameters of /api/v2/write name.
func bucketDatabase(q url.Values) string {
	database, _ := bucketParts(q)
	return database
}

func bucketParts(q url.Values) (database, policy string) {
	database, policy, _ = strings.Cut(q.Get("bucket"), "/")
	return database, policy
}

// beginWrite counts a write; what it returns counts its end.
func (h *Handler) beginWrite(w http.ResponseWriter, r *http.Request) func() {
	c := &h.counters
	c.writes.Add(1)
	c.writesActive.Add(1)
	start := h.opt.Clock.Now()
	h.tracker.wrote(h.clientOf(r))
	w.Header().Set("X-Timberline-Durability", h.opt.Durability)
	return func() {
		took := h.opt.Clock.Now().Sub(start)
		c.writesActive.Add(-1)
		c.writeDurationNs.Add(int64(took))
		c.writeLatency.observe(took)
	}
}

// store waits for its turn, reads the body, hands it on and answers.
func (h *Handler) store(w http.ResponseWriter, r *http.Request, req ingest.Request,
	explain func(error) failure, answer func(http.ResponseWriter, failure)) {
	defer h.beginWrite(w, r)()
	if err := h.throttle.enter(r.Context()); err != nil {
		h.counters.throttled.Add(1)
		answer(w, throttleFailure(err))
		return
	}
	defer h.throttle.leave()
	b, err := h.bodies.read(w, r)
	if err != nil {
		answer(w, bodyFailure(err))
		return
	}
	defer b.release()
	h.counters.writeBytes.Add(int64(len(b.data)))

	ctx := r.Context()
	if limit := h.opt.Limits.WriteTimeout; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	req.Body, req.Client = b.data, clientAddress(r)
	backend := h.backend.Load()
	if backend == nil {
		serveStarting(w)
		return
	}
	if err := backend.Writer.Write(ctx, req); err != nil {
		var partial *ingest.PartialWriteError
		if errors.As(err, &partial) {
			h.counters.pointsDropped.Add(int64(partial.Dropped))
		}
		answer(w, explain(err))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
