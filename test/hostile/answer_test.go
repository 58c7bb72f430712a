package hostile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// request is one of an attack. A status that is not in want fails the test; without any in it every error of the client and
// every success is right.
type request struct {
	method, path string
	header       map[string]string
	body         []byte
	want         []int
}

// send makes a request and checks that the answer has the form of its part of the API.
func (g *target) send(t *testing.T, name string, r request) string {
	t.Helper()
	req, err := http.NewRequest(r.method, g.URL+r.path, bytes.NewReader(r.body))
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return ""
	}
	for k, v := range r.header {
		req.Header.Set(k, v)
	}
	started := time.Now()
	defer func() {
		if took := time.Since(started); took > 2*time.Second {
			t.Logf("%s takes %s", name, took)
		}
	}()
	resp, err := g.client.Do(req)
	if err != nil {
		// A server that refuses a body before it has read it may break the connection while the client still sends.
		if !brokenWhileSending(err) || len(r.body) < 1<<20 {
			t.Errorf("%s: %v", name, err)
		}
		return ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return ""
	}
	if err := rightForm(r.path, resp, body); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	if len(r.want) > 0 && !slices.Contains(r.want, resp.StatusCode) && resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%s: %d %.300s, want %d", name, resp.StatusCode, body, r.want)
	}
	return string(body)
}

func brokenWhileSending(err error) bool {
	text := err.Error()
	return strings.Contains(text, "broken pipe") || strings.Contains(text, "connection reset") || strings.Contains(text, "EOF") ||
		strings.Contains(text, "use of closed network connection")
}

// rightForm says what is wrong with an answer.
func rightForm(path string, resp *http.Response, body []byte) error {
	status := resp.StatusCode
	switch {
	case status < 300:
		return nil
	case status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests:
		if resp.Header.Get("Retry-After") == "" {
			return fmt.Errorf("%d without Retry-After: %.300s", status, body)
		}
	case status >= 500 && !bytes.Contains(body, []byte("retention policy not found")): // which is 500 in version 1
		return fmt.Errorf("%d %.300s", status, body)
	}
	if err := rightHeader(resp); err != nil {
		return err
	}
	if kind := resp.Header.Get("Content-Type"); strings.Contains(kind, "csv") || strings.Contains(kind, "msgpack") || strings.Contains(kind, "protobuf") {
		return nil // as was asked for
	}
	var told map[string]any
	if err := json.Unmarshal(body, &told); err != nil {
		return fmt.Errorf("%d with a body that is no JSON: %.300s", status, body)
	}
	keys := []string{"error"}
	switch {
	case strings.HasPrefix(path, "/v1/metrics"):
		keys = []string{"message"}
	case strings.HasPrefix(path, "/api/v2/"):
		keys = []string{"code", "message"}
	}
	for _, key := range keys {
		if text, ok := told[key].(string); !ok || text == "" {
			return fmt.Errorf("%d without %q: %.300s", status, key, body)
		}
	}
	if told["err"] != nil {
		return fmt.Errorf("%d with the key err: %.300s", status, body)
	}
	return nil
}

// rightHeader says what is wrong with the reason in the header: bytes that other clients' parsers refuse.
func rightHeader(resp *http.Response) error {
	reason := resp.Header.Get("X-Influxdb-Error")
	if reason == "" && resp.StatusCode != http.StatusUnauthorized {
		return fmt.Errorf("%d without X-Influxdb-Error", resp.StatusCode)
	}
	if i := strings.IndexFunc(reason, func(r rune) bool { return r < ' ' || r == 0x7f }); i >= 0 {
		return fmt.Errorf("a control character in X-Influxdb-Error: %q", reason)
	}
	return nil
}

// ask runs statements by POST and returns the answer, which is either one of success or has an error in its place.
func (g *target) ask(t *testing.T, name, statements string, parameters ...string) string {
	t.Helper()
	form := url.Values{"db": {"calm"}, "q": {statements}}
	for i := 0; i+1 < len(parameters); i += 2 {
		form.Set(parameters[i], parameters[i+1])
	}
	return g.send(t, name, request{
		method: "POST", path: "/query", body: []byte(form.Encode()), want: []int{http.StatusOK, http.StatusBadRequest},
		header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
	})
}

// askRefused is ask for statements that must not succeed.
func (g *target) askRefused(t *testing.T, name, statements string, parameters ...string) {
	t.Helper()
	if answer := g.ask(t, name, statements, parameters...); answer != "" && !strings.Contains(answer, `"error"`) {
		t.Errorf("%s: answered with %.300s", name, answer)
	}
}
