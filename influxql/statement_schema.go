package influxql

import "time"

// CreateDatabaseStatement is CREATE DATABASE name [WITH …].
type CreateDatabaseStatement struct {
	Name string

	// RetentionPolicyCreate is set by WITH: the options below describe the first retention policy.
	RetentionPolicyCreate             bool
	RetentionPolicyDuration           *time.Duration // 0: data is kept forever; nil: not given
	RetentionPolicyReplication        *int
	RetentionPolicyShardGroupDuration time.Duration // 0: derived from the duration
	FutureWriteLimit                  *time.Duration
	PastWriteLimit                    *time.Duration
	RetentionPolicyName               string
}

// DropDatabaseStatement is DROP DATABASE name.
type DropDatabaseStatement struct {
	Name string
}

// CreateRetentionPolicyStatement is CREATE RETENTION POLICY name ON database DURATION d REPLICATION n ….
type CreateRetentionPolicyStatement struct {
	Name               string
	Database           string
	Duration           time.Duration // 0: data is kept forever
	Replication        int
	ShardGroupDuration time.Duration // 0: derived from Duration
	Default            bool
	FutureWriteLimit   time.Duration // 0: unlimited
	PastWriteLimit     time.Duration // 0: unlimited
}

// AlterRetentionPolicyStatement is ALTER RETENTION POLICY name ON database …. What is nil stays as it is.
type AlterRetentionPolicyStatement struct {
	Name               string
	Database           string
	Duration           *time.Duration
	Replication        *int
	ShardGroupDuration *time.Duration
	Default            bool
	FutureWriteLimit   *time.Duration
	PastWriteLimit     *time.Duration
}

// DropRetentionPolicyStatement is DROP RETENTION POLICY name ON database.
type DropRetentionPolicyStatement struct {
	Name     string
	Database string
}

// CreateContinuousQueryStatement is CREATE CONTINUOUS QUERY name ON database [RESAMPLE …] BEGIN SELECT … INTO … END.
type CreateContinuousQueryStatement struct {
	Name          string
	Database      string
	Source        *SelectStatement
	ResampleEvery time.Duration // 0: not given
	ResampleFor   time.Duration // 0: not given
}

// DropContinuousQueryStatement is DROP CONTINUOUS QUERY name ON database.
type DropContinuousQueryStatement struct {
	Name     string
	Database string
}

// CreateSubscriptionStatement is CREATE SUBSCRIPTION name ON database.policy DESTINATIONS mode 'url', ….
type CreateSubscriptionStatement struct {
	Name            string
	Database        string
	RetentionPolicy string
	Destinations    []string
	Mode            string // ALL or ANY
}

// DropSubscriptionStatement is DROP SUBSCRIPTION name ON database.policy.
type DropSubscriptionStatement struct {
	Name            string
	Database        string
	RetentionPolicy string
}

// DropMeasurementStatement is DROP MEASUREMENT name.
type DropMeasurementStatement struct {
	Name string
}

// DropSeriesStatement is DROP SERIES [FROM …] [WHERE …].
type DropSeriesStatement struct {
	Sources   Sources
	Condition Expr
}

// DeleteSeriesStatement is DELETE [FROM …] [WHERE …].
type DeleteSeriesStatement struct {
	Sources   Sources
	Condition Expr
}

// DropShardStatement is DROP SHARD id.
type DropShardStatement struct {
	ID uint64
}

// KillQueryStatement is KILL QUERY id [ON host].
type KillQueryStatement struct {
	QueryID uint64
	Host    string
}

func (*CreateDatabaseStatement) statement()        {}
func (*DropDatabaseStatement) statement()          {}
func (*CreateRetentionPolicyStatement) statement() {}
func (*AlterRetentionPolicyStatement) statement()  {}
func (*DropRetentionPolicyStatement) statement()   {}
func (*CreateContinuousQueryStatement) statement() {}
func (*DropContinuousQueryStatement) statement()   {}
func (*CreateSubscriptionStatement) statement()    {}
func (*DropSubscriptionStatement) statement()      {}
func (*DropMeasurementStatement) statement()       {}
func (*DropSeriesStatement) statement()            {}
func (*DeleteSeriesStatement) statement()          {}
func (*DropShardStatement) statement()             {}
func (*KillQueryStatement) statement()             {}
