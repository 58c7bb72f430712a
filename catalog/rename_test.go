package catalog

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/internal/clock"
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

// TestRenamePolicy checks that tokens, continuous queries and the default of the database go along, and times are kept.
func TestRenamePolicy(t *testing.T) {
	files := vfs.NewMem()
	hand := clock.NewManual(time.Unix(1700000000, 0))
	c, err := Open("/", Options{FS: files, PasswordCost: 4, Clock: hand})
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"m", "z"} {
		_, err := c.CreateDatabase(name, nil)
		must(err)
	}
	must(c.CreatePolicy("m", PolicySpec{Name: "week"}, false))
	must(c.CreateContinuousQuery("z", "q", "CREATE CONTINUOUS QUERY q ON z BEGIN SELECT mean(v) INTO z.autogen.n FROM m.week.m GROUP BY time(1m) END"))
	token, _, err := c.CreateToken(TokenSpec{Permissions: []Permission{
		{Action: ActionRead, Database: "m", Policy: "week"}, {Action: ActionRead, Database: "z", Policy: "week"}}}, hand.Now())
	must(err)
	hand.Advance(time.Hour)
	for _, x := range []struct {
		database, from, to string
		want               error
	}{{"m", "week", "autogen", ErrPolicyExists}, {"m", "week", "a/b", ErrInvalidName}} {
		if err := c.RenamePolicy(x.database, x.from, x.to); !errors.Is(err, x.want) {
			t.Errorf("%+v: %v", x, err)
		}
	}
	for _, x := range [][2]string{{"m", "nothing"}, {"m", ""}, {"nothing", "week"}} {
		if err := c.RenamePolicy(x[0], x[1], "new"); err == nil {
			t.Errorf("%s of %s was renamed", x[1], x[0])
		}
	}
	must(c.RenamePolicy("m", "week", "days"))
	must(c.RenamePolicy("m", "autogen", "main"))
	must(c.RenameDatabase("m", "y"))

	if c, err = Open("/", Options{FS: files}); err != nil {
		t.Fatal(err)
	}
	d := c.Snapshot().Database("y")
	if d == nil || d.DefaultPolicy != "main" || d.Policy("days") == nil || d.Policy("week") != nil {
		t.Fatalf("database %+v", d)
	}
	p := d.Policy("days")
	if p.Created != time.Unix(1700000000, 0).UnixNano() || p.Updated != time.Unix(1700003600, 0).UnixNano() {
		t.Errorf("made %d, changed %d", p.Created, p.Updated)
	}
	want := []Permission{{Action: ActionRead, Database: "y", Policy: "days"}, {Action: ActionRead, Database: "z", Policy: "week"}}
	if got := c.Snapshot().TokenByID(token.ID).Permissions; !slices.Equal(got, want) {
		t.Errorf("permissions %+v", got)
	}
	if got := c.Snapshot().Database("z").ContinuousQueries[0].Query; got != "CREATE CONTINUOUS QUERY q ON z BEGIN SELECT mean(v) INTO z.autogen.n FROM y.days.m GROUP BY time(1m) END" {
		t.Errorf("continuous query: %s", got)
	}
}
