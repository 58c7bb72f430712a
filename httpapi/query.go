package httpapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/timberlinedb/timberline/internal/audit"
	"github.com/timberlinedb/timberline/query"
)

// errRowLimit ends a query whose answer has as many rows as it may.
var errRowLimit = errors.New("row limit reached")

// serveQuery is GET and POST /query.
func (h *Handler) serveQuery(w http.ResponseWriter, r *http.Request) {
	c := &h.counters
	c.queries.Add(1)
	start := h.opt.Clock.Now()
	defer func() {
		took := h.opt.Clock.Now().Sub(start)
		c.queryDurationNs.Add(int64(took))
		c.queryLatency.observe(took)
	}()
	h.tracker.queried(h.clientOf(r))

	parameters := urlParameters(r)
	pretty := parameters.Get("pretty") == "true"
	form, err := h.bodies.requestForm(w, r, parameters)
	if err != nil {
		h.refuseQuery(w, r, pretty, h.bodyFailed(r, err))
		return
	}
	q, f := newQueryForm(r, form)
	if f != nil {
		h.refuseQuery(w, r, pretty, *f)
		return
	}
	backend := h.backend.Load()
	if backend == nil {
		serveStarting(w)
		return
	}
	q.request.User = h.userOf(r)
	q.request.Client, q.request.ID = clientAddress(r), w.Header().Get("X-Request-Id")
	if snap := h.snapshot(); snap != nil {
		q.request.Database, q.request.Policy = snap.Resolve(q.request.Database, q.request.Policy)
	}
	if q.async {
		if err := backend.Engine.Check(q.request); err != nil {
			h.refuseQuery(w, r, pretty, queryFailureOf(err))
			return
		}
		h.runAsync(w, backend.Engine, q.request)
		return
	}
	h.runQuery(w, r, backend.Engine, q, pretty)
}

// runQuery runs the statements and sends their results while they come.
func (h *Handler) runQuery(w http.ResponseWriter, r *http.Request, engine Engine, q *queryForm, pretty bool) {
	kind := answerType(r)
	if q.chunked && kind == typeMsgpack {
		kind = typeJSON // clients cannot read a stream of MessagePack objects
	}
	var (
		a   *answer
		enc encoder
	)
	begin := func() {
		a = newAnswer(w, r, kind)
		enc = h.newEncoder(a, kind, q, pretty)
	}
	emit := func(res *query.Result) error {
		if enc == nil {
			begin()
		}
		return enc.encode(res)
	}
	if most := h.opt.Limits.MaxRows; most > 0 && !q.chunked {
		emit = limitRows(emit, most)
	}
	err := engine.Run(r.Context(), q.request, emit)
	if errors.Is(err, errRowLimit) {
		err = nil
	}
	if err != nil && enc == nil {
		h.refuseQuery(w, r, pretty, queryFailureOf(err))
		return
	}
	if enc == nil {
		begin()
	}
	err = errors.Join(enc.end(err), a.close())
	h.counters.queryBytes.Add(a.taken)
	if err != nil && r.Context().Err() == nil {
		h.opt.Log.Debug("answer to a query was not taken", "client", clientAddress(r), "err", err)
	}
}

// newEncoder returns the encoder of a type over an answer.
func (h *Handler) newEncoder(a *answer, kind string, q *queryForm, pretty bool) encoder {
	out := newSink(a)
	switch {
	case kind == typeMsgpack:
		return newMsgpackEncoder(out, q.times, h.opt.Limits.MaxMsgpackBytes)
	case kind != typeJSON && q.chunked:
		return newCSVEncoder(out, q.times, a.flush)
	case kind != typeJSON:
		return newCSVEncoder(out, q.times, nil)
	}
	if pretty {
		out.w = &indenter{w: a}
	}
	if q.chunked {
		return &jsonChunkEncoder{out: out, cells: jsonCells{form: q.times}, flush: a.flush}
	}
	return newJSONEncoder(out, q.times)
}

// refuseQuery answers a query that was not run, in the form that was asked for.
func (h *Handler) refuseQuery(w http.ResponseWriter, r *http.Request, pretty bool, f failure) {
	if f.status == http.StatusForbidden {
		h.audit(w, r, audit.Event{Kind: "statement", Outcome: audit.Refused, User: userName(h.userOf(r)), Error: f.text})
	}
	setErrorHeaders(w.Header(), f)
	kind := answerType(r)
	a := newAnswer(w, r, kind)
	a.status = f.status
	enc := h.newEncoder(a, kind, &queryForm{}, pretty)
	if err := errors.Join(enc.end(errors.New(f.text)), a.close()); err != nil {
		h.opt.Log.Debug("refusal of a query was not taken", "client", clientAddress(r), "err", err)
	}
}

// runAsync answers at once and runs the query in the background.
func (h *Handler) runAsync(w http.ResponseWriter, engine Engine, req query.Request) {
	h.async.Add(1)
	go h.asyncQuery(engine, req)
	w.Header().Set("Content-Type", typeJSON)
	w.WriteHeader(http.StatusNoContent)
}

// asyncQuery is the goroutine of a query that nobody waits for. It ends with
// the query or, cancelled, with Close.
func (h *Handler) asyncQuery(engine Engine, req query.Request) {
	defer h.async.Done()
	err := engine.Run(h.background, req, func(res *query.Result) error {
		if res.Err != nil {
			h.opt.Log.Info("asynchronous statement failed", "statement_id", res.StatementID, "err", res.Err)
		}
		return nil
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		h.opt.Log.Info("asynchronous query failed", "err", err)
	}
}

// limitRows cuts an answer to most rows. The series that was cut is marked as
// partial, and the query ends there.
func limitRows(emit func(*query.Result) error, most int) func(*query.Result) error {
	rows := 0
	return func(res *query.Result) error {
		cut := *res
		for i, s := range res.Series {
			left := most - rows
			rows += s.Rows
			if rows < most {
				continue
			}
			last := *s
			if s.Rows > left {
				last.Rows, last.Partial = left, true
			}
			cut.Series = append(append([]*query.Series(nil), res.Series[:i]...), &last)
			cut.Partial = false
			if err := emit(&cut); err != nil {
				return err
			}
			return errRowLimit
		}
		return emit(res)
	}
}
