package influxql

// The fields of the SHOW statements: Database is the one of ON, "" for the one the request names; Exact asks for a count
// instead of an estimate; Limit and Offset are 0 when unlimited.

// ShowContinuousQueriesStatement is SHOW CONTINUOUS QUERIES.
type ShowContinuousQueriesStatement struct{}

// ShowDatabasesStatement is SHOW DATABASES.
type ShowDatabasesStatement struct{}

// ShowDiagnosticsStatement is SHOW DIAGNOSTICS [FOR 'module'].
type ShowDiagnosticsStatement struct {
	Module string
}

// ShowFieldKeyCardinalityStatement is SHOW FIELD KEY [EXACT] CARDINALITY ….
type ShowFieldKeyCardinalityStatement struct {
	Exact         bool
	Database      string
	Sources       Sources
	Condition     Expr
	Dimensions    Dimensions
	Limit, Offset int
}

// ShowFieldKeysStatement is SHOW FIELD KEYS ….
type ShowFieldKeysStatement struct {
	Database      string
	Sources       Sources
	SortFields    SortFields
	Limit, Offset int
}

// ShowGrantsForUserStatement is SHOW GRANTS FOR user.
type ShowGrantsForUserStatement struct {
	Name string
}

// ShowMeasurementCardinalityStatement is SHOW MEASUREMENT [EXACT] CARDINALITY ….
type ShowMeasurementCardinalityStatement struct {
	Exact         bool
	Database      string
	Sources       Sources
	Condition     Expr
	Dimensions    Dimensions
	Limit, Offset int
}

// ShowMeasurementsStatement is SHOW MEASUREMENTS [ON database[.policy]] [WITH MEASUREMENT = source] …. Database and
// policy may be the wildcard *.
type ShowMeasurementsStatement struct {
	Database                string
	RetentionPolicy         string
	WildcardDatabase        bool
	WildcardRetentionPolicy bool
	Source                  Source // nil without WITH MEASUREMENT
	Condition               Expr
	SortFields              SortFields
	Limit, Offset           int
}

// ShowQueriesStatement is SHOW QUERIES.
type ShowQueriesStatement struct{}

// ShowRetentionPoliciesStatement is SHOW RETENTION POLICIES [ON database].
type ShowRetentionPoliciesStatement struct {
	Database string
}

// ShowSeriesStatement is SHOW SERIES ….
type ShowSeriesStatement struct {
	Database      string
	Sources       Sources
	Condition     Expr
	SortFields    SortFields
	Limit, Offset int
}

// ShowSeriesCardinalityStatement is SHOW SERIES [EXACT] CARDINALITY ….
type ShowSeriesCardinalityStatement struct {
	Exact         bool
	Database      string
	Sources       Sources
	Condition     Expr
	Dimensions    Dimensions
	Limit, Offset int
}

// ShowShardGroupsStatement is SHOW SHARD GROUPS.
type ShowShardGroupsStatement struct{}

// ShowShardsStatement is SHOW SHARDS.
type ShowShardsStatement struct{}

// ShowStatsStatement is SHOW STATS [FOR 'module'].
type ShowStatsStatement struct {
	Module string
}

// ShowSubscriptionsStatement is SHOW SUBSCRIPTIONS.
type ShowSubscriptionsStatement struct{}

// ShowTagKeyCardinalityStatement is SHOW TAG KEY [EXACT] CARDINALITY ….
type ShowTagKeyCardinalityStatement struct {
	Exact         bool
	Database      string
	Sources       Sources
	Condition     Expr
	Dimensions    Dimensions
	Limit, Offset int
}

// ShowTagKeysStatement is SHOW TAG KEYS … [WITH KEY …] …. TagKeyOp and TagKeyExpr are as in ShowTagValuesStatement, zero
// without WITH KEY.
type ShowTagKeysStatement struct {
	Database        string
	Sources         Sources
	TagKeyOp        Token
	TagKeyExpr      Literal
	Condition       Expr
	SortFields      SortFields
	Limit, Offset   int // tag keys of each measurement
	SLimit, SOffset int // measurements
}

// ShowTagValuesStatement is SHOW TAG VALUES … WITH KEY ….
type ShowTagValuesStatement struct {
	Database string
	Sources  Sources
	// Op is EQ or NEQ with a *StringLiteral, IN with a *ListLiteral, EQREGEX or NEQREGEX with a *RegexLiteral.
	Op            Token
	TagKeyExpr    Literal
	Condition     Expr
	SortFields    SortFields
	Limit, Offset int
}

// ShowTagValuesCardinalityStatement is SHOW TAG VALUES [EXACT] CARDINALITY … WITH KEY …. Op and TagKeyExpr are as in
// ShowTagValuesStatement.
type ShowTagValuesCardinalityStatement struct {
	Exact         bool
	Database      string
	Sources       Sources
	Op            Token
	TagKeyExpr    Literal
	Condition     Expr
	Dimensions    Dimensions
	Limit, Offset int
}

// ShowUsersStatement is SHOW USERS.
type ShowUsersStatement struct{}

func (*ShowContinuousQueriesStatement) statement()      {}
func (*ShowDatabasesStatement) statement()              {}
func (*ShowDiagnosticsStatement) statement()            {}
func (*ShowFieldKeyCardinalityStatement) statement()    {}
func (*ShowFieldKeysStatement) statement()              {}
func (*ShowGrantsForUserStatement) statement()          {}
func (*ShowMeasurementCardinalityStatement) statement() {}
func (*ShowMeasurementsStatement) statement()           {}
func (*ShowQueriesStatement) statement()                {}
func (*ShowRetentionPoliciesStatement) statement()      {}
func (*ShowSeriesStatement) statement()                 {}
func (*ShowSeriesCardinalityStatement) statement()      {}
func (*ShowShardGroupsStatement) statement()            {}
func (*ShowShardsStatement) statement()                 {}
func (*ShowStatsStatement) statement()                  {}
func (*ShowSubscriptionsStatement) statement()          {}
func (*ShowTagKeyCardinalityStatement) statement()      {}
func (*ShowTagKeysStatement) statement()                {}
func (*ShowTagValuesStatement) statement()              {}
func (*ShowTagValuesCardinalityStatement) statement()   {}
func (*ShowUsersStatement) statement()                  {}
