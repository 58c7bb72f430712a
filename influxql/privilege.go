package influxql

// Privilege is what a user may do in a database.
type Privilege uint8

// The privileges.
const (
	NoPrivileges Privilege = iota
	ReadPrivilege
	WritePrivilege
	AllPrivileges
)

var privilegeText = [...]string{
	NoPrivileges: "NO PRIVILEGES", ReadPrivilege: "READ", WritePrivilege: "WRITE", AllPrivileges: "ALL PRIVILEGES",
}

// String returns the privilege as GRANT names it.
func (p Privilege) String() string {
	if int(p) < len(privilegeText) {
		return privilegeText[p]
	}
	return ""
}

// ExecutionPrivilege is one thing a user must be allowed to run a statement.
type ExecutionPrivilege struct {
	Admin     bool   // only an administrator may
	Name      string // database; "" is the one the request names
	Privilege Privilege
}

// The four kinds of demands.

func adminOnly() []ExecutionPrivilege {
	return []ExecutionPrivilege{{Admin: true, Privilege: AllPrivileges}}
}

func reading(database string) []ExecutionPrivilege {
	return []ExecutionPrivilege{{Name: database, Privilege: ReadPrivilege}}
}

func writing(database string) []ExecutionPrivilege {
	return []ExecutionPrivilege{{Name: database, Privilege: WritePrivilege}}
}

func anybody() []ExecutionPrivilege {
	return []ExecutionPrivilege{{Privilege: NoPrivileges}}
}

// RequiredPrivileges lists the demand to read from each database of the list, subqueries included.
func (a Sources) RequiredPrivileges() []ExecutionPrivilege {
	var needed []ExecutionPrivilege
	for _, src := range a {
		switch src := src.(type) {
		case *Measurement:
			needed = append(needed, reading(src.Database)...)
		case *SubQuery:
			needed = append(needed, src.Statement.RequiredPrivileges()...)
		}
	}
	return needed
}

// readingExactly is the demand of the counting statements: an exact count reads the sources, an estimate the database.
func readingExactly(exact bool, database string, sources Sources) []ExecutionPrivilege {
	if exact {
		return sources.RequiredPrivileges()
	}
	return reading(database)
}

// RequiredPrivileges returns read for the sources and write for the target.
func (s *SelectStatement) RequiredPrivileges() []ExecutionPrivilege {
	needed := s.Sources.RequiredPrivileges()
	if s.Target != nil {
		needed = append(needed, writing(s.Target.Measurement.Database)...)
	}
	return needed
}

// RequiredPrivileges returns those of the explained statement.
func (s *ExplainStatement) RequiredPrivileges() []ExecutionPrivilege {
	return s.Statement.RequiredPrivileges()
}

// RequiredPrivileges returns read for the database, and write for the target's if that is another one.
func (s *CreateContinuousQueryStatement) RequiredPrivileges() []ExecutionPrivilege {
	needed := reading(s.Database)
	if target := s.Source.Target.Measurement.Database; target != "" {
		needed = append(needed, writing(target)...)
	}
	return needed
}

// RequiredPrivileges returns administrator.
func (*AlterRetentionPolicyStatement) RequiredPrivileges() []ExecutionPrivilege {
	return adminOnly()
}

// RequiredPrivileges returns administrator.
func (*CreateDatabaseStatement) RequiredPrivileges() []ExecutionPrivilege {
	return adminOnly()
}

// RequiredPrivileges returns administrator.
func (*CreateRetentionPolicyStatement) RequiredPrivileges() []ExecutionPrivilege {
	return adminOnly()
}

// RequiredPrivileges returns administrator.
func (*CreateSubscriptionStatement) RequiredPrivileges() []ExecutionPrivilege {
	return adminOnly()
}

// RequiredPrivileges returns administrator.
func (*CreateUserStatement) RequiredPrivileges() []ExecutionPrivilege {
	return adminOnly()
}

// RequiredPrivileges returns administrator.
func (*DropDatabaseStatement) RequiredPrivileges() []ExecutionPrivilege {
	return adminOnly()
}

// RequiredPrivileges returns administrator.
func (*DropMeasurementStatement) RequiredPrivileges() []ExecutionPrivilege {
	return adminOnly()
}

// RequiredPrivileges returns administrator.
func (*DropShardStatement) RequiredPrivileges() []ExecutionPrivilege {
	return adminOnly()
}

// RequiredPrivileges returns administrator.
func (*DropSubscriptionStatement) RequiredPrivileges() []ExecutionPrivilege {
	return adminOnly()
}

// RequiredPrivileges returns administrator.
func (*DropUserStatement) RequiredPrivileges() []ExecutionPrivilege {
	return adminOnly()
}

// RequiredPrivileges returns administrator.
func (*GrantStatement) RequiredPrivileges() []ExecutionPrivilege {
	return adminOnly()
}

// RequiredPrivileges returns administrator.
func (*GrantAdminStatement) RequiredPrivileges() []ExecutionPrivilege {
	return adminOnly()
}

// RequiredPrivileges returns administrator.
func (*KillQueryStatement) RequiredPrivileges() []ExecutionPrivilege {
	return adminOnly()
}

// RequiredPrivileges returns administrator.
func (*RevokeStatement) RequiredPrivileges() []ExecutionPrivilege {
	return adminOnly()
}

// RequiredPrivileges returns administrator.
func (*RevokeAdminStatement) RequiredPrivileges() []ExecutionPrivilege {
	return adminOnly()
}

// RequiredPrivileges returns administrator.
func (*SetPasswordUserStatement) RequiredPrivileges() []ExecutionPrivilege {
	return adminOnly()
}

// RequiredPrivileges returns administrator.
func (*ShowDiagnosticsStatement) RequiredPrivileges() []ExecutionPrivilege {
	return adminOnly()
}

// RequiredPrivileges returns administrator.
func (*ShowGrantsForUserStatement) RequiredPrivileges() []ExecutionPrivilege {
	return adminOnly()
}

// RequiredPrivileges returns administrator.
func (*ShowShardGroupsStatement) RequiredPrivileges() []ExecutionPrivilege {
	return adminOnly()
}

// RequiredPrivileges returns administrator.
func (*ShowShardsStatement) RequiredPrivileges() []ExecutionPrivilege {
	return adminOnly()
}

// RequiredPrivileges returns administrator.
func (*ShowStatsStatement) RequiredPrivileges() []ExecutionPrivilege {
	return adminOnly()
}

// RequiredPrivileges returns administrator.
func (*ShowSubscriptionsStatement) RequiredPrivileges() []ExecutionPrivilege {
	return adminOnly()
}

// RequiredPrivileges returns administrator.
func (*ShowUsersStatement) RequiredPrivileges() []ExecutionPrivilege {
	return adminOnly()
}

// RequiredPrivileges returns nothing: each user sees the databases it may use.
func (*ShowDatabasesStatement) RequiredPrivileges() []ExecutionPrivilege {
	return anybody()
}

// RequiredPrivileges returns read for the database.
func (s *ShowFieldKeysStatement) RequiredPrivileges() []ExecutionPrivilege {
	return reading(s.Database)
}

// RequiredPrivileges returns read for the database.
func (s *ShowMeasurementsStatement) RequiredPrivileges() []ExecutionPrivilege {
	return reading(s.Database)
}

// RequiredPrivileges returns read for the database.
func (s *ShowRetentionPoliciesStatement) RequiredPrivileges() []ExecutionPrivilege {
	return reading(s.Database)
}

// RequiredPrivileges returns read for the database.
func (s *ShowSeriesStatement) RequiredPrivileges() []ExecutionPrivilege {
	return reading(s.Database)
}

// RequiredPrivileges returns read for the database.
func (s *ShowTagKeysStatement) RequiredPrivileges() []ExecutionPrivilege {
	return reading(s.Database)
}

// RequiredPrivileges returns read for the database.
func (s *ShowTagValuesStatement) RequiredPrivileges() []ExecutionPrivilege {
	return reading(s.Database)
}

// RequiredPrivileges returns read for the request's database.
func (*ShowContinuousQueriesStatement) RequiredPrivileges() []ExecutionPrivilege {
	return reading("")
}

// RequiredPrivileges returns read for the request's database.
func (*ShowQueriesStatement) RequiredPrivileges() []ExecutionPrivilege {
	return reading("")
}

// RequiredPrivileges returns write for the database.
func (s *DropContinuousQueryStatement) RequiredPrivileges() []ExecutionPrivilege {
	return writing(s.Database)
}

// RequiredPrivileges returns write for the database.
func (s *DropRetentionPolicyStatement) RequiredPrivileges() []ExecutionPrivilege {
	return writing(s.Database)
}

// RequiredPrivileges returns write for the request's database.
func (*DeleteSeriesStatement) RequiredPrivileges() []ExecutionPrivilege {
	return writing("")
}

// RequiredPrivileges returns write for the request's database.
func (*DropSeriesStatement) RequiredPrivileges() []ExecutionPrivilege {
	return writing("")
}

// RequiredPrivileges returns read for the database, or for the sources if the count is exact.
func (s *ShowSeriesCardinalityStatement) RequiredPrivileges() []ExecutionPrivilege {
	return readingExactly(s.Exact, s.Database, s.Sources)
}

// RequiredPrivileges returns read for the database, or for the sources if the count is exact.
func (s *ShowMeasurementCardinalityStatement) RequiredPrivileges() []ExecutionPrivilege {
	return readingExactly(s.Exact, s.Database, s.Sources)
}

// RequiredPrivileges returns read for the sources.
func (s *ShowFieldKeyCardinalityStatement) RequiredPrivileges() []ExecutionPrivilege {
	return s.Sources.RequiredPrivileges()
}

// RequiredPrivileges returns read for the sources.
func (s *ShowTagKeyCardinalityStatement) RequiredPrivileges() []ExecutionPrivilege {
	return s.Sources.RequiredPrivileges()
}

// RequiredPrivileges returns read for the sources.
func (s *ShowTagValuesCardinalityStatement) RequiredPrivileges() []ExecutionPrivilege {
	return s.Sources.RequiredPrivileges()
}
