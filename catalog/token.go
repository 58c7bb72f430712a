package catalog

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/timberlinedb/timberline/influxql"
)

// Token is a secret that stands for what its permissions say, without a password. Only a hash of it is kept.
type Token struct {
	ID          uint64
	Hash        TokenHash
	Description string `json:",omitempty"`
	Owner       string `json:",omitempty"` // name of the user that it belongs to and goes with; empty: of the server
	Inactive    bool   `json:",omitempty"` // refused until it is made active again

	// Times in nanoseconds since the epoch. Expires 0 is never; LastUsed is cut to the hour, 0 is not yet.
	Created, Updated  int64
	Expires, LastUsed int64 `json:",omitempty"`

	Permissions []Permission `json:",omitempty"`

	// Login is the name that clients of version 1 log in with, of a token that is a name with a password; its hash is of
	// nothing that anybody knows. Password is the bcrypt hash of the password, empty until there is one.
	Login, Password string `json:",omitempty"`
}

// Permission is one thing that a token may do. Empty names are wildcards.
type Permission struct {
	Action      Action
	Database    string `json:",omitempty"`
	Policy      string `json:",omitempty"`
	Measurement string `json:",omitempty"`
}

// Action is what a permission is for.
type Action string

// The actions.
const (
	ActionRead   Action = "read"
	ActionWrite  Action = "write"  // writes points
	ActionDelete Action = "delete" // deletes points and series
	ActionAdmin  Action = "admin"  // everything, everywhere; it takes no names
)

// TokenHash is the SHA-256 of a token. Tokens are random, so that nothing slower is needed.
type TokenHash [sha256.Size]byte

// HashToken returns the hash of a token.
func HashToken(secret string) TokenHash { return sha256.Sum256([]byte(secret)) }

// MarshalText returns the hash as base64.
func (h TokenHash) MarshalText() ([]byte, error) {
	return base64.RawStdEncoding.AppendEncode(nil, h[:]), nil
}

// UnmarshalText reads what MarshalText returns.
func (h *TokenHash) UnmarshalText(text []byte) error {
	b, err := base64.RawStdEncoding.Strict().DecodeString(string(text))
	if err != nil || len(b) != len(h) {
		return fmt.Errorf("hash of a token is %d bytes of text, want the base64 of %d bytes", len(text), len(h))
	}
	copy(h[:], b)
	return nil
}

// NewSecret returns a random token of 256 bits.
func NewSecret() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.URLEncoding.EncodeToString(b[:])
}

// MinTokenBytes is the length of the shortest token that people may choose themselves.
const MinTokenBytes = 16

// CheckSecret reports whether a token that somebody chose can be one: printable, in one piece, and not to be mistaken
// for a name with a password or for a JSON Web Token.
func CheckSecret(secret string) error {
	switch {
	case len(secret) < MinTokenBytes:
		return ErrTokenTooShort
	case len(secret) > 512,
		strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r > '~' || r == ':' }),
		strings.Count(secret, ".") == 2:
		return ErrInvalidToken
	}
	return nil
}

// Token returns the token with a secret, nil when there is none.
func (s *Snapshot) Token(secret string) *Token {
	hash := HashToken(secret)
	i := sort.Search(len(s.Tokens), func(i int) bool { return compareHashes(s.Tokens[i].Hash, hash) >= 0 })
	if i < len(s.Tokens) && subtle.ConstantTimeCompare(s.Tokens[i].Hash[:], hash[:]) == 1 {
		return s.Tokens[i]
	}
	return nil
}

// TokenByID returns the token of that number, nil when there is none.
func (s *Snapshot) TokenByID(id uint64) *Token {
	if i := slices.IndexFunc(s.Tokens, func(t *Token) bool { return t.ID == id }); i >= 0 {
		return s.Tokens[i]
	}
	return nil
}

func compareHashes(a, b TokenHash) int { return strings.Compare(string(a[:]), string(b[:])) }

// Expired reports whether the token's time is over.
func (t *Token) Expired(now time.Time) bool { return t.Expires != 0 && now.UnixNano() >= t.Expires }

// Admin reports whether the token may do everything.
func (t *Token) Admin() bool {
	return slices.ContainsFunc(t.Permissions, func(p Permission) bool { return p.Action == ActionAdmin })
}

// User returns whom a request with the token comes from: somebody without a password who may do what the token says.
func (t *Token) User() *User {
	name := t.Login
	if name == "" {
		name = fmt.Sprintf("token:%d", t.ID)
	}
	return &User{Name: name, Hash: t.Password, Admin: t.Admin(), token: t}
}

// allows reports whether a permission covers an action on a measurement. In the scope that is asked for, an empty
// name stands for all there are.
func (t *Token) allows(a Action, database, policy, measurement string) bool {
	return slices.ContainsFunc(t.Permissions, func(p Permission) bool {
		return p.Action == ActionAdmin || p.Action == a && covers(p.Database, database) && covers(p.Policy, policy) && covers(p.Measurement, measurement)
	})
}

func covers(have, want string) bool { return have == "" || have == want }

// sees reports whether a permission has to do with a database at all.
func (t *Token) sees(database string) bool {
	return slices.ContainsFunc(t.Permissions, func(p Permission) bool {
		return p.Action == ActionAdmin || covers(p.Database, database)
	})
}

// actionsOf are what a privilege in a database consists of, for tokens.
func actionsOf(p influxql.Privilege) []Action {
	switch p {
	case influxql.ReadPrivilege:
		return []Action{ActionRead}
	case influxql.WritePrivilege:
		return []Action{ActionWrite}
	case influxql.AllPrivileges:
		return []Action{ActionRead, ActionWrite, ActionDelete}
	}
	return nil
}

// Scope is a part of the data: a database, one of its policies, a measurement. Empty names stand for all there are.
type Scope struct {
	Database, Policy, Measurement string
}

// Token returns the token that the user stands for, nil when it is somebody with a password.
func (u *User) Token() *Token { return u.token }

// May reports whether the user may do in all of a scope what an action says. Who may write may delete, unless it is
// a token.
func (u *User) May(a Action, s Scope) bool {
	switch {
	case u.Admin:
		return true
	case u.token != nil:
		return u.token.allows(a, s.Database, s.Policy, s.Measurement)
	case a == ActionRead:
		return u.Allows(influxql.ReadPrivilege, s.Database)
	case a == ActionWrite, a == ActionDelete:
		return u.Allows(influxql.WritePrivilege, s.Database)
	}
	return false
}

// Measurements returns the measurements of a policy to which an action of the user is bound: all is true when it is not.
func (u *User) Measurements(a Action, database, policy string) (names []string, all bool) {
	if u.May(a, Scope{Database: database, Policy: policy}) {
		return nil, true
	}
	if u.token == nil {
		return nil, false
	}
	for _, p := range u.token.Permissions {
		if p.Action == a && covers(p.Database, database) && covers(p.Policy, policy) {
			names = append(names, p.Measurement)
		}
	}
	return names, false
}
