package server

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/config"
)

// TestAuditTrail does what is noted and reads the notes. Everything secret is a canary.
func TestAuditTrail(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "audit.log")
	s := serve(t, filepath.Join(dir, "data"), func(c *config.Config) {
		c.HTTP.AuthEnabled, c.HTTP.LogEnabled, c.Audit.Path = true, true, file
	})
	const admin = "ad:c4n4ry-one"
	var token struct{ ID, Token string }
	if _, answer := s.do("POST", "/api/v2/setup", "", `{"username":"ad","password":"c4n4ry-one","org":"o","bucket":"d","token":"c4n4ry-token-of-ad"}`); !strings.Contains(answer, `"c4n4ry-token-of-ad"`) {
		t.Fatal(answer)
	}
	s.ask(admin, "CREATE USER rd WITH PASSWORD 'c4n4ry-two'; GRANT READ ON d TO rd; SET PASSWORD FOR rd = 'c4n4ry-three'")
	s.ask(admin, "SELECT * FROM m; SHOW USERS")
	s.ask(admin, "DELETE FROM m")
	s.ask(admin, "DROP DATABASE nothing; ALTER RETENTION POLICY nothing ON d DURATION 2h")
	s.ask("rd:c4n4ry-three", "CREATE USER x WITH PASSWORD 'c4n4ry-four'")
	s.ask("rd:c4n4ry-wrong", "SHOW DATABASES")
	s.ask("", "SHOW DATABASES")
	s.do("GET", "/query?u=rd&p=c4n4ry-url&q=SHOW+DATABASES", "", "")
	s.do("POST", "/write?db=d", "rd:c4n4ry-three", "m f=1")
	_, answer := s.do("POST", "/api/v2/authorizations", admin, `{"description":"for telegraf","permissions":[{"action":"write","resource":{"type":"buckets"}}]}`)
	if err := json.Unmarshal([]byte(answer), &token); err != nil {
		t.Fatal(err)
	}
	s.do("PATCH", "/api/v2/authorizations/"+token.ID, admin, `{"status":"inactive"}`)
	s.do("GET", "/api/v2/me", "any:"+token.Token, "")
	s.do("DELETE", "/api/v2/authorizations/"+token.ID, admin, "")
	s.do("DELETE", "/api/v2/authorizations/"+token.ID, admin, "")
	s.do("POST", "/api/v2/delete?bucket=d", admin, `{"start":"2020-01-01T00:00:00Z","stop":"2020-01-02T00:00:00Z","predicate":"host=a"}`)
	s.do("PUT", "/api/v2/me/password", "rd:c4n4ry-three", `{"password":"c4n4ry-five"}`)
	s.do("POST", "/api/v2/signin", "rd:c4n4ry-wrong", "")
	for range 15 {
		s.do("GET", "/api/v2/me", "rd:c4n4ry-guess", "")
	}

	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, text := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		var l struct {
			Kind, Outcome, User, Client, Detail, Error string
			ID                                         string `json:"request_id"`
		}
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if l.Client != "127.0.0.1" || len(l.ID) != 36 {
			t.Errorf("from where: %s", text)
		}
		detail := strings.ReplaceAll(l.Detail, token.ID, "ID")
		got = append(got, strings.TrimSpace(strings.Join([]string{l.Kind, l.Outcome, l.User, detail, l.Error}, "|")))
	}
	want := []string{
		"resource|ok||POST /api/v2/setup ad o d|",
		"statement|ok|ad|CREATE USER rd WITH PASSWORD [REDACTED] (database d)|",
		"statement|ok|ad|GRANT READ ON d TO rd (database d)|",
		"statement|ok|ad|SET PASSWORD FOR rd = [REDACTED] (database d)|",
		"statement|ok|ad|DELETE FROM m (database d)|",
		"statement|ok|ad|DROP DATABASE nothing (database d)|",
		"statement|failed|ad|ALTER RETENTION POLICY nothing ON d DURATION 2h (database d)|retention policy not found: nothing",
		"statement|refused|rd||error authorizing query: rd not authorized to execute statement 'CREATE USER x WITH PASSWORD [REDACTED]', requires admin privilege",
		"login|failed|rd|POST /query|authorization failed",
		"login|failed|rd|GET /query|authorization failed",
		`request|refused|rd|POST /write|"rd" user is not authorized to write to database "d"`,
		"resource|ok|ad|POST /api/v2/authorizations ID for telegraf|",
		"resource|ok|ad|PATCH /api/v2/authorizations/ID inactive|",
		"login|failed|any|GET /api/v2/me|token is inactive",
		"resource|ok|ad|DELETE /api/v2/authorizations/ID|",
		"resource|failed|ad|DELETE /api/v2/authorizations/ID|authorization not found",
		"resource|ok|ad|POST /api/v2/delete d 2020-01-01T00:00:00Z 2020-01-02T00:00:00Z host=a|",
		"resource|ok|rd|PUT /api/v2/me/password rd|",
		"login|failed|rd|POST /api/v2/signin|authorization failed",
	}
	if text := strings.Join(got[:min(len(want), len(got))], "\n"); text != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", text, strings.Join(want, "\n"))
	}
	if last := got[len(got)-1]; !strings.HasPrefix(last, "login|throttled|rd|GET /api/v2/me|too many failed logins") {
		t.Errorf("the last line is %s", last)
	}
	if all := string(b) + s.log.String(); strings.Contains(all, "c4n4ry") || strings.Contains(all, token.Token) {
		t.Errorf("a secret is in the trail or in the log:\n%s", all)
	}
	if _, metrics := s.do("GET", "/metrics", admin, ""); !strings.Contains(metrics, "timberline_audit_events_total") {
		t.Error("the trail is not in the metrics")
	}
}

// TestAuditSettings keeps the trail in the log, or not at all.
func TestAuditSettings(t *testing.T) {
	s := serve(t, t.TempDir(), nil)
	s.ask("", "CREATE DATABASE d")
	if log := s.log.String(); !strings.Contains(log, "msg=audit kind=statement outcome=ok") {
		t.Errorf("log is\n%s", log)
	}
	quiet := serve(t, t.TempDir(), func(c *config.Config) { c.Audit.Enabled = false })
	quiet.ask("", "CREATE DATABASE d")
	if log := quiet.log.String(); strings.Contains(log, "msg=audit") {
		t.Errorf("log is\n%s", log)
	}
}
