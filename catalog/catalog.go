package catalog

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/vfs"
)

// DefaultPolicyName is the name of the policy that a new database gets.
const DefaultPolicyName = "autogen"

// Catalog is the registry, backed by one file. Its methods may be called
// concurrently; changes are serialised.
type Catalog struct {
	opt  Options
	path string

	current atomic.Pointer[Snapshot]

	mu sync.Mutex // serialises changes and guards the file
}

// Options configures a catalog.
type Options struct {
	FS vfs.FS // required

	// NoAutoPolicy leaves a database without a policy unless the statement
	// that creates it names one.
	NoAutoPolicy bool

	// Clock stamps what is made and changed; nil: that of the machine.
	Clock clock.Clock

	// PasswordCost is the bcrypt cost of new passwords; 0: 10, about a
	// twentieth of a second for each.
	PasswordCost int
}

// PolicySpec describes a policy to be made; nil members take their defaults.
type PolicySpec struct {
	Name          string
	Duration      *time.Duration
	ReplicaN      *int
	ShardDuration *time.Duration
}

// PolicyUpdate describes a change; nil members stay as they are.
type PolicyUpdate struct {
	Duration      *time.Duration
	ReplicaN      *int
	ShardDuration *time.Duration
	MakeDefault   bool
}

// Snapshot returns the current state.
func (c *Catalog) Snapshot() *Snapshot { return c.current.Load() }

// change runs edit on a copy of the current state and makes the copy durable
// and current. When edit fails, or the file cannot be written, nothing changes.
func (c *Catalog) change(edit func(*Snapshot) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := c.current.Load().clone()
	next.now = c.opt.Clock.Now().UnixNano()
	if err := edit(next); err != nil {
		return err
	}
	next.now = 0
	if err := c.save(next); err != nil {
		return fmt.Errorf("save catalog: %w", err)
	}
	c.current.Store(next)
	return nil
}

// errUnchanged ends a change that has nothing to do.
var errUnchanged = fmt.Errorf("unchanged")

func ignoreUnchanged(err error) error {
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return err
}

// CreateDatabase makes a database, with the policy of spec, or with an endless
// one named autogen when spec is nil. A database that exists already is
// returned when it agrees with spec.
func (c *Catalog) CreateDatabase(name string, spec *PolicySpec) (*Database, error) {
	if err := checkNames(name, spec); err != nil {
		return nil, err
	}
	err := c.change(func(s *Snapshot) error {
		d := s.Database(name)
		if d != nil && spec == nil {
			return errUnchanged
		}
		if d == nil {
			s.LastDatabaseID++
			s.insert(&Database{ID: s.LastDatabaseID, Name: name})
		}
		if spec == nil && c.opt.NoAutoPolicy {
			return nil
		}
		if spec == nil {
			spec = &PolicySpec{}
		}
		return s.createWithPolicy(name, *spec)
	})
	return c.Snapshot().Database(name), ignoreUnchanged(err)
}

func checkNames(database string, spec *PolicySpec) error {
	switch {
	case !ValidName(database):
		return ErrInvalidName
	case len(database) > MaxNameBytes:
		return ErrNameTooLong
	case spec != nil && spec.Name != "" && !ValidName(spec.Name):
		return ErrInvalidName
	}
	return nil
}

func (s *Snapshot) insert(d *Database) {
	i := sort.Search(len(s.Databases), func(i int) bool { return s.Databases[i].Name >= d.Name })
	s.Databases = slices.Insert(s.Databases, i, d)
}

// createWithPolicy gives a database its default policy, or checks that the one
// it has is the one that is wanted.
func (s *Snapshot) createWithPolicy(database string, spec PolicySpec) error {
	d := s.edit(database)
	p, err := spec.policy()
	if err != nil {
		return err
	}
	if len(d.Policies) == 0 {
		s.addPolicy(d, p)
		d.DefaultPolicy = p.Name
		return nil
	}
	if have := d.Policy(p.Name); have == nil || !spec.matches(have) || d.DefaultPolicy != p.Name {
		return ErrPolicyConflict
	}
	return errUnchanged
}

func (s *Snapshot) addPolicy(d *Database, p *Policy) {
	s.LastPolicyID++
	p.ID, p.Created, p.Updated = s.LastPolicyID, s.now, s.now
	d.Policies = append(d.Policies, p)
}

// policy returns the policy that a spec describes, without an id.
func (spec PolicySpec) policy() (*Policy, error) {
	p := &Policy{Name: DefaultPolicyName, ReplicaN: 1}
	if spec.Name != "" {
		p.Name = spec.Name
	}
	if spec.Duration != nil {
		p.Duration = *spec.Duration
	}
	if spec.ReplicaN != nil {
		p.ReplicaN = *spec.ReplicaN
	}
	var wish time.Duration
	if spec.ShardDuration != nil {
		wish = *spec.ShardDuration
	}
	p.ShardDuration = shardDuration(wish, p.Duration)
	switch {
	case len(p.Name) > MaxNameBytes:
		return nil, ErrNameTooLong
	case p.ReplicaN < 1:
		return nil, ErrReplicationTooLow
	case p.Duration != 0 && p.Duration < MinPolicyDuration:
		return nil, ErrPolicyDurationTooLow
	case p.Duration != 0 && p.Duration < p.ShardDuration:
		return nil, ErrIncompatibleDurations
	}
	return p, nil
}

// matches reports whether an existing policy is what the spec asks for.
func (spec PolicySpec) matches(p *Policy) bool {
	var wish time.Duration
	if spec.ShardDuration != nil {
		wish = *spec.ShardDuration
	}
	return (spec.Duration == nil || *spec.Duration == p.Duration) &&
		(spec.ReplicaN == nil || *spec.ReplicaN == p.ReplicaN) &&
		shardDuration(wish, p.Duration) == p.ShardDuration
}

// DropDatabase removes a database and returns what it was, nil when there was
// none.
func (c *Catalog) DropDatabase(name string) (dropped *Database, err error) {
	err = c.change(func(s *Snapshot) error {
		if dropped = s.Database(name); dropped == nil {
			return errUnchanged
		}
		s.Databases = slices.DeleteFunc(s.Databases, func(d *Database) bool { return d == dropped })
		s.dropGrants(name)
		s.dropPermissions(name, "")
		s.dropMappings()
		return nil
	})
	if err = ignoreUnchanged(err); err != nil {
		return nil, err
	}
	return dropped, nil
}

// CreatePolicy makes a policy, which becomes the default one if makeDefault is
// set. An equal policy that exists already is no error.
func (c *Catalog) CreatePolicy(database string, spec PolicySpec, makeDefault bool) error {
	if !ValidName(spec.Name) {
		return ErrInvalidName
	}
	return ignoreUnchanged(c.change(func(s *Snapshot) error {
		p, err := spec.policy()
		if err != nil {
			return err
		}
		d := s.edit(database)
		if d == nil {
			return &DatabaseNotFoundError{Name: database}
		}
		if have := d.Policy(p.Name); have != nil {
			switch {
			case have.ReplicaN != p.ReplicaN || have.Duration != p.Duration || have.ShardDuration != p.ShardDuration:
				return ErrPolicyExists
			case makeDefault && d.DefaultPolicy != p.Name:
				return ErrPolicyConflict
			}
			return errUnchanged
		}
		s.addPolicy(d, p)
		if makeDefault {
			d.DefaultPolicy = p.Name
		}
		return nil
	}))
}

// AlterPolicy changes a policy. Existing shard groups keep their span.
func (c *Catalog) AlterPolicy(database, name string, up PolicyUpdate) error {
	return c.change(func(s *Snapshot) error {
		d := s.edit(database)
		if d == nil {
			return &DatabaseNotFoundError{Name: database}
		}
		var p *Policy
		if name != "" {
			p = d.editPolicy(name)
		}
		if p == nil {
			return &PolicyNotFoundError{Name: name}
		}
		if err := up.apply(p); err != nil {
			return err
		}
		if up.MakeDefault {
			d.DefaultPolicy = name
		}
		p.Updated = s.now
		return nil
	})
}

func (up PolicyUpdate) apply(p *Policy) error {
	if up.Duration != nil {
		if *up.Duration != 0 && *up.Duration < MinPolicyDuration {
			return ErrPolicyDurationTooLow
		}
		p.Duration = *up.Duration
	}
	if up.ShardDuration != nil {
		p.ShardDuration = shardDuration(*up.ShardDuration, p.Duration)
	}
	if p.Duration != 0 && p.Duration < p.ShardDuration {
		return ErrIncompatibleDurations
	}
	if up.ReplicaN != nil {
		if *up.ReplicaN < 1 {
			return ErrReplicationTooLow
		}
		p.ReplicaN = *up.ReplicaN
	}
	return nil
}

// DropPolicy removes a policy and returns what it was, nil when there was none.
func (c *Catalog) DropPolicy(database, name string) (dropped *Policy, err error) {
	err = c.change(func(s *Snapshot) error {
		d := s.edit(database)
		if d == nil || name == "" {
			return errUnchanged
		}
		if dropped = d.Policy(name); dropped == nil {
			return errUnchanged
		}
		d.Policies = slices.DeleteFunc(d.Policies, func(p *Policy) bool { return p == dropped })
		s.dropPermissions(database, name)
		s.dropMappings()
		return nil
	})
	if err = ignoreUnchanged(err); err != nil {
		return nil, err
	}
	return dropped, nil
}

// GroupFor returns the shard group of a policy that holds t, and makes it when
// there is none.
func (c *Catalog) GroupFor(database, policy string, t int64) (ShardGroup, error) {
	if g, ok, err := c.Snapshot().group(database, policy, t); ok || err != nil {
		return g, err
	}
	var made ShardGroup
	err := c.change(func(s *Snapshot) error {
		g, ok, err := s.group(database, policy, t)
		if err != nil {
			return err
		}
		if ok {
			made = g
			return errUnchanged
		}
		d := s.edit(database)
		p := d.editPolicy(d.Policy(policy).Name)
		s.LastShardID++
		made = ShardGroup{ID: s.LastShardID, Shard: s.LastShardID, Range: p.groupRange(t)}
		p.Groups = append(p.Groups, made)
		slices.SortFunc(p.Groups, func(a, b ShardGroup) int {
			if a.Range.Min < b.Range.Min {
				return -1
			}
			return 1
		})
		return nil
	})
	return made, ignoreUnchanged(err)
}

// group finds the shard group of a policy that holds t.
func (s *Snapshot) group(database, policy string, t int64) (ShardGroup, bool, error) {
	d := s.Database(database)
	if d == nil {
		return ShardGroup{}, false, &DatabaseNotFoundError{Name: database}
	}
	p := d.Policy(policy)
	if p == nil {
		return ShardGroup{}, false, &PolicyNotFoundError{Name: policy}
	}
	g, ok := p.Group(t)
	return g, ok, nil
}

// DropShard forgets a shard and its group; ok tells whether it was known.
func (c *Catalog) DropShard(shard uint64) (database, policy string, ok bool, err error) {
	err = c.change(func(s *Snapshot) error {
		database, policy, ok = s.findShard(shard)
		if !ok {
			return errUnchanged
		}
		p := s.edit(database).editPolicy(policy)
		p.Groups = slices.DeleteFunc(p.Groups, func(g ShardGroup) bool { return g.Shard == shard })
		return nil
	})
	return database, policy, ok, ignoreUnchanged(err)
}

func (s *Snapshot) findShard(shard uint64) (database, policy string, ok bool) {
	for _, d := range s.Databases {
		for _, p := range d.Policies {
			for _, g := range p.Groups {
				if g.Shard == shard {
					return d.Name, p.Name, true
				}
			}
		}
	}
	return "", "", false
}

// check reports what a snapshot that was read cannot be.
func (s *Snapshot) check() error {
	switch {
	case slices.Contains(s.Databases, nil) || slices.Contains(s.Users, nil):
		return fmt.Errorf("%w: a database or user is null", ErrCorrupt)
	case !slices.IsSortedFunc(s.Databases, func(a, b *Database) int { return strings.Compare(a.Name, b.Name) }):
		return fmt.Errorf("%w: databases are not in order of name", ErrCorrupt)
	case !slices.IsSortedFunc(s.Users, func(a, b *User) int { return strings.Compare(a.Name, b.Name) }):
		return fmt.Errorf("%w: users are not in order of name", ErrCorrupt)
	case slices.Contains(s.Tokens, nil):
		return fmt.Errorf("%w: a token is null", ErrCorrupt)
	case !slices.IsSortedFunc(s.Tokens, func(a, b *Token) int { return compareHashes(a.Hash, b.Hash) }):
		return fmt.Errorf("%w: tokens are not in order of hash", ErrCorrupt)
	}
	for _, d := range s.Databases {
		if slices.Contains(d.Policies, nil) {
			return fmt.Errorf("%w: a policy of database %q is null", ErrCorrupt, d.Name)
		}
	}
	for _, u := range s.Users {
		if !slices.IsSortedFunc(u.Grants, func(a, b Grant) int { return strings.Compare(a.Database, b.Database) }) {
			return fmt.Errorf("%w: grants of user %q are not in order of database", ErrCorrupt, u.Name)
		}
	}
	return nil
}
