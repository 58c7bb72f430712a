package influxql

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// ParseExpr reads an expression.
func (p *Parser) ParseExpr() (Expr, error) {
	if err := p.enter(&p.nesting, MaxNesting, "levels of nesting"); err != nil {
		return nil, err
	}
	defer func() { p.nesting-- }()

	tree, err := p.operand()
	if err != nil {
		return nil, err
	}
	for {
		op := p.next().Token
		if !op.IsOperator() {
			p.back()
			return tree, nil
		}
		if err := p.enter(&p.operators, MaxOperators, "operators"); err != nil {
			return nil, err
		}
		rhs, err := p.rightOperand(op)
		if err != nil {
			return nil, err
		}
		tree = graft(tree, op, rhs)
	}
}

// graft joins one more operand to a tree. The operator takes as its left side what lies furthest right in the tree and
// binds at least as tightly as itself.
func graft(tree Expr, op Token, rhs Expr) Expr {
	slot := &tree
	for {
		node, ok := (*slot).(*BinaryExpr)
		if !ok || node.Op.Precedence() >= op.Precedence() {
			*slot = &BinaryExpr{Op: op, LHS: *slot, RHS: rhs}
			return tree
		}
		slot = &node.RHS
	}
}

// rightOperand reads what stands behind a binary operator.
func (p *Parser) rightOperand(op Token) (Expr, error) {
	if !IsRegexOp(op) {
		return p.operand()
	}
	re, err := p.requiredRegex()
	if err != nil {
		return nil, err
	}
	return re, nil
}

// operand reads an expression without binary operators outside of parentheses.
func (p *Parser) operand() (Expr, error) {
	l := p.next()
	switch l.Token {
	case LPAREN:
		inner, err := p.ParseExpr()
		if err != nil {
			return nil, err
		}
		if err := p.expect(RPAREN); err != nil {
			return nil, err
		}
		return &ParenExpr{Expr: inner}, nil
	case IDENT:
		if p.scan().Token == LPAREN {
			return p.call(l.Text)
		}
		p.back()
		p.back()
		return p.varRef()
	case DISTINCT:
		return p.distinct()
	case MUL:
		return p.wildcard()
	case ADD, SUB:
		return p.signed(l.Token == SUB)
	case BOUNDPARAM:
		return nil, p.missingParam(l)
	case DURATIONVAL:
		if width, ok := parseCalendar(l.Text); ok && p.inDimension {
			p.extend(CalendarTime)
			return width, nil
		}
	}
	return literalOf(l)
}

// literalOf turns a lexeme into the literal it is.
func literalOf(l Lexeme) (Expr, error) {
	switch l.Token {
	case STRING:
		return &StringLiteral{Value: l.Text}, nil
	case NUMBER:
		v, err := strconv.ParseFloat(l.Text, 64)
		if err != nil {
			return nil, failAt(l, "unable to parse number")
		}
		return &NumberLiteral{Value: v}, nil
	case INTEGER:
		if v, err := strconv.ParseInt(l.Text, 10, 64); err == nil {
			return &IntegerLiteral{Value: v}, nil
		}
		if v, err := strconv.ParseUint(l.Text, 10, 64); err == nil {
			return &UnsignedLiteral{Value: v}, nil
		}
		return nil, failAt(l, "unable to parse integer")
	case TRUE, FALSE:
		return &BooleanLiteral{Value: l.Token == TRUE}, nil
	case DURATIONVAL:
		v, err := ParseDuration(l.Text)
		if err != nil {
			return nil, err
		}
		return &DurationLiteral{Value: v}, nil
	case REGEX:
		re, err := compileRegex(l)
		if err != nil {
			return nil, err
		}
		return re, nil
	}
	return nil, notExpected(l, "identifier", "string", "number", "bool")
}

// signed reads the operand behind a sign. A literal takes the sign, anything else is multiplied by 1 or -1.
func (p *Parser) signed(negative bool) (Expr, error) {
	l := p.next()
	switch l.Token {
	case NUMBER, INTEGER, DURATIONVAL, LPAREN, IDENT:
	default:
		return nil, notExpected(l, "identifier", "number", "duration", "(")
	}
	p.back()
	operand, err := p.operand()
	if err != nil {
		return nil, err
	}
	sign := int64(1)
	if negative {
		sign = -1
	}
	switch lit := operand.(type) {
	case *NumberLiteral:
		lit.Value *= float64(sign)
	case *IntegerLiteral:
		lit.Value *= sign
	case *DurationLiteral:
		lit.Value *= time.Duration(sign)
	case *UnsignedLiteral:
		if negative {
			return negated(lit)
		}
	default:
		return &BinaryExpr{Op: MUL, LHS: &IntegerLiteral{Value: sign}, RHS: operand}, nil
	}
	return operand, nil
}

// negated returns the one unsigned literal whose negative is an integer: the smallest of all.
func negated(lit *UnsignedLiteral) (Expr, error) {
	if lit.Value == math.MaxInt64+1 {
		return &IntegerLiteral{Value: math.MinInt64}, nil
	}
	return nil, fmt.Errorf("constant -%d underflows int64", lit.Value)
}

// distinct reads what follows DISTINCT: a call's parentheses or, behind a blank, a name.
func (p *Parser) distinct() (Expr, error) {
	l := p.scan()
	switch l.Token {
	case LPAREN:
		return p.call("distinct")
	case WS:
		name, err := p.name()
		if err != nil {
			return nil, err
		}
		tag := p.attempt(func() bool { return p.scan().Token == DOUBLECOLON && p.scan().Token == TAG }) //nolint:gocritic // every call takes the next token
		if tag {
			p.extend(DistinctTag)
		}
		return &Distinct{Name: name, Tag: tag}, nil
	}
	return nil, notExpected(l, "(", "identifier")
}

// wildcard reads what follows *.
func (p *Parser) wildcard() (Expr, error) {
	if p.scan().Token != DOUBLECOLON {
		p.back()
		return &Wildcard{}, nil
	}
	l := p.scan()
	if l.Token != FIELD && l.Token != TAG {
		return nil, notExpected(l, "field", "tag")
	}
	return &Wildcard{Type: l.Token}, nil
}

// varRef reads a name, whose segments are joined by dots, and its cast.
func (p *Parser) varRef() (Expr, error) {
	segments, err := p.segments()
	if err != nil {
		return nil, err
	}
	ref := &VarRef{Name: strings.Join(segments, ".")}
	if p.scan().Token != DOUBLECOLON {
		p.back()
		return ref, nil
	}
	if ref.Type, err = p.castType(); err != nil {
		return nil, err
	}
	return ref, nil
}

func (p *Parser) castType() (DataType, error) {
	l := p.scan()
	switch l.Token {
	case FIELD:
		return AnyField, nil
	case TAG:
		return Tag, nil
	case IDENT:
		switch t := DataTypeFromString(strings.ToLower(l.Text)); t {
		case Float, Integer, Unsigned, String, Boolean:
			return t, nil
		}
		return Unknown, notExpected(l, "float", "integer", "unsigned", "string", "boolean", "field", "tag")
	}
	return Unknown, notExpected(l, "float", "integer", "string", "boolean", "field", "tag")
}

// call reads the arguments and closing parenthesis of a call.
func (p *Parser) call(name string) (Expr, error) {
	call := &Call{Name: strings.ToLower(name)}
	arg, err := p.optionalRegex()
	if err != nil {
		return nil, err
	}
	if arg == nil {
		if p.scan().Token == RPAREN {
			return call, nil
		}
		p.back()
	}
	for {
		if arg == nil {
			if arg, err = p.ParseExpr(); err != nil {
				return nil, err
			}
		}
		call.Args = append(call.Args, arg)
		if !p.accept(COMMA) {
			break
		}
		if arg, err = p.optionalRegex(); err != nil {
			return nil, err
		}
	}
	if err := p.expect(RPAREN); err != nil {
		return nil, err
	}
	return call, nil
}

// optionalRegex reads a regular expression if one comes next; else it returns nil.
func (p *Parser) optionalRegex() (Expr, error) {
	re, err := p.regex()
	if re == nil {
		return nil, err
	}
	return re, nil
}

// requiredRegex reads a regular expression.
func (p *Parser) requiredRegex() (*RegexLiteral, error) {
	re, err := p.regex()
	if err == nil && re == nil {
		err = notExpected(p.next(), "regex")
	}
	return re, err
}

// regex reads a regular expression if the next character of the text, blanks aside, opens one or is a parameter that
// stands for one; else it returns nil.
func (p *Parser) regex() (*RegexLiteral, error) {
	if isSpace(p.peekRune()) {
		p.skipSpace()
	}
	switch p.peekRune() {
	case '/':
	case '$':
		l := p.scan()
		p.back()
		if l.Token != REGEX {
			return nil, nil
		}
	default:
		return nil, nil
	}
	l := p.scanRegex()
	switch l.Token {
	case REGEX:
		return compileRegex(l)
	case BADESCAPE:
		return nil, failAt(l, "bad escape: "+l.Text)
	case BADREGEX:
		return nil, failAt(l, "bad regex: "+l.Text)
	}
	return nil, notExpected(l, "regex")
}

func compileRegex(l Lexeme) (*RegexLiteral, error) {
	re, err := regexp.Compile(l.Text)
	if err != nil {
		return nil, failAt(l, err.Error())
	}
	return &RegexLiteral{Value: re}, nil
}
