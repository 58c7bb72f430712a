package query_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/query"
)

// TestAdministration runs statements one after the other; the answers have the shapes of InfluxDB 1.x.
func TestAdministration(t *testing.T) {
	b := newBench(t, query.Options{})
	const done = `{"results":[{"statement_id":0}]}`
	failed := func(text string) string { return `{"results":[{"statement_id":0,"error":"` + text + `"}]}` }
	for _, s := range []struct{ text, want string }{
		{"SHOW USERS", `{"results":[{"statement_id":0,"series":[{"columns":["user","admin"]}]}]}`},
		{"CREATE USER a WITH PASSWORD 'x'", done},
		{"CREATE USER a WITH PASSWORD 'x'", done},
		{"CREATE USER a WITH PASSWORD 'y'", failed("user already exists")},
		{"CREATE USER b WITH PASSWORD 'x' WITH ALL PRIVILEGES", done},
		{"SHOW USERS", `{"results":[{"statement_id":0,"series":[{"columns":["user","admin"],"values":[["a",false],["b",true]]}]}]}`},
		{"GRANT READ ON db0 TO a", done},
		{"GRANT ALL ON db0 TO a", done},
		{"REVOKE READ ON db0 FROM a", done},
		{"SHOW GRANTS FOR a", `{"results":[{"statement_id":0,"series":[{"columns":["database","privilege"],"values":[["db0","WRITE"]]}]}]}`},
		{"REVOKE WRITE ON db0 FROM a", done},
		{"SHOW GRANTS FOR a", `{"results":[{"statement_id":0,"series":[{"columns":["database","privilege"],"values":[["db0","NO PRIVILEGES"]]}]}]}`},
		{"SHOW GRANTS FOR z", failed("user not found")},
		{"GRANT READ ON nodb TO a", failed("database not found: nodb")},
		{"GRANT ALL TO a", done},
		{"REVOKE ALL PRIVILEGES FROM a", done},
		{"SET PASSWORD FOR z = 'x'", failed("user not found")},
		{"SET PASSWORD FOR a = 'z'", done},
		{"DROP USER a", done},
		{"DROP USER a", failed("user not found")},

		{"CREATE CONTINUOUS QUERY c ON db0 BEGIN SELECT mean(v) INTO out FROM m GROUP BY time(1m) END", done},
		{"CREATE CONTINUOUS QUERY c ON db0 BEGIN SELECT mean(v) INTO out FROM m GROUP BY time(1m) END", done},
		{"CREATE CONTINUOUS QUERY c ON db0 BEGIN SELECT max(v) INTO out FROM m GROUP BY time(1m) END", failed("continuous query already exists")},
		{"CREATE CONTINUOUS QUERY d ON db0 BEGIN SELECT max(v) INTO no.out FROM m GROUP BY time(1m) END", failed("retention policy not found: db0.no")},
		{"CREATE CONTINUOUS QUERY d ON db0 BEGIN SELECT max(v) INTO out FROM nodb..m GROUP BY time(1m) END", failed("database not found: nodb")},
		{"SHOW CONTINUOUS QUERIES", `{"results":[{"statement_id":0,"series":[{"name":"db0","columns":["name","query"],"values":[["c","CREATE CONTINUOUS QUERY c ON db0 BEGIN SELECT mean(v) INTO db0.autogen.out FROM db0.autogen.m GROUP BY time(1m) END"]]}]}]}`},
		{"DROP CONTINUOUS QUERY c ON db0", done},
		{"DROP CONTINUOUS QUERY c ON db0", done},

		{"SHOW SUBSCRIPTIONS", done},
		{"CREATE SUBSCRIPTION s ON db0.autogen DESTINATIONS ANY 'udp://h:1', 'http://h:2'", done},
		{"CREATE SUBSCRIPTION s ON db0.autogen DESTINATIONS ANY 'udp://h:1'", failed("subscription already exists")},
		{"CREATE SUBSCRIPTION x ON db0.autogen DESTINATIONS ALL 'ftp://x'", failed("invalid subscription URL: ftp://x")},
		{"SHOW SUBSCRIPTIONS", `{"results":[{"statement_id":0,"series":[{"name":"db0","columns":["retention_policy","name","mode","destinations"],"values":[["autogen","s","ANY",["udp://h:1","http://h:2"]]]}]}]}`},
		{"DROP SUBSCRIPTION s ON db0.autogen", done},
		{"DROP SUBSCRIPTION s ON db0.autogen", failed("subscription not found")},
	} {
		if got := b.ask(t, query.Request{Text: s.text}); got != s.want {
			t.Errorf("%s\ngot  %s\nwant %s", s.text, got, s.want)
		}
	}
	got := b.ask(t, query.Request{Text: "CREATE USER c WITH PASSWORD 'secret'", ReadOnly: true})
	if !strings.Contains(got, "deprecated use of 'CREATE USER c WITH PASSWORD [REDACTED]' in a read only context") {
		t.Errorf("warning is %s", got)
	}
}

// TestAuthorization asks for the rights of users, statement by statement. Users are named for what they may do in db0.
func TestAuthorization(t *testing.T) {
	b := newBench(t, query.Options{})
	cat := b.storage.Catalog
	if _, err := cat.CreateDatabase("secret", nil); err != nil {
		t.Fatal(err)
	}
	granted := func(name string, level string) *catalog.User {
		if err := cat.CreateUser(name, "p", level == "admin"); err != nil {
			t.Fatal(err)
		}
		if level != "" && level != "admin" {
			b.ask(t, query.Request{Text: "GRANT " + level + " ON db0 TO " + name})
		}
		return cat.Snapshot().User(name)
	}
	users := map[string]*catalog.User{
		"rd": granted("rd", "READ"), "wr": granted("wr", "WRITE"), "al": granted("al", "ALL"), "no": granted("no", ""),
		"ad": granted("ad", "admin"), "server": nil,
	}
	const needsAdmin = "requires admin privilege"
	for _, s := range []struct{ text, may, reason string }{
		{"SELECT * FROM m", "rd al ad server", "requires READ on db0"},
		{"SELECT * FROM db0..m", "rd al ad server", "requires READ on db0"},
		{"SELECT * FROM secret..m", "ad server", "requires READ on secret"},
		{"SELECT * FROM (SELECT * FROM secret..m)", "ad server", "requires READ on secret"},
		{"EXPLAIN SELECT * FROM secret..m", "ad server", "requires READ on secret"},
		{"SELECT * INTO x FROM m", "al ad server", "requires "},
		{"SELECT * INTO secret..x FROM m", "ad server", "requires "},
		{"SHOW DATABASES", "rd wr al no ad server", ""},
		{"SHOW MEASUREMENTS", "rd al ad server", "requires READ on db0"},
		{"SHOW MEASUREMENTS ON secret", "ad server", "requires READ on secret"},
		{"SHOW TAG KEYS FROM secret.autogen.m", "ad server", "requires READ on "},
		{"SHOW SERIES FROM secret.autogen.m", "ad server", "requires READ on "},
		{"SHOW SERIES EXACT CARDINALITY ON secret", "ad server", "requires READ on secret"},
		{"SHOW FIELD KEY CARDINALITY ON secret FROM m", "ad server", "requires READ on "},
		{"SHOW RETENTION POLICIES ON secret", "ad server", "requires READ on secret"},
		{"SHOW CONTINUOUS QUERIES", "rd al ad server", "requires READ on db0"},
		{"SHOW QUERIES", "rd al ad server", "requires READ on db0"},
		{"DELETE FROM m", "wr al ad server", "requires WRITE on db0"},
		{"DROP SERIES FROM m", "wr al ad server", "requires WRITE on db0"},
		{"DROP MEASUREMENT nope", "ad server", needsAdmin},
		{"DROP CONTINUOUS QUERY c ON db0", "wr al ad server", "requires WRITE on db0"},
		{"CREATE CONTINUOUS QUERY c ON db0 BEGIN SELECT max(v) INTO x FROM m GROUP BY time(1m) END", "al ad server", "requires "},
		{"CREATE CONTINUOUS QUERY c ON db0 BEGIN SELECT max(v) INTO x FROM secret..m GROUP BY time(1m) END", "ad server", "requires "},
		{"CREATE USER x WITH PASSWORD 'x'", "ad server", needsAdmin},
		{"SET PASSWORD FOR rd = 'p'", "ad server", needsAdmin},
		{"GRANT ALL TO rd", "ad server", needsAdmin},
		{"REVOKE READ ON secret FROM rd", "ad server", needsAdmin},
		{"SHOW USERS", "ad server", needsAdmin},
		{"SHOW GRANTS FOR rd", "ad server", needsAdmin},
		{"SHOW SUBSCRIPTIONS", "ad server", needsAdmin},
		{"CREATE SUBSCRIPTION s ON db0.autogen DESTINATIONS ANY 'udp://h:1'", "ad server", needsAdmin},
		{"DROP SUBSCRIPTION s ON db0.autogen", "ad server", needsAdmin},
		{"CREATE DATABASE x", "ad server", needsAdmin},
		{"KILL QUERY 999", "ad server", needsAdmin},
		{"SHOW SHARDS", "ad server", needsAdmin},
	} {
		for name, u := range users {
			err := b.engine.Check(query.Request{Text: s.text, Database: "db0", User: u})
			var refused *query.AuthorizationError
			may := strings.Contains(" "+s.may+" ", " "+name+" ")
			switch {
			case may && err != nil, !may && !errors.As(err, &refused):
				t.Errorf("%s by %s: %v", s.text, name, err)
			case !may && (!strings.HasPrefix(err.Error(), "error authorizing query: "+name+" not authorized to execute statement '") || !strings.Contains(err.Error(), "', "+s.reason)):
				t.Errorf("%s by %s: %v", s.text, name, err)
			}
		}
	}
	ask := func(u *catalog.User, text string) string { return b.ask(t, query.Request{Text: text, User: u}) }
	for name, want := range map[string]string{
		"rd": `"values":[["db0"]]`, "wr": `"values":[["db0"]]`, "ad": `"values":[["db0"],["secret"]]`, "no": `"columns":["name"]}`,
	} {
		if got := ask(users[name], "SHOW DATABASES"); !strings.Contains(got, want) {
			t.Errorf("databases of %s: %s", name, got)
		}
	}
	if got := ask(users["rd"], "SHOW CONTINUOUS QUERIES"); strings.Contains(got, "secret") {
		t.Errorf("continuous queries of rd: %s", got)
	}
	err := b.engine.Run(context.Background(), query.Request{Text: "SELECT * FROM m; SHOW USERS", Database: "db0", User: users["rd"]},
		func(*query.Result) error { t.Error("a statement ran"); return nil })
	if want := "error authorizing query: rd not authorized to execute statement 'SHOW USERS', requires admin privilege"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestTheFirstAdministrator asks without a user while there is none.
func TestTheFirstAdministrator(t *testing.T) {
	b := newBench(t, query.Options{})
	check := func(text string) string {
		if err := b.engine.Check(query.Request{Text: text, User: query.Nobody}); err != nil {
			return err.Error()
		}
		return ""
	}
	const first = "error authorizing query: create admin user first or disable authentication"
	for text, want := range map[string]string{
		"SHOW DATABASES":                  first,
		"CREATE USER a WITH PASSWORD 'p'": first,
		"SHOW DATABASES; CREATE USER a WITH PASSWORD 'p' WITH ALL PRIVILEGES": first,
		"": first,
		"CREATE USER a WITH PASSWORD 'p' WITH ALL PRIVILEGES": "",
	} {
		if got := check(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
	if err := b.storage.Catalog.CreateUser("a", "p", true); err != nil {
		t.Fatal(err)
	}
	if got := check("CREATE USER b WITH PASSWORD 'p' WITH ALL PRIVILEGES"); got != "error authorizing query: no user provided" {
		t.Errorf("with an administrator: %q", got)
	}
}

func TestPasswordsAreNotShown(t *testing.T) {
	b := newBench(t, query.Options{})
	var shown string
	err := b.engine.Run(context.Background(), query.Request{Text: "SHOW QUERIES; SET PASSWORD FOR u = 'hunter2'"}, func(r *query.Result) error {
		for _, s := range r.Series {
			shown += strings.Join(s.Values[1].Strings, "\n")
		}
		return nil
	})
	if err != nil || strings.Contains(shown, "hunter2") || !strings.Contains(shown, "[REDACTED]") {
		t.Errorf("shown are %q, %v", shown, err)
	}
}
