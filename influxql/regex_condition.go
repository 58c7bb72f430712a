package influxql

import "regexp/syntax"

// maxRegexLiterals is how many strings a regular expression may be replaced by.
const maxRegexLiterals = 100

// RewriteRegexConditions replaces matches of the condition that mean equality with one of a few strings by just that,
// which an index answers faster: host =~ /^(a|b)$/ becomes (host = 'a' OR host = 'b'). The condition is changed in
// place.
func (s *SelectStatement) RewriteRegexConditions() {
	s.Condition = RewriteExpr(s.Condition, func(e Expr) Expr {
		if match, ok := e.(*BinaryExpr); ok && IsRegexOp(match.Op) {
			return equalities(match)
		}
		return e
	})
	if paren, ok := s.Condition.(*ParenExpr); ok {
		s.Condition = paren.Expr
	}
}

// equalities returns a match as comparisons with strings, or as it is if it is not that simple.
func equalities(match *BinaryExpr) Expr {
	re, ok := match.RHS.(*RegexLiteral)
	if !ok {
		return match
	}
	values, ok := exactStrings(re.Value.String())
	if !ok || len(values) == 0 {
		return match
	}
	op, join := EQ, OR
	if match.Op == NEQREGEX {
		op, join = NEQ, AND
	}
	var all Expr
	for _, value := range values {
		one := &BinaryExpr{Op: op, LHS: CloneExpr(match.LHS), RHS: &StringLiteral{Value: value}}
		if all == nil {
			all = one
		} else {
			all = &BinaryExpr{Op: join, LHS: all, RHS: one}
		}
	}
	if len(values) > 1 {
		return &ParenExpr{Expr: all}
	}
	return all
}

// exactStrings returns the strings a pattern matches if they are few and the pattern is anchored at both ends.
func exactStrings(pattern string) ([]string, bool) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, false
	}
	re = re.Simplify()
	last := len(re.Sub) - 1
	if re.Op != syntax.OpConcat || last < 1 || re.Sub[0].Op != syntax.OpBeginText || re.Sub[last].Op != syntax.OpEndText {
		return nil, false
	}
	return concatenated(re.Sub[1:last])
}

// stringsOf returns the strings an unanchored part of a pattern matches, if they are few.
func stringsOf(re *syntax.Regexp) ([]string, bool) {
	if re.Flags&syntax.FoldCase != 0 {
		return nil, false
	}
	switch re.Op {
	case syntax.OpLiteral:
		return []string{string(re.Rune)}, true
	case syntax.OpCapture:
		return stringsOf(re.Sub[0])
	case syntax.OpConcat:
		return concatenated(re.Sub)
	case syntax.OpCharClass:
		return classStrings(re.Rune)
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			values, ok := stringsOf(sub)
			if !ok || len(all)+len(values) > maxRegexLiterals {
				return nil, false
			}
			all = append(all, values...)
		}
		return all, true
	}
	return nil, false
}

// concatenated returns every string made of one string of each part in turn; that is "" for no parts.
func concatenated(parts []*syntax.Regexp) ([]string, bool) {
	all := []string{""}
	for _, part := range parts {
		values, ok := stringsOf(part)
		if !ok || len(all)*len(values) > maxRegexLiterals {
			return nil, false
		}
		longer := make([]string, 0, len(all)*len(values))
		for _, head := range all {
			for _, tail := range values {
				longer = append(longer, head+tail)
			}
		}
		all = longer
	}
	return all, true
}

// classStrings returns the characters of a class, given as pairs of first and last.
func classStrings(ranges []rune) ([]string, bool) {
	var all []string
	for i := 0; i < len(ranges); i += 2 {
		if int(ranges[i+1]-ranges[i])+1+len(all) > maxRegexLiterals {
			return nil, false
		}
		for ch := ranges[i]; ch <= ranges[i+1]; ch++ {
			all = append(all, string(ch))
		}
	}
	return all, true
}
