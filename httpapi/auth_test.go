package httpapi

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/easyproto"
	"github.com/golang/snappy"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/query"
)

const testSecret = "0123456789abcdef0123456789abcdef"

// newUsers returns a catalog with databases d and other and the users ad, rd, wr and no, whose passwords are their
// names behind "pw-".
func newUsers(t *testing.T) *catalog.Catalog {
	t.Helper()
	cat, err := catalog.Open("/catalog", catalog.Options{FS: vfs.NewMem(), PasswordCost: 4})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"d", "other"} {
		if _, err := cat.CreateDatabase(name, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"ad", "rd", "wr", "no"} {
		if err := cat.CreateUser(name, "pw-"+name, name == "ad"); err != nil {
			t.Fatal(err)
		}
	}
	for name, p := range map[string]influxql.Privilege{"rd": influxql.ReadPrivilege, "wr": influxql.WritePrivilege} {
		if err := cat.GrantPrivilege(name, "d", p); err != nil {
			t.Fatal(err)
		}
	}
	return cat
}

// newGuarded returns a house that asks for users, with the statements' rights checked by the real engine.
func newGuarded(t *testing.T, change ...func(*Options)) (*house, *catalog.Catalog) {
	t.Helper()
	cat := newUsers(t)
	h := newHouse(t, append([]func(*Options){func(o *Options) { o.Auth = Auth{Enabled: true, SharedSecret: testSecret} }}, change...)...)
	rules := query.New(cat, nil, query.Options{})
	h.engine.do = func(_ context.Context, req query.Request, _ func(*query.Result) error) error { return rules.Check(req) }
	h.data = &fakeData{catalog: cat}
	h.Attach(Backend{Writer: h.writer, Engine: checkedEngine{h.engine, rules}, Users: cat, Catalog: cat, Data: h.data})
	return h, cat
}

// checkedEngine is a fake whose checks are real.
type checkedEngine struct {
	*fakeEngine
	rules *query.Engine
}

func (e checkedEngine) Check(req query.Request) error { return e.rules.Check(req) }

// sign returns a token.
func sign(alg, secret string, claims map[string]any) string {
	part := func(v any) string {
		b, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(b)
	}
	signed := part(map[string]any{"alg": alg, "typ": "JWT"}) + "." + part(claims)
	newHash := tokenMACs[alg]
	if newHash == nil {
		newHash = tokenMACs["HS256"]
	}
	m := hmac.New(newHash, []byte(secret))
	m.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

func basic(name, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

// hour is the time of the claim exp, an hour from the clock of houses.
var hour = time.Date(2026, 1, 2, 4, 4, 5, 0, time.UTC).Unix()

func bearer(name string) string {
	return "Bearer " + sign("HS256", testSecret, map[string]any{"username": name, "exp": hour})
}

// TestCredentials goes through the ways of sending credentials and what may be wrong with them.
func TestCredentials(t *testing.T) {
	h, _ := newGuarded(t)
	claims := func(c map[string]any) string { return "Bearer " + sign("HS512", testSecret, c) }
	none := strings.TrimSuffix(sign("none", "", map[string]any{"username": "ad", "exp": hour}), ".")
	for _, c := range []struct {
		what, target, header string
		status               int
		text                 string
	}{
		{"nothing", "", "", 401, "unable to parse authentication credentials"},
		{"URL", "u=rd&p=pw-rd", "", 200, ""},
		{"URL before the header", "u=rd&p=pw-rd", basic("no", "wrong"), 200, ""},
		{"URL without password", "u=rd", "", 401, "unable to parse authentication credentials"},
		{"half a URL and a header", "u=rd", basic("rd", "pw-rd"), 200, ""},
		{"URL, wrong", "u=rd&p=x", basic("rd", "pw-rd"), 401, "authorization failed"},
		{"Basic", "", basic("rd", "pw-rd"), 200, ""},
		{"Basic, wrong password", "", basic("rd", "pw-ad"), 401, "authorization failed"},
		{"Basic, wrong user", "", basic("zz", "pw-rd"), 401, "authorization failed"},
		{"Basic, no user", "", basic("", "pw-rd"), 401, "username required"},
		{"Basic, no password", "", basic("rd", ""), 401, "authorization failed"},
		{"Basic, broken", "", "Basic !!", 401, "unable to parse authentication credentials"},
		{"Token", "", "Token rd:pw-rd", 200, ""},
		{"Token, wrong", "", "Token rd:pw:rd", 401, "authorization failed"},
		{"Token without colon", "", "Token abc", 401, "authorization failed"},
		{"Token alone", "", "Token", 401, "unable to parse authentication credentials"},
		{"another scheme", "", "Digest rd:pw-rd", 401, "unable to parse authentication credentials"},
		{"Bearer", "", bearer("rd"), 200, ""},
		{"Bearer, 384", "", "Bearer " + sign("HS384", testSecret, map[string]any{"username": "rd", "exp": hour}), 200, ""},
		{"Bearer, 512", "", claims(map[string]any{"username": "rd", "exp": hour, "nbf": hour - 3600}), 200, ""},
		{"Bearer, another secret", "", "Bearer " + sign("HS256", strings.Repeat("x", 32), map[string]any{"username": "rd", "exp": hour}), 401, "invalid token"},
		{"Bearer, empty secret", "", "Bearer " + sign("HS256", "", map[string]any{"username": "rd", "exp": hour}), 401, "invalid token"},
		{"Bearer, algorithm none", "", "Bearer " + none, 401, "invalid token"},
		{"Bearer, algorithm none unsigned", "", "Bearer " + none[:strings.LastIndex(none, ".")+1], 401, "invalid token"},
		{"Bearer, algorithm RS256", "", "Bearer " + sign("RS256", testSecret, map[string]any{"username": "rd", "exp": hour}), 401, "invalid token"},
		{"Bearer, two parts", "", "Bearer a.b", 401, "invalid token"},
		{"Bearer, four parts", "", bearer("rd") + ".x", 401, "invalid token"},
		{"Bearer, nothing", "", "Bearer ", 401, "invalid token"},
		{"Bearer, expired", "", claims(map[string]any{"username": "rd", "exp": hour - 3600}), 401, "Token is expired"},
		{"Bearer, too early", "", claims(map[string]any{"username": "rd", "exp": hour, "nbf": hour - 3599}), 401, "Token is not valid yet"},
		{"Bearer, endless", "", claims(map[string]any{"username": "rd"}), 401, "token expiration required"},
		{"Bearer, endless by zero", "", claims(map[string]any{"username": "rd", "exp": 0}), 401, "token expiration required"},
		{"Bearer, expiration as text", "", claims(map[string]any{"username": "rd", "exp": "9999999999"}), 401, "token expiration required"},
		{"Bearer, no name", "", claims(map[string]any{"exp": hour}), 401, "username in token must be a string"},
		{"Bearer, name is a number", "", claims(map[string]any{"exp": hour, "username": 7}), 401, "username in token must be a string"},
		{"Bearer, empty name", "", claims(map[string]any{"exp": hour, "username": ""}), 401, "token must contain a username"},
		{"Bearer, unknown name", "", claims(map[string]any{"exp": hour, "username": "zz"}), 401, "user not found"},
	} {
		t.Run(c.what, func(t *testing.T) {
			target := "/query?db=d&q=SELECT+*+FROM+m&" + c.target
			var headers []string
			if c.header != "" {
				headers = []string{"Authorization", c.header}
			}
			w := h.ask("GET", target, "", headers...)
			if c.status == 200 {
				want(t, w, 200, "{}\n")
				if u := h.engine.last(t).User; u == nil || u.Name != "rd" {
					t.Errorf("the query is by %+v", u)
				}
				return
			}
			want(t, w, c.status, fmt.Sprintf(`{"error":%q}`+"\n", c.text))
			wantHeaders(t, w, "WWW-Authenticate", `Basic realm="InfluxDB"`, "X-Influxdb-Error", "", "Content-Type", "application/json")
		})
	}
	if n := h.Statistics().AuthFailures; n < 20 {
		t.Errorf("%d failures were counted", n)
	}
}

func TestBearerWithoutSecret(t *testing.T) {
	h, _ := newGuarded(t, func(o *Options) { o.Auth.SharedSecret = "" })
	want(t, h.ask("GET", "/query?q=x", "", "Authorization", bearer("ad")), 401, `{"error":"bearer auth disabled"}`+"\n")
	for secret, ok := range map[string]bool{"": true, strings.Repeat("s", 31): false, strings.Repeat("s", 32): true} {
		if _, err := New(Options{Auth: Auth{Enabled: true, SharedSecret: secret}}); (err == nil) != ok {
			t.Errorf("a secret of %d bytes: %v", len(secret), err)
		}
	}
}

// TestCredentialsInABodyAreNone sends them where only the URL counts.
func TestCredentialsInABodyAreNone(t *testing.T) {
	h, _ := newGuarded(t)
	body := url.Values{"u": {"ad"}, "p": {"pw-ad"}, "q": {"SHOW USERS"}}.Encode()
	want(t, h.ask("POST", "/query", body, "Content-Type", "application/x-www-form-urlencoded"), 401,
		`{"error":"unable to parse authentication credentials"}`+"\n")
}

// addTokens makes an API token of every scope and returns their secrets by name.
func addTokens(t *testing.T, h *house, cat *catalog.Catalog) map[string]string {
	t.Helper()
	secrets := map[string]string{}
	add := func(name string, spec catalog.TokenSpec) {
		_, secret, err := cat.CreateToken(spec, h.clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		secrets[name] = secret
	}
	in := func(database, measurement string, actions ...catalog.Action) (out []catalog.Permission) {
		for _, a := range actions {
			out = append(out, catalog.Permission{Action: a, Database: database, Measurement: measurement})
		}
		return out
	}
	admin := []catalog.Permission{{Action: catalog.ActionAdmin}}
	add("tread", catalog.TokenSpec{Permissions: in("d", "", catalog.ActionRead)})
	add("twrite", catalog.TokenSpec{Permissions: in("d", "", catalog.ActionWrite)})
	add("tdelete", catalog.TokenSpec{Permissions: in("d", "", catalog.ActionDelete)})
	add("tall", catalog.TokenSpec{Permissions: in("", "", catalog.ActionRead, catalog.ActionWrite, catalog.ActionDelete)})
	add("tm", catalog.TokenSpec{Permissions: in("d", "m", catalog.ActionRead, catalog.ActionWrite, catalog.ActionDelete)})
	add("tn", catalog.TokenSpec{Permissions: in("d", "n", catalog.ActionRead, catalog.ActionDelete)})
	add("tother", catalog.TokenSpec{Permissions: in("other", "", catalog.ActionRead, catalog.ActionWrite, catalog.ActionDelete)})
	add("tnothing", catalog.TokenSpec{})
	add("tadmin", catalog.TokenSpec{Permissions: admin})
	add("inactive", catalog.TokenSpec{Permissions: admin, Inactive: true})
	add("expired", catalog.TokenSpec{Permissions: admin, Expires: h.clock.Now()})
	return secrets
}

// credential is one way of saying who sends a request.
type credential struct {
	name   string
	query  string
	header string
	user   string // that it proves; empty: none
}

func everyCredential(tokens map[string]string) []credential {
	out := []credential{
		{name: "none"}, {name: "garbage", header: "nonsense"}, {name: "unknown API token", header: "Token abc"},
		{name: "unknown API token by Bearer", header: "Bearer abc"}, {name: "cookie of nobody", header: "Cookie"},
		{name: "wrong password", header: basic("ad", "x")}, {name: "unknown user", header: basic("zz", "pw-ad")},
		{name: "wrong in the URL", query: "u=ad&p=x", header: basic("ad", "pw-ad")},
		{name: "expired JWT", header: "Bearer " + sign("HS256", testSecret, map[string]any{"username": "ad", "exp": 1})},
		{name: "unsigned JWT", header: "Bearer " + sign("none", "", map[string]any{"username": "ad", "exp": hour})},
		{name: "JWT of an empty secret", header: "Bearer " + sign("HS256", "", map[string]any{"username": "ad", "exp": hour})},
		{name: "JWT of nobody", header: bearer("zz")},
	}
	for _, u := range []string{"ad", "rd", "wr", "al", "no"} {
		out = append(out,
			credential{name: u + " in the URL", query: "u=" + u + "&p=pw-" + u, user: u},
			credential{name: u + " by Basic", header: basic(u, "pw-"+u), user: u},
			credential{name: u + " by Token", header: "Token " + u + ":pw-" + u, user: u},
			credential{name: u + " by Bearer", header: bearer(u), user: u},
		)
	}
	for name, secret := range tokens {
		user := name
		if name == "inactive" || name == "expired" {
			user = ""
		}
		out = append(out,
			credential{name: name + " by Token", header: "Token " + secret, user: user},
			credential{name: name + " by token", header: "token " + secret, user: user},
			credential{name: name + " by Bearer", header: "Bearer " + secret, user: user},
			credential{name: name + " as password of nobody by Basic", header: basic("any", secret), user: user},
			credential{name: name + " as password of a user by Token", header: "Token ad:" + secret, user: user},
			credential{name: name + " as password in the URL", query: "u=any&p=" + url.QueryEscape(secret), user: user},
		)
	}
	return out
}

// TestEveryEndpoint sends every kind of credentials to every row of the table.
func TestEveryEndpoint(t *testing.T) {
	// Who may use an endpoint, by permission and settings; "*" is everybody, "u" who is known.
	type rule struct {
		auth Auth
		may  map[Permission]string
	}
	rules := func(probe, observe, profile string) map[Permission]string {
		return map[Permission]string{
			Public: "*", Probe: probe, Observe: observe, Profile: profile, Known: "u", Administer: "ad tadmin",
			Query: "ad rd al tread tall tm tadmin", Write: "ad wr al twrite tall tm tadmin", Delete: "ad wr al tdelete tall tm tadmin",
		}
	}
	const admins = "ad tadmin"
	for name, rule := range map[string]rule{
		"default": {Auth{Enabled: true}, rules("*", admins, admins)},
		"ping":    {Auth{Enabled: true, Ping: true}, rules("u", admins, admins)},
		"open":    {Auth{Enabled: true, OpenMetrics: true}, rules("*", "*", "*")},
		"pprof":   {Auth{Enabled: true, OpenMetrics: true, Pprof: true}, rules("*", "*", admins)},
	} {
		t.Run(name, func(t *testing.T) {
			rule.auth.SharedSecret = testSecret
			h, cat := newGuarded(t, func(o *Options) { o.Auth = rule.auth })
			if err := errors.Join(cat.CreateUser("al", "pw-al", false), cat.GrantPrivilege("al", "d", influxql.AllPrivileges)); err != nil {
				t.Fatal(err)
			}
			credentials := everyCredential(addTokens(t, h, cat))
			reached := false
			table := h.Endpoints()
			for i, e := range table {
				if e.Permission != Query && e.Permission != Write && e.Permission != Delete || e.Path == "/api/v2/query" {
					table[i].handle = func(http.ResponseWriter, *http.Request) { reached = true }
				} // the handlers of the others have a part in the decision
			}
			h.router = newRouter(table, h.guard)
			for _, e := range table {
				may := rule.may[e.Permission]
				if e.Path == "/api/v2/query" {
					may = "u"
				}
				body, kind := endpointBody(e)
				for _, c := range credentials {
					h.doorman.throttle = newLoginThrottle(h.clock)
					reached = false
					w := h.ask(e.Method, endpointTarget(e)+"&"+c.query, body, "Authorization", c.header, "Cookie", sessionCookie+"=x", "Content-Type", kind)
					reached = reached || w.Code == 204 || w.Code == 200 && (e.Permission == Query || e.Permission == Write) && e.Path != "/api/v2/query"
					allowed := may == "*" || c.user != "" && (may == "u" || strings.Contains(" "+may+" ", " "+c.user+" "))
					if reached != allowed {
						t.Errorf("%s %s with %s: %d %s", e.Method, e.Path, c.name, w.Code, w.Body)
					}
					wantCode := http.StatusForbidden
					if c.user == "" {
						wantCode = http.StatusUnauthorized
					}
					if !allowed && w.Code != wantCode {
						t.Errorf("%s %s with %s: %d %s, want %d", e.Method, e.Path, c.name, w.Code, w.Body, wantCode)
					}
				}
			}
		})
	}
}

// endpointBody returns a body that such a request may have, about the measurement m.
func endpointBody(e Endpoint) (body, contentType string) {
	var pool easyproto.MarshalerPool
	m := pool.Get()
	first := m.MessageMarshaler().AppendMessage(1)
	pack := func() string { return string(snappy.Encode(nil, m.Marshal(nil))) }
	switch {
	case e.Path == "/api/v1/prom/write":
		label := first.AppendMessage(1)
		label.AppendString(1, "__name__")
		label.AppendString(2, "m")
		first.AppendMessage(2).AppendDouble(1, 1)
		return pack(), typeProtobuf
	case e.Path == "/api/v1/prom/read":
		matcher := first.AppendMessage(3)
		matcher.AppendString(2, "__name__")
		matcher.AppendString(3, "m")
		return pack(), typeProtobuf
	case e.Path == "/v1/metrics":
		return `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","gauge":{"dataPoints":[{"timeUnixNano":"1","asDouble":1}]}}]}]}]}`, typeJSON
	case e.Permission == Delete:
		return `{"start":"2020-01-01T00:00:00Z","stop":"2020-01-02T00:00:00Z","predicate":"_measurement=\"m\""}`, typeJSON
	}
	return "m f=1", ""
}

// endpointTarget returns a request to an endpoint that has all it needs.
func endpointTarget(e Endpoint) string {
	switch {
	case e.Permission == Write && strings.HasPrefix(e.Path, v2Prefix), e.Permission == Delete:
		return e.Path + "?bucket=d/autogen"
	case e.Path == "/debug/requests":
		return "/debug/requests?seconds=0"
	case strings.HasSuffix(e.Path, "/*"):
		return strings.TrimSuffix(e.Path, "*") + "cmdline?x"
	}
	return strings.ReplaceAll(e.Path, ":id", organizationID) + "?db=d&q=SELECT+*+FROM+m"
}

// TestAnEndpointWithoutRule checks that the table cannot have one.
func TestAnEndpointWithoutRule(t *testing.T) {
	for _, e := range []Endpoint{
		{Method: "GET", Path: "/new"}, {Method: "POST", Path: "/new", Permission: Write}, {Method: "GET", Path: "/new", Permission: lastPermission + 1},
	} {
		if err := checkTable([]Endpoint{e}); err == nil {
			t.Errorf("%+v was taken", e)
		}
	}
}

func TestForbidden(t *testing.T) {
	h, _ := newGuarded(t)
	ask := func(method, target, user string) *httptest.ResponseRecorder {
		return h.ask(method, target, "m f=1", "Authorization", basic(user, "pw-"+user))
	}
	for _, c := range []struct {
		method, target, user string
		body                 string
	}{
		{"POST", "/write?db=d", "rd", `{"error":"\"rd\" user is not authorized to write to database \"d\""}`},
		{"POST", "/write?db=other", "wr", `{"error":"\"wr\" user is not authorized to write to database \"other\""}`},
		{"POST", "/write?db=nodb", "wr", `{"error":"\"wr\" user is not authorized to write to database \"nodb\""}`},
		{"POST", "/api/v2/write?bucket=d/rp", "rd", `{"code":"forbidden","message":"insufficient permissions for write","error":"insufficient permissions for write"}`},
		{"GET", "/query?db=d&q=SELECT+*+FROM+m", "wr", `{"error":"error authorizing query: wr not authorized to execute statement 'SELECT * FROM m', requires READ on d"}`},
		{"GET", "/query?db=d&q=SELECT+*+FROM+m&async=true", "wr", `{"error":"error authorizing query: wr not authorized to execute statement 'SELECT * FROM m', requires READ on d"}`},
		{"POST", "/query?db=d&q=SHOW+USERS", "rd", `{"error":"error authorizing query: rd not authorized to execute statement 'SHOW USERS', requires admin privilege"}`},
		{"GET", "/debug/vars", "rd", `{"error":"error authorizing admin access"}`},
	} {
		w := ask(c.method, c.target, c.user)
		want(t, w, 403, c.body+"\n")
		if w.Header().Get("X-Influxdb-Error") == "" || w.Header().Get("WWW-Authenticate") != "" {
			t.Errorf("%s %s: headers are %v", c.method, c.target, w.Header())
		}
	}
	w := h.ask("POST", "/api/v2/write?bucket=d", "m f=1", "Authorization", "Token x")
	want(t, w, 401, `{"code":"unauthorized","message":"unauthorized access","error":"unauthorized access"}`+"\n")
	want(t, ask("POST", "/write", "no"), 400, `{"error":"database is required"}`+"\n")
	want(t, h.ask("OPTIONS", "/write", ""), 200, "")
}

// TestBeforeTheFirstAdministrator lets everybody do one thing.
func TestBeforeTheFirstAdministrator(t *testing.T) {
	h, cat := newGuarded(t)
	for _, name := range []string{"ad"} {
		if err := cat.DropUser(name); err != nil {
			t.Fatal(err)
		}
	}
	const first = `{"error":"error authorizing query: create admin user first or disable authentication"}` + "\n"
	want(t, h.ask("GET", "/query?q=SHOW+DATABASES", ""), 403, first)
	want(t, h.ask("GET", "/query?q=SHOW+DATABASES", "", "Authorization", basic("rd", "pw-rd")), 403, first)
	want(t, h.ask("POST", "/write?db=d", "m f=1"), 403, `{"error":"user is required to write to database \"d\""}`+"\n")
	want(t, h.ask("GET", "/metrics", ""), 403, `{"error":"error authorizing admin access"}`+"\n")
	want(t, h.ask("POST", "/query?q="+url.QueryEscape("CREATE USER x WITH PASSWORD 'y' WITH ALL PRIVILEGES"), ""), 200, "{}\n")
}

// TestWithoutUsers checks that a server that asks for users never answers without them.
func TestWithoutUsers(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Auth.Enabled = true })
	want(t, h.ask("GET", "/query?q=x", "", "Authorization", basic("a", "b")), 503, `{"status":"starting"}`+"\n")
	if u := h.userOf(httptest.NewRequest(http.MethodGet, "/query", nil)); u != query.Nobody {
		t.Errorf("a request that nobody has looked at is by %+v", u)
	}
}

// countedUsers counts how often a password is checked.
type countedUsers struct {
	*catalog.Catalog
	checks int
}

func (c *countedUsers) CheckPassword(u *catalog.User, password string) bool {
	c.checks++
	return c.Catalog.CheckPassword(u, password)
}

// TestLoginsAreRemembered checks that the cache is worth nothing after a change.
func TestLoginsAreRemembered(t *testing.T) {
	h, cat := newGuarded(t)
	users := &countedUsers{Catalog: cat}
	h.Attach(Backend{Engine: h.engine, Users: users})
	ping := func(password string) int {
		return h.ask("GET", "/query?db=d&q=SELECT+*+FROM+m", "", "Authorization", basic("rd", password)).Code
	}
	if ping("pw-rd") != 200 || len(h.doorman.logins.verified) != 1 {
		t.Errorf("after the first login %d are remembered", len(h.doorman.logins.verified))
	}
	if ping("pw-rd") != 200 || users.checks != 1 {
		t.Errorf("after the second login the password was checked %d times", users.checks)
	}
	if err := cat.SetPassword("rd", "new"); err != nil {
		t.Fatal(err)
	}
	if ping("pw-rd") != 401 || len(h.doorman.logins.verified) != 0 {
		t.Error("the old password is still good")
	}
	if ping("new") != 200 {
		t.Error("the new password is no good")
	}
	if err := cat.DropUser("rd"); err != nil {
		t.Fatal(err)
	}
	if ping("new") != 401 {
		t.Error("the login of a user that is gone is good")
	}
}

func TestRememberedLoginsAreBounded(t *testing.T) {
	c := newLoginCache()
	u := &catalog.User{Name: "u", Hash: "h"}
	for i := range maxVerified + 100 {
		c.learn(u, fmt.Sprint(i))
	}
	if len(c.verified) > maxVerified || !c.knows(u, "u", fmt.Sprint(maxVerified+99)) {
		t.Errorf("%d logins are remembered", len(c.verified))
	}
	if c.mac("ab", "c") == c.mac("a", "bc") || c.mac("a", "b") == newLoginCache().mac("a", "b") {
		t.Error("different logins have one hash")
	}
}

// TestLoginsAreThrottled fails more often than is allowed.
func TestLoginsAreThrottled(t *testing.T) {
	h, _ := newGuarded(t)
	try := func(name, password string) *httptest.ResponseRecorder {
		return h.ask("GET", "/query?db=d&q=SELECT+*+FROM+m", "", "Authorization", basic(name, password))
	}
	want(t, try("ad", "pw-ad"), 200, "{}\n")
	for i := range maxUserFailures {
		if w := try("ad", "x"); w.Code != 401 {
			t.Fatalf("try %d: %d", i, w.Code)
		}
	}
	w := try("ad", "x")
	want(t, w, 429, `{"error":"too many failed logins, try again in 60 seconds"}`+"\n")
	wantHeaders(t, w, "Retry-After", "60")
	want(t, try("ad", "pw-ad"), 200, "{}\n") // remembered
	want(t, try("rd", "pw-rd"), 200, "{}\n") // somebody else
	h.doorman.logins = newLoginCache()
	want(t, try("ad", "pw-ad"), 429, `{"error":"too many failed logins, try again in 60 seconds"}`+"\n")
	h.clock.Advance(loginSpan)
	want(t, try("ad", "pw-ad"), 200, "{}\n")
}

func TestThrottleOfAddresses(t *testing.T) {
	h := newHouse(t)
	throttle := newLoginThrottle(h.clock)
	for i := range maxAddressFailures {
		if throttle.wait("1.2.3.4", "next") != 0 {
			t.Fatalf("refused after %d failures", i)
		}
		throttle.failed("1.2.3.4", fmt.Sprint(i))
	}
	if throttle.wait("1.2.3.4", "next") != loginSpan || throttle.wait("1.2.3.5", "next") != 0 {
		t.Error("an address is not refused, or the wrong one")
	}
	for range maxUserFailures {
		throttle.failed("2001:db8::1", "u")
	}
	if throttle.wait("2001:db8::ffff", "u") == 0 || throttle.wait("2001:db8:0:1::1", "u") != 0 {
		t.Error("addresses of one site are not taken together")
	}
	throttle.succeeded("2001:db8::1", "u")
	if throttle.wait("2001:db8::1", "u") != 0 {
		t.Error("refused after a login")
	}
	for i := range maxLoginRecords {
		throttle.failed("9.9.9.9", fmt.Sprint(i))
	}
	if n := len(throttle.failures); n > maxLoginRecords+2 {
		t.Errorf("%d records are kept", n)
	}
}

func TestSecretsStayOutOfTheLog(t *testing.T) {
	h, _ := newGuarded(t, func(o *Options) { o.AccessLog = true })
	const canary = "c4n4ry"
	targets := []string{
		"/query?u=ad&p=" + canary + "&q=SHOW+USERS",
		"/query?q=" + url.QueryEscape("CREATE USER x WITH PASSWORD '"+canary+"'"),
		"/query?q=" + url.QueryEscape("SET PASSWORD FOR \"x y\" = \""+canary+"\""),
		"/query?q=" + url.QueryEscape("CREATE USER x WITH PASSWORD $p") + "&params=" + url.QueryEscape(`{"p":"`+canary+`"}`),
		"/query?q=" + url.QueryEscape("CREATE SUBSCRIPTION s ON d.autogen DESTINATIONS ALL 'http://k:"+canary+"@h:1'"),
		"/write?db=d&u=ad&p=" + canary,
	}
	for _, target := range targets {
		for _, header := range []string{"", basic("ad", canary), "Token ad:" + canary, "Bearer " + canary + ".x.y"} {
			w := h.ask("POST", target, "", "Authorization", header)
			if strings.Contains(w.Body.String()+fmt.Sprint(w.Header()), canary) {
				t.Errorf("answer to %s has the secret: %s", target, w.Body)
			}
		}
	}
	if log := h.log.String(); strings.Contains(log, canary) || !strings.Contains(log, "user=ad") {
		t.Errorf("log is %s", log)
	}
}

func FuzzToken(f *testing.F) {
	for _, seed := range []string{"a.b.c", sign("HS256", testSecret, map[string]any{"username": "u", "exp": hour}), "..", "e30.e30.e30"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		name, err := tokenUser(token, []byte("another secret that nobody has used"), time.Unix(hour-1, 0))
		if err == nil {
			t.Errorf("a token without signature stands for %q", name)
		}
	})
}
