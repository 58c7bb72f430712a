package query

import (
	"fmt"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
)

// FieldChange says what becomes of a field of a measurement, in all policies of a database.
type FieldChange struct {
	Database, Measurement, Field string

	// NewName is what the field is called from now on; "" drops it.
	NewName string

	// Replace, if it is a type, is that of a new and empty field under the old name.
	Replace model.FieldType
}

// changeSchema runs the statements that change what is stored under which name; handled is false for others.
func (r *statementRun) changeSchema(stmt influxql.Statement) (handled bool, err error) {
	switch stmt := stmt.(type) {
	case *influxql.DropFieldStatement:
		err = r.dropField(stmt)
	case *influxql.AlterFieldStatement:
		err = r.alterField(stmt)
	case *influxql.RenameStatement:
		err = r.rename(stmt)
	default:
		return false, nil
	}
	return true, r.changed(stmt, err)
}

// dropField is DROP FIELD. One that is not there is no error, as with other DROP statements.
func (r *statementRun) dropField(stmt *influxql.DropFieldStatement) error {
	db, err := r.database("")
	if err != nil {
		return err
	}
	_, err = r.engine.storage.ChangeField(r.ctx, FieldChange{Database: db.Name, Measurement: stmt.Measurement, Field: stmt.Name})
	return err
}

func (r *statementRun) rename(stmt *influxql.RenameStatement) error {
	if stmt.Kind == influxql.RenamedDatabase {
		return r.engine.storage.RenameDatabase(r.ctx, stmt.Old, stmt.New)
	}
	db, err := r.database("")
	if err != nil {
		return err
	}
	if stmt.New == "" || stmt.New == "time" {
		return fmt.Errorf("nothing can be renamed to %q", stmt.New)
	}
	if stmt.Old == stmt.New {
		return nil
	}
	switch stmt.Kind {
	case influxql.RenamedField:
		return r.renameField(db, stmt)
	case influxql.RenamedMeasurement:
		return r.renameMeasurement(db, stmt)
	}
	return r.renameTagKey(db, stmt)
}

// renameField is RENAME FIELD. Where a run before has got halfway, the rest is done.
func (r *statementRun) renameField(db *catalog.Database, stmt *influxql.RenameStatement) error {
	n, err := r.engine.storage.ChangeField(r.ctx, FieldChange{
		Database: db.Name, Measurement: stmt.Measurement, Field: stmt.Old, NewName: stmt.New,
	})
	if err == nil && n == 0 {
		err = errFieldNotFound(stmt.Old, stmt.Measurement)
	}
	return err
}

func errFieldNotFound(field, measurement string) error {
	return fmt.Errorf("field not found: %s in measurement %s", influxql.QuoteIdent(field), influxql.QuoteIdent(measurement))
}
