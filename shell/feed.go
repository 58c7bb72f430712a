package shell

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/timberlinedb/timberline/internal/clock"
)

// FeedOptions say how points are sent.
type FeedOptions struct {
	// BatchPoints is the most points of one request; zero: 5000.
	BatchPoints int
	// BatchBytes is what a request's body grows to before it is sent; zero: 4 MiB.
	BatchBytes int
	// PointsPerSecond holds back; zero: as fast as the server takes them.
	PointsPerSecond int
	// Gzip compresses bodies.
	Gzip bool
	// RetryFor is how long one request is repeated while the server is busy or away; zero: 2 minutes, below zero: never.
	RetryFor time.Duration
	// Clock tells the time of retries; zero: the machine's.
	Clock clock.Clock
	// Refused is told of batches that the server did not take whole; zero: nobody.
	Refused func(Refusal)
}

// EnsureDefaults fills in what is zero.
func (o *FeedOptions) EnsureDefaults() {
	if o.BatchPoints == 0 {
		o.BatchPoints = 5000
	}
	if o.BatchBytes == 0 {
		o.BatchBytes = 4 << 20
	}
	if o.RetryFor == 0 {
		o.RetryFor = 2 * time.Minute
	}
	if o.Clock == nil {
		o.Clock = clock.System
	}
	if o.Refused == nil {
		o.Refused = func(Refusal) {}
	}
}

// Validate reports the first value that cannot be used.
func (o FeedOptions) Validate() error {
	switch {
	case o.BatchPoints < 1 || o.BatchPoints > 1e6:
		return fmt.Errorf("points per batch are %d, want 1 to 1000000", o.BatchPoints)
	case o.BatchBytes < 1 || o.BatchBytes > 1<<30:
		return fmt.Errorf("bytes per batch are %d, want 1 to %d", o.BatchBytes, 1<<30)
	case o.PointsPerSecond < 0:
		return fmt.Errorf("points per second are %d, want none below zero", o.PointsPerSecond)
	}
	return nil
}

// Refusal is a batch that the server did not take whole.
type Refusal struct {
	FirstLine, LastLine int64 // of the file, counted from one
	Points, Lost        int64 // of the batch; of them not taken, as far as the server tells
	Err                 error
}

// Error returns where and why.
func (r Refusal) Error() string {
	if r.FirstLine == r.LastLine {
		return fmt.Sprintf("line %d: %v", r.FirstLine, r.Err)
	}
	return fmt.Sprintf("lines %d to %d: %v", r.FirstLine, r.LastLine, r.Err)
}

// Unwrap returns the reason.
func (r Refusal) Unwrap() error { return r.Err }

// FeedReport counts what a feed did.
type FeedReport struct {
	Points  int64 // that were sent and taken
	Lost    int64 // that the server refused
	Batches int64
	Retries int64
}

// counted returns a number with the noun it counts.
func counted(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if noun == "retry" {
		noun = "retrie"
	}
	return strconv.FormatInt(n, 10) + " " + noun + "s"
}

// Feed sends points in batches, in their order, one request at a time.
type Feed struct {
	client *Client
	opt    FeedOptions
	to     Points // where points go, without lines

	lines     []byte
	points    int64 // in lines
	first     int64 // line of the first point in lines
	last      int64
	report    FeedReport
	begun     time.Time // when the first batch went
	throttled int64     // points that count for the throttle
}

// NewFeed returns a feed; the options' zero values are filled in and must be valid then.
func NewFeed(c *Client, to Points, opt FeedOptions) (*Feed, error) {
	opt.EnsureDefaults()
	if err := opt.Validate(); err != nil {
		return nil, err
	}
	to.Lines, to.Gzip = nil, opt.Gzip
	return &Feed{client: c, opt: opt, to: to}, nil
}

// Report returns the counts so far.
func (f *Feed) Report() FeedReport { return f.report }

// Redirect sends the points that follow elsewhere; those before go where they belong.
func (f *Feed) Redirect(ctx context.Context, database, policy string) error {
	if f.to.Database == database && f.to.Policy == policy {
		return nil
	}
	err := f.Flush(ctx)
	f.to.Database, f.to.Policy = database, policy
	return err
}

// Add takes one point, which may go over several lines, with the number of its first and last line. The bytes are
// copied. An error ends the feed: the server is away, or refuses everything.
func (f *Feed) Add(ctx context.Context, point []byte, first, last int64) error {
	if f.points > 0 && (f.points >= int64(f.opt.BatchPoints) || len(f.lines)+len(point) > f.opt.BatchBytes) {
		if err := f.Flush(ctx); err != nil {
			return err
		}
	}
	if f.points == 0 {
		f.first = first
	}
	f.lines = append(append(f.lines, point...), '\n')
	f.points++
	f.last = last
	return nil
}

// Flush sends what is there.
func (f *Feed) Flush(ctx context.Context) error {
	if f.points == 0 {
		return nil
	}
	if err := f.throttle(ctx); err != nil {
		return err
	}
	f.to.Lines = f.lines
	err := f.patiently(ctx)
	f.report.Batches++
	points := f.points
	f.lines, f.points = f.lines[:0], 0
	if err == nil {
		f.report.Points += points
		return nil
	}
	var status *StatusError
	lost := points
	if errors.As(err, &status) && status.Status == http.StatusBadRequest {
		lost = min(refusedPoints(status.Message, points), points)
	}
	f.report.Lost += lost
	f.report.Points += points - lost
	r := Refusal{FirstLine: f.first, LastLine: f.last, Points: points, Lost: lost, Err: err}
	if status == nil || status.hopeless() || status.busy() {
		return r
	}
	f.opt.Refused(r)
	return nil
}

// throttle waits until the points so far are no more than the rate allows.
func (f *Feed) throttle(ctx context.Context) error {
	now := f.opt.Clock.Now()
	if f.begun.IsZero() {
		f.begun = now
	}
	rate := f.opt.PointsPerSecond
	due := f.throttled
	f.throttled += f.points
	if rate == 0 {
		return nil
	}
	wait := time.Duration(float64(due)/float64(rate)*float64(time.Second)) - now.Sub(f.begun)
	if wait <= 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return ErrInterrupted
	case <-f.opt.Clock.After(wait):
		return nil
	}
}

// How long to wait for a busy server that does not say when to come back.
const (
	firstWait   = 50 * time.Millisecond
	longestWait = 5 * time.Second
)

// patiently sends the batch, again and again while the server is busy or away. A batch that came through before its
// answer was lost is written once more, which changes nothing: points with timestamps replace themselves.
func (f *Feed) patiently(ctx context.Context) error {
	begin, wait := f.opt.Clock.Now(), firstWait
	for {
		after, err := f.client.write(ctx, f.to)
		var status *StatusError
		if err == nil || errors.Is(err, ErrInterrupted) || errors.As(err, &status) && !status.busy() {
			return err
		}
		pause := retryAfter(after, wait, f.opt.Clock.Now())
		if f.opt.RetryFor < 0 || f.opt.Clock.Now().Sub(begin)+pause > f.opt.RetryFor {
			if status != nil {
				return fmt.Errorf("%w: %w", ErrBusy, err)
			}
			return err
		}
		f.report.Retries++
		select {
		case <-ctx.Done():
			return ErrInterrupted
		case <-f.opt.Clock.After(pause):
		}
		wait = min(2*wait, longestWait)
	}
}

// retryAfter returns how long a server asks to wait, otherwise d.
func retryAfter(text string, d time.Duration, now time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(text, 10, 32); err == nil && seconds >= 0 {
		return max(time.Duration(seconds)*time.Second, firstWait)
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), firstWait)
	}
	return d
}

var droppedPoints = regexp.MustCompile(`dropped=(\d+)`)

// refusedPoints reads how many points a partial write left out: those that could not be parsed, each with its own
// line in the message, and those that were dropped. A message that tells neither speaks of all.
func refusedPoints(message string, all int64) int64 {
	n := int64(strings.Count(message, "unable to parse"))
	for _, m := range droppedPoints.FindAllStringSubmatch(message, -1) {
		if d, err := strconv.ParseInt(m[1], 10, 64); err == nil {
			n += d
		}
	}
	if n == 0 {
		return all
	}
	return n
}
