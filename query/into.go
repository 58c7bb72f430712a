package query

import (
	"errors"

	"github.com/timberlinedb/timberline/influxql"
)

// writeInto runs SELECT … INTO.
func (r *statementRun) writeInto(*influxql.SelectStatement, *prepared, rowCursor) error {
	return errors.New("SELECT … INTO is not executed by this version")
}
