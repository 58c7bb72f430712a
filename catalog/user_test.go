package catalog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/internal/vfs"
)

func TestUsers(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir)
	for _, s := range []struct {
		what string
		err  error
		want error
	}{
		{"create", c.CreateUser("b", "x", false), nil},
		{"create again", c.CreateUser("b", "x", false), nil},
		{"create with another password", c.CreateUser("b", "y", false), ErrUserExists},
		{"create as administrator", c.CreateUser("b", "x", true), ErrUserExists},
		{"create without name", c.CreateUser("", "x", false), ErrUserNameRequired},
		{"create with a long password", c.CreateUser("l", strings.Repeat("p", 73), false), ErrPasswordTooLong},
		{"create first by name", c.CreateUser("a b", "", true), nil},
		{"password", c.SetPassword("b", "new"), nil},
		{"password of nobody", c.SetPassword("z", "new"), ErrUserNotFound},
		{"long password", c.SetPassword("b", strings.Repeat("p", 73)), ErrPasswordTooLong},
		{"administrator", c.SetAdmin("b", true), nil},
		{"administrator nobody", c.SetAdmin("z", true), ErrUserNotFound},
		{"no administrator", c.SetAdmin("b", false), nil},
		{"drop nobody", c.DropUser("z"), ErrUserNotFound},
	} {
		if !errors.Is(s.err, s.want) || s.want == nil && s.err != nil {
			t.Errorf("%s: %v, want %v", s.what, s.err, s.want)
		}
	}
	check := func(c *Catalog) {
		t.Helper()
		s := c.Snapshot()
		if len(s.Users) != 2 || s.Users[0].Name != "a b" || !s.User("a b").Admin || s.User("b").Admin || !s.HasAdmin() {
			t.Errorf("users are %v", s.Users)
		}
		if !c.CheckPassword(s.User("b"), "new") || c.CheckPassword(s.User("b"), "x") || !c.CheckPassword(s.User("a b"), "") || c.CheckPassword(s.User("z"), "new") {
			t.Error("passwords are not what was set")
		}
	}
	check(c)
	check(open(t, dir))
	b, err := os.ReadFile(filepath.Join(dir, fileName))
	if err != nil || strings.Contains(string(b), `"new"`) {
		t.Errorf("file: %v, %s", err, b)
	}
	if err := c.DropUser("a b"); err != nil || c.Snapshot().HasAdmin() {
		t.Errorf("drop: %v", err)
	}
}

func TestGrants(t *testing.T) {
	c := open(t, t.TempDir())
	for _, name := range []string{"d1", "d2"} {
		if _, err := c.CreateDatabase(name, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.CreateUser("u", "p", false); err != nil {
		t.Fatal(err)
	}
	const none, read, write, all = influxql.NoPrivileges, influxql.ReadPrivilege, influxql.WritePrivilege, influxql.AllPrivileges
	before := c.Snapshot().User("u")
	for i, s := range []struct {
		revoke bool
		what   influxql.Privilege
		have   influxql.Privilege
	}{
		{false, read, read}, {false, write, write}, {true, read, write}, {true, write, none}, {true, write, none},
		{false, all, all}, {true, write, read}, {false, all, all}, {true, all, none}, {false, all, all}, {true, read, write},
	} {
		change := c.GrantPrivilege
		if s.revoke {
			change = c.RevokePrivilege
		}
		if err := change("u", "d2", s.what); err != nil {
			t.Fatal(err)
		}
		if got := c.Snapshot().User("u").Privilege("d2"); got != s.have {
			t.Errorf("step %d: %v, want %v", i, got, s.have)
		}
	}
	if len(before.Grants) > 0 {
		t.Error("an old snapshot has changed")
	}
	u := c.Snapshot().User("u")
	if u.Allows(read, "d2") || !u.Allows(write, "d2") || u.Allows(all, "d2") || !u.Allows(none, "d1") || u.Sees("d1") || !u.Sees("d2") {
		t.Errorf("%v is allowed something else", u.Grants)
	}
	if !(&User{Admin: true}).Allows(all, "any") {
		t.Error("an administrator is not allowed everything")
	}
	if err := c.GrantPrivilege("u", "d1", read); err != nil {
		t.Fatal(err)
	}
	if err := c.GrantPrivilege("z", "nodb", read); !errors.Is(err, ErrUserNotFound) {
		t.Errorf("grant to nobody: %v", err)
	}
	if err := c.GrantPrivilege("u", "nodb", read); err == nil || err.Error() != "database not found: nodb" {
		t.Errorf("grant on no database: %v", err)
	}
	if _, err := c.DropDatabase("d2"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateDatabase("d2", nil); err != nil {
		t.Fatal(err)
	}
	if u := c.Snapshot().User("u"); u.Sees("d2") || !u.Sees("d1") {
		t.Errorf("after the database was made anew: %v", u.Grants)
	}
}

// TestNobodyTakesAsLong checks that the answer about a user that does not exist costs the same work.
func TestNobodyTakesAsLong(t *testing.T) {
	c, err := Open(t.TempDir(), Options{FS: vfs.OS(), PasswordCost: 8})
	if err != nil {
		t.Fatal(err)
	}
	nobody := []byte(c.nobodyHash())
	if err := bcrypt.CompareHashAndPassword(nobody, []byte("p")); !errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
		t.Errorf("the hash of nobody is refused: %v", err)
	}
	if cost, err := bcrypt.Cost(nobody); err != nil || cost != 8 {
		t.Errorf("its cost is %d, %v, want 8", cost, err)
	}
	if err := c.CreateUser("u", "p", false); err != nil {
		t.Fatal(err)
	}
	u := c.Snapshot().User("u")
	// In turns, so that a busy machine slows both; the fastest of each had the processor to itself.
	known, unknown := time.Hour, time.Hour
	timed := func(best *time.Duration, u *User) {
		start := time.Now()
		c.CheckPassword(u, "wrong")
		*best = min(*best, time.Since(start))
	}
	for round := 0; round < 5 || round < 100 && (unknown < known/2 || known < unknown/2); round++ {
		timed(&known, u)
		timed(&unknown, nil)
	}
	if unknown < known/2 || known < unknown/2 {
		t.Errorf("a known user takes %v, an unknown one %v", known, unknown)
	}
}

func TestCreateUserAtTheSameTime(t *testing.T) {
	c := open(t, t.TempDir())
	var made sync.Map
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			if err := c.CreateUser("u", fmt.Sprint(i), false); err == nil {
				made.Store(i, true)
			} else if !errors.Is(err, ErrUserExists) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	n := 0
	made.Range(func(i, _ any) bool {
		n++
		return c.CheckPassword(c.Snapshot().User("u"), fmt.Sprint(i))
	})
	if n != 1 {
		t.Errorf("%d of them made the user", n)
	}
}

func TestContinuousQueries(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir)
	if _, err := c.CreateDatabase("db", nil); err != nil {
		t.Fatal(err)
	}
	for _, s := range []struct {
		database, name, query string
		want                  string
	}{
		{"db", "b", "CREATE 1", ""}, {"db", "a", "CREATE 2", ""}, {"db", "b", "create 1", ""},
		{"db", "b", "CREATE 3", "continuous query already exists"}, {"no", "b", "CREATE", "database not found: no"},
	} {
		err := c.CreateContinuousQuery(s.database, s.name, s.query)
		if got := text(err); got != s.want {
			t.Errorf("create %+v: %q", s, got)
		}
	}
	err := c.SetLastRuns([]Run{{"db", "a", "CREATE 2", 7}, {"db", "b", "another", 8}, {"db", "c", "", 9}, {"no", "a", "", 9}})
	if err != nil {
		t.Fatal(err)
	}
	d := open(t, dir).Snapshot().Database("db")
	if len(d.ContinuousQueries) != 2 || d.ContinuousQueries[0] != (ContinuousQuery{"b", "CREATE 1", 0}) || d.ContinuousQueries[1] != (ContinuousQuery{"a", "CREATE 2", 7}) {
		t.Errorf("after opening: %+v", d.ContinuousQueries)
	}
	for range 2 {
		if err := c.DropContinuousQuery("db", "b"); err != nil {
			t.Error(err)
		}
	}
	if err := c.DropContinuousQuery("no", "b"); err != nil {
		t.Error(err)
	}
	if q := c.Snapshot().Database("db"); q.ContinuousQuery("b") != nil || q.ContinuousQuery("a") == nil {
		t.Errorf("after the drop: %+v", q.ContinuousQueries)
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestSubscriptions(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir)
	if _, err := c.CreateDatabase("db", nil); err != nil {
		t.Fatal(err)
	}
	good := []string{"udp://h:1", "http://u:p@h:2/x", "https://[::1]:3"}
	for _, s := range []struct {
		database, policy, name string
		to                     []string
		want                   string
	}{
		{"db", "autogen", "s", good, ""},
		{"db", "autogen", "s", good, "subscription already exists"},
		{"db", "no", "s", good, "retention policy not found: no"},
		{"db", "", "s", good, "retention policy not found: "},
		{"no", "autogen", "s", good, "database not found: no"},
		{"db", "autogen", "t", []string{"udp://h:1", "ftp://x:1"}, "invalid subscription URL: ftp://x:1"},
		{"db", "autogen", "t", []string{"http://x"}, "invalid subscription URL: http://x"},
		{"db", "autogen", "t", []string{"bad"}, "invalid subscription URL: bad"},
		{"db", "autogen", "t", []string{"http://x:%"}, "invalid subscription URL: http://x:%"},
	} {
		err := c.CreateSubscription(s.database, s.policy, Subscription{Name: s.name, Mode: "ANY", Destinations: s.to})
		if got := text(err); got != s.want {
			t.Errorf("create %+v: %q", s, got)
		}
	}
	p := open(t, dir).Snapshot().Database("db").Policy("")
	if len(p.Subscriptions) != 1 || p.Subscriptions[0].Mode != "ANY" || len(p.Subscriptions[0].Destinations) != 3 {
		t.Errorf("after opening: %+v", p.Subscriptions)
	}
	if err := c.DropSubscription("db", "autogen", "s"); err != nil {
		t.Error(err)
	}
	for _, s := range [][3]string{{"db", "autogen", "subscription not found"}, {"db", "no", "retention policy not found: no"}, {"no", "x", "database not found: no"}} {
		if got := text(c.DropSubscription(s[0], s[1], "s")); got != s[2] {
			t.Errorf("drop of %v: %q", s, got)
		}
	}
}

// TestFileBeforeUsers opens a file of the time when there were only databases.
func TestFileBeforeUsers(t *testing.T) {
	s, err := decode(frame([]byte(`{"Databases":[{"ID":1,"Name":"d","DefaultPolicy":"autogen","Policies":[{"ID":1,"Name":"autogen",` +
		`"Duration":0,"ShardDuration":604800000000000,"ReplicaN":1,"Groups":null}]}],"LastDatabaseID":1,"LastPolicyID":1,"LastShardID":0}`)))
	if err != nil || s.Database("d").Policy("") == nil || s.Users != nil || s.HasAdmin() {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestFileWithImpossibleUsers(t *testing.T) {
	for _, payload := range []string{
		`{"Users":[null]}`, `{"Databases":[null]}`, `{"Users":[{"Name":"b"},{"Name":"a"}]}`,
		`{"Users":[{"Name":"a","Grants":[{"Database":"y"},{"Database":"x"}]}]}`, `{"Users":3}`,
		`{"Databases":[{"Name":"d","Policies":[null]}]}`,
	} {
		if _, err := decode(frame([]byte(payload))); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v, want corrupt", payload, err)
		}
	}
}

func TestPasswordCost(t *testing.T) {
	c, err := Open(t.TempDir(), Options{FS: vfs.OS()})
	if err != nil {
		t.Fatal(err)
	}
	hash, err := c.hashPassword("p")
	if cost, costErr := bcrypt.Cost([]byte(hash)); err != nil || costErr != nil || cost != 10 {
		t.Errorf("%s, %v: cost %d, %v, want 10", hash, err, cost, costErr)
	}
}
