package listen

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"

	"github.com/klauspost/compress/gzip"

	"github.com/timberlinedb/timberline/model"
)

// maxRequestBytes bounds a body of the HTTP API of OpenTSDB, inflated.
const maxRequestBytes = 25 << 20

func (o *openTSDB) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/put", o.serveHTTPPut)
	mux.HandleFunc("PUT /api/put", o.serveHTTPPut)
	mux.HandleFunc("POST /api/metadata/put", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /api/version", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"version":"InfluxDB TSDB proxy"}`+"\n")
	})
	return mux
}

// tsdbPoint is a point as JSON has it. Values may be texts.
type tsdbPoint struct {
	Metric string            `json:"metric"`
	Time   json.Number       `json:"timestamp"`
	Value  json.Number       `json:"value"`
	Tags   map[string]string `json:"tags"`
}

func (o *openTSDB) serveHTTPPut(w http.ResponseWriter, r *http.Request) {
	body, status, err := readBody(w, r)
	if err != nil {
		http.Error(w, err.Error(), status)
		return
	}
	from := netip.Addr{}
	if at, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		from = at.Addr().Unmap()
	}
	points, err := decodePoints(body)
	if err == nil && o.maxPoints > 0 && len(points) > o.maxPoints {
		err = fmt.Errorf("max-points-per-request limit exceeded: (%d/%d)", len(points), o.maxPoints)
		c := &o.listener.counters
		c.tooMany.Add(1)
		c.refused.Add(int64(len(points)))
		c.note(err.Error(), addressText(from))
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		o.listener.counters.badLn.Add(1)
		o.refuse("", from, err)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var bad []error
	for i := range points {
		if err := o.takeJSON(from, &points[i]); err != nil {
			bad = append(bad, fmt.Errorf("point %d: %w", i, err))
		}
	}
	if len(bad) > 0 {
		http.Error(w, fmt.Sprintf("%d of %d points were refused: %v", len(bad), len(points), bad[0]), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// readBody reads a body, inflates it, and says which status an error has.
func readBody(w http.ResponseWriter, r *http.Request) (_ []byte, status int, err error) {
	in := io.Reader(http.MaxBytesReader(w, r.Body, maxRequestBytes))
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, http.StatusBadRequest, fmt.Errorf("gzip: %w", err)
		}
		defer z.Close()
		in = z
	}
	body, err := io.ReadAll(io.LimitReader(in, maxRequestBytes+1))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge) || len(body) > maxRequestBytes:
		return nil, http.StatusRequestEntityTooLarge, fmt.Errorf("body is larger than %d bytes", maxRequestBytes)
	case err != nil:
		return nil, http.StatusBadRequest, fmt.Errorf("read body: %w", err)
	}
	return body, 0, nil
}

// decodePoints reads one point or a list of points.
func decodePoints(body []byte) (points []tsdbPoint, err error) {
	text := bytes.TrimSpace(body)
	switch {
	case len(text) > 0 && text[0] == '{':
		points = make([]tsdbPoint, 1)
		err = json.Unmarshal(text, &points[0])
	case len(text) > 0 && text[0] == '[':
		err = json.Unmarshal(text, &points)
	default:
		return nil, errors.New("json object or array expected")
	}
	if err != nil {
		return nil, fmt.Errorf("json: %w", err)
	}
	return points, nil
}

func (o *openTSDB) takeJSON(from netip.Addr, p *tsdbPoint) error {
	c := &o.listener.counters
	if p.Metric == "" {
		c.badLn.Add(1)
		return o.refuseJSON(from, errors.New("metric is missing"))
	}
	at, err := openTSDBTime(p.Time.String())
	if err != nil {
		c.badTime.Add(1)
		return o.refuseJSON(from, err)
	}
	v, err := strconv.ParseFloat(p.Value.String(), 64)
	if err != nil {
		c.badValue.Add(1)
		return o.refuseJSON(from, fmt.Errorf("value %q is not a number", p.Value))
	}
	var tags model.Tags
	for k, text := range p.Tags {
		tags = append(tags, model.Tag{Key: []byte(k), Value: []byte(text)})
	}
	o.store(from, p.Metric, at, v, tags)
	return nil
}

func (o *openTSDB) refuseJSON(from netip.Addr, err error) error {
	o.refuse("", from, err)
	return err
}
