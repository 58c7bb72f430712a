package influxql

import (
	"errors"
	"fmt"
	"time"
)

// targetRule says whether a SELECT must write its result somewhere.
type targetRule bool

const (
	targetOptional targetRule = false
	targetRequired targetRule = true
)

// selectClauses reads what follows the sources of a SELECT, in order. Each clause is optional.
var selectClauses []func(*Parser, *SelectStatement) error

func init() {
	selectClauses = []func(*Parser, *SelectStatement) error{
		func(p *Parser, s *SelectStatement) error { return p.where(&s.Condition) },
		func(p *Parser, s *SelectStatement) error { return p.groupBy(&s.Dimensions) },
		(*Parser).having,
		(*Parser).fill,
		(*Parser).having,
		func(p *Parser, s *SelectStatement) error { return p.orderBy(&s.SortFields, s) },
		func(p *Parser, s *SelectStatement) error { return p.count(LIMIT, &s.Limit) },
		func(p *Parser, s *SelectStatement) error { return p.count(OFFSET, &s.Offset) },
		func(p *Parser, s *SelectStatement) error { return p.count(SLIMIT, &s.SLimit) },
		func(p *Parser, s *SelectStatement) error { return p.count(SOFFSET, &s.SOffset) },
		(*Parser).timeZone,
	}
}

// parseSelect reads what follows SELECT.
func (p *Parser) parseSelect() (*SelectStatement, error) { return p.selectBody(targetOptional) }

func (p *Parser) selectBody(rule targetRule) (*SelectStatement, error) {
	stmt := &SelectStatement{}
	var err error
	if stmt.Fields, err = p.fields(); err != nil {
		return nil, err
	}
	if stmt.Target, err = p.target(rule); err != nil {
		return nil, err
	}
	if err := p.expect(FROM); err != nil {
		return nil, err
	}
	if stmt.Sources, err = p.sources(true); err != nil {
		return nil, err
	}
	for _, clause := range selectClauses {
		if err := clause(p, stmt); err != nil {
			return nil, err
		}
	}
	stmt.IsRawQuery = !callsFunction(stmt.Fields)
	return stmt, nil
}

func callsFunction(fields Fields) bool {
	found := false
	WalkFunc(fields, func(n Node) {
		if _, ok := n.(*Call); ok {
			found = true
		}
	})
	return found
}

// fields reads the result columns.
func (p *Parser) fields() (Fields, error) {
	var all Fields
	for {
		f, err := p.field()
		if err != nil {
			return nil, err
		}
		all = append(all, f)
		if p.scan().Token != COMMA {
			p.back()
			return all, nil
		}
	}
}

// field reads one result column and the blank behind it.
func (p *Parser) field() (*Field, error) {
	expr, err := p.optionalRegex()
	if err == nil && expr == nil {
		expr, err = p.fieldExpr()
	}
	if err != nil {
		return nil, err
	}
	f := &Field{Expr: expr}
	if p.accept(AS) {
		if f.Alias, err = p.name(); err != nil {
			return nil, err
		}
	}
	p.skipSpace()
	return f, nil
}

// fieldExpr reads an expression that is not a condition.
func (p *Parser) fieldExpr() (Expr, error) {
	first := p.next()
	p.back()
	expr, err := p.ParseExpr()
	if err != nil {
		return nil, err
	}
	if op := conditionOperator(expr); op != ILLEGAL {
		return nil, fmt.Errorf("invalid operator %s in SELECT clause at line %d, char %d; operator is intended for WHERE clause",
			op, first.Position.Line+1, first.Position.Char+1)
	}
	return expr, nil
}

// conditionOperator returns the last of the topmost operators of expr that yield a boolean, ILLEGAL without one.
func conditionOperator(expr Expr) Token {
	found := ILLEGAL
	Inspect(expr, func(n Node) bool {
		e, ok := n.(*BinaryExpr)
		if !ok || e.Op.Precedence() > EQ.Precedence() {
			return true
		}
		found = e.Op
		return false
	})
	return found
}

// target reads [INTO database.policy.measurement].
func (p *Parser) target(rule targetRule) (*Target, error) {
	if rule == targetRequired {
		if err := p.expect(INTO); err != nil {
			return nil, err
		}
	} else if !p.accept(INTO) {
		return nil, nil
	}
	segments, err := p.segments()
	if err != nil {
		return nil, err
	}
	if len(segments) < 3 && p.peekRune() == ':' {
		if err := p.expect(COLON, MEASUREMENT); err != nil {
			return nil, err
		}
		segments = append(segments, "")
	}
	m := &Measurement{IsTarget: true}
	parts := [...]*string{&m.Database, &m.RetentionPolicy, &m.Name}
	for i, segment := range segments {
		*parts[len(parts)-len(segments)+i] = segment
	}
	return &Target{Measurement: m}, nil
}

// fill reads [fill(option)].
func (p *Parser) fill(s *SelectStatement) error {
	l := p.next()
	p.back()
	if !isCallOf(l, "fill") {
		return nil
	}
	expr, err := p.ParseExpr()
	if err != nil {
		return err
	}
	call, ok := expr.(*Call)
	if !ok {
		return errors.New("fill must be a function call")
	}
	if age, ok := fillAge(call); ok {
		p.extend(FillWithAge)
		s.Fill, s.FillAge = PreviousFill, age
		return nil
	}
	if len(call.Args) != 1 {
		return errors.New("fill requires an argument, e.g.: 0, null, none, previous, linear")
	}
	return s.setFill(call.Args[0])
}

// fillAge returns the age of fill(previous, age).
func fillAge(call *Call) (time.Duration, bool) {
	if len(call.Args) != 2 || call.Args[0].String() != "previous" {
		return 0, false
	}
	age, ok := call.Args[1].(*DurationLiteral)
	if !ok || age.Value <= 0 {
		return 0, false
	}
	return age.Value, true
}

func (s *SelectStatement) setFill(option Expr) error {
	switch option := option.(type) {
	case *IntegerLiteral:
		s.Fill, s.FillValue = NumberFill, option.Value
		return nil
	case *NumberLiteral:
		s.Fill, s.FillValue = NumberFill, option.Value
		return nil
	}
	switch option.String() {
	case "null":
		s.Fill = NullFill
	case "none":
		s.Fill = NoFill
	case "previous":
		s.Fill = PreviousFill
	case "linear":
		s.Fill = LinearFill
	default:
		return errors.New("expected number argument in fill()")
	}
	return nil
}

// timeZone reads [tz('name')].
func (p *Parser) timeZone(s *SelectStatement) error {
	l := p.next()
	p.back()
	if !isCallOf(l, "tz") {
		return nil
	}
	expr, err := p.ParseExpr()
	if err != nil {
		return err
	}
	call, ok := expr.(*Call)
	if !ok {
		return errors.New("tz must be a function call")
	}
	if len(call.Args) != 1 {
		return errors.New("tz requires exactly one argument")
	}
	name, ok := call.Args[0].(*StringLiteral)
	if !ok {
		return errors.New("expected string argument in tz()")
	}
	// The cause of a failure may name paths of the server and stays out of the message.
	if s.Location, err = time.LoadLocation(name.Value); err != nil {
		return fmt.Errorf("unable to find time zone %s", name.Value)
	}
	return nil
}

// parseExplain reads what follows EXPLAIN.
func (p *Parser) parseExplain() (*ExplainStatement, error) {
	stmt := &ExplainStatement{Analyze: p.accept(ANALYZE), Verbose: p.accept(VERBOSE)}
	if err := p.expect(SELECT); err != nil {
		return nil, err
	}
	var err error
	stmt.Statement, err = p.parseSelect()
	return stmt, err
}
