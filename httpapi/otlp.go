package httpapi

import (
	"cmp"
	"context"
	"mime"
	"net/http"
	"net/url"
	"strconv"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/ingest"
	"github.com/timberlinedb/timberline/remote"
)

// serveMetricsWrite is POST /v1/metrics, OTLP over HTTP. The database is that
// of the parameter db, or the one of the configuration.
func (h *Handler) serveMetricsWrite(w http.ResponseWriter, r *http.Request) {
	h.counters.otlpWrites.Add(1)
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	asJSON := kind == typeJSON
	refuse := func(w http.ResponseWriter, f failure) { writeStatus(w, f, asJSON) }
	var req ingest.Request
	req.Database, req.Policy = h.metricsTarget(h.snapshot(), urlParameters(r))
	if f := h.checkMetricsRequest(kind, req.Database); f != nil {
		h.beginWrite(w, r)()
		refuse(w, *f)
		return
	}
	h.withBody(w, r, refuse, func(ctx context.Context, backend *Backend, data []byte) {
		points, release := h.lendPoints()
		defer release()
		report, err := remote.DecodeMetrics(data, asJSON, points)
		if refused := points.Refused(); refused != nil {
			refuse(w, h.bodyFailed(r, refused))
			return
		}
		if err != nil {
			refuse(w, failure{status: http.StatusBadRequest, text: err.Error()})
			return
		}
		if points.Len() > 0 {
			h.scope(r, &req)
			req.Beyond = points.Beyond()
			err = backend.Writer.WriteBatch(ctx, req, points.Batch())
		}
		if err == nil {
			h.countReport(report)
		}
		if partial := h.countPartial(err); partial != nil {
			report.Refused += partial.Dropped
			report.Reason = cmp.Or(report.Reason, partial.Reason)
			err = nil
		}
		if err != nil {
			refuse(w, writeFailureOf(err, ""))
			return
		}
		writeMetricsAnswer(w, http.StatusOK, remote.AppendMetricsAnswer(nil, report, asJSON), asJSON)
	})
}

// metricsTarget returns the database and the policy that OTLP metrics go to.
func (h *Handler) metricsTarget(snap *catalog.Snapshot, q url.Values) (database, policy string) {
	if q.Get("db") == "" {
		return h.opt.OTLP.Database, h.opt.OTLP.Policy
	}
	return writeTarget(snap, q)
}

func (h *Handler) checkMetricsRequest(kind, database string) *failure {
	switch {
	case kind != typeJSON && kind != typeProtobuf:
		return &failure{status: http.StatusUnsupportedMediaType, text: "want Content-Type " + typeProtobuf + " or " + typeJSON}
	case database == "":
		return invalid("database is required: give the parameter db, or set http.otlp-database")
	}
	return nil
}

const typeProtobuf = "application/x-protobuf"

// The codes of google.rpc.Status that are used.
const (
	rpcInvalid     = 3
	rpcNotFound    = 5
	rpcDenied      = 7
	rpcUnavailable = 14
	rpcInternal    = 13
	rpcUnknownUser = 16
)

func rpcCode(status int) int32 {
	switch status {
	case http.StatusUnauthorized:
		return rpcUnknownUser
	case http.StatusForbidden:
		return rpcDenied
	case http.StatusNotFound:
		return rpcNotFound
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return rpcUnavailable
	case http.StatusInternalServerError:
		return rpcInternal
	}
	return rpcInvalid
}

// writeStatus answers a failed request of OTLP.
func writeStatus(w http.ResponseWriter, f failure, asJSON bool) {
	setErrorHeaders(w.Header(), f)
	writeMetricsAnswer(w, f.status, remote.AppendStatus(nil, rpcCode(f.status), f.text, asJSON), asJSON)
}

func writeMetricsAnswer(w http.ResponseWriter, status int, body []byte, asJSON bool) {
	kind := typeProtobuf
	if asJSON {
		kind = typeJSON
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body)
}
