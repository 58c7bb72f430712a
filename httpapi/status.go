package httpapi

import (
	"bytes"
	"net/http"
	"strconv"
	"time"
)

// servePing is GET and HEAD /ping. It answers while the server starts, too.
func (h *Handler) servePing(w http.ResponseWriter, r *http.Request) {
	h.counters.pings.Add(1)
	switch urlParameters(r).Get("verbose") {
	case "", "0", "false":
		w.Header().Set("Content-Type", typeJSON)
		w.WriteHeader(http.StatusNoContent)
	default:
		body := append(appendString([]byte(`{"version":`), h.opt.Version), '}')
		writeJSON(w, http.StatusOK, body)
	}
}

// serveStatus is GET and HEAD /status, which old probes ask.
func (h *Handler) serveStatus(w http.ResponseWriter, _ *http.Request) {
	h.counters.statuses.Add(1)
	w.Header().Set("Content-Type", typeJSON)
	w.WriteHeader(http.StatusNoContent)
}

// serveHealth is GET /health.
func (h *Handler) serveHealth(w http.ResponseWriter, r *http.Request) {
	backend := h.backend.Load()
	if backend == nil {
		h.writeHealth(w, http.StatusServiceUnavailable, "fail", "starting", nil)
		return
	}
	var checks []HealthCheck
	if backend.Health != nil {
		checks = backend.Health.Health(r.Context())
	}
	for _, c := range checks {
		if c.Status != "pass" {
			h.writeHealth(w, http.StatusServiceUnavailable, "fail", c.Name+": "+c.Message, checks)
			return
		}
	}
	h.writeHealth(w, http.StatusOK, "pass", "ready for queries and writes", checks)
}

func (h *Handler) writeHealth(w http.ResponseWriter, status int, word, message string, checks []HealthCheck) {
	body := []byte(`{"checks":[`)
	for i, c := range checks {
		if i > 0 {
			body = append(body, ',')
		}
		body = appendString(append(body, `{"name":`...), c.Name)
		body = appendString(append(body, `,"status":`...), c.Status)
		if c.Message != "" {
			body = appendString(append(body, `,"message":`...), c.Message)
		}
		body = append(body, '}')
	}
	body = append(body, ']')
	if h.opt.Commit != "" {
		body = appendString(append(body, `,"commit":`...), h.opt.Commit)
	}
	body = appendString(append(body, `,"durability":`...), h.opt.Durability)
	body = appendString(append(body, `,"message":`...), message)
	body = appendString(append(body, `,"name":"influxdb","status":`...), word)
	body = append(appendString(append(body, `,"version":`...), h.opt.Version), '}')
	writeJSON(w, status, body)
}

// serveReady is GET /ready of the 2.x API.
func (h *Handler) serveReady(w http.ResponseWriter, _ *http.Request) {
	body := appendString([]byte(`{"status":"ready","started":`), h.started.UTC().Format(time.RFC3339Nano))
	body = append(appendString(append(body, `,"up":`...), h.opt.Clock.Now().Sub(h.started).String()), '}')
	writeJSON(w, http.StatusOK, body)
}

// serveStarting answers what cannot be answered before the backend is attached.
func serveStarting(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1")
	writeJSON(w, http.StatusServiceUnavailable, []byte(`{"status":"starting"}`))
}

// serveMetrics is GET /metrics.
func (h *Handler) serveMetrics(w http.ResponseWriter, _ *http.Request) {
	var body bytes.Buffer
	if m := h.attached().Metrics; m != nil {
		if err := m.WriteMetrics(&body); err != nil {
			writeFailure(w, failure{status: http.StatusInternalServerError, text: err.Error()})
			return
		}
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	w.Write(body.Bytes())
}

// serveVars is GET /debug/vars.
func (h *Handler) serveVars(w http.ResponseWriter, _ *http.Request) {
	var body bytes.Buffer
	if v := h.attached().Vars; v != nil {
		if err := v.WriteVars(&body); err != nil {
			writeFailure(w, failure{status: http.StatusInternalServerError, text: err.Error()})
			return
		}
	} else {
		body.WriteString("{}")
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	writeJSON(w, http.StatusOK, body.Bytes())
}

// attached returns the backend, an empty one when it was just detached.
func (h *Handler) attached() *Backend {
	if b := h.backend.Load(); b != nil {
		return b
	}
	return new(Backend)
}
