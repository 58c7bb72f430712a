package influxql

import (
	"fmt"
	"time"
)

// The functions below read what follows the words of their rule in the grammar.

func (p *Parser) parseCreateDatabase() (*CreateDatabaseStatement, error) {
	name, err := p.name()
	if err != nil {
		return nil, err
	}
	stmt := &CreateDatabaseStatement{Name: name}
	if !p.accept(WITH) {
		return stmt, nil
	}
	switch l := p.next(); l.Token {
	case DURATION, NAME, REPLICATION, SHARD, FUTURE, PAST:
		p.back()
	default:
		return nil, notExpected(l, "DURATION", "NAME", "REPLICATION", "SHARD", "FUTURE", "PAST")
	}
	stmt.RetentionPolicyCreate = true
	return stmt, p.databaseOptions(stmt)
}

// databaseOptions reads what follows WITH: each option at most once, in this order.
func (p *Parser) databaseOptions(stmt *CreateDatabaseStatement) (err error) {
	if p.accept(DURATION) {
		if stmt.RetentionPolicyDuration, err = given(p.duration()); err != nil {
			return err
		}
	}
	if p.accept(REPLICATION) {
		if stmt.RetentionPolicyReplication, err = given(p.positiveInt()); err != nil {
			return err
		}
	}
	if p.accept(SHARD) {
		if err := p.expect(DURATION); err != nil {
			return err
		}
		if stmt.RetentionPolicyShardGroupDuration, err = p.duration(); err != nil {
			return err
		}
	}
	if p.accept(FUTURE) {
		if stmt.FutureWriteLimit, err = given(p.writeLimit()); err != nil {
			return err
		}
	}
	if p.accept(PAST) {
		if stmt.PastWriteLimit, err = given(p.writeLimit()); err != nil {
			return err
		}
	}
	if p.accept(NAME) {
		stmt.RetentionPolicyName, err = p.name()
	}
	return err
}

// given returns where the value of an option is kept that may be left out.
func given[T any](value T, err error) (*T, error) { return &value, err }

func (p *Parser) parseDropDatabase() (*DropDatabaseStatement, error) {
	name, err := p.name()
	return &DropDatabaseStatement{Name: name}, err
}

// nameOn reads name ON database.
func (p *Parser) nameOn() (name, database string, err error) {
	if name, err = p.name(); err != nil {
		return "", "", err
	}
	if err = p.expect(ON); err != nil {
		return "", "", err
	}
	database, err = p.name()
	return name, database, err
}

func (p *Parser) parseCreateRetentionPolicy() (*CreateRetentionPolicyStatement, error) {
	stmt := &CreateRetentionPolicyStatement{}
	var err error
	if stmt.Name, stmt.Database, err = p.nameOn(); err != nil {
		return nil, err
	}
	if err := p.expect(DURATION); err != nil {
		return nil, err
	}
	if stmt.Duration, err = p.duration(); err != nil {
		return nil, err
	}
	if err := p.expect(REPLICATION); err != nil {
		return nil, err
	}
	if stmt.Replication, err = p.positiveInt(); err != nil {
		return nil, err
	}
	return stmt, p.retentionPolicyOptions(stmt)
}

// retentionPolicyOptions reads the options of CREATE RETENTION POLICY: each at most once, in this order.
func (p *Parser) retentionPolicyOptions(stmt *CreateRetentionPolicyStatement) (err error) {
	if p.accept(SHARD) {
		if stmt.ShardGroupDuration, err = p.shardDuration(); err != nil {
			return err
		}
	}
	stmt.Default = p.accept(DEFAULT)
	if p.accept(FUTURE) {
		if stmt.FutureWriteLimit, err = p.writeLimit(); err != nil {
			return err
		}
	}
	if p.accept(PAST) {
		stmt.PastWriteLimit, err = p.writeLimit()
	}
	return err
}

// shardDuration reads what follows SHARD, which must be finite.
func (p *Parser) shardDuration() (time.Duration, error) {
	if err := p.expect(DURATION); err != nil {
		return 0, err
	}
	l := p.next()
	if l.Token == INF {
		return 0, failAt(l, "invalid duration INF for shard duration")
	}
	p.back()
	return p.duration()
}

// writeLimit reads what follows FUTURE or PAST.
func (p *Parser) writeLimit() (time.Duration, error) {
	if err := p.expect(LIMIT); err != nil {
		return 0, err
	}
	return p.duration()
}

func (p *Parser) parseAlterRetentionPolicy() (*AlterRetentionPolicyStatement, error) {
	stmt := &AlterRetentionPolicyStatement{}
	switch l := p.next(); l.Token {
	case DEFAULT:
		stmt.Name = "default"
	case IDENT:
		stmt.Name = l.Text
	default:
		return nil, notExpected(l, "identifier")
	}
	if err := p.expect(ON); err != nil {
		return nil, err
	}
	var err error
	if stmt.Database, err = p.name(); err != nil {
		return nil, err
	}
	return stmt, p.policyChanges(stmt)
}

// policyChanges reads the options of ALTER RETENTION POLICY: at least one, in any order, none twice.
func (p *Parser) policyChanges(stmt *AlterRetentionPolicyStatement) error {
	seen := make(map[Token]bool)
	for {
		l := p.next()
		if seen[l.Token] {
			return failAt(l, fmt.Sprintf("found duplicate %s option", l.Token))
		}
		known, err := p.policyChange(l.Token, stmt)
		if err != nil {
			return err
		}
		if !known && len(seen) == 0 {
			return notExpected(l, "DURATION", "REPLICATION", "SHARD", "DEFAULT", "FUTURE", "PAST")
		}
		if !known {
			p.back()
			return nil
		}
		seen[l.Token] = true
	}
}

// policyChange reads the rest of the option that begins with word; known is false if none does.
func (p *Parser) policyChange(word Token, stmt *AlterRetentionPolicyStatement) (known bool, err error) {
	switch word {
	case DURATION:
		stmt.Duration, err = given(p.duration())
	case REPLICATION:
		stmt.Replication, err = given(p.positiveInt())
	case SHARD:
		stmt.ShardGroupDuration, err = given(p.shardDuration())
	case DEFAULT:
		stmt.Default = true
	case FUTURE:
		stmt.FutureWriteLimit, err = given(p.writeLimit())
	case PAST:
		stmt.PastWriteLimit, err = given(p.writeLimit())
	default:
		return false, nil
	}
	return true, err
}

func (p *Parser) parseDropRetentionPolicy() (*DropRetentionPolicyStatement, error) {
	stmt := &DropRetentionPolicyStatement{}
	var err error
	stmt.Name, stmt.Database, err = p.nameOn()
	return stmt, err
}

func (p *Parser) parseCreateSubscription() (*CreateSubscriptionStatement, error) {
	stmt := &CreateSubscriptionStatement{}
	var err error
	if stmt.Name, stmt.Database, stmt.RetentionPolicy, err = p.nameOnPolicy(); err != nil {
		return nil, err
	}
	if err := p.expect(DESTINATIONS); err != nil {
		return nil, err
	}
	l := p.next()
	if l.Token != ALL && l.Token != ANY {
		return nil, notExpected(l, "ALL", "ANY")
	}
	stmt.Mode = l.Token.String()
	stmt.Destinations, err = p.texts()
	return stmt, err
}

// nameOnPolicy reads name ON database.policy.
func (p *Parser) nameOnPolicy() (name, database, policy string, err error) {
	if name, database, err = p.nameOn(); err != nil {
		return "", "", "", err
	}
	if err = p.expectNow(DOT); err != nil {
		return "", "", "", err
	}
	policy, err = p.name()
	return name, database, policy, err
}

func (p *Parser) parseDropSubscription() (*DropSubscriptionStatement, error) {
	stmt := &DropSubscriptionStatement{}
	var err error
	stmt.Name, stmt.Database, stmt.RetentionPolicy, err = p.nameOnPolicy()
	return stmt, err
}

func (p *Parser) parseDropMeasurement() (*DropMeasurementStatement, error) {
	name, err := p.name()
	return &DropMeasurementStatement{Name: name}, err
}

func (p *Parser) parseDropSeries() (*DropSeriesStatement, error) {
	stmt := &DropSeriesStatement{}
	return stmt, p.deletionScope(&stmt.Sources, &stmt.Condition, false)
}

func (p *Parser) parseDelete() (*DeleteSeriesStatement, error) {
	stmt := &DeleteSeriesStatement{}
	return stmt, p.deletionScope(&stmt.Sources, &stmt.Condition, true)
}

// deletionScope reads [FROM …] [WHERE …], of which at least one must be there. The sources are those of the request's
// database.
func (p *Parser) deletionScope(sources *Sources, condition *Expr, policies bool) error {
	first := p.next()
	p.back()
	if err := p.from(sources); err != nil {
		return err
	}
	if err := deletable(*sources, policies); err != nil {
		return err
	}
	if err := p.where(condition); err != nil {
		return err
	}
	if *sources == nil && *condition == nil {
		return notExpected(first, "FROM", "WHERE")
	}
	return nil
}

// deletable checks that no source names a database or, unless allowed, a retention policy.
func deletable(sources Sources, policies bool) error {
	message := ""
	for _, m := range sources.Measurements() {
		if m.Database != "" {
			message = "database not supported"
		}
		if m.RetentionPolicy != "" && !policies {
			message = "retention policy not supported"
		}
	}
	if message == "" {
		return nil
	}
	return &ParseError{Message: message}
}

func (p *Parser) parseDropShard() (*DropShardStatement, error) {
	id, err := p.id()
	return &DropShardStatement{ID: id}, err
}

func (p *Parser) parseKillQuery() (*KillQueryStatement, error) {
	id, err := p.id()
	if err != nil {
		return nil, err
	}
	stmt := &KillQueryStatement{QueryID: id}
	return stmt, p.on(&stmt.Host)
}
