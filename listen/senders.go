package listen

import (
	"fmt"
	"net"
	"net/netip"
)

// senders tells who has sent which lines of a batch, as far as that can be kept
// in a bounded list.
type senders struct {
	runs  []senderRun
	lines int  // of the batch so far
	full  bool // of lines after the last run nobody knows whose they are
}

// senderRun says that the lines from a number on, up to the next run, are those of
// one sender.
type senderRun struct {
	line int // from 1
	from netip.Addr
}

// maxSenderRuns bounds the list: 32 KiB in each batch.
const maxSenderRuns = 1024

// add notes that the next lines are from a sender.
func (s *senders) add(lines int, from netip.Addr) {
	switch n := len(s.runs); {
	case lines == 0:
		return
	case s.full, n > 0 && s.runs[n-1].from == from:
	case n == maxSenderRuns:
		s.runs[n-1].from, s.full = netip.Addr{}, true
	default:
		s.runs = append(s.runs, senderRun{s.lines + 1, from})
	}
	s.lines += lines
}

// of returns the sender of a line, from 1; empty when it is not known.
func (s *senders) of(line int) string {
	if line < 1 || line > s.lines {
		return ""
	}
	for i := len(s.runs) - 1; i >= 0; i-- {
		if s.runs[i].line <= line {
			return addressText(s.runs[i].from)
		}
	}
	return ""
}

// all names the senders of the batch: the first one, and how many others there
// are at least.
func (s *senders) all() string {
	if len(s.runs) == 0 {
		return ""
	}
	others := make(map[netip.Addr]bool)
	for _, r := range s.runs[1:] {
		if r.from != s.runs[0].from {
			others[r.from] = true
		}
	}
	first := addressText(s.runs[0].from)
	if len(others) == 0 {
		return first
	}
	return fmt.Sprintf("%s and %d more", first, len(others))
}

func addressText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// senderOf returns the address of a connection's other end or of a packet's
// sender, without the port.
func senderOf(a net.Addr) netip.Addr {
	switch a := a.(type) {
	case *net.UDPAddr:
		return a.AddrPort().Addr().Unmap()
	case *net.TCPAddr:
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
