package catalog

import (
	"slices"
	"time"
)

// TokenSpec describes a token to be made.
type TokenSpec struct {
	Description string
	Owner       string    // a user that exists, or nobody
	Expires     time.Time // zero: never
	Inactive    bool
	Permissions []Permission
	Login       string // the token is this name with a password, which SetTokenPassword gives it
}

// TokenUpdate describes a change; nil members stay as they are.
type TokenUpdate struct {
	Description *string
	Inactive    *bool
}

// maxTokenText bounds the description of a token, in bytes.
const maxTokenText = 4096

// check reports permissions and texts that cannot be.
func (spec *TokenSpec) check() error {
	if len(spec.Description) > maxTokenText {
		return ErrDescriptionTooLong
	}
	if spec.Login != "" && (!ValidName(spec.Login) || len(spec.Login) > MaxNameBytes) {
		return ErrInvalidName
	}
	for _, p := range spec.Permissions {
		switch p.Action {
		case ActionRead, ActionWrite, ActionDelete:
			if p.Database == "" && p.Policy != "" {
				return &InvalidPermissionError{p, "a retention policy needs its database"}
			}
		case ActionAdmin:
			if p != (Permission{Action: ActionAdmin}) {
				return &InvalidPermissionError{p, "administration is of the whole server"}
			}
		default:
			return &InvalidPermissionError{p, "there is no such action"}
		}
	}
	return nil
}

// CreateToken makes a token and returns it with its secret, which is nowhere else.
func (c *Catalog) CreateToken(spec TokenSpec, now time.Time) (*Token, string, error) {
	if err := spec.check(); err != nil {
		return nil, "", err
	}
	secret := NewSecret()
	var made *Token
	err := c.change(func(s *Snapshot) error {
		var err error
		made, err = s.addToken(spec, secret, now)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	return made, secret, nil
}

func (s *Snapshot) addToken(spec TokenSpec, secret string, now time.Time) (*Token, error) {
	if spec.Owner != "" && s.User(spec.Owner) == nil {
		return nil, ErrUserNotFound
	}
	if s.Token(secret) != nil {
		return nil, ErrTokenExists
	}
	if spec.Login != "" && s.Login(spec.Login) != nil {
		return nil, ErrUserExists
	}
	s.LastTokenID++
	t := &Token{
		ID: s.LastTokenID, Hash: HashToken(secret), Description: spec.Description, Owner: spec.Owner, Inactive: spec.Inactive,
		Created: now.UnixNano(), Updated: now.UnixNano(), Permissions: slices.Clone(spec.Permissions),
		Login: spec.Login,
	}
	if !spec.Expires.IsZero() {
		t.Expires = spec.Expires.UnixNano()
	}
	i, _ := slices.BinarySearchFunc(s.Tokens, t.Hash, func(t *Token, h TokenHash) int { return compareHashes(t.Hash, h) })
	s.Tokens = slices.Insert(s.Tokens, i, t)
	return t, nil
}

// UpdateToken changes a token and returns what it is then.
func (c *Catalog) UpdateToken(id uint64, up TokenUpdate, now time.Time) (*Token, error) {
	var changed *Token
	err := c.change(func(s *Snapshot) error {
		if changed = s.editToken(id); changed == nil {
			return ErrTokenNotFound
		}
		if up.Description != nil {
			if len(*up.Description) > maxTokenText {
				return ErrDescriptionTooLong
			}
			changed.Description = *up.Description
		}
		if up.Inactive != nil {
			changed.Inactive = *up.Inactive
		}
		changed.Updated = now.UnixNano()
		return nil
	})
	return changed, err
}

// SetTokenPassword gives a token with a login its password.
func (c *Catalog) SetTokenPassword(id uint64, password string, now time.Time) error {
	if password == "" {
		return ErrPasswordRequired
	}
	hash, err := c.hashPassword(password) // before the lock: it takes long
	if err != nil {
		return err
	}
	return c.change(func(s *Snapshot) error {
		t := s.editToken(id)
		if t == nil || t.Login == "" {
			return ErrTokenNotFound
		}
		t.Password, t.Updated = hash, now.UnixNano()
		return nil
	})
}

// DropToken removes a token. Requests that come later with it are refused.
func (c *Catalog) DropToken(id uint64) error {
	return c.change(func(s *Snapshot) error {
		if s.TokenByID(id) == nil {
			return ErrTokenNotFound
		}
		s.Tokens = slices.DeleteFunc(s.Tokens, func(t *Token) bool { return t.ID == id })
		return nil
	})
}

// NoteTokens keeps when tokens were used last, by number, in nanoseconds since the epoch.
func (c *Catalog) NoteTokens(used map[uint64]int64) error {
	return ignoreUnchanged(c.change(func(s *Snapshot) error {
		err := errUnchanged
		for id, at := range used {
			if t := s.TokenByID(id); t != nil && t.LastUsed < at {
				s.editToken(id).LastUsed = at
				err = nil
			}
		}
		return err
	}))
}

// editToken replaces the token of that number by a copy, to be changed by the caller, and returns the copy; nil when
// there is none.
func (s *Snapshot) editToken(id uint64) *Token {
	for i, t := range s.Tokens {
		if t.ID == id {
			c := *t
			c.Permissions = slices.Clone(t.Permissions)
			s.Tokens[i] = &c
			return &c
		}
	}
	return nil
}

// dropPermissions removes what tokens may do in a database, or in one policy of it. Another one of that name is not
// theirs.
func (s *Snapshot) dropPermissions(database, policy string) {
	concerns := func(p Permission) bool {
		return p.Database == database && (policy == "" || p.Policy == policy)
	}
	for _, t := range slices.Clone(s.Tokens) {
		if slices.ContainsFunc(t.Permissions, concerns) {
			e := s.editToken(t.ID)
			e.Permissions = slices.DeleteFunc(e.Permissions, concerns)
		}
	}
}

// dropTokensOf removes the tokens of a user.
func (s *Snapshot) dropTokensOf(user string) {
	s.Tokens = slices.DeleteFunc(s.Tokens, func(t *Token) bool { return t.Owner == user })
}
