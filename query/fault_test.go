package query

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// TestFaultsEndTheStatement lets workers of a statement panic: the statement gets an error, and the program goes on.
func TestFaultsEndTheStatement(t *testing.T) {
	r := &statementRun{engine: &Engine{opt: Options{Workers: 4}}, req: &Request{Text: "SELECT x"}}
	err := r.split(8, func(from, to int) error {
		if from == 0 {
			panic("out of range")
		}
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "internal error: out of range") {
		t.Errorf("got %v", err)
	}
	if err := r.split(8, func(int, int) error { panic(thrown{context.Canceled}) }); !errors.Is(err, context.Canceled) {
		t.Errorf("a query that has ended: %v", err)
	}
}
