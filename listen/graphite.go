package listen

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/timberlinedb/timberline/lineproto"
	"github.com/timberlinedb/timberline/model"
)

// GraphiteOptions are those of a Graphite listener.
type GraphiteOptions struct {
	Options
	Protocol  string   // "tcp" or "udp"; empty: tcp
	Templates []string // see templates
	Tags      []string // key=value, of every point
	Separator string   // joins the parts of a measurement; empty: a dot
}

// Graphite listens for the plaintext protocol of Graphite: a line is
//
//	path value [timestamp]
//
// with seconds since the epoch. Without a timestamp, or with -1, it is the time
// at which the line came. A path may carry tags: name;key=value;….
func Graphite(ctx context.Context, opt GraphiteOptions) (*Listener, error) {
	ts, err := newTemplates(opt.Templates, opt.Tags, opt.Separator)
	if err != nil {
		return nil, fmt.Errorf("graphite: %w", err)
	}
	g := &graphite{listener: newListener("graphite", opt.Options), templates: ts}
	if opt.Protocol == "udp" {
		return g.listener, g.listener.listenPackets(ctx, g.takeDatagram)
	}
	return g.listener, g.listener.listenStream(ctx, nil, g.serve)
}

type graphite struct {
	listener  *Listener
	templates *templates
}

// maxLine bounds a line of the text protocols.
const maxLine = 64 << 10

func (g *graphite) serve(conn net.Conn) {
	from := senderOf(conn.RemoteAddr())
	eachLine(idleConn{conn, g.listener}, &g.listener.counters, func(line []byte) bool {
		g.take(line, from, true)
		return true
	})
}

// eachLine calls take for every line of a connection until that returns false.
// What is longer than maxLine ends the connection.
func eachLine(conn net.Conn, c *counters, take func(line []byte) bool) {
	lines := bufio.NewScanner(conn)
	lines.Buffer(make([]byte, 0, 4096), maxLine)
	for lines.Scan() {
		if !take(lines.Bytes()) {
			return
		}
	}
	var timeout net.Error
	if err := lines.Err(); err != nil && !errors.Is(err, net.ErrClosed) && !(errors.As(err, &timeout) && timeout.Timeout()) {
		c.readErrors.Add(1)
		c.note(err.Error(), addressText(senderOf(conn.RemoteAddr())))
	}
}

func (g *graphite) takeDatagram(datagram []byte, from netip.Addr) {
	for line := range bytes.Lines(datagram) {
		g.take(line, from, false)
	}
}

// errNotNumber says that a value is NaN or infinite.
var errNotNumber = errors.New("value is not a number")

func (g *graphite) take(line []byte, from netip.Addr, wait bool) {
	text := strings.TrimSpace(string(line))
	if text == "" {
		return
	}
	l := g.listener
	p, err := g.parse(text, l.opt.Clock.Now())
	switch {
	case errors.Is(err, errNotNumber):
		l.counters.notNumbers.Add(1)
	case err != nil:
		l.counters.refuse(err.Error(), from)
	default:
		l.take(&p, from, wait)
	}
}

// point is a point on its way into a batch.
type point struct {
	measurement string
	tags        model.Tags
	fields      []lineproto.Field
	time        int64 // ns
}

// floatField returns a float field.
func floatField(key string, v float64) lineproto.Field {
	return lineproto.Field{Key: []byte(key), Type: model.Float, Bits: math.Float64bits(v)}
}

// take puts a point into the open batch.
func (l *Listener) take(p *point, from netip.Addr, wait bool) {
	l.batcher.add(wait, from, func(dst []byte) ([]byte, int) {
		p.tags.Sort()
		out, err := lineproto.AppendPoint(dst, []byte(p.measurement), p.tags, p.fields, p.time, lineproto.Nanosecond)
		if err != nil {
			l.counters.refuse(err.Error(), from)
			return dst, 0
		}
		if len(out) == len(dst) {
			return dst, 0
		}
		return out, 1
	})
}

func (g *graphite) parse(text string, now time.Time) (point, error) {
	words := strings.Fields(text)
	if len(words) != 2 && len(words) != 3 {
		return point{}, fmt.Errorf("%q has %d words, want a path, a value and a timestamp", text, len(words))
	}
	name, err := g.name(words[0])
	if err != nil {
		return point{}, err
	}
	v, err := strconv.ParseFloat(words[1], 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return point{}, fmt.Errorf("%q: value %q is not a number", text, words[1])
	}
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return point{}, fmt.Errorf("%q: %w", text, errNotNumber)
	}
	at := now.UnixNano()
	if len(words) == 3 {
		if at, err = graphiteTime(words[2], at); err != nil {
			return point{}, fmt.Errorf("%q: %w", text, err)
		}
	}
	field := name.field
	if field == "" {
		field = "value"
	}
	return point{measurement: name.measurement, tags: name.tags, fields: []lineproto.Field{floatField(field, v)}, time: at}, nil
}

// name reads a path, with its tags if it carries some.
func (g *graphite) name(text string) (path, error) {
	bare, pairs, tagged := strings.Cut(text, ";")
	p := g.templates.apply(bare)
	if !tagged {
		return p, nil
	}
	tags, err := parseTags(strings.Split(pairs, ";"))
	if err != nil {
		return p, fmt.Errorf("tags of %q: %w", text, err)
	}
	for _, t := range p.tags {
		if tags.Get(t.Key) == nil {
			tags = append(tags, t)
		}
	}
	p.tags = tags
	return p, nil
}

// graphiteTime reads seconds, which may have a fraction.
func graphiteTime(text string, now int64) (int64, error) {
	seconds, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil:
		return 0, fmt.Errorf("timestamp %q is not a number of seconds", text)
	case seconds == -1:
		return now, nil
	case !(math.Abs(seconds) < math.MaxInt64/1e9):
		return 0, fmt.Errorf("timestamp %q is outside of what can be stored", text)
	}
	whole, fraction := math.Modf(seconds)
	return int64(whole)*int64(time.Second) + int64(math.Round(fraction*1e6))*int64(time.Microsecond), nil
}
