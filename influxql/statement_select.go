package influxql

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// FillOption says what stands in a group of GROUP BY time() that has no value.
type FillOption uint8

// The fill options.
const (
	NullFill     FillOption = iota // null; the default
	NoFill                         // the group is left out
	NumberFill                     // the number given
	PreviousFill                   // the value of the group before
	LinearFill                     // a value on the line between the groups around
)

// SelectStatement is SELECT … FROM ….
type SelectStatement struct {
	Fields     Fields
	Target     *Target // of INTO; nil without
	Sources    Sources
	Condition  Expr // of WHERE; nil without
	Dimensions Dimensions
	Fill       FillOption
	FillValue  any           // int64 or float64 for NumberFill, else nil
	FillAge    time.Duration // of fill(previous, age): how old what fills may be, also before the range; 0: not given
	Having     Expr          // of HAVING, over the columns of the result; nil without
	SortFields SortFields

	Limit, Offset   int // rows of each series; 0: unlimited
	SLimit, SOffset int // series; 0: unlimited

	Location *time.Location // of tz(); nil: UTC

	// Join says that the sources, all of them subqueries with an alias, are joined by the time and the dimensions. Such a
	// statement stands only as the body of a SubQuery, and its only field is a wildcard.
	Join bool

	// IsRawQuery is set when no function is called in the fields.
	IsRawQuery bool

	// The fields below are set by rewriting a statement, never by parsing one.

	TimeAlias string // name of the time column instead of "time"
	OmitTime  bool   // leave the time column out
	StripName bool   // leave the measurement's name out
	EmitName  string // report this instead of the measurement's name
	Dedupe    bool   // drop repeated rows
	InOrder   bool   // of a subquery: rows come in the order of time over all its groups
}

// ExplainStatement is EXPLAIN [ANALYZE] [VERBOSE] SELECT ….
type ExplainStatement struct {
	Statement *SelectStatement
	Analyze   bool
	Verbose   bool
}

func (*SelectStatement) statement()  {}
func (*ExplainStatement) statement() {}

// TimeAscending reports whether rows are wanted oldest first, before they are sorted by columns.
func (s *SelectStatement) TimeAscending() bool {
	return len(s.SortFields) == 0 || s.SortFields[0].Ascending || s.SortsColumns()
}

// SortsColumns reports whether ORDER BY names more than the time.
func (s *SelectStatement) SortsColumns() bool {
	return slices.ContainsFunc(s.SortFields, (*SortField).byColumn)
}

// byColumn reports whether the element sorts by something else than the time.
func (f *SortField) byColumn() bool { return f.Name != "" && f.Name != "time" }

// TimeFieldName returns the name of the time column.
func (s *SelectStatement) TimeFieldName() string {
	if s.TimeAlias != "" {
		return s.TimeAlias
	}
	return "time"
}

// HasWildcard reports whether a field or dimension has to be expanded.
func (s *SelectStatement) HasWildcard() bool {
	return s.HasFieldWildcard() || s.HasDimensionWildcard()
}

// HasFieldWildcard reports whether * or a regular expression stands anywhere in the fields.
func (s *SelectStatement) HasFieldWildcard() bool {
	found := false
	WalkFunc(s.Fields, func(n Node) {
		if isWildcard(n) {
			found = true
		}
	})
	return found
}

// HasDimensionWildcard reports whether a dimension is * or a regular expression.
func (s *SelectStatement) HasDimensionWildcard() bool {
	for _, d := range s.Dimensions {
		if isWildcard(d.Expr) {
			return true
		}
	}
	return false
}

func isWildcard(n Node) bool {
	switch n.(type) {
	case *Wildcard, *RegexLiteral:
		return true
	}
	return false
}

// timeDimension returns the first time() among the dimensions, or nil.
func (s *SelectStatement) timeDimension() *Call {
	for _, d := range s.Dimensions {
		if call, ok := d.Expr.(*Call); ok && call.Name == "time" {
			return call
		}
	}
	return nil
}

// averageMonth is the twelfth part of a year of the Gregorian calendar.
const averageMonth = 31556952 * time.Second / 12

// GroupByInterval returns the width of the groups of GROUP BY time(width), 0 without one. Of a calendar interval it is
// the average.
func (s *SelectStatement) GroupByInterval() (time.Duration, error) {
	call := s.timeDimension()
	if call == nil {
		return 0, nil
	}
	if n := len(call.Args); n != 1 && n != 2 {
		return 0, errors.New("time dimension expected 1 or 2 arguments")
	}
	switch width := call.Args[0].(type) {
	case *DurationLiteral:
		return width.Value, nil
	case *CalendarLiteral:
		return time.Duration(width.Months) * averageMonth, nil
	}
	return 0, errors.New("time dimension must have duration argument")
}

// GroupByOffset returns how far the groups of GROUP BY time(width, offset) are moved, less than a width.
func (s *SelectStatement) GroupByOffset() (time.Duration, error) {
	width, err := s.GroupByInterval()
	if err != nil {
		return 0, err
	}
	call := s.timeDimension()
	if call == nil || len(call.Args) != 2 {
		return 0, nil
	}
	switch offset := call.Args[1].(type) {
	case *DurationLiteral:
		if width == 0 {
			return 0, nil
		}
		return offset.Value % width, nil
	case *TimeLiteral:
		return offset.Value.Sub(offset.Value.Truncate(width)), nil
	default:
		return 0, fmt.Errorf("invalid time dimension offset: %s", offset)
	}
}

// SetTimeRange makes the statement read from start up to, but not at, end. Comparisons with the time in the condition
// give way to it, and so do function calls.
func (s *SelectStatement) SetTimeRange(start, end time.Time) {
	bound := func(op Token, t time.Time) Expr {
		return &BinaryExpr{Op: op, LHS: &VarRef{Name: "time"}, RHS: &TimeLiteral{Value: t.UTC()}}
	}
	var condition Expr
	if s.Condition != nil {
		condition = &ParenExpr{Expr: withoutTimes(CloneExpr(s.Condition))}
	}
	for _, limit := range [...]Expr{bound(GTE, start), bound(LT, end)} {
		if condition != nil {
			limit = &BinaryExpr{Op: AND, LHS: condition, RHS: limit}
		}
		condition = limit
	}
	s.Condition = Reduce(condition, nil)
}

// withoutTimes replaces comparisons of the time, and calls, by true.
func withoutTimes(condition Expr) Expr {
	return RewriteExpr(condition, func(e Expr) Expr {
		switch e := e.(type) {
		case *Call:
			return boolean(true)
		case *BinaryExpr:
			if ref, ok := e.LHS.(*VarRef); ok && ref.Name == "time" && ref.Type == Unknown {
				return boolean(true)
			}
		}
		return e
	})
}
