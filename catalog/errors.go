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

// What can be wrong with a change of users, continuous queries and subscriptions.
var (
	ErrUserNameRequired      = errors.New("username required")
	ErrUserExists            = errors.New("user already exists")
	ErrUserNotFound          = errors.New("user not found")
	ErrPasswordTooLong       = fmt.Errorf("password is too long, at most %d bytes", MaxPasswordBytes)
	ErrContinuousQueryExists = errors.New("continuous query already exists")
	ErrSubscriptionExists    = errors.New("subscription already exists")
	ErrSubscriptionNotFound  = errors.New("subscription not found")
)

// What can be wrong with tokens, mappings and the beginning of a server.
var (
	ErrTokenNotFound      = errors.New("token not found")
	ErrTokenExists        = errors.New("token already exists")
	ErrTokenTooShort      = fmt.Errorf("token is too short, want %d bytes or more", MinTokenBytes)
	ErrInvalidToken       = errors.New("token must be printable, without spaces, colons and two dots, of at most 512 bytes")
	ErrDescriptionTooLong = fmt.Errorf("description is too long, at most %d bytes", maxTokenText)
	ErrBucketNotFound     = errors.New("bucket not found")
	ErrMappingExists      = errors.New("DBRP mapping already exists")
	ErrMappingNotFound    = errors.New("DBRP mapping not found")
	ErrOnboarded          = errors.New("onboarding has already been completed")
	ErrPasswordRequired   = errors.New("password required")
)

// InvalidPermissionError says that no token can have a permission.
type InvalidPermissionError struct {
	Permission Permission
	Reason     string
}

func (e *InvalidPermissionError) Error() string {
	return fmt.Sprintf("invalid permission %q: %s", e.Permission.Action, e.Reason)
}

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

// InvalidDestinationError says that points cannot be sent to the URL of a subscription.
type InvalidDestinationError struct{ URL string }

func (e *InvalidDestinationError) Error() string { return "invalid subscription URL: " + e.URL }
