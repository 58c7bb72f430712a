package ingest

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/model"
)

// SubscriberOptions are the settings of a subscriber.
type SubscriberOptions struct {
	Timeout    time.Duration // of one request to a destination; 0: 30 s
	Writers    int           // batches of one subscription that are sent at the same time; 0: 40
	Queue      int           // batches of one subscription that wait; 0: 1000
	QueueBytes int64         // text that waits, of all subscriptions together; 0: 64 MiB
	Log        *slog.Logger  // nil: slog.Default
}

// EnsureDefaults fills in what is empty.
func (o *SubscriberOptions) EnsureDefaults() {
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Writers == 0 {
		o.Writers = 40
	}
	if o.Queue == 0 {
		o.Queue = 1000
	}
	if o.QueueBytes == 0 {
		o.QueueBytes = 64 << 20
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
}

// Subscriber sends the points of writes to the destinations of subscriptions.
// A write is never held up by it: what a destination does not take in time
// waits in a queue, and is dropped and counted when that is full.
//
// Its goroutines are the writers of feeds. A feed, which is a subscription at
// work, has none while nothing waits; each of them ends when the queue is empty.
type Subscriber struct {
	catalog *catalog.Catalog
	opt     SubscriberOptions
	client  *http.Client

	sending context.Context // ends when Close does not wait any longer
	stop    context.CancelFunc
	writers sync.WaitGroup

	waiting                                         atomic.Int64 // bytes
	created, written, failures, queued, overflowing atomic.Int64

	mu     sync.Mutex // guards the fields below
	feeds  map[feedKey]*feed
	known  *catalog.Snapshot // that feeds were compared with last
	closed bool
}

// feedKey names a subscription. A policy that was made anew is another one.
type feedKey struct {
	policy uint32
	name   string
}

// NewSubscriber returns a subscriber to the subscriptions of a catalog.
func NewSubscriber(cat *catalog.Catalog, opt SubscriberOptions) *Subscriber {
	opt.EnsureDefaults()
	s := &Subscriber{catalog: cat, opt: opt, client: newDestinationClient(opt), feeds: map[feedKey]*feed{}}
	s.sending, s.stop = context.WithCancel(context.Background())
	return s
}

// wants reports whether somebody has subscribed to a policy. A nil subscriber
// wants nothing.
func (s *Subscriber) wants(p *catalog.Policy) bool { return s != nil && len(p.Subscriptions) > 0 }

// publish sends the points of a batch to the subscriptions of its policy. The
// keys of all rows must be in the batch, which is not kept.
func (s *Subscriber) publish(database string, p *catalog.Policy, b *model.Batch) {
	parcel, unwritable := newParcel(b, slices.ContainsFunc(p.Subscriptions, wantsDatagrams))
	s.failures.Add(int64(unwritable))
	if parcel.points == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetDropped()
	for i := range p.Subscriptions {
		if f := s.feed(database, p, &p.Subscriptions[i]); f != nil {
			s.enqueue(f, parcel)
		}
	}
}

// enqueue gives a parcel to a feed, if there is room. The lock is held.
func (s *Subscriber) enqueue(f *feed, p *parcel) {
	size := int64(len(p.text))
	full := len(f.queue) >= s.opt.Queue || s.waiting.Load()+size > s.opt.QueueBytes && s.waiting.Load() > 0
	if s.closed || full {
		s.overflowing.Add(1)
		s.failures.Add(1)
		return
	}
	s.waiting.Add(size)
	s.queued.Add(1)
	f.queue = append(f.queue, p)
	if f.writers < s.opt.Writers {
		f.writers++
		s.writers.Go(func() { s.write(f) })
	}
}

// write is a goroutine that sends what waits in a feed. It ends when nothing
// does.
func (s *Subscriber) write(f *feed) {
	for {
		p := s.dequeue(f)
		if p == nil {
			return
		}
		err := f.send(s.sending, s.client, p)
		s.waiting.Add(-int64(len(p.text)))
		if err != nil {
			s.failures.Add(1)
		} else {
			s.written.Add(int64(p.points))
		}
	}
}

// dequeue returns the next parcel; nil when the writer that asks has to end.
func (s *Subscriber) dequeue(f *feed) *parcel {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(f.queue) == 0 {
		f.writers--
		return nil
	}
	p := f.queue[0]
	f.queue[0] = nil
	f.queue = f.queue[1:]
	return p
}

// feed returns the feed of a subscription, nil when it cannot have one. The
// lock is held.
func (s *Subscriber) feed(database string, p *catalog.Policy, sub *catalog.Subscription) *feed {
	k := feedKey{p.ID, sub.Name}
	if f := s.feeds[k]; f != nil && f.is(sub) {
		return f.usable()
	}
	f, err := newFeed(database, p.Name, sub, s.opt.Log)
	if err != nil {
		s.created.Add(1)
		s.opt.Log.Error("subscription cannot be served", "database", database, "policy", p.Name, "name", sub.Name, "error", err)
	}
	s.feeds[k] = f
	return f.usable()
}

// forgetDropped drops the feeds whose subscription is gone. The lock is held.
func (s *Subscriber) forgetDropped() {
	snap := s.catalog.Snapshot()
	if snap == s.known {
		return
	}
	s.known = snap
	there := map[feedKey]bool{}
	for _, db := range snap.Databases {
		for _, p := range db.Policies {
			for i := range p.Subscriptions {
				there[feedKey{p.ID, p.Subscriptions[i].Name}] = true
			}
		}
	}
	for k := range s.feeds {
		if !there[k] {
			delete(s.feeds, k)
		}
	}
}

// Close sends what waits until ctx ends; what is left then is dropped. It may
// be called twice.
func (s *Subscriber) Close(ctx context.Context) {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	sent := make(chan struct{})
	go func() { s.writers.Wait(); close(sent) }() // ends below, in any case
	select {
	case <-sent:
	case <-ctx.Done():
	}
	s.stop()
	<-sent
	s.client.CloseIdleConnections()
}

// SubscriberMetrics are the counters of a subscriber since it was made.
type SubscriberMetrics struct {
	CreateFailures int64 // subscriptions that cannot be served
	PointsWritten  int64 // points that a subscription has taken
	WriteFailures  int64 // batches that were not taken or had no room, and points that cannot be written
	Queued         int64 // batches that had room
	Dropped        int64 // batches that had none
	WaitingBytes   int64

	Destinations []DestinationMetrics
}

// DestinationMetrics are the counters of one destination of a subscription.
type DestinationMetrics struct {
	Database, Policy, Name, Mode string
	URL                          string // without a password
	PointsWritten, WriteFailures int64
}

// Metrics returns the counters. Of a nil subscriber they are zero.
func (s *Subscriber) Metrics() SubscriberMetrics {
	if s == nil {
		return SubscriberMetrics{}
	}
	m := SubscriberMetrics{
		CreateFailures: s.created.Load(), PointsWritten: s.written.Load(), WriteFailures: s.failures.Load(),
		Queued: s.queued.Load(), Dropped: s.overflowing.Load(), WaitingBytes: s.waiting.Load(),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetDropped()
	for _, f := range s.feeds {
		for _, d := range f.destinations {
			m.Destinations = append(m.Destinations, DestinationMetrics{
				Database: f.database, Policy: f.policy, Name: f.sub.Name, Mode: f.sub.Mode, URL: d.url.Redacted(),
				PointsWritten: d.written.Load(), WriteFailures: d.failures.Load(),
			})
		}
	}
	return m
}
