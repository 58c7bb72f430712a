package influxql

import (
	"fmt"
	"strings"
)

// TypeMapper knows the types of fields and tags.
type TypeMapper interface {
	// MapType returns the type of a name in a measurement, Unknown if it is neither field nor tag there.
	MapType(measurement *Measurement, name string) DataType
}

// CallTypeMapper is a TypeMapper that knows the types of function results too.
type CallTypeMapper interface {
	TypeMapper
	// CallType returns the type of what a function returns for arguments of the given types.
	CallType(name string, args []DataType) (DataType, error)
}

// multiTypeMapper asks mappers in turn.
type multiTypeMapper []TypeMapper

// MultiTypeMapper returns a TypeMapper that asks the given ones in turn; the first that knows a type gives it.
func MultiTypeMapper(mappers ...TypeMapper) TypeMapper { return multiTypeMapper(mappers) }

func (m multiTypeMapper) MapType(measurement *Measurement, name string) DataType {
	for _, mapper := range m {
		if typ := mapper.MapType(measurement, name); typ != Unknown {
			return typ
		}
	}
	return Unknown
}

func (m multiTypeMapper) CallType(name string, args []DataType) (DataType, error) {
	for _, mapper := range m {
		caller, ok := mapper.(CallTypeMapper)
		if !ok {
			continue
		}
		typ, err := caller.CallType(name, args)
		if err != nil {
			return Unknown, err
		}
		if typ != Unknown {
			return typ, nil
		}
	}
	return Unknown, nil
}

// noTypes is a TypeMapper that knows no type.
type noTypes struct{}

func (noTypes) MapType(*Measurement, string) DataType { return Unknown }

// EvalType returns the type of an expression over the sources, Unknown if its parts do not go together. The mapper may
// be nil.
func EvalType(expr Expr, sources Sources, mapper TypeMapper) DataType {
	if mapper == nil {
		mapper = noTypes{}
	}
	v := TypeValuerEval{TypeMapper: mapper, Sources: sources}
	typ, _ := v.EvalType(expr)
	return typ
}

// TypeValuerEval determines the types of expressions.
type TypeValuerEval struct {
	TypeMapper TypeMapper // may be nil: then names have no type but that of a cast
	Sources    Sources
}

// EvalType returns the type of an expression, which should be reduced. Parts that do not go together are a *TypeError.
func (v *TypeValuerEval) EvalType(expr Expr) (DataType, error) {
	switch e := expr.(type) {
	case *VarRef:
		return v.varRef(e)
	case *Call:
		return v.call(e)
	case *BinaryExpr:
		return v.binary(e)
	case *ParenExpr:
		return v.EvalType(e.Expr)
	case *NumberLiteral:
		return Float, nil
	case *IntegerLiteral:
		return Integer, nil
	case *UnsignedLiteral:
		return Unsigned, nil
	case *StringLiteral:
		return String, nil
	case *BooleanLiteral:
		return Boolean, nil
	}
	return Unknown, nil
}

// varRef returns the cast type of a name or else the preferred one of its types in the sources.
func (v *TypeValuerEval) varRef(ref *VarRef) (DataType, error) {
	if ref.Type != Unknown && ref.Type != AnyField {
		return ref.Type, nil
	}
	found := Unknown
	if v.TypeMapper == nil {
		return found, nil
	}
	for _, src := range v.Sources {
		switch src := src.(type) {
		case *Measurement:
			found = preferred(found, v.TypeMapper.MapType(src, ref.Name))
		case *SubQuery:
			name, ok := src.columnName(ref.Name)
			if !ok {
				continue
			}
			typ, err := v.column(src.Statement, name)
			if err != nil {
				return Unknown, err
			}
			found = preferred(found, typ)
			if found == Unknown && groupsBy(src.Statement, ref.Name) {
				found = Tag
			}
		}
	}
	return found, nil
}

// columnName returns what a name is called within the subquery; ok is false when it is not one of its names.
func (s *SubQuery) columnName(name string) (inner string, ok bool) {
	if s.Alias == "" {
		return name, true
	}
	return strings.CutPrefix(name, s.Alias+".")
}

// preferred returns the type of a name that has two.
func preferred(a, b DataType) DataType {
	if a.LessThan(b) {
		return b
	}
	return a
}

// column returns the type of a result column of a subquery, Unknown if it has none of that name.
func (v *TypeValuerEval) column(stmt *SelectStatement, name string) (DataType, error) {
	_, expr := stmt.FieldExprByName(name)
	if expr == nil {
		return Unknown, nil
	}
	inner := TypeValuerEval{TypeMapper: v.TypeMapper, Sources: stmt.Sources}
	return inner.EvalType(expr)
}

func groupsBy(stmt *SelectStatement, name string) bool {
	for _, d := range stmt.Dimensions {
		if ref, ok := d.Expr.(*VarRef); ok && ref.Name == name {
			return true
		}
	}
	return false
}

func (v *TypeValuerEval) call(call *Call) (DataType, error) {
	mapper, ok := v.TypeMapper.(CallTypeMapper)
	if !ok {
		return Unknown, nil
	}
	args := make([]DataType, len(call.Args))
	for i, arg := range call.Args {
		var err error
		if args[i], err = v.EvalType(arg); err != nil {
			return Unknown, err
		}
	}
	return mapper.CallType(call.Name, args)
}

// binary finds the type of a result by computing with zero values of the types of the sides.
func (v *TypeValuerEval) binary(e *BinaryExpr) (DataType, error) {
	lhs, err := v.EvalType(e.LHS)
	if err != nil {
		return Unknown, err
	}
	rhs, err := v.EvalType(e.RHS)
	if err != nil {
		return Unknown, err
	}
	if err := checkSigns(e, lhs, rhs); err != nil {
		return Unknown, err
	}
	if lhs == Unknown {
		return rhs, nil
	}
	if rhs == Unknown {
		return lhs, nil
	}
	var eval ValuerEval
	typ := InspectDataType(eval.Binary(e.Op, lhs.Zero(), rhs.Zero()))
	if typ == Unknown {
		return Unknown, &TypeError{Expr: e, Message: fmt.Sprintf("incompatible types: %s and %s", lhs, rhs)}
	}
	return typ, nil
}

// checkSigns refuses an unsigned beside an integer, unless the integer is a literal.
func checkSigns(e *BinaryExpr, lhs, rhs DataType) error {
	unsigned, integer := e.LHS, e.RHS
	switch {
	case lhs == Unsigned && rhs == Integer:
	case lhs == Integer && rhs == Unsigned:
		unsigned, integer = e.RHS, e.LHS
	default:
		return nil
	}
	switch {
	case isLiteral(unsigned):
		return &TypeError{Expr: e, Message: fmt.Sprintf("cannot use %s with an integer and unsigned literal", e.Op)}
	case !isLiteral(integer):
		return &TypeError{Expr: e, Message: fmt.Sprintf("cannot use %s between an integer and unsigned, an explicit cast is required", e.Op)}
	}
	return nil
}
