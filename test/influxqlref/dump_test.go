package influxqlref

import (
	"fmt"
	"reflect"
	"regexp"
	"sort"
	"strings"
	"time"
)

// fieldNames maps names of the reference's struct fields to ours where they differ.
var fieldNames = map[string]string{
	"VarRef.Val":       "Name",
	"Distinct.Val":     "Name",
	"ListLiteral.Vals": "Values",
}

// ownFields are struct fields for forms that the reference does not have. In what the reference accepts they are zero.
var ownFields = map[string]bool{
	"SelectStatement.Having": true, "SelectStatement.FillAge": true, "SelectStatement.Join": true, "SelectStatement.InOrder": true,
	"SubQuery.Alias": true, "Distinct.Tag": true,
}

// dump writes a syntax tree of either library as one s-expression.
func dump(tree any) string {
	var b strings.Builder
	dumpValue(&b, reflect.ValueOf(tree))
	return b.String()
}

func dumpValue(b *strings.Builder, v reflect.Value) {
	if !v.IsValid() {
		b.WriteString("nil")
		return
	}
	switch x := v.Interface().(type) {
	case *regexp.Regexp:
		if x != nil {
			fmt.Fprintf(b, "re(%q)", x.String())
			return
		}
	case *time.Location:
		if x != nil {
			fmt.Fprintf(b, "zone(%s)", x)
			return
		}
	case time.Time:
		b.WriteString(x.UTC().Format(time.RFC3339Nano))
		return
	}
	switch v.Type().Name() {
	case "Token", "DataType", "Privilege":
		fmt.Fprintf(b, "%s", v.Interface())
		return
	}
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() {
			b.WriteString("nil")
			return
		}
		dumpValue(b, v.Elem())
	case reflect.Slice:
		b.WriteString("[")
		for i := range v.Len() {
			if i > 0 {
				b.WriteString(" ")
			}
			dumpValue(b, v.Index(i))
		}
		b.WriteString("]")
	case reflect.Struct:
		dumpStruct(b, v)
	default:
		fmt.Fprintf(b, "%#v", plain(v))
	}
}

// plain strips named types, whose names differ.
func plain(v reflect.Value) any {
	switch {
	case v.CanInt():
		return v.Int()
	case v.CanUint():
		if v.Type().Name() == "FillOption" {
			return int64(v.Uint())
		}
		return v.Uint()
	}
	return v.Interface()
}

func dumpStruct(b *strings.Builder, v reflect.Value) {
	name := v.Type().Name()
	var parts []string
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() || ownFields[name+"."+field.Name] && v.Field(i).IsZero() {
			continue
		}
		label := field.Name
		if other, ok := fieldNames[name+"."+label]; ok {
			label = other
		} else if label == "Val" {
			label = "Value"
		}
		var part strings.Builder
		part.WriteString(" " + label + "=")
		dumpValue(&part, v.Field(i))
		parts = append(parts, part.String())
	}
	sort.Strings(parts)
	b.WriteString("(" + name + strings.Join(parts, "") + ")")
}
