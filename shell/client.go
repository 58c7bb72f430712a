package shell

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// Client speaks to one server. It is safe for concurrent use.
type Client struct {
	target Target
	http   *http.Client
}

// NewClient returns a client; nothing is sent yet. The target's zero values are filled in; it must be valid then.
func NewClient(t Target) (*Client, error) {
	t.EnsureDefaults()
	if err := t.Validate(); err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: t.Connect}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, TLSClientConfig: t.TLS,
		TLSHandshakeTimeout: t.Connect, MaxIdleConnsPerHost: 2}
	return &Client{target: t, http: &http.Client{Transport: transport}}, nil
}

// Close gives up the connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// URL returns the server's address.
func (c *Client) URL() string { return c.target.URL }

// Server is what a server tells of itself.
type Server struct {
	Version string // of the InfluxDB that it is, or speaks like; may be empty
	Build   string // of X-Influxdb-Build, such as OSS; may be empty
}

// Ping asks the server whether it is there.
func (c *Client) Ping(ctx context.Context) (Server, error) {
	answer, err := c.send(ctx, http.MethodGet, "/ping", nil, nil, nil)
	if err != nil {
		return Server{}, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusNoContent && answer.StatusCode != http.StatusOK {
		return Server{}, refusal(answer)
	}
	return Server{Version: answer.Header.Get("X-Influxdb-Version"), Build: answer.Header.Get("X-Influxdb-Build")}, nil
}

// Question is the text of one or several statements and what belongs to it.
type Question struct {
	Statements string
	Database   string // that of sources without one; may be empty
	Policy     string // that of sources without one; empty: the database's default
	Precision  Precision
	// ChunkRows is how many rows come in one piece; 0: as many as the server likes, below 0: all rows of a statement.
	ChunkRows int
}

// Query asks a question. The answer must be closed; ctx ends also its reading, and the statement in the server.
func (c *Client) Query(ctx context.Context, q Question) (*Answer, error) {
	form := url.Values{"q": {q.Statements}}
	set := func(name, value string) {
		if value != "" {
			form.Set(name, value)
		}
	}
	set("db", q.Database)
	set("rp", q.Policy)
	set("epoch", q.Precision.epoch())
	if q.ChunkRows >= 0 {
		set("chunked", "true")
	}
	if q.ChunkRows > 0 {
		set("chunk_size", strconv.Itoa(q.ChunkRows))
	}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}}
	answer, err := c.send(ctx, http.MethodPost, "/query", nil, header, []byte(form.Encode()))
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		defer answer.Body.Close()
		return nil, refusal(answer)
	}
	return newAnswer(ctx, answer.Body), nil
}

// Points is a body of line protocol and where it goes.
type Points struct {
	Lines            []byte
	Database, Policy string
	Precision        Precision // of timestamps; RFC3339 counts as nanoseconds
	Gzip             bool      // compress the body
}

// Write sends points once. An answer other than success is a *StatusError; busy may be repeated after wait seconds.
func (c *Client) Write(ctx context.Context, p Points) error {
	_, err := c.write(ctx, p)
	return err
}

// write is Write; it returns the Retry-After header, too.
func (c *Client) write(ctx context.Context, p Points) (retryAfter string, err error) {
	parameters := url.Values{"db": {p.Database}, "precision": {p.Precision.ofWrites()}}
	if p.Policy != "" {
		parameters.Set("rp", p.Policy)
	}
	header, body := http.Header{"Content-Type": {"text/plain; charset=utf-8"}}, p.Lines
	if p.Gzip {
		header.Set("Content-Encoding", "gzip")
		if body, err = compressed(body); err != nil {
			return "", err
		}
	}
	answer, err := c.send(ctx, http.MethodPost, "/write", parameters, header, body)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusNoContent && answer.StatusCode != http.StatusOK {
		return answer.Header.Get("Retry-After"), refusal(answer)
	}
	return "", nil
}

func compressed(body []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// send makes one request; the body of the answer is not read yet.
func (c *Client) send(ctx context.Context, method, path string, parameters url.Values, header http.Header, body []byte) (*http.Response, error) {
	address := c.target.URL + path
	if len(parameters) > 0 {
		address += "?" + parameters.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	r.Header.Set("User-Agent", c.target.Agent)
	c.target.authorize(r)
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	return answer, nil
}

// unreachable says that there is no connection, without the address twice.
func (c *Client) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ErrInterrupted
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return fmt.Errorf("%w at %s: %w", ErrUnreachable, c.target.URL, err)
}

// maxRefusal bounds how much of a refusal is read.
const maxRefusal = 64 << 10

// refusal turns an answer that is no success into an error.
func refusal(answer *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxRefusal))
	e := statusError(answer.StatusCode, text)
	if e.Message == "" {
		e.Message = strings.TrimSpace(answer.Header.Get("X-Influxdb-Error"))
	}
	if err != nil && e.Message == "" {
		return fmt.Errorf("%w: %w", e, err)
	}
	return e
}
