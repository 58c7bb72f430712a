package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/timberlinedb/timberline/bench"
)

// benchProgress shows how far a run is: a bar on a terminal, otherwise a line
// now and then.
type benchProgress struct {
	w          io.Writer
	what, unit string
	total      int64
	bar        *progressbar.ProgressBar // nil when w is no terminal
	lastLine   time.Duration
}

// progressLineEvery is the time between two lines where there is no terminal.
const progressLineEvery = 5 * time.Second

func newProgress(w io.Writer, what, unit string, total int64) *benchProgress {
	p := &benchProgress{w: w, what: what, unit: unit, total: total}
	if isTerminal(w) {
		p.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(what),
			progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString(unit),
			progressbar.OptionSetPredictTime(true), progressbar.OptionFullWidth(), progressbar.OptionThrottle(100*time.Millisecond))
		_ = p.bar.RenderBlank() // its clock starts here; fails only where the bar cannot be drawn
	}
	return p
}

// isTerminal reports whether w is a character device, which a terminal is.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// tell shows the state of a run.
func (p *benchProgress) tell(now bench.Progress) {
	if p.bar != nil {
		if now.Retries > 0 {
			p.bar.Describe(fmt.Sprintf("%s (%d retries)", p.what, now.Retries))
		}
		_ = p.bar.Set64(min(now.Done, p.total)) // fails only where the bar cannot be drawn
		return
	}
	if now.Elapsed-p.lastLine < progressLineEvery {
		return
	}
	p.lastLine = now.Elapsed
	fmt.Fprintf(p.w, "%s: %d of %d %s, %.0f per second, %d retries\n", p.what, now.Done, p.total, p.unit,
		float64(now.Done)/now.Elapsed.Seconds(), now.Retries)
}

// end leaves the last state on the terminal.
func (p *benchProgress) end() {
	if p.bar != nil {
		_ = p.bar.Exit()
		fmt.Fprintln(p.w)
	}
}
