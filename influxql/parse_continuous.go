package influxql

import (
	"fmt"
	"time"
)

// parseCreateContinuousQuery reads what follows CREATE CONTINUOUS QUERY.
func (p *Parser) parseCreateContinuousQuery() (*CreateContinuousQueryStatement, error) {
	stmt := &CreateContinuousQueryStatement{}
	var err error
	if stmt.Name, stmt.Database, err = p.nameOn(); err != nil {
		return nil, err
	}
	if err := p.resample(stmt); err != nil {
		return nil, err
	}
	if err := p.expect(BEGIN, SELECT); err != nil {
		return nil, err
	}
	if stmt.Source, err = p.selectBody(targetRequired); err != nil {
		return nil, err
	}
	if err := p.requireInterval(stmt.Source); err != nil {
		return nil, err
	}
	if err := p.expect(END); err != nil {
		return nil, err
	}
	return stmt, stmt.checkResampleFor()
}

// resample reads [RESAMPLE [EVERY duration] [FOR duration]]; one of the two must be there.
func (p *Parser) resample(stmt *CreateContinuousQueryStatement) (err error) {
	if !p.accept(RESAMPLE) {
		return nil
	}
	if stmt.ResampleEvery, err = p.resampleOption(EVERY); err != nil {
		return err
	}
	if stmt.ResampleFor, err = p.resampleOption(FOR); err != nil {
		return err
	}
	if stmt.ResampleEvery == 0 && stmt.ResampleFor == 0 {
		return notExpected(p.next(), "EVERY", "FOR")
	}
	return nil
}

func (p *Parser) resampleOption(word Token) (time.Duration, error) {
	if !p.accept(word) {
		return 0, nil
	}
	return p.finiteDuration()
}

// requireInterval checks that a statement with functions groups by time. The error tells of the last lexeme of the
// statement.
func (p *Parser) requireInterval(stmt *SelectStatement) error {
	if stmt.IsRawQuery {
		return nil
	}
	interval, err := stmt.GroupByInterval()
	if err == nil && interval != 0 {
		return nil
	}
	wanted := []string{"GROUP BY time(...)"}
	if err != nil {
		wanted = append(wanted, err.Error())
	}
	p.back()
	p.back()
	return notExpected(p.next(), wanted...)
}

// checkResampleFor checks that the time resampled covers at least one run.
func (s *CreateContinuousQueryStatement) checkResampleFor() error {
	least, err := s.Source.GroupByInterval()
	if err != nil || s.ResampleFor == 0 {
		return err
	}
	if s.ResampleEvery > least {
		least = s.ResampleEvery
	}
	if s.ResampleFor < least {
		return fmt.Errorf("FOR duration must be >= GROUP BY time duration: must be a minimum of %s, got %s",
			FormatDuration(least), FormatDuration(s.ResampleFor))
	}
	return nil
}

// parseDropContinuousQuery reads what follows DROP CONTINUOUS QUERY.
func (p *Parser) parseDropContinuousQuery() (*DropContinuousQueryStatement, error) {
	stmt := &DropContinuousQueryStatement{}
	var err error
	stmt.Name, stmt.Database, err = p.nameOn()
	return stmt, err
}
