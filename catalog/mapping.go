package catalog

import (
	"slices"
)

// Mapping says that a database and a policy which clients of version 1 name stand for a bucket: a policy that there
// is. It concerns the parameters of requests, not names within statements.
type Mapping struct {
	ID               uint64
	Database, Policy string // what clients name
	Default          bool   // also meant by clients that name no policy

	// What it stands for, by the number of the policy, which is never used twice.
	Bucket uint32
}

// Resolve returns the database and the policy that the parameters of a version 1 request mean. An empty policy is the
// default one. Names that are mapped to nothing are returned as they are.
func (s *Snapshot) Resolve(database, policy string) (string, string) {
	for i := range s.Mappings {
		m := &s.Mappings[i]
		if m.Database != database || m.Policy != policy && (policy != "" || !m.Default) {
			continue
		}
		if d, p := s.PolicyByID(m.Bucket); p != nil {
			return d.Name, p.Name
		}
	}
	return database, policy
}

// PolicyByID returns the policy of that number and its database, nil when there is none.
func (s *Snapshot) PolicyByID(id uint32) (*Database, *Policy) {
	for _, d := range s.Databases {
		for _, p := range d.Policies {
			if p.ID == id {
				return d, p
			}
		}
	}
	return nil, nil
}

// Mapping returns the mapping of that number, nil when there is none.
func (s *Snapshot) Mapping(id uint64) *Mapping {
	if i := slices.IndexFunc(s.Mappings, func(m Mapping) bool { return m.ID == id }); i >= 0 {
		return &s.Mappings[i]
	}
	return nil
}

// CreateMapping adds a mapping and returns it with its number. The first one of a database is its default.
func (c *Catalog) CreateMapping(m Mapping) (made Mapping, err error) {
	err = c.change(func(s *Snapshot) error {
		if _, p := s.PolicyByID(m.Bucket); p == nil {
			return ErrBucketNotFound
		}
		if !ValidName(m.Database) || !ValidName(m.Policy) {
			return ErrInvalidName
		}
		if slices.ContainsFunc(s.Mappings, func(o Mapping) bool { return o.Database == m.Database && o.Policy == m.Policy }) {
			return ErrMappingExists
		}
		s.LastMappingID++
		m.ID = s.LastMappingID
		m.Default = m.Default || !slices.ContainsFunc(s.Mappings, func(o Mapping) bool { return o.Database == m.Database })
		s.Mappings = append(slices.Clone(s.Mappings), m)
		s.setDefaultMapping(m)
		made = m
		return nil
	})
	return made, err
}

// UpdateMapping changes the policy that a mapping is named by and whether it is the default; nil members stay.
func (c *Catalog) UpdateMapping(id uint64, policy *string, isDefault *bool) (changed Mapping, err error) {
	err = c.change(func(s *Snapshot) error {
		s.Mappings = slices.Clone(s.Mappings)
		m := s.Mapping(id)
		if m == nil {
			return ErrMappingNotFound
		}
		if policy != nil {
			if !ValidName(*policy) {
				return ErrInvalidName
			}
			if slices.ContainsFunc(s.Mappings, func(o Mapping) bool {
				return o.ID != id && o.Database == m.Database && o.Policy == *policy
			}) {
				return ErrMappingExists
			}
			m.Policy = *policy
		}
		if isDefault != nil {
			m.Default = *isDefault
			s.setDefaultMapping(*m)
		}
		changed = *m
		return nil
	})
	return changed, err
}

// setDefaultMapping makes a mapping that is the default the only one of its database. The slice is the snapshot's own.
func (s *Snapshot) setDefaultMapping(m Mapping) {
	for i := range s.Mappings {
		if o := &s.Mappings[i]; m.Default && o.Database == m.Database && o.ID != m.ID {
			o.Default = false
		}
	}
}

// DropMapping removes a mapping.
func (c *Catalog) DropMapping(id uint64) error {
	return c.change(func(s *Snapshot) error {
		if s.Mapping(id) == nil {
			return ErrMappingNotFound
		}
		s.Mappings = slices.DeleteFunc(slices.Clone(s.Mappings), func(m Mapping) bool { return m.ID == id })
		return nil
	})
}

// dropMappings removes the mappings to policies that are no more.
func (s *Snapshot) dropMappings() {
	s.Mappings = slices.DeleteFunc(slices.Clone(s.Mappings), func(m Mapping) bool {
		_, p := s.PolicyByID(m.Bucket)
		return p == nil
	})
}
