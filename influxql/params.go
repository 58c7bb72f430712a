package influxql

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// boundValue is what stands for $name: the lexeme a literal of that value would be. A value that cannot be bound keeps
// the token BOUNDPARAM and has the reason as its text.
type boundValue struct {
	token Token
	text  string
}

// SetParams gives the values for bound parameters. A value is a float64, int64, string, bool or json.Number, or a map
// with one entry that names the kind of literal: ident (or identifier), regex, string, float (or number), int (or
// integer), duration. A value of another shape is an error where, and only if, it is used.
func (p *Parser) SetParams(params map[string]any) {
	p.params = make(map[string]boundValue, len(params))
	for name, value := range params {
		p.params[name] = bindValue(value)
	}
}

// substitute puts the value in the place of a bound parameter that has one.
func (p *Parser) substitute(l Lexeme) Lexeme {
	if l.Token != BOUNDPARAM {
		return l
	}
	name := strings.TrimPrefix(l.Text, "$")
	if value, ok := p.params[name]; ok && name != "" {
		l.Token, l.Text = value.token, value.text
	}
	return l
}

// missingParam says why l, still a bound parameter, has no value. The reason a value could not be bound has taken the
// place of the name in l, which is how it gets into the message.
func (p *Parser) missingParam(l Lexeme) error {
	name := strings.TrimPrefix(l.Text, "$")
	if name == "" {
		return fmt.Errorf("empty bound parameter")
	}
	if value, ok := p.params[name]; ok {
		return fmt.Errorf("%s", value.text)
	}
	return fmt.Errorf("missing parameter: %s", name)
}

func unbindable(format string, args ...any) boundValue {
	return boundValue{BOUNDPARAM, fmt.Sprintf(format, args...)}
}

func bindValue(value any) boundValue {
	value, err := plainNumber(value)
	if err != nil {
		return unbindable("%s", err)
	}
	switch v := value.(type) {
	case float64:
		return numberValue(v)
	case int64:
		return boundValue{INTEGER, strconv.FormatInt(v, 10)}
	case string:
		return boundValue{STRING, v}
	case bool:
		if v {
			return boundValue{TRUE, ""}
		}
		return boundValue{FALSE, ""}
	case map[string]any:
		return bindObject(v)
	}
	return unbindable("unable to bind parameter with type %T", value)
}

// bindObject binds {"kind": value}.
func bindObject(object map[string]any) boundValue {
	if len(object) != 1 {
		return unbindable("bound object parameter value must have exactly one entry")
	}
	for kind, value := range object {
		value, err := plainNumber(value)
		if err != nil {
			return unbindable("%s", err)
		}
		return bindKind(kind, value)
	}
	panic("unreachable: the object has an entry")
}

func bindKind(kind string, value any) boundValue {
	switch kind {
	case "ident", "identifier":
		return bindText(IDENT, value, "identifier")
	case "regex":
		return bindText(REGEX, value, "regex literal")
	case "string":
		return bindText(STRING, value, "string literal")
	case "float", "number":
		switch v := value.(type) {
		case float64:
			return numberValue(v)
		case int64:
			return numberValue(float64(v))
		}
		return unbindable("number literal must be a float value")
	case "int", "integer":
		if v, ok := value.(int64); ok {
			return boundValue{INTEGER, strconv.FormatInt(v, 10)}
		}
		return unbindable("integer literal must be an integer value")
	case "duration":
		switch v := value.(type) {
		case string:
			return boundValue{DURATIONVAL, v}
		case int64:
			return boundValue{DURATIONVAL, FormatDuration(time.Duration(v))}
		}
		return unbindable("duration literal must be a string or integer value")
	}
	return unbindable("unknown bind object type: %s", kind)
}

func bindText(token Token, value any, what string) boundValue {
	if v, ok := value.(string); ok {
		return boundValue{token, v}
	}
	return unbindable("%s must be a string value", what)
}

func numberValue(v float64) boundValue {
	return boundValue{NUMBER, strconv.FormatFloat(v, 'f', -1, 64)}
}

// plainNumber turns a number as JSON has it into a float64 if it has a point, else an int64.
func plainNumber(value any) (any, error) {
	number, ok := value.(json.Number)
	if !ok {
		return value, nil
	}
	if strings.Contains(string(number), ".") {
		return number.Float64()
	}
	return number.Int64()
}
