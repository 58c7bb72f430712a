package lineproto

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/timberlinedb/timberline/model"
)

// TestBlocks compares the parsers on bodies that are longer than a block, most of
// whose lines are as expected, with keys that are refused or no keys between them.
func TestBlocks(t *testing.T) {
	r := rand.New(rand.NewPCG(randomSeed(t), 5))
	key := func() string {
		host := pick(r, "a", "b", "c", fmt.Sprintf("h%d", r.IntN(500)), `esc\ aped`)
		switch r.IntN(60) {
		case 0:
			return "m,host=" + host + ",host=x" // a tag comes twice
		case 1:
			return "m,host=" + host + "\nx,b=c" // ends the line
		case 2:
			return "m,host" // no value
		case 3:
			return "m,time=1,host=" + host // refused of v2
		case 4, 5:
			return "other,host=" + host
		case 6:
			return `m\ m,host=` + host
		case 7:
			return "m,rack=1,host=" + host
		}
		return "m,host=" + host
	}
	fields := func() string {
		switch r.IntN(40) {
		case 0:
			return fmt.Sprintf("usage_user=%d.5", r.IntN(1000))
		case 1:
			return "usage_user=1i,usage_user=2i"
		case 2:
			return fmt.Sprintf("text=\"%d\",usage_user=1i", r.IntN(1000))
		}
		return fmt.Sprintf("usage_user=%di,a_field_with_a_long_name=%v,text=\"t%d\",on=t", r.IntN(1e9), r.NormFloat64(), r.IntN(1000))
	}
	var p Parser
	for range 60 {
		var s strings.Builder
		if r.IntN(2) == 0 {
			s.WriteString("m,host=a usage_user=1i,a_field_with_a_long_name=1,text=\"\",on=f\n")
		}
		for range r.IntN(5 * blockLines) {
			fmt.Fprintf(&s, "%s %s %d%s", key(), fields(), 1700000000000000000+r.IntN(3), pick(r, "\n", "\n", "\n", "\r\n", "\n# comment\n"))
		}
		agree(t, &p, []byte(s.String()), Options{Now: now, V2: r.IntN(3) == 0})
	}
}

// countingTable knows no spelling and counts how often it is asked.
type countingTable struct{ lookups int }

func (c *countingTable) Lookup(model.Fingerprint) (model.SeriesID, bool) {
	c.lookups++
	return 0, false
}

func (c *countingTable) LookupAll(ids []model.SeriesID, fps []model.Fingerprint) {
	clear(ids)
	c.lookups += len(fps)
}

// TestRefusedKeysAreReadFewTimes: lines that are taken back because one before
// them was refused are read again, but not many times.
func TestRefusedKeysAreReadFewTimes(t *testing.T) {
	for _, every := range []int{1, 2, 10, blockLines, 2 * blockLines, 3 * blockLines} {
		var s strings.Builder
		const lines = 5000
		for i := range lines {
			if i%every == every-1 {
				fmt.Fprintf(&s, "m,host=h%d,host=x f=1i\n", i)
			} else {
				fmt.Fprintf(&s, "m,host=h%d f=1i\n", i)
			}
		}
		var p Parser
		var b model.Batch
		p.Parse(&b, []byte("m,host=a f=1i\n"), Options{})
		table := new(countingTable)
		p.Parse(&b, []byte(s.String()), Options{Series: table})
		if len(b.Rejects) != lines/every || b.Lines != lines {
			t.Fatalf("every %d: %d lines, %d refused", every, b.Lines, len(b.Rejects))
		}
		if table.lookups > 3*lines {
			t.Errorf("every %d: %d lookups for %d lines", every, table.lookups, lines)
		}
	}
}

// TestNothingBehindTheBody reads bodies that are cut at every place and end where
// readable memory ends.
func TestNothingBehindTheBody(t *testing.T) {
	page := unix.Getpagesize()
	memory, err := unix.Mmap(-1, 0, 2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Munmap(memory); err != nil {
			t.Error(err)
		}
	}()
	if err := unix.Mprotect(memory[page:], unix.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	const line = "cpu,host=a i=1i,usage_user=12i,usage_guest_nice=123456789012i,a_field_whose_name_is_longer_than_32_bytes=1i,f=1.5," +
		"another_float_field_of_31_bytes=12.3456789012345678,on=true,text=\"a \\\" text\",negative=-5i,last_one=1234567i 1700000000000000000\n"
	const body = line + line
	for cut := range body {
		at := page - cut
		copy(memory[at:page], body)
		var p Parser
		var b model.Batch
		p.Parse(&b, []byte(line), Options{Now: now, Series: allKnown{}})
		p.Parse(&b, memory[at:page:page], Options{Now: now, Series: allKnown{}})
		want := describe(&b)
		ParsePlain(&b, []byte(body[:cut]), Options{Now: now, Series: allKnown{}})
		if got := describe(&b); got != want {
			t.Fatalf("cut at %d:\n--- parser ---\n%s\n--- plain ---\n%s", cut, want, got)
		}
	}
}
