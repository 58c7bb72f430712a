package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/timberlinedb/timberline/internal/clock"
)

// Client speaks to one server. It is safe for concurrent use.
type Client struct {
	target Target
	http   *http.Client
	clock  clock.Clock

	writeURL string
}

// NewClient returns a client for up to the given number of connections. The
// target's zero values are filled in; it must be valid then.
func NewClient(t Target, connections int) (*Client, error) {
	t.EnsureDefaults()
	if err := t.Validate(); err != nil {
		return nil, err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: max(connections, 1), MaxConnsPerHost: 0, DisableCompression: true,
		WriteBufferSize: 64 << 10, Proxy: http.ProxyFromEnvironment}
	return &Client{target: t, clock: clock.System, writeURL: t.writeURL(),
		http: &http.Client{Transport: transport, Timeout: t.Timeout}}, nil
}

// Close gives up the connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// reply is what the server answered.
type reply struct {
	status int
	header http.Header
	text   []byte
}

// maxReplyText bounds how much of an answer to a write is kept.
const maxReplyText = 64 << 10

// send makes one request and reads the answer whole; limit bounds its size.
func (c *Client) send(ctx context.Context, method, address string, header http.Header, body []byte, limit int64) (reply, error) {
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return reply{}, fmt.Errorf("make the request: %w", err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	c.target.authorize(r)
	answer, err := c.http.Do(r)
	if err != nil {
		return reply{}, c.unreachable(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, limit))
	if err != nil {
		return reply{}, c.unreachable(err)
	}
	if int64(len(text)) < limit {
		return reply{answer.StatusCode, answer.Header, text}, nil
	}
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return reply{}, c.unreachable(err)
	}
	return reply{answer.StatusCode, answer.Header, text}, nil
}

// unreachable says that there is no connection, without the address twice.
func (c *Client) unreachable(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return fmt.Errorf("%w at %s: %w", ErrUnreachable, c.target.URL, err)
}

// patiently repeats a request while the server is busy or away, counts how
// often in busy, and gives up when RetryFor or ctx has ended.
func (c *Client) patiently(ctx context.Context, busy *int64, request func() (reply, error)) (reply, error) {
	begin, wait := c.clock.Now(), firstWait
	for {
		answer, err := request()
		if err == nil && answer.status != http.StatusServiceUnavailable && answer.status != http.StatusTooManyRequests {
			return answer, nil
		}
		pause := wait
		if err == nil {
			pause = retryAfter(answer.header, wait, c.clock.Now())
		}
		if c.clock.Now().Sub(begin)+pause > c.target.RetryFor {
			if err != nil {
				return reply{}, err
			}
			return reply{}, fmt.Errorf("%w for %s: %s", ErrBusy, c.target.RetryFor, answer.explain())
		}
		*busy++
		select {
		case <-ctx.Done():
			return reply{}, ErrInterrupted
		case <-c.clock.After(pause):
		}
		wait = min(2*wait, longestWait)
	}
}

// How long to wait for a busy server that does not say when to come back.
const (
	firstWait   = 10 * time.Millisecond
	longestWait = 5 * time.Second
)

// retryAfter returns how long a server asks to wait, otherwise d.
func retryAfter(h http.Header, d time.Duration, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseInt(text, 10, 32); err == nil && seconds >= 0 {
		return max(time.Duration(seconds)*time.Second, firstWait)
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), firstWait)
	}
	return d
}

// explain returns the status with what the server says about it.
func (r reply) explain() string {
	text := strings.TrimSpace(string(r.text))
	if m := errorText.FindStringSubmatch(text); m != nil {
		if said, err := strconv.Unquote(`"` + m[1] + `"`); err == nil {
			text = said
		}
	}
	if len(text) > maxExplained {
		text = text[:maxExplained] + "…"
	}
	return strings.TrimSuffix(fmt.Sprintf("%d %s: %s", r.status, http.StatusText(r.status), text), ": ")
}

const maxExplained = 300

// errorText finds the message of both forms of error: {"error":…} and {"code":…,"message":…}.
var errorText = regexp.MustCompile(`"(?:error|message)"\s*:\s*"((?:[^"\\]|\\.)*)"`)

// refusal turns an answer that rules out success into an error, otherwise nil.
func (c *Client) refusal(r reply) error {
	switch r.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%w: %s (give --token, or --username and --password)", ErrCredentials, r.explain())
	case http.StatusNotFound:
		return fmt.Errorf("%w: %s (is there a database or bucket %q, and is %s the server's address?)", ErrRefused, r.explain(), c.target.Database, c.target.URL)
	case http.StatusRequestEntityTooLarge:
		return fmt.Errorf("%w: %s (try fewer lines per request)", ErrRefused, r.explain())
	}
	return nil
}

// Server tells what the server says about itself in its headers.
type Server struct {
	// Version of the InfluxDB that it is, or speaks like.
	Version string `json:"version,omitempty"`
	// Durability of acknowledged points, where the server names it.
	Durability string `json:"durability,omitempty"`
}

// Ping sees whether the server is there and takes the credentials, before
// anything is generated.
func (c *Client) Ping(ctx context.Context) (Server, error) {
	answer, err := c.send(ctx, http.MethodGet, c.target.endpoint("/ping", nil), nil, nil, maxReplyText)
	if err != nil {
		return Server{}, err
	}
	if err := c.refusal(answer); err != nil && !errors.Is(err, ErrRefused) {
		return Server{}, err
	}
	return Server{Version: answer.header.Get("X-Influxdb-Version")}, nil
}
