package lineproto

import (
	"errors"
	"fmt"

	"github.com/timberlinedb/timberline/model"
)

// Reasons to refuse a series key.
var (
	ErrMissingMeasurement = errors.New("missing measurement")
	ErrMissingTagKey      = errors.New("missing tag key")
	ErrMissingTagValue    = errors.New("missing tag value")
	ErrTagFormat          = errors.New("invalid tag format")
	ErrDuplicateTags      = errors.New("duplicate tags")
	ErrReservedTagKey     = errors.New("cannot use reserved tag key")
	ErrKeyEnd             = errors.New("unescaped space or newline in key")
	ErrKeyTooLong         = errors.New("max key length exceeded")
)

// Reasons to refuse what follows the key.
var (
	errMissingFields     = errors.New("missing fields")
	errFieldFormat       = errors.New("invalid field format")
	errMissingFieldKey   = errors.New("missing field key")
	errMissingFieldValue = errors.New("missing field value")
	errUnbalancedQuotes  = errors.New("unbalanced quotes")
	errNumber            = errors.New("invalid number")
	errFloat             = errors.New("invalid float")
	errBoolean           = errors.New("invalid boolean")
	errTimestamp         = errors.New("bad timestamp")
	errAfterTimestamp    = errors.New("point is invalid")
	errTimeRange         = fmt.Errorf("time outside range %d - %d", int64(model.MinTime), int64(model.MaxTime))
)

// ErrUnwritable says that a point cannot be spelled in line protocol.
var ErrUnwritable = errors.New("cannot be written as line protocol")

func keyTooLong(size int) error {
	return fmt.Errorf("%w: %d > %d", ErrKeyTooLong, size, model.MaxKeyBytes)
}

func reservedTagKey(key []byte) error {
	return fmt.Errorf("%w %q", ErrReservedTagKey, key)
}

func lineTooLong(size, limit int) error {
	return fmt.Errorf("line is too long, %d > %d", size, limit)
}

func stringTooLong(field, measurement []byte, size int) error {
	return fmt.Errorf("input field %q on measurement %q is too long, %d > %d", field, measurement, size, model.MaxStringBytes)
}
