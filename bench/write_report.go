package bench

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// WriteReport is what became of a load.
type WriteReport struct {
	Server Server `json:"server"`
	// Lines, Values and PlainBytes count what was acknowledged; SentBytes is
	// their size as sent, compressed or not. Of a body that was taken in part
	// the server says how many points it left out, not which, so that values
	// and bytes are its share.
	Lines      int64 `json:"lines"`
	Values     int64 `json:"values"`
	PlainBytes int64 `json:"plain_bytes"`
	SentBytes  int64 `json:"sent_bytes"`
	// Requests that were answered; Retries that were sent again because the
	// server was busy or away.
	Requests int64 `json:"requests"`
	Retries  int64 `json:"retries"`
	// RefusedLines were answered with an error, or left out of a partial write.
	RefusedLines int64 `json:"refused_lines"`
	// UnansweredLines were given up: the server was busy for too long, or away,
	// and then it is not known whether they are stored.
	UnansweredLines int64            `json:"unanswered_lines"`
	Errors          map[string]int64 `json:"errors,omitempty"` // how often, by text

	Seconds         float64   `json:"seconds"`
	LinesPerSecond  float64   `json:"lines_per_second"`
	ValuesPerSecond float64   `json:"values_per_second"`
	PlainMBPerS     float64   `json:"plain_mb_per_second"`
	Request         Latencies `json:"request"`
	Workers         int       `json:"workers"`
	Gzip            bool      `json:"gzip"`
	Ended           string    `json:"ended,omitempty"` // why it ended early
}

// maxErrorTexts bounds how many different errors are told apart.
const maxErrorTexts = 10

// count notes an error by its text.
func (r *WriteReport) count(err error) { countError(r.Errors, err) }

func countError(errs map[string]int64, err error) {
	text := err.Error()
	if _, known := errs[text]; !known && len(errs) >= maxErrorTexts {
		text = "other errors"
	}
	errs[text]++
}

// unanswered notes a body that no answer came for.
func (r *WriteReport) unanswered(body *Body, err error) {
	r.UnansweredLines += int64(body.Lines)
	if !errors.Is(err, ErrInterrupted) {
		r.count(err)
	}
}

// accept counts a body of which some lines were left out.
func (r *WriteReport) accept(body *Body, dropped int64) {
	taken := int64(body.Lines) - dropped
	r.RefusedLines += dropped
	r.Lines += taken
	r.Values += int64(body.Values) * taken / int64(body.Lines)
	r.PlainBytes += int64(body.Plain) * taken / int64(body.Lines)
	r.SentBytes += int64(len(body.Data)) * taken / int64(body.Lines)
}

func (r *WriteReport) finish(elapsed time.Duration, took []time.Duration, opt WriteOptions, ended error) {
	r.Seconds, r.Workers, r.Gzip = elapsed.Seconds(), opt.Workers, opt.Gzip
	if r.Seconds > 0 {
		r.LinesPerSecond = float64(r.Lines) / r.Seconds
		r.ValuesPerSecond = float64(r.Values) / r.Seconds
		r.PlainMBPerS = float64(r.PlainBytes) / 1e6 / r.Seconds
	}
	r.Request = Summarize(took)
	if ended != nil {
		r.Ended = ended.Error()
	}
}

// WriteTo prints the report as a Markdown table.
func (r WriteReport) WriteTo(w io.Writer) (int64, error) {
	t := table{head: []string{"write", ""}, right: 1}
	t.add("lines acknowledged", grouped(float64(r.Lines)))
	t.add("field values", grouped(float64(r.Values)))
	t.add("seconds", fixed2(r.Seconds))
	t.add("lines/s", grouped(r.LinesPerSecond))
	t.add("values/s", grouped(r.ValuesPerSecond))
	t.add("MB/s of line protocol", fixed2(r.PlainMBPerS))
	t.add("MB sent", fixed2(float64(r.SentBytes)/1e6))
	t.add("requests", grouped(float64(r.Requests)))
	t.add("request ms, p50 / p90 / p99 / max", fmt.Sprintf("%.2f / %.2f / %.2f / %.2f", r.Request.P50, r.Request.P90, r.Request.P99, r.Request.Max))
	t.add("retries", grouped(float64(r.Retries)))
	t.add("lines refused", grouped(float64(r.RefusedLines)))
	t.add("lines given up", grouped(float64(r.UnansweredLines)))
	if r.Server.Durability != "" {
		t.add("durability, as the server says", r.Server.Durability)
	}
	var b strings.Builder
	t.print(&b)
	printErrors(&b, r.Errors)
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

func printErrors(b *strings.Builder, errs map[string]int64) {
	if len(errs) == 0 {
		return
	}
	b.WriteString("\nerrors:\n")
	for _, text := range slices.Sorted(maps.Keys(errs)) {
		fmt.Fprintf(b, "  %d × %s\n", errs[text], text)
	}
}

func fixed2(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }

// grouped returns a number cut to an integer with commas between thousands.
func grouped(v float64) string {
	digits := strconv.FormatInt(int64(v), 10)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return sign + digits
}
