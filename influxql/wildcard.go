package influxql

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// FieldMapper knows what fields and tags there are.
type FieldMapper interface {
	TypeMapper
	// FieldDimensions returns the fields of a measurement with their types, and its tags.
	FieldDimensions(m *Measurement) (fields map[string]DataType, tags map[string]struct{}, err error)
}

// FieldDimensions returns the fields and tags of all sources. Of subqueries they are the columns and dimensions.
func FieldDimensions(sources Sources, m FieldMapper) (fields map[string]DataType, tags map[string]struct{}, err error) {
	fields, tags = make(map[string]DataType), make(map[string]struct{})
	for _, src := range sources {
		switch src := src.(type) {
		case *Measurement:
			f, t, err := m.FieldDimensions(src)
			if err != nil {
				return nil, nil, err
			}
			for name, typ := range f {
				fields[name] = preferred(fields[name], typ)
			}
			maps.Copy(tags, t)
		case *SubQuery:
			for _, f := range src.Statement.Fields {
				name := f.Name()
				if src.Alias != "" {
					name = src.Alias + "." + name
				}
				fields[name] = preferred(fields[name], EvalType(f.Expr, src.Statement.Sources, m))
			}
			for _, d := range src.Statement.Dimensions {
				if ref, ok := d.Expr.(*VarRef); ok {
					tags[ref.Name] = struct{}{}
				}
			}
		}
	}
	return fields, tags, nil
}

// RewriteFields returns a copy of the statement, subqueries included, in which every name has its type and every
// wildcard and regular expression among fields and dimensions is replaced by the names it stands for.
func (s *SelectStatement) RewriteFields(m FieldMapper) (*SelectStatement, error) {
	c := s.Clone()
	for _, src := range c.Sources {
		if sub, ok := src.(*SubQuery); ok {
			stmt, err := sub.Statement.RewriteFields(m)
			if err != nil {
				return nil, err
			}
			sub.Statement = stmt
		}
	}
	c.typeNames(m)
	if !c.HasWildcard() {
		return c, nil
	}
	e, err := newExpansion(c, m)
	if err != nil {
		return nil, err
	}
	if c.HasFieldWildcard() {
		if c.Fields, err = e.expandFields(c.Fields); err != nil {
			return nil, err
		}
	}
	if c.HasDimensionWildcard() {
		c.Dimensions = e.expandDimensions(c.Dimensions)
	}
	return c, nil
}

// typeNames gives the names in fields and condition their types. A name cast to ::field stays so if it is a tag.
func (s *SelectStatement) typeNames(m FieldMapper) {
	setType := func(n Node) {
		ref, ok := n.(*VarRef)
		if !ok || ref.Type != Unknown && ref.Type != AnyField {
			return
		}
		if typ := EvalType(ref, s.Sources, m); typ != Tag || ref.Type != AnyField {
			ref.Type = typ
		}
	}
	WalkFunc(s.Fields, setType)
	WalkFunc(s.Condition, setType)
}

// expansion is what the wildcards of one statement stand for.
type expansion struct {
	fields []VarRef // sorted; tags are among them unless the dimensions have a wildcard
	tags   []string // sorted; empty unless the dimensions have a wildcard
}

func newExpansion(s *SelectStatement, m FieldMapper) (*expansion, error) {
	fields, tags, err := FieldDimensions(s.Sources, m)
	if err != nil {
		return nil, err
	}
	e := &expansion{}
	for name, typ := range fields {
		e.fields = append(e.fields, VarRef{Name: name, Type: typ})
	}
	if s.HasDimensionWildcard() {
		e.tags = slices.Sorted(maps.Keys(tags))
	} else {
		e.addTags(tags, s.Dimensions)
	}
	slices.SortFunc(e.fields, compareRefs)
	return e, nil
}

// addTags makes tags fields, except those the statement groups by. Without any field there is nothing to add them to.
func (e *expansion) addTags(tags map[string]struct{}, dimensions Dimensions) {
	if len(e.fields) == 0 {
		return
	}
	for _, d := range dimensions {
		if ref, ok := d.Expr.(*VarRef); ok {
			delete(tags, ref.Name)
		}
	}
	for name := range tags {
		e.fields = append(e.fields, VarRef{Name: name, Type: Tag})
	}
}

func (e *expansion) expandFields(fields Fields) (Fields, error) {
	expanded := make(Fields, 0, len(fields)+len(e.fields))
	for _, f := range fields {
		switch expr := f.Expr.(type) {
		case *Wildcard:
			for _, ref := range e.fields {
				if expr.Type == FIELD && ref.Type == Tag || expr.Type == TAG && ref.Type != Tag {
					continue
				}
				expanded = append(expanded, &Field{Expr: clonePointer(&ref)})
			}
		case *RegexLiteral:
			for _, ref := range e.fields {
				if expr.Value.MatchString(ref.Name) {
					expanded = append(expanded, &Field{Expr: clonePointer(&ref)})
				}
			}
		case *Call:
			calls, err := e.expandCall(f, expr)
			if err != nil {
				return nil, err
			}
			expanded = append(expanded, calls...)
		case *BinaryExpr:
			if err := refuseWildcards(expr); err != nil {
				return nil, err
			}
			expanded = append(expanded, f)
		default:
			expanded = append(expanded, f)
		}
	}
	return expanded, nil
}

func refuseWildcards(expr *BinaryExpr) error {
	var wildcard, regex bool
	WalkFunc(expr, func(n Node) {
		switch n.(type) {
		case *Wildcard:
			wildcard = true
		case *RegexLiteral:
			regex = true
		}
	})
	switch {
	case wildcard:
		return fmt.Errorf("unsupported expression with wildcard: %s", expr)
	case regex:
		return fmt.Errorf("unsupported expression with regex field: %s", expr)
	}
	return nil
}

// expandCall returns one field for each name that the wildcard in the first argument of a call, or of the calls nested
// there, stands for. Names of a type the function cannot take are left out, tags too.
func (e *expansion) expandCall(f *Field, outer *Call) (Fields, error) {
	template := CloneExpr(outer).(*Call)
	call := innermost(template)
	if len(call.Args) == 0 {
		return Fields{f}, nil
	}
	var pattern *regexp.Regexp
	switch arg := call.Args[0].(type) {
	case *Wildcard:
		if arg.Type == TAG {
			return nil, fmt.Errorf("unable to use tag wildcard in %s()", call.Name)
		}
	case *RegexLiteral:
		pattern = arg.Value
	default:
		return Fields{f}, nil
	}
	var expanded Fields
	for _, ref := range e.fields {
		if !accepts(call.Name, ref.Type) || pattern != nil && !pattern.MatchString(ref.Name) {
			continue
		}
		call.Args[0] = clonePointer(&ref)
		expanded = append(expanded, &Field{Expr: CloneExpr(template), Alias: f.Name() + "_" + ref.Name})
	}
	return expanded, nil
}

// innermost follows first arguments as long as they are calls.
func innermost(call *Call) *Call {
	for len(call.Args) > 0 {
		arg, ok := call.Args[0].(*Call)
		if !ok {
			break
		}
		call = arg
	}
	return call
}

// accepts reports whether a wildcard in a call of the function stands for fields of the type.
func accepts(function string, typ DataType) bool {
	switch typ {
	case Float, Integer:
		return true
	case Unsigned:
		return function != "holt_winters" && function != "holt_winters_with_fit"
	case String, Boolean:
		switch function {
		case "count", "first", "last", "distinct", "elapsed", "mode", "sample":
			return true
		case "min", "max":
			return typ == Boolean
		}
	}
	return false
}

func (e *expansion) expandDimensions(dimensions Dimensions) Dimensions {
	var expanded Dimensions
	for _, d := range dimensions {
		switch expr := d.Expr.(type) {
		case *Wildcard:
			for _, name := range e.tags {
				expanded = append(expanded, &Dimension{Expr: &VarRef{Name: name}})
			}
		case *RegexLiteral:
			for _, name := range e.tags {
				if expr.Value.MatchString(name) {
					expanded = append(expanded, &Dimension{Expr: &VarRef{Name: name}})
				}
			}
		default:
			expanded = append(expanded, d)
		}
	}
	return expanded
}

// RewriteDistinct makes calls of DISTINCT name, as a field and as an argument.
func (s *SelectStatement) RewriteDistinct() {
	WalkFunc(s.Fields, func(n Node) {
		switch n := n.(type) {
		case *Field:
			if d, ok := n.Expr.(*Distinct); ok {
				n.Expr = d.NewCall()
				s.IsRawQuery = false
			}
		case *Call:
			for i, arg := range n.Args {
				if d, ok := arg.(*Distinct); ok {
					n.Args[i] = d.NewCall()
				}
			}
		}
	})
}

// RewriteTimeFields removes the time from the fields. Its alias becomes the name of the time column. The field behind
// a time is not looked at.
func (s *SelectStatement) RewriteTimeFields() {
	for i := 0; i < len(s.Fields); i++ {
		if ref, ok := s.Fields[i].Expr.(*VarRef); ok && ref.Name == "time" {
			s.TimeAlias = s.Fields[i].Alias
			s.Fields = slices.Delete(s.Fields, i, i+1)
		}
	}
}
