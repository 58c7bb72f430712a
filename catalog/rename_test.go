package catalog

import (
	"errors"
	"testing"

	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/internal/vfs"
)

// TestRenameDatabase checks that everything that goes by the name of a database goes along, and is there after a restart.
func TestRenameDatabase(t *testing.T) {
	files := vfs.NewMem()
	c, err := Open("/", Options{FS: files, PasswordCost: 4})
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a", "m", "z"} {
		_, err := c.CreateDatabase(name, nil)
		must(err)
	}
	must(c.CreateUser("ann", "secret", false))
	for _, name := range []string{"a", "m", "z"} {
		must(c.GrantPrivilege("ann", name, influxql.ReadPrivilege))
	}
	must(c.CreateContinuousQuery("m", "q", "CREATE CONTINUOUS QUERY q ON m BEGIN SELECT mean(v) INTO m.autogen.n FROM m.autogen.m GROUP BY time(1m) END"))
	must(c.CreateContinuousQuery("z", "q", "CREATE CONTINUOUS QUERY q ON z BEGIN SELECT mean(v) INTO z.autogen.n FROM m.autogen.m GROUP BY time(1m) END"))
	id := c.Snapshot().Database("m").ID

	if err := c.RenameDatabase("m", "z"); !errors.Is(err, ErrDatabaseExists) {
		t.Errorf("to a name that is taken: %v", err)
	}
	if err := c.RenameDatabase("nothing", "b"); err == nil || err.Error() != "database not found: nothing" {
		t.Errorf("of a database that is not there: %v", err)
	}
	if err := c.RenameDatabase("m", "../b"); !errors.Is(err, ErrInvalidName) {
		t.Errorf("to a name that none can have: %v", err)
	}
	must(c.RenameDatabase("m", "zz"))

	if c, err = Open("/", Options{FS: files}); err != nil {
		t.Fatal(err)
	}
	snap := c.Snapshot()
	if d := snap.Database("zz"); d == nil || d.ID != id || snap.Database("m") != nil {
		t.Fatalf("databases: %+v", snap.Databases)
	}
	ann := snap.User("ann")
	if ann.Privilege("zz") != influxql.ReadPrivilege || ann.Privilege("z") != influxql.ReadPrivilege || ann.Privilege("m") != influxql.NoPrivileges {
		t.Errorf("grants: %+v", ann.Grants)
	}
	for database, want := range map[string]string{
		"zz": "CREATE CONTINUOUS QUERY q ON zz BEGIN SELECT mean(v) INTO zz.autogen.n FROM zz.autogen.m GROUP BY time(1m) END",
		"z":  "CREATE CONTINUOUS QUERY q ON z BEGIN SELECT mean(v) INTO z.autogen.n FROM zz.autogen.m GROUP BY time(1m) END",
	} {
		if got := snap.Database(database).ContinuousQuery("q").Query; got != want {
			t.Errorf("query of %s:\n got %s\nwant %s", database, got, want)
		}
	}
}
