package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/timberlinedb/timberline/catalog"
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
	req.Database, req.Policy = writeTarget(h.snapshot(), q)
	h.store(w, r, req, func(err error) failure { return writeFailureOf(err, "") }, writeFailure)
}

func writeRequest(q url.Values) (ingest.Request, *failure) {
	precision, ok := lineproto.ParsePrecision(q.Get("precision"))
	if !ok {
		return ingest.Request{}, invalid(fmt.Sprintf("invalid precision %q (use n, u, ms, s, m or h)", q.Get("precision")))
	}
	if q.Get("db") == "" {
		return ingest.Request{}, invalid("database is required")
	}
	switch strings.ToLower(q.Get("consistency")) {
	case "", "any", "one", "quorum", "all":
	default:
		return ingest.Request{}, invalid("invalid consistency level")
	}
	return ingest.Request{Precision: precision}, nil
}

func invalid(text string) *failure { return &failure{status: http.StatusBadRequest, text: text} }

// serveWriteV2 is POST /api/v2/write. A bucket is a database, or a database
// and a retention policy with a slash between.
func (h *Handler) serveWriteV2(w http.ResponseWriter, r *http.Request) {
	q := urlParameters(r)
	bucket := q.Get("bucket")
	req, f := writeRequestV2(q)
	if f == nil {
		f = h.wrongOrganization(q)
	}
	if f == nil {
		req.Database, req.Policy = bucketTarget(h.snapshot(), q)
	}
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
	if name := q.Get("bucket"); name == "" || name[0] == '/' {
		return ingest.Request{}, &failure{status: http.StatusNotFound, text: "bucket not found"}
	}
	return ingest.Request{Precision: precision, V2: true}, nil
}

// writeTarget returns the database and the policy that the parameters of /write mean. The empty policy is the default
// one.
func writeTarget(snap *catalog.Snapshot, q url.Values) (database, policy string) {
	if snap == nil {
		return q.Get("db"), q.Get("rp")
	}
	return snap.Resolve(q.Get("db"), q.Get("rp"))
}

// bucketTarget returns the same for the parameters of /api/v2/write.
func bucketTarget(snap *catalog.Snapshot, q url.Values) (database, policy string) {
	return resolveBucket(snap, q.Get("bucket"))
}

// policyName returns the name of a policy, which may be given as the empty one.
func policyName(snap *catalog.Snapshot, database, policy string) string {
	if d := snap.Database(database); d != nil && policy == "" {
		return d.DefaultPolicy
	}
	return policy
}

// scope binds a write to its sender and to the measurements that he may write.
func (h *Handler) scope(r *http.Request, req *ingest.Request) {
	req.Client, req.MaxPoints = clientAddress(r), h.opt.Limits.MaxPoints
	u, snap := h.userOf(r), h.snapshot()
	if u == nil || u.Token() == nil || snap == nil {
		return
	}
	names, all := u.Measurements(catalog.ActionWrite, req.Database, policyName(snap, req.Database, req.Policy))
	if !all {
		req.Measurements = append([]string{}, names...)
	}
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

// store hands a body of line protocol on and answers.
func (h *Handler) store(w http.ResponseWriter, r *http.Request, req ingest.Request,
	explain func(error) failure, answer func(http.ResponseWriter, failure)) {
	h.withBody(w, r, answer, func(ctx context.Context, backend *Backend, data []byte) {
		req.Body = data
		h.scope(r, &req)
		if err := backend.Writer.Write(ctx, req); err != nil {
			_ = h.countPartial(err)
			answer(w, explain(err))
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

// countPartial counts the points that a partial write dropped; nil when err is
// none.
func (h *Handler) countPartial(err error) *ingest.PartialWriteError {
	var partial *ingest.PartialWriteError
	if !errors.As(err, &partial) {
		return nil
	}
	h.counters.pointsDropped.Add(int64(partial.Dropped))
	return partial
}

// withBody waits for its turn, reads the body and calls use, which answers.
// What goes wrong before that is answered by refuse. The body is valid during
// the call.
func (h *Handler) withBody(w http.ResponseWriter, r *http.Request, refuse func(http.ResponseWriter, failure),
	use func(ctx context.Context, backend *Backend, data []byte)) {
	defer h.beginWrite(w, r)()
	if err := h.throttle.enter(r.Context()); err != nil {
		h.counters.throttled.Add(1)
		refuse(w, throttleFailure(err))
		return
	}
	defer h.throttle.leave()
	b, err := h.bodies.read(w, r)
	if err == nil {
		err = b.forRows(h.opt.Limits.MaxPoints)
	}
	defer b.release()
	if err != nil {
		refuse(w, h.bodyFailed(r, err))
		return
	}
	h.counters.writeBytes.Add(int64(len(b.data)))

	ctx := r.Context()
	if limit := h.opt.Limits.WriteTimeout; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	backend := h.backend.Load()
	if backend == nil {
		serveStarting(w)
		return
	}
	use(ctx, backend, b.data)
}
