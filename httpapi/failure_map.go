package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/timberlinedb/timberline/ingest"
	"github.com/timberlinedb/timberline/internal/budget"
	"github.com/timberlinedb/timberline/query"
)

// This file is the one place where errors of other rooms become statuses.

// tooLarge is the answer to a body above a limit.
var tooLarge = failure{
	status: http.StatusRequestEntityTooLarge,
	text:   http.StatusText(http.StatusRequestEntityTooLarge),
	v2text: "unable to read data: points batch is too large",
	close:  true,
}

// busy is the answer to what may succeed in a moment. Clients that find one of
// two phrases in the text give the points up for lost, whatever the status is.
func busy(err error) failure {
	text := err.Error()
	if strings.Contains(text, "partial write") || strings.Contains(text, "unable to parse") {
		text = "the server is busy, try again"
	}
	return failure{status: http.StatusServiceUnavailable, text: text, retry: true}
}

// bodyFailed says why the body of a request could not be read, and counts what was too large or too slow.
func (h *Handler) bodyFailed(r *http.Request, err error) failure {
	switch {
	case errors.Is(err, errTooLarge):
		h.counters.largeBodies.note(fmt.Sprintf("%s %s: the body is above one of its limits", r.Method, r.URL.Path), clientAddress(r), h.opt.Clock.Now())
	case errors.Is(err, errSlowBody):
		h.counters.slowBodies.note(fmt.Sprintf("%s %s: %v", r.Method, r.URL.Path, err), clientAddress(r), h.opt.Clock.Now())
	}
	return bodyFailure(err)
}

// bodyFailure says why a body could not be read.
func bodyFailure(err error) failure {
	switch {
	case errors.Is(err, errTooLarge):
		return tooLarge
	case errors.Is(err, budget.ErrExceeded):
		return busy(err)
	}
	return failure{status: http.StatusBadRequest, text: err.Error()}
}

// throttleFailure says why a write did not get its turn.
func throttleFailure(err error) failure {
	if errors.Is(err, errQueueFull) || errors.Is(err, errQueueTimeout) {
		return busy(err)
	}
	return failure{status: http.StatusInternalServerError, text: err.Error()}
}

// writeFailureOf says what a failed write means. bucket is the name by which a
// v2 client knows the database and its retention policy.
func writeFailureOf(err error, bucket string) failure {
	var (
		partial  *ingest.PartialWriteError
		parse    *ingest.ParseError
		database *ingest.DatabaseNotFoundError
		policy   *ingest.PolicyNotFoundError
		refused  *ingest.ForbiddenError
		tooMany  *ingest.TooManyPointsError
	)
	switch {
	case errors.As(err, &tooMany):
		return failure{status: http.StatusRequestEntityTooLarge, text: tooMany.Error()}
	case errors.As(err, &refused):
		return failure{status: http.StatusForbidden, text: refused.Error(), v2text: "insufficient permissions for write"}
	case errors.As(err, &partial):
		return failure{status: http.StatusBadRequest, text: partial.Error(), line: partial.FirstLine}
	case errors.As(err, &parse):
		return failure{status: http.StatusBadRequest, text: parse.Error(), line: parse.FirstLine}
	case errors.As(err, &database):
		return failure{status: http.StatusNotFound, text: database.Error(), v2text: bucketNotFound(bucket)}
	case errors.As(err, &policy):
		return failure{status: http.StatusInternalServerError, text: policy.Error(), v2text: bucketNotFound(bucket)}
	case errors.Is(err, ingest.ErrBusy), errors.Is(err, ingest.ErrNoSpace), errors.Is(err, ingest.ErrUnavailable):
		return busy(err)
	case errors.Is(err, context.DeadlineExceeded):
		return failure{status: http.StatusInternalServerError, text: "timeout"}
	}
	return failure{status: http.StatusInternalServerError, text: err.Error()}
}

// writeFailureV2Of is writeFailureOf where the v2 API has other statuses.
func writeFailureV2Of(err error, bucket string) failure {
	f := writeFailureOf(err, bucket)
	var (
		partial *ingest.PartialWriteError
		policy  *ingest.PolicyNotFoundError
	)
	switch {
	case errors.As(err, &partial) && (partial.Cause == ingest.FieldConflict || partial.Cause == ingest.BeyondRetention):
		f.status = http.StatusUnprocessableEntity
		f.v2text = "failure writing points to database: " + partial.Error()
	case errors.As(err, &policy):
		f.status = http.StatusNotFound
	}
	return f
}

func bucketNotFound(bucket string) string { return fmt.Sprintf("bucket %q not found", bucket) }

// queryFailureOf says why a query was not run at all.
func queryFailureOf(err error) failure {
	var (
		parse   *query.ParseError
		refused *query.AuthorizationError
	)
	switch {
	case errors.As(err, &parse):
		return failure{status: http.StatusBadRequest, text: parse.Error()}
	case errors.As(err, &refused):
		return failure{status: http.StatusForbidden, text: refused.Error()}
	case errors.Is(err, errTooLarge):
		return tooLarge
	case errors.Is(err, budget.ErrExceeded):
		return busy(err)
	}
	return failure{status: http.StatusInternalServerError, text: err.Error()}
}
