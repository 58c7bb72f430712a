package cursor

import "errors"

// ErrCorrupt is the class of errors that say that stored data is damaged.
var ErrCorrupt = errors.New("stored data is damaged")
