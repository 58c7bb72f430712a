package shell

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// Reasons why a session, a query or a write ends.
var (
	// ErrInterrupted: the user pressed Ctrl-C, or the context ended.
	ErrInterrupted = errors.New("interrupted")
	// ErrUnreachable: there is no connection, or none any more.
	ErrUnreachable = errors.New("the server cannot be reached")
	// ErrBusy: the server kept asking to come back later.
	ErrBusy = errors.New("the server stayed busy")
	// ErrAnswer: what came back is not an answer of a server of this kind.
	ErrAnswer = errors.New("the answer cannot be read")
	// ErrFailed: statements of a script failed, or points were refused; each was told when it happened.
	ErrFailed = errors.New("not everything went well")
)

// StatusError is an answer that is no success.
type StatusError struct {
	Status  int    // of HTTP
	Message string // what the server says about it, may be empty
}

// Error returns the status and the server's words.
func (e *StatusError) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status))
	}
	return fmt.Sprintf("%s (%d %s)", e.Message, e.Status, http.StatusText(e.Status))
}

// busy reports whether the same request may succeed later.
func (e *StatusError) busy() bool {
	switch e.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// hopeless reports whether every request like this one fails.
func (e *StatusError) hopeless() bool {
	return e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden || e.Status == http.StatusNotFound
}

// errorText finds the message of both forms of error: {"error":…} and {"code":…,"message":…}.
var errorText = regexp.MustCompile(`"(?:error|message)"\s*:\s*"((?:[^"\\]|\\.)*)"`)

// maxExplained bounds how much of an unknown answer is shown.
const maxExplained = 2000

// statusError makes the error of a status and the body that came with it.
func statusError(status int, body []byte) *StatusError {
	text := strings.TrimSpace(string(body))
	if m := errorText.FindStringSubmatch(text); m != nil {
		if said, err := strconv.Unquote(`"` + strings.ReplaceAll(m[1], `\/`, `/`) + `"`); err == nil {
			text = said
		}
	}
	if len(text) > maxExplained {
		text = strings.ToValidUTF8(text[:maxExplained], "") + "…"
	}
	return &StatusError{Status: status, Message: text}
}
