package influxql

import (
	"errors"
	"fmt"
	"strings"
)

// ErrInvalidTime is returned for a string that is not a point in time.
var ErrInvalidTime = errors.New("invalid timestamp string")

// ParseError is a text that is not a statement: either Message says what is wrong, or Found stands where one of
// Expected should.
type ParseError struct {
	Message  string
	Found    string
	Expected []string
	Pos      Position
}

// Error returns the message with the place, counted from one.
func (e *ParseError) Error() string {
	what := e.Message
	if what == "" {
		what = "found " + e.Found + ", expected " + strings.Join(e.Expected, ", ")
	}
	return fmt.Sprintf("%s at line %d, char %d", what, e.Pos.Line+1, e.Pos.Char+1)
}

// notExpected says that l stands where one of wanted should.
func notExpected(l Lexeme, wanted ...string) error {
	return &ParseError{Found: l.String(), Expected: wanted, Pos: l.Position}
}

// failAt says what is wrong at l.
func failAt(l Lexeme, message string) error {
	return &ParseError{Message: message, Pos: l.Position}
}

// TypeError is an expression whose two sides do not go together.
type TypeError struct {
	Expr    Expr
	Message string
}

// Error returns the expression and what is wrong with it.
func (e *TypeError) Error() string {
	return fmt.Sprintf("type error: %s: %s", e.Expr, e.Message)
}
