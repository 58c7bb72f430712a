package catalog

import (
	"errors"
	"fmt"
	"time"
)

// MinPolicyDuration is the shortest duration of a retention policy and of its
// shard groups.
const MinPolicyDuration = time.Hour

// MaxNameBytes is the longest name of a database or policy, in bytes.
const MaxNameBytes = 255

// What can be wrong with a name or a policy. The texts are those that clients
// of InfluxDB 1.x match.
var (
	ErrDatabaseNameRequired  = errors.New("database name required")
	ErrPolicyNameRequired    = errors.New("retention policy name required")
	ErrInvalidName           = errors.New("invalid name")
	ErrNameTooLong           = errors.New("name too long")
	ErrPolicyExists          = errors.New("retention policy already exists")
	ErrPolicyConflict        = errors.New("retention policy conflicts with an existing policy")
	ErrPolicyDurationTooLow  = fmt.Errorf("retention policy duration must be at least %s", MinPolicyDuration)
	ErrIncompatibleDurations = errors.New("retention policy duration must be greater than the shard duration")
	ErrReplicationTooLow     = errors.New("replication factor must be greater than 0")
)

// ErrCorrupt says that the catalog's file is damaged.
var ErrCorrupt = errors.New("catalog is damaged")

// ErrNewerFormat says that a newer program has written the catalog.
var ErrNewerFormat = errors.New("catalog was written by a newer version")

// DatabaseNotFoundError says that no database has the name.
type DatabaseNotFoundError struct{ Name string }

func (e *DatabaseNotFoundError) Error() string { return "database not found: " + e.Name }

// PolicyNotFoundError says that the database has no policy of the name.
type PolicyNotFoundError struct{ Name string }

func (e *PolicyNotFoundError) Error() string { return "retention policy not found: " + e.Name }
