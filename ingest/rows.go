package ingest

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb"
)

// reservedName may name neither a tag nor the only field of a point: it is the
// column of the timestamp in every answer.
const reservedName = "time"

// bounds says which timestamps are stored.
type bounds struct {
	oldest int64 // what the policy still keeps
	newest int64 // that the server takes
	future int64 // timestamps after it are noticed
}

// keep returns the range of the timestamps that lie within the bounds and counts
// the other rows as refused; any is false when nothing is left.
func keep(b *model.Batch, in bounds, refused *refusals) (span model.TimeRange, any bool) {
	span = model.TimeRange{Min: math.MaxInt64, Max: math.MinInt64}
	late, early := 0, 0
	for _, t := range b.Tables {
		for row, at := range t.Times {
			switch {
			case at < in.oldest:
				if late == 0 {
					refused.lineOf[BeyondRetention] = lineOf(t, int32(row))
					refused.examples[BeyondRetention] = fmt.Sprintf("point of measurement %q at %s is older than the retention policy keeps", t.Measurement, timeText(at))
				}
				late++
				continue
			case at > in.newest:
				if early == 0 {
					refused.lineOf[BeyondFuture] = lineOf(t, int32(row))
					refused.examples[BeyondFuture] = fmt.Sprintf("point of measurement %q at %s is further in the future than the server takes", t.Measurement, timeText(at))
				}
				early++
				continue
			}
			span.Min, span.Max = min(span.Min, at), max(span.Max, at)
		}
	}
	if late > 0 {
		refused.add(BeyondRetention, "points beyond retention policy", late)
	}
	if early > 0 {
		refused.add(BeyondFuture, "points beyond max-future", early)
	}
	if !span.Empty() && span.Max > in.future {
		noticeFuture(b, in, refused)
	}
	return span, !span.Empty()
}

// noticeFuture counts rows that are stored although their time has not come.
func noticeFuture(b *model.Batch, in bounds, refused *refusals) {
	for _, t := range b.Tables {
		for row, at := range t.Times {
			if at <= in.future || at > in.newest {
				continue
			}
			if refused.noticed[Future] == 0 {
				refused.noticedLine[Future] = lineOf(t, int32(row))
				refused.remarks[Future] = fmt.Sprintf("point of measurement %q at %s is in the future", t.Measurement, timeText(at))
			}
			refused.noticed[Future]++
		}
	}
}

// lineOf returns the number of the line of a row, 0 when there is none.
func lineOf(t *model.Table, row int32) int {
	if int(row) >= len(t.Lines) {
		return 0
	}
	return int(t.Lines[row])
}

func timeText(t int64) string { return time.Unix(0, t).UTC().Format(time.RFC3339Nano) }

// after returns what is left of span when the rows of part are done; parts are
// taken in order of time.
func after(b *model.Batch, span, part model.TimeRange) (rest model.TimeRange, any bool) {
	if part.Max >= span.Max {
		return model.TimeRange{}, false
	}
	rest = model.TimeRange{Min: span.Max, Max: span.Max}
	for _, t := range b.Tables {
		for _, at := range t.Times {
			if at > part.Max {
				rest.Min = min(rest.Min, at)
			}
		}
	}
	return rest, true
}

// part returns the rows of b that lie in span and in a shard's range: b itself
// when these are all.
func (s *scratch) part(b *model.Batch, span, shard model.TimeRange) *model.Batch {
	r := span.Intersect(shard)
	if all(b, r) {
		return b
	}
	s.cut.Reset()
	s.cut.Arena = b.Arena
	for _, t := range b.Tables {
		rows := rowsWhere(t, func(i int) bool { return r.Contains(t.Times[i]) })
		if len(rows) > 0 {
			t.Select(s.cut.AddTable(t.Measurement), rows)
		}
	}
	return &s.cut
}

func all(b *model.Batch, r model.TimeRange) bool {
	for _, t := range b.Tables {
		for _, at := range t.Times {
			if !r.Contains(at) {
				return false
			}
		}
	}
	return true
}

func rowsWhere(t *model.Table, keep func(int) bool) []int32 {
	var rows []int32
	for i := range t.Times {
		if keep(i) {
			rows = append(rows, int32(i))
		}
	}
	return rows
}

// checkNames takes out what may not be named "time": rows with such a tag, and
// fields, with the rows that have no other.
func checkNames(b *model.Batch, refused *refusals) {
	for i, t := range b.Tables {
		if bad := reservedTags(t); len(bad) > 0 {
			refused.at(InvalidKey, lineOf(t, firstOf(bad)))
			refused.add(InvalidKey, fmt.Sprintf("invalid tag key: input tag %q on measurement %q is invalid", reservedName, t.Measurement), len(bad))
			t = without(t, bad)
			b.Tables[i] = t
		}
		if removeReservedFields(t) {
			bad := rowsWithoutValue(t)
			if len(bad) > 0 {
				refused.at(InvalidKey, lineOf(t, firstOf(bad)))
				refused.add(InvalidKey, fmt.Sprintf("invalid field name: input field %q on measurement %q is invalid", reservedName, t.Measurement), len(bad))
				b.Tables[i] = without(t, bad)
			}
		}
	}
}

// firstOf returns the first of some rows.
func firstOf(rows map[int32]bool) int32 { return slices.Min(slices.Collect(maps.Keys(rows))) }

// reservedTags returns the rows with a tag that may not be written. Only keys
// that are new to the index can have one.
func reservedTags(t *model.Table) map[int32]bool {
	var bad map[int32]bool
	var tags model.Tags
	for _, k := range t.NewKeys {
		_, ts, err := model.ParseSeriesKey(k.Key, tags)
		if err == nil && ts.Get([]byte(reservedName)) != nil {
			if bad == nil {
				bad = map[int32]bool{}
			}
			bad[k.Row] = true
		}
		tags = ts
	}
	return bad
}

func removeReservedFields(t *model.Table) bool {
	kept := t.Columns[:0]
	for _, c := range t.Columns {
		if string(c.Name) != reservedName {
			kept = append(kept, c)
		}
	}
	removed := len(kept) < len(t.Columns)
	// The batch is used again, with the memory of the columns behind the last
	// one: they must not share it with those that moved up.
	clear(t.Columns[len(kept):])
	t.Columns = kept
	return removed
}

func rowsWithoutValue(t *model.Table) map[int32]bool {
	has := make([]bool, t.Rows())
	for i := range t.Columns {
		c := &t.Columns[i]
		if c.Dense() {
			return nil
		}
		for _, r := range c.Rows {
			has[r] = true
		}
	}
	bad := map[int32]bool{}
	for r, ok := range has {
		if !ok {
			bad[int32(r)] = true
		}
	}
	return bad
}

// without returns a copy of the table that lacks some rows.
func without(t *model.Table, bad map[int32]bool) *model.Table {
	rest := new(model.Table)
	t.Select(rest, rowsWhere(t, func(i int) bool { return !bad[int32(i)] }))
	return rest
}

// refusals collects why rows of one write were refused.
type refusals struct {
	lines     []string // malformed lines, with their reasons
	firstLine int
	reasons   []string // of other refusals, one per cause and shard
	cause     Cause    // of reasons[0]
	dropped   [causes]int
	examples  [causes]string // the first reason of each cause
	lineOf    [causes]int    // of its first row; 0: not known

	noticed [notices]int // rows that are stored
	remarks [notices]string

	noticedLine [notices]int
}

// maxReasonBytes bounds what an answer tells of malformed lines; the lines that
// are not told are counted.
const maxReasonBytes = 1 << 20

// malformed takes over the lines that the parser has refused.
func (r *refusals) malformed(b *model.Batch) {
	if len(b.Rejects) == 0 {
		return
	}
	refused := max(b.Lines-b.Rows(), len(b.Rejects))
	r.firstLine = b.Rejects[0].Line
	r.lineOf[Malformed] = r.firstLine
	r.dropped[Malformed] = refused
	told := 0
	for i := range b.Rejects {
		j := &b.Rejects[i]
		if told > maxReasonBytes {
			break
		}
		line := fmt.Sprintf("unable to parse '%s': %s", quoteLine(j.Text), j.Reason)
		r.lines = append(r.lines, line)
		told += len(line)
	}
	if rest := refused - len(r.lines); rest > 0 {
		r.lines = append(r.lines, fmt.Sprintf("unable to parse %d more lines", rest))
	}
	r.examples[Malformed] = r.lines[0]
}

// maxQuotedBytes bounds what is told of one malformed line, which may be as long as a body.
const maxQuotedBytes = 64 << 10

// quoteLine returns a line, or its beginning with three dots.
func quoteLine(text []byte) string {
	if len(text) <= maxQuotedBytes {
		return string(text)
	}
	return string(text[:maxQuotedBytes]) + "..."
}

func (r *refusals) add(c Cause, reason string, rows int) {
	if len(r.reasons) == 0 {
		r.cause = c
	}
	if r.examples[c] == "" {
		r.examples[c] = reason
	}
	r.reasons = append(r.reasons, reason)
	r.dropped[c] += rows
}

// at notes the line of the first row of a cause.
func (r *refusals) at(c Cause, line int) {
	if r.lineOf[c] == 0 {
		r.lineOf[c] = line
	}
}

// limited takes over what became of rows at the limits of the index.
func (r *refusals) limited(result tsdb.WriteResult) {
	if n := result.SeriesRefused; n > 0 {
		r.at(SeriesLimit, result.SeriesLine)
		r.add(SeriesLimit, fmt.Sprintf("max-series-per-database limit exceeded: (%d)", result.MaxSeries), n)
	}
	if n := result.ValuesRefused; n > 0 {
		r.at(ValuesLimit, result.ValuesLine)
		r.add(ValuesLimit, result.ValuesReason, n)
	}
	if n := result.Overflowed; n > 0 {
		if r.noticed[Overflowed] == 0 {
			r.remarks[Overflowed] = result.OverflowReason
			r.noticedLine[Overflowed] = result.OverflowLine
		}
		r.noticed[Overflowed] += n
	}
}

// err returns what the client is told when stored rows were stored.
func (r *refusals) err(stored int) error {
	dropped := 0
	for c := InvalidKey; c < causes; c++ {
		dropped += r.dropped[c]
	}
	switch {
	case dropped == 0 && len(r.lines) == 0:
		return nil
	case dropped == 0 && stored == 0:
		return &ParseError{Lines: r.lines, FirstLine: r.firstLine}
	case dropped == 0:
		return &PartialWriteError{Cause: Malformed, Reason: strings.Join(r.lines, "\n"), FirstLine: r.firstLine, Line: r.firstLine}
	}
	reason := r.reasons[0]
	if len(r.lines) > 0 {
		reason = strings.Join(r.lines, "\n") + "\n" + reason
	}
	line := r.lineOf[r.cause]
	if r.firstLine > 0 {
		line = r.firstLine
	}
	return &PartialWriteError{Cause: r.cause, Reason: reason, Dropped: dropped, FirstLine: r.firstLine, Line: line}
}
