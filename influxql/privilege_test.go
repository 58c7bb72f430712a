package influxql

import (
	"fmt"
	"testing"
)

func TestRequiredPrivileges(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"SELECT a FROM db0.rp.m, n, (SELECT b FROM db1..x)", "[{false db0 READ} {false  READ} {false db1 READ}]"},
		{"SELECT a INTO db2..y FROM m", "[{false  READ} {false db2 WRITE}]"},
		{"EXPLAIN SELECT a FROM db0..m", "[{false db0 READ}]"},
		{"CREATE CONTINUOUS QUERY q ON db0 BEGIN SELECT a INTO x FROM m END", "[{false db0 READ}]"},
		{"CREATE CONTINUOUS QUERY q ON db0 BEGIN SELECT a INTO db1..x FROM m END", "[{false db0 READ} {false db1 WRITE}]"},
		{"SHOW DATABASES", "[{false  NO PRIVILEGES}]"},
		{"SHOW QUERIES", "[{false  READ}]"},
		{"SHOW SERIES ON db0", "[{false db0 READ}]"},
		{"SHOW SERIES CARDINALITY ON db0 FROM db1..m", "[{false db0 READ}]"},
		{"SHOW SERIES EXACT CARDINALITY ON db0 FROM db1..m", "[{false db1 READ}]"},
		{"SHOW TAG KEY CARDINALITY ON db0", "[]"},
		{"DELETE FROM m", "[{false  WRITE}]"},
		{"DROP RETENTION POLICY p ON db0", "[{false db0 WRITE}]"},
		{"DROP MEASUREMENT m", "[{true  ALL PRIVILEGES}]"},
		{"CREATE DATABASE x", "[{true  ALL PRIVILEGES}]"},
		{"KILL QUERY 1", "[{true  ALL PRIVILEGES}]"},
	} {
		if got := fmt.Sprint(MustParseStatement(c.text).RequiredPrivileges()); got != c.want {
			t.Errorf("%s: got %s, want %s", c.text, got, c.want)
		}
	}
}

func TestDefaultDatabase(t *testing.T) {
	for text, want := range map[string]string{
		"SHOW SERIES ON db0": "db0", "SHOW SERIES": "", "GRANT READ ON db1 TO u": "db1", "DROP CONTINUOUS QUERY q ON db2": "db2",
	} {
		stmt, ok := MustParseStatement(text).(HasDefaultDatabase)
		if !ok || stmt.DefaultDatabase() != want {
			t.Errorf("%s: got %v", text, stmt)
		}
	}
	if _, ok := MustParseStatement("DROP DATABASE x").(HasDefaultDatabase); ok {
		t.Error("DROP DATABASE has a default database")
	}
}
