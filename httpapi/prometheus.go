package httpapi

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/golang/snappy"

	"github.com/timberlinedb/timberline/query"
	"github.com/timberlinedb/timberline/remote"
)

// pointsPool lends memory for points that do not come as line protocol.
var pointsPool = sync.Pool{New: func() any { return new(remote.Points) }}

// lendPoints returns points within the limits of a request. What they hold, and the memory that was reserved for them, is
// free after release; it is not kept if it is much.
func (h *Handler) lendPoints() (points *remote.Points, release func()) {
	points = pointsPool.Get().(*remote.Points)
	held := int64(0)
	var reserve func(int64) error
	if memory := h.opt.Memory; memory != nil {
		reserve = func(n int64) error {
			err := memory.Reserve(n)
			if err == nil {
				held += n
			}
			return err
		}
	}
	points.Limit(h.opt.Limits.MaxPoints, reserve)
	return points, func() {
		points.Reset()
		if held > 0 {
			h.opt.Memory.Release(held)
		}
		if held <= idleBodyBytes {
			pointsPool.Put(points)
		}
	}
}

// writeV2Type is the parameter of the content type of remote write 2.0.
const writeV2Type = "io.prometheus.write.v2.Request"

// servePromWrite is POST /api/v1/prom/write, Prometheus' remote write.
func (h *Handler) servePromWrite(w http.ResponseWriter, r *http.Request) {
	h.counters.promWrites.Add(1)
	req, f := writeRequest(urlParameters(r))
	if f != nil {
		h.beginWrite(w, r)()
		writeFailure(w, *f)
		return
	}
	req.Database, req.Policy = writeTarget(h.snapshot(), urlParameters(r))
	decode, v2 := remote.DecodeWrite, isWriteV2(r)
	if v2 {
		decode = remote.DecodeWriteV2
	}
	alwaysSnappy(r)
	h.withBody(w, r, writeFailure, func(ctx context.Context, backend *Backend, data []byte) {
		points, release := h.lendPoints()
		defer release()
		report, err := decode(data, points)
		if refused := points.Refused(); refused != nil {
			writeFailure(w, h.bodyFailed(r, refused))
			return
		}
		if err != nil {
			writeFailure(w, failure{status: http.StatusBadRequest, text: err.Error()})
			return
		}
		if points.Len() > 0 {
			h.scope(r, &req)
			req.Beyond = points.Beyond()
			if err := backend.Writer.WriteBatch(ctx, req, points.Batch()); err != nil {
				_ = h.countPartial(err)
				writeFailure(w, writeFailureOf(err, ""))
				return
			}
		}
		h.countReport(report)
		if v2 {
			header := w.Header()
			header.Set("X-Prometheus-Remote-Write-Samples-Written", strconv.Itoa(report.Samples))
			header.Set("X-Prometheus-Remote-Write-Histograms-Written", "0")
			header.Set("X-Prometheus-Remote-Write-Exemplars-Written", "0")
		}
		if report.Refused > 0 {
			writeFailure(w, failure{status: http.StatusBadRequest,
				text: fmt.Sprintf("partial write: %s dropped=%d", report.Reason, report.Refused)})
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

func isWriteV2(r *http.Request) bool {
	_, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && parameters["proto"] == writeV2Type
}

// alwaysSnappy makes up for clients that do not say what these endpoints always
// get.
func alwaysSnappy(r *http.Request) {
	if contentEncoding(r) == "" {
		r.Header.Set("Content-Encoding", "snappy")
	}
}

// countReport counts what did not become points.
func (h *Handler) countReport(report remote.WriteReport) {
	h.counters.remoteNotNumbers.Add(int64(report.NotNumbers))
	h.counters.remoteHistograms.Add(int64(report.Histograms))
	h.counters.remoteRefused.Add(int64(report.Refused))
}

// maxReadBytes bounds the answer to a remote read, before compression.
const maxReadBytes = 256 << 20

var errReadTooLarge = fmt.Errorf("the answer is larger than %d bytes, ask for less at a time", maxReadBytes)

// servePromRead is POST /api/v1/prom/read, Prometheus' remote read.
func (h *Handler) servePromRead(w http.ResponseWriter, r *http.Request) {
	h.counters.promReads.Add(1)
	q := urlParameters(r)
	if q.Get("db") == "" {
		writeFailure(w, *invalid("database is required"))
		return
	}
	alwaysSnappy(r)
	b, err := h.bodies.read(w, r)
	if err != nil {
		writeFailure(w, h.bodyFailed(r, err))
		return
	}
	ask, err := remote.DecodeRead(b.data)
	b.release()
	if err != nil {
		writeFailure(w, failure{status: http.StatusBadRequest, text: err.Error()})
		return
	}
	backend := h.backend.Load()
	if backend == nil {
		serveStarting(w)
		return
	}
	answer := remote.NewAnswer()
	var failed error
	err = backend.Engine.Run(r.Context(), query.Request{
		Text: ask.Statement(), Database: q.Get("db"), Policy: q.Get("rp"), User: h.userOf(r),
	}, func(res *query.Result) error {
		if res.Err != nil {
			failed = res.Err
			return nil //nolint:nilerr // kept in failed, with which the request is answered
		}
		return addSamples(answer, res)
	})
	switch {
	case errors.Is(err, errReadTooLarge):
		writeFailure(w, failure{status: http.StatusBadRequest, text: err.Error()})
	case err != nil:
		writeFailure(w, queryFailureOf(err))
	case failed != nil:
		writeFailure(w, failure{status: http.StatusBadRequest, text: failed.Error()})
	default:
		body := snappy.Encode(nil, answer.Append(nil))
		header := w.Header()
		header.Set("Content-Type", "application/x-protobuf")
		header.Set("Content-Encoding", "snappy")
		header.Set("Content-Length", strconv.Itoa(len(body)))
		w.Write(body) // the connection sees to it that this ends
		h.counters.queryBytes.Add(int64(len(body)))
	}
}

// addSamples adds the rows of a result. Only floats are samples.
func addSamples(a *remote.Answer, res *query.Result) error {
	for _, s := range res.Series {
		if len(s.Values) < 2 || s.Values[1].Kind != query.FloatColumn {
			continue
		}
		if !s.Continued {
			labels := make([]remote.Label, 0, len(s.Tags))
			for _, t := range s.Tags {
				if t.Value != "" {
					labels = append(labels, remote.Label{Name: t.Key, Value: t.Value})
				}
			}
			a.Series(labels)
		}
		for i := range s.Rows {
			if !s.Values[1].Null(i) {
				a.Sample(s.Values[0].Integers[i]/int64(time.Millisecond), s.Values[1].Floats[i])
			}
		}
		if a.Size() > maxReadBytes {
			return errReadTooLarge
		}
	}
	return nil
}
