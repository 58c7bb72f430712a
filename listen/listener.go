package listen

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/timberlinedb/timberline/internal/clock"
)

// Options are what all listeners have.
type Options struct {
	Address  string // host and port; port 0 is any free one
	Batching Batching

	Door  Door
	Clock clock.Clock
	Log   *slog.Logger // nil: slog.Default

	MaxConnections int           // over TCP, at the same time; 0: 1000
	IdleTimeout    time.Duration // after which a connection that says nothing is closed; 0: 5 min
	ReadBuffer     int           // bytes of the socket's buffer for datagrams; 0: the system's default
}

// EnsureDefaults replaces zero values.
func (o *Options) EnsureDefaults() {
	o.Batching.EnsureDefaults()
	if o.Clock == nil {
		o.Clock = clock.System
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.MaxConnections == 0 {
		o.MaxConnections = 1000
	}
	if o.IdleTimeout == 0 {
		o.IdleTimeout = 5 * time.Minute
	}
}

// Listener is a socket with its protocol. Its goroutines are one that reads
// datagrams, or one that accepts and one per connection; all end with Close.
type Listener struct {
	protocol string
	opt      Options
	counters counters
	batcher  *batcher

	packets net.PacketConn
	onClose func() // nil: nothing else ends with the listener
	stream  net.Listener
	serving sync.WaitGroup

	mu     sync.Mutex // guards conns and closed
	conns  map[net.Conn]struct{}
	closed bool
}

func newListener(protocol string, opt Options) *Listener {
	opt.EnsureDefaults()
	opt.Log = opt.Log.With("listener", protocol)
	l := &Listener{protocol: protocol, opt: opt, conns: map[net.Conn]struct{}{}}
	l.batcher = newBatcher(opt.Batching, opt.Door, opt.Clock, opt.Log, &l.counters)
	return l
}

// Address returns where the listener listens.
func (l *Listener) Address() string {
	if l.packets != nil {
		return l.packets.LocalAddr().String()
	}
	return l.stream.Addr().String()
}

// Metrics returns what the listener has seen.
func (l *Listener) Metrics() Metrics {
	network := "tcp"
	if l.packets != nil {
		network = "udp"
	}
	return l.counters.metrics(l.protocol, network, l.Address())
}

// Close ends the listener and stores what it has taken.
func (l *Listener) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	var err error
	if l.packets != nil {
		err = l.packets.Close()
	}
	if l.stream != nil {
		err = l.stream.Close()
	}
	for c := range l.conns {
		c.Close()
	}
	l.mu.Unlock()
	if l.onClose != nil {
		l.onClose()
	}
	l.serving.Wait()
	l.batcher.close()
	return err
}

func (l *Listener) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// maxDatagram is the size of the largest datagram that there can be.
const maxDatagram = 64 << 10

// listenPackets begins to read datagrams.
func (l *Listener) listenPackets(ctx context.Context, handle func(datagram []byte, from netip.Addr)) error {
	var lc net.ListenConfig
	conn, err := lc.ListenPacket(ctx, "udp", l.opt.Address)
	if err != nil {
		l.batcher.close()
		return fmt.Errorf("listen for %s on %s: %w", l.protocol, l.opt.Address, err)
	}
	if u, ok := conn.(*net.UDPConn); ok && l.opt.ReadBuffer > 0 {
		if err := u.SetReadBuffer(l.opt.ReadBuffer); err != nil {
			l.opt.Log.Warn("the size of the read buffer was not taken", "bytes", l.opt.ReadBuffer, "error", err)
		}
	}
	l.packets = conn
	l.serving.Go(func() { l.readPackets(handle) })
	return nil
}

func (l *Listener) readPackets(handle func([]byte, netip.Addr)) {
	buffer := make([]byte, maxDatagram)
	for {
		n, from, err := l.packets.ReadFrom(buffer)
		if err != nil {
			if l.isClosed() || errors.Is(err, net.ErrClosed) {
				return
			}
			l.counters.readErrors.Add(1)
			l.counters.note(err.Error(), "")
			continue
		}
		l.counters.bytes.Add(int64(n))
		handle(buffer[:n], senderOf(from))
	}
}

// listenStream begins to take connections.
func (l *Listener) listenStream(ctx context.Context, wrap func(net.Listener) net.Listener, handle func(net.Conn)) error {
	var lc net.ListenConfig
	stream, err := lc.Listen(ctx, "tcp", l.opt.Address)
	if err != nil {
		l.batcher.close()
		return fmt.Errorf("listen for %s on %s: %w", l.protocol, l.opt.Address, err)
	}
	if wrap != nil {
		stream = wrap(stream)
	}
	l.stream = stream
	l.serving.Go(func() { l.accept(handle) })
	return nil
}

// acceptPause is how long nothing is accepted after a failure, such as that of
// a process with too many open files.
const acceptPause = 100 * time.Millisecond

func (l *Listener) accept(handle func(net.Conn)) {
	for {
		conn, err := l.stream.Accept()
		if err != nil {
			if l.isClosed() || errors.Is(err, net.ErrClosed) {
				return
			}
			l.counters.readErrors.Add(1)
			l.counters.note(err.Error(), "")
			<-l.opt.Clock.After(acceptPause)
			continue
		}
		if !l.enter(conn) {
			conn.Close()
			continue
		}
		l.serving.Go(func() {
			defer l.leave(conn)
			handle(conn)
		})
	}
}

// enter counts a connection, if there may be one more.
func (l *Listener) enter(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	if len(l.conns) >= l.opt.MaxConnections {
		l.counters.refusedConnections.Add(1)
		l.counters.note(fmt.Sprintf("there are %d connections, as many as there may be", len(l.conns)), addressText(senderOf(conn.RemoteAddr())))
		return false
	}
	l.conns[conn] = struct{}{}
	l.counters.connections.Add(1)
	l.counters.connectionsActive.Add(1)
	return true
}

func (l *Listener) leave(conn net.Conn) {
	conn.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, conn)
	l.counters.connectionsActive.Add(-1)
}

// idleConn is a connection that ends when it says nothing for too long.
type idleConn struct {
	net.Conn
	l *Listener
}

// Read reads what comes, and counts it.
func (c idleConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(c.l.opt.Clock.Now().Add(c.l.opt.IdleTimeout)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(p)
	c.l.counters.bytes.Add(int64(n))
	return n, err
}
