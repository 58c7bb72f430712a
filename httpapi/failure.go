package httpapi

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
)

// failure is what went wrong with a request, in the terms of HTTP.
type failure struct {
	status int
	text   string // what v1 clients are told
	v2text string // what v2 clients are told; empty: text
	line   int    // number of the line of the body that is to blame; 0: none
	retry  bool   // the same request may succeed in a second
	// retryAfter is the number of seconds after which it may; 0: retry tells.
	retryAfter int
	close      bool   // what is left of the request is not worth reading
	code       string // of the v2 API; empty: the one of the status
}

// maxErrorHeader bounds the copy of an error's text in the header.
const maxErrorHeader = 1024

// setErrorHeaders sets the headers that all failures have. Who is asked for
// credentials gets the question instead of the reason.
func setErrorHeaders(h http.Header, f failure) {
	if f.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Basic realm="InfluxDB"`)
	} else {
		h.Set("X-Influxdb-Error", headerText(f.text[:min(len(f.text), maxErrorHeader)]))
	}
	switch {
	case f.retryAfter > 0:
		h.Set("Retry-After", strconv.Itoa(f.retryAfter))
	case f.retry:
		h.Set("Retry-After", "1")
	}
	if f.close {
		h.Set("Connection", "close")
	}
}

// headerText puts spaces in the place of control characters: clients give up a whole answer for one in a header.
func headerText(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}

// writeFailure answers a v1 request: one object with the key error.
func writeFailure(w http.ResponseWriter, f failure) {
	body := append(appendString([]byte(`{"error":`), f.text), "}\n"...)
	h := w.Header()
	setErrorHeaders(h, f)
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(f.status)
	w.Write(body)
}

// writeFailureV2 answers a v2 request. The key error repeats the message for
// 1.x clients that were pointed at a v2 path; the key err must never appear,
// since the Go client decodes it into an interface and fails.
func writeFailureV2(w http.ResponseWriter, f failure) {
	text := f.v2text
	if text == "" {
		text = f.text
	}
	code := f.code
	if code == "" {
		code = codeV2(f.status)
	}
	body := appendString([]byte(`{"code":`), code)
	body = appendString(append(body, `,"message":`...), text)
	if f.line > 0 {
		body = strconv.AppendInt(append(body, `,"line":`...), int64(f.line), 10)
	}
	body = append(appendString(append(body, `,"error":`...), text), "}\n"...)
	h := w.Header()
	setErrorHeaders(h, f)
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("X-Platform-Error-Code", code)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(f.status)
	w.Write(body)
}

// codeV2 returns the name that the v2 API has for a status.
func codeV2(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "invalid"
	case http.StatusUnauthorized:
		return "unauthorized"
	case http.StatusForbidden:
		return "forbidden"
	case http.StatusNotFound:
		return "not found"
	case http.StatusMethodNotAllowed:
		return "method not allowed"
	case http.StatusRequestEntityTooLarge:
		return "request too large"
	case http.StatusUnprocessableEntity:
		return "unprocessable entity"
	case http.StatusTooManyRequests:
		return "too many requests"
	case http.StatusServiceUnavailable:
		return "unavailable"
	case http.StatusNotImplemented:
		return "not implemented"
	}
	return "internal error"
}

// writePlain answers with a line of text.
func writePlain(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write(append([]byte(text), '\n'))
}

// writeJSON answers with a JSON text that is ready.
func writeJSON(w http.ResponseWriter, status int, body []byte) {
	if !bytes.HasSuffix(body, []byte("\n")) {
		body = append(body, '\n')
	}
	h := w.Header()
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body)
}
