package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/timberlinedb/timberline/catalog"
)

// feed is a subscription at work. Its queue and writers are guarded by the
// subscriber's lock.
type feed struct {
	database, policy string
	sub              catalog.Subscription
	destinations     []*destination // none: it cannot be served
	turn             atomic.Uint64  // of the destinations

	queue   []*parcel
	writers int
}

func newFeed(database, policy string, sub *catalog.Subscription, log *slog.Logger) (*feed, error) {
	f := &feed{database: database, policy: policy, sub: *sub}
	var ready []*destination
	for _, text := range sub.Destinations {
		d, err := newDestination(text, database, policy)
		if err != nil {
			return f, err
		}
		d.log = log.With("database", database, "policy", policy, "subscription", sub.Name, "destination", d.url.Redacted())
		ready = append(ready, d)
	}
	f.destinations = ready
	return f, nil
}

// is reports whether the feed is that of a subscription as it is now.
func (f *feed) is(sub *catalog.Subscription) bool {
	return f.sub.Mode == sub.Mode && slices.Equal(f.sub.Destinations, sub.Destinations)
}

func (f *feed) usable() *feed {
	if len(f.destinations) == 0 {
		return nil
	}
	return f
}

// send gives a parcel to all destinations or, in the mode ANY, to the first one
// that takes it. The destination to begin with is another one each time.
func (f *feed) send(ctx context.Context, client *http.Client, p *parcel) error {
	var failed error
	first := f.turn.Add(1) - 1
	for i := range f.destinations {
		d := f.destinations[(first+uint64(i))%uint64(len(f.destinations))]
		err := d.send(ctx, client, p)
		d.count(p, err)
		if err == nil && f.sub.Mode == "ANY" {
			return nil
		}
		if err != nil {
			failed = err
		}
	}
	return failed
}

// destination is one of the places to which a subscription sends points.
type destination struct {
	url *url.URL // as it was given
	to  string   // address of datagrams, or URL of requests
	log *slog.Logger

	written, failures atomic.Int64
	failing           atomic.Bool // the last one was not taken
}

func newDestination(text, database, policy string) (*destination, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("the URL of a destination cannot be read") // its text may hold a password
	}
	d := &destination{url: u}
	switch u.Scheme {
	case "udp":
		d.to = u.Host
	case "http", "https":
		at := u.JoinPath("write")
		at.RawQuery = url.Values{"consistency": {""}, "db": {database}, "precision": {"ns"}, "rp": {policy}}.Encode()
		d.to = at.String()
	default:
		return nil, fmt.Errorf("unknown destination scheme %s", u.Scheme)
	}
	return d, nil
}

func isDatagrams(destination string) bool {
	return strings.HasPrefix(strings.ToLower(destination), "udp:")
}

func wantsDatagrams(sub catalog.Subscription) bool {
	return slices.ContainsFunc(sub.Destinations, isDatagrams)
}

func (d *destination) send(ctx context.Context, client *http.Client, p *parcel) error {
	if d.url.Scheme == "udp" {
		return d.sendDatagrams(ctx, p)
	}
	return d.post(ctx, client, p)
}

// sendDatagrams sends each point in a datagram of its own, without a newline.
func (d *destination) sendDatagrams(ctx context.Context, p *parcel) (err error) {
	var dialer net.Dialer
	c, err := dialer.DialContext(ctx, "udp", d.to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	for line := range p.lines() {
		if _, err := c.Write(line); err != nil {
			return err
		}
	}
	return nil
}

// post sends the points as the body of a write.
func (d *destination) post(ctx context.Context, client *http.Client, p *parcel) (err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.to, bytes.NewReader(p.text))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "")
	req.Header.Set("User-Agent", "InfluxDBClient")
	answer, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<10)) // the connection is used again when nothing is left
	if answer.StatusCode != http.StatusNoContent && answer.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %s: %s", answer.Status, bytes.TrimSpace(body))
	}
	return err
}

// newDestinationClient returns what sends requests. It does not follow
// redirections: a write that was sent on would arrive as something else.
func newDestinationClient(opt SubscriberOptions) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = opt.Writers
	return &http.Client{
		Transport: transport, Timeout: opt.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// count notes what became of a parcel, and tells when that is another thing
// than before.
func (d *destination) count(p *parcel, err error) {
	if err != nil {
		d.failures.Add(1)
		if !d.failing.Swap(true) {
			d.log.Warn("destination of a subscription does not take points", "error", err)
		}
		return
	}
	d.written.Add(int64(p.points))
	if d.failing.Swap(false) {
		d.log.Info("destination of a subscription takes points again")
	}
}
