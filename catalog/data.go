package catalog

import (
	"slices"
	"sort"
	"strings"
	"time"
	"unicode"

	"github.com/timberlinedb/timberline/model"
)

// Snapshot is the state of the catalog at one moment. Nothing reachable from it
// changes.
type Snapshot struct {
	Databases []*Database // sorted by name
	Users     []*User     `json:",omitempty"` // sorted by name
	Tokens    []*Token    `json:",omitempty"` // sorted by hash
	Mappings  []Mapping   `json:",omitempty"` // in order of creation

	OrganizationName string `json:",omitempty"` // empty: DefaultOrganization

	// The last numbers given out.
	LastDatabaseID, LastPolicyID uint32
	LastShardID                  uint64
	LastTokenID, LastMappingID   uint64 `json:",omitempty"`

	now int64 // of the change that made this state, in nanoseconds since the epoch; 0 when it is made
}

// Database is a named container of retention policies.
type Database struct {
	ID            uint32
	Name          string
	DefaultPolicy string    // may name a policy that was dropped
	Policies      []*Policy // in order of creation

	ContinuousQueries []ContinuousQuery `json:",omitempty"` // in order of creation

	// WidenConflicts says what becomes of values whose type is not that of their
	// field: numbers are converted if that is exact, all others are kept aside.
	// Otherwise their points are refused, as in InfluxDB 1.x.
	WidenConflicts bool `json:",omitempty"`
}

// Policy says how long data is kept and how it is cut into shards.
type Policy struct {
	ID            uint32
	Name          string
	Duration      time.Duration // 0: for ever
	ShardDuration time.Duration
	ReplicaN      int          // kept for clients; there is one copy
	Groups        []ShardGroup // ascending by Range, disjoint

	Subscriptions []Subscription `json:",omitempty"` // in order of creation
	Description   string         `json:",omitempty"`

	// When it was made and changed last, in nanoseconds since the epoch; 0: before that was kept. New shard groups are no change.
	Created, Updated int64 `json:",omitempty"`
}

// ShardGroup is one time span of a policy. It has one shard.
type ShardGroup struct {
	ID    uint64
	Shard uint64
	Range model.TimeRange
}

// Database returns the database of that name, nil when there is none.
func (s *Snapshot) Database(name string) *Database {
	i := sort.Search(len(s.Databases), func(i int) bool { return s.Databases[i].Name >= name })
	if i < len(s.Databases) && s.Databases[i].Name == name {
		return s.Databases[i]
	}
	return nil
}

// Policy returns the policy of that name, the default policy for the empty name,
// nil when there is none.
func (d *Database) Policy(name string) *Policy {
	if name == "" {
		name = d.DefaultPolicy
	}
	for _, p := range d.Policies {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// Overlapping returns the shard groups that share a timestamp with r; the slice
// belongs to the snapshot.
func (p *Policy) Overlapping(r model.TimeRange) []ShardGroup {
	if r.Empty() {
		return nil
	}
	lo := sort.Search(len(p.Groups), func(i int) bool { return p.Groups[i].Range.Max >= r.Min })
	hi := sort.Search(len(p.Groups), func(i int) bool { return p.Groups[i].Range.Min > r.Max })
	if lo >= hi {
		return nil
	}
	return p.Groups[lo:hi]
}

// Group returns the shard group that holds t.
func (p *Policy) Group(t int64) (ShardGroup, bool) {
	if g := p.Overlapping(model.TimeRange{Min: t, Max: t}); len(g) > 0 {
		return g[0], true
	}
	return ShardGroup{}, false
}

// Oldest returns the oldest timestamp that the policy still keeps at now, in
// nanoseconds since the epoch.
func (p *Policy) Oldest(now time.Time) int64 {
	if p.Duration == 0 {
		return model.MinTime
	}
	return now.Add(-p.Duration).UnixNano()
}

// Expired reports whether nothing of the group is kept at now any more.
func (p *Policy) Expired(g ShardGroup, now time.Time) bool {
	return p.Duration != 0 && g.Range.Max < p.Oldest(now)
}

// groupRange returns the range of the new group that holds t: aligned to the
// shard duration, cut where existing groups (of another duration) begin or end.
func (p *Policy) groupRange(t int64) model.TimeRange {
	start := time.Unix(0, t).UTC().Truncate(p.ShardDuration)
	end := start.Add(p.ShardDuration)
	r := model.TimeRange{Min: model.MinTime, Max: model.MaxTime}
	if start.After(time.Unix(0, model.MinTime)) {
		r.Min = start.UnixNano()
	}
	if !end.After(time.Unix(0, model.MaxTime)) {
		r.Max = end.UnixNano() - 1
	}
	for _, g := range p.Groups {
		if g.Range.Max < t {
			r.Min = max(r.Min, g.Range.Max+1)
		} else if g.Range.Min > t {
			r.Max = min(r.Max, g.Range.Min-1)
		}
	}
	return r
}

// defaultShardDuration returns the span of a shard for a policy's duration.
func defaultShardDuration(d time.Duration) time.Duration {
	switch {
	case d == 0 || d >= 180*24*time.Hour:
		return 7 * 24 * time.Hour
	case d >= 2*24*time.Hour:
		return 24 * time.Hour
	}
	return time.Hour
}

// shardDuration returns the span that stands for a wish, 0 being none.
func shardDuration(wish, policy time.Duration) time.Duration {
	if wish == 0 {
		return defaultShardDuration(policy)
	}
	return max(wish, MinPolicyDuration)
}

// ValidName reports whether a name can be given to a database or policy.
func ValidName(name string) bool {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, `/\`) {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
}

// clone returns a copy of the snapshot whose databases, users and tokens may be replaced.
func (s *Snapshot) clone() *Snapshot {
	c := *s
	c.Databases = slices.Clone(s.Databases)
	c.Users = slices.Clone(s.Users)
	c.Tokens = slices.Clone(s.Tokens)
	return &c
}

// edit replaces the database of that name by a copy, to be changed by the
// caller, and returns the copy; nil when there is none.
func (s *Snapshot) edit(name string) *Database {
	for i, d := range s.Databases {
		if d.Name == name {
			c := *d
			c.Policies = slices.Clone(d.Policies)
			c.ContinuousQueries = slices.Clone(d.ContinuousQueries)
			s.Databases[i] = &c
			return &c
		}
	}
	return nil
}

// editPolicy does the same for a policy of a database that was edited.
func (d *Database) editPolicy(name string) *Policy {
	for i, p := range d.Policies {
		if p.Name == name {
			c := *p
			c.Groups = slices.Clone(p.Groups)
			c.Subscriptions = slices.Clone(p.Subscriptions)
			d.Policies[i] = &c
			return &c
		}
	}
	return nil
}
