package listen

import (
	"context"
	"net/netip"

	"github.com/timberlinedb/timberline/lineproto"
	"github.com/timberlinedb/timberline/model"
)

// UDP listens for line protocol in datagrams, many lines in each. Points
// without a timestamp get the time at which their datagram came.
func UDP(ctx context.Context, opt Options) (*Listener, error) {
	u := &udp{precision: opt.Batching.Precision}
	opt.Batching.Precision = lineproto.Nanosecond
	u.listener = newListener("udp", opt)
	return u.listener, u.listener.listenPackets(ctx, u.take)
}

// udp parses datagrams one by one, so that a bad one harms no other.
type udp struct {
	listener  *Listener
	precision lineproto.Precision

	parser lineproto.Parser
	batch  model.Batch
	writer lineproto.BatchWriter
}

func (u *udp) take(datagram []byte, from netip.Addr) {
	l := u.listener
	u.parser.Parse(&u.batch, datagram, lineproto.Options{Precision: u.precision, Now: l.opt.Clock.Now().UnixNano()})
	for i := range u.batch.Rejects {
		r := &u.batch.Rejects[i]
		l.counters.refuse("unable to parse '"+string(r.Text)+"': "+r.Reason, from)
	}
	if u.batch.Rows() == 0 {
		return
	}
	l.batcher.add(false, from, u.appendLines)
}

func (u *udp) appendLines(dst []byte) (_ []byte, points int) {
	for _, t := range u.batch.Tables {
		// Without a table of series every row brings its key.
		var skipped int
		dst, skipped = u.writer.AppendTable(dst, t, lineproto.Nanosecond, func(row int) []byte { return t.NewKeys[row].Key })
		u.listener.counters.refused.Add(int64(skipped))
		points += t.Rows() - skipped
	}
	return dst, points
}
