package query

import (
	"context"
	"fmt"
	"runtime/debug"
)

// watch ends a long computation when its query ends. Code that has no place for an error, such as the comparisons of a
// sort, calls step for each piece of its work; the one who began the computation turns what step throws into an error.
type watch struct {
	ctx   context.Context
	steps int
}

// watchSteps is how many steps are taken without looking, some milliseconds of a sort.
const watchSteps = 1 << 16

// thrown is what step panics with.
type thrown struct{ err error }

// step panics with thrown when the query has ended. Another panic takes its way.
func (w *watch) step() {
	if w.steps++; w.steps%watchSteps != 0 {
		return
	}
	if err := w.ctx.Err(); err != nil {
		panic(thrown{err})
	}
}

// ended is deferred: it puts what step has thrown into err.
func (w *watch) ended(err *error) {
	switch p := recover().(type) {
	case nil:
	case thrown:
		*err = p.err
	default:
		panic(p)
	}
}

// caught is deferred by the goroutines of a statement: a fault of the program
// ends the statement there, as the server makes it end a request, and not the
// program. It puts what happened into err.
func (r *statementRun) caught(err *error) {
	switch p := recover().(type) {
	case nil:
	case thrown:
		*err = p.err
	default:
		if log := r.engine.opt.Log; log != nil {
			log.Error("a query met a fault of the program", "statement", r.req.Text, "fault", p, "stack", string(debug.Stack()))
		}
		*err = fmt.Errorf("internal error: %v", p)
	}
}
