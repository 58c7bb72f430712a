package bench

import "errors"

// Reasons why a run ends before its time. The errors that wrap them say what
// to do about it.
var (
	// ErrUnreachable: no connection, or none any more.
	ErrUnreachable = errors.New("the server cannot be reached")
	// ErrCredentials: the server refuses the user or the token.
	ErrCredentials = errors.New("the server refuses the credentials")
	// ErrRefused: the server refuses every request.
	ErrRefused = errors.New("the server refuses the requests")
	// ErrBusy: the server kept asking to come back later.
	ErrBusy = errors.New("the server stayed busy")
	// ErrInterrupted: the context ended first; the report holds what was done until then.
	ErrInterrupted = errors.New("interrupted")
)
