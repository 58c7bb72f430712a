package httpapi

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/model"
)

// newV2 returns a house whose catalog is real and which asks for users.
func newV2(t *testing.T, change ...func(*Options)) (*house, *catalog.Catalog) {
	t.Helper()
	return newGuarded(t, change...)
}

// step is a request of a v2 client and what the answer must hold.
type step struct {
	method, target, body string
	status               int
	has                  []string
	lacks                []string
}

const asAdmin = "Token ad:pw-ad"

func (h *house) walk(t *testing.T, header string, steps []step) {
	t.Helper()
	for _, s := range steps {
		w := h.ask(s.method, s.target, s.body, "Authorization", header)
		if w.Code != s.status {
			t.Fatalf("%s %s %s\ngot %d %s\nwant %d", s.method, s.target, s.body, w.Code, w.Body, s.status)
		}
		for _, part := range s.has {
			if !strings.Contains(w.Body.String(), part) {
				t.Errorf("%s %s %s\ngot %s\nwithout %s", s.method, s.target, s.body, w.Body, part)
			}
		}
		for _, part := range s.lacks {
			if strings.Contains(w.Body.String(), part) {
				t.Errorf("%s %s %s\ngot %s\nwith %s", s.method, s.target, s.body, w.Body, part)
			}
		}
		if w.Code >= 400 {
			var f struct{ Code, Message string }
			if err := json.Unmarshal(w.Body.Bytes(), &f); err != nil || f.Code == "" || f.Message == "" || f.Code != w.Header().Get("X-Platform-Error-Code") {
				t.Errorf("%s %s: the failure is %s", s.method, s.target, w.Body)
			}
			if strings.Contains(w.Body.String(), `"err":`) {
				t.Errorf("%s %s: the failure has a key that the Go client cannot read: %s", s.method, s.target, w.Body)
			}
		}
	}
}

// decode reads an answer.
func decode[T any](t *testing.T, w *httptest.ResponseRecorder) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	return v
}

func TestBuckets(t *testing.T) {
	h, cat := newV2(t)
	const path = "/api/v2/buckets"
	h.walk(t, asAdmin, []step{
		{"GET", path, "", 200, []string{`"name":"d"`, `"name":"other"`, `"type":"user"`, `"orgID":"` + organizationID + `"`, `"labels":[]`,
			`"retentionRules":[{"type":"expire","everySeconds":0,"shardGroupDurationSeconds":604800}]`, `"self":"/api/v2/buckets?limit=20\u0026offset=0"`}, []string{`"next"`, `"prev"`}},
		{"GET", path + "?name=d", "", 200, []string{`"name":"d"`}, []string{`"name":"other"`}},
		{"GET", path + "?name=d/autogen", "", 200, []string{`"name":"d"`}, []string{`"name":"other"`}},
		{"GET", path + "?name=zz", "", 200, []string{`"buckets":[]`}, nil},
		{"GET", path + "?limit=1", "", 200, []string{`"name":"d"`, `"next":"/api/v2/buckets?limit=1\u0026offset=1"`}, []string{`"name":"other"`}},
		{"GET", path + "?limit=1&offset=1&org=o", "", 200, []string{`"name":"other"`, `"prev":"/api/v2/buckets?limit=1\u0026offset=0\u0026org=o"`}, []string{`"name":"d"`}},
		{"GET", path + "?after=" + bucketIDs.format(1), "", 200, []string{`"name":"other"`}, []string{`"name":"d"`}},
		{"GET", path + "?limit=0", "", 400, []string{"limit must be between 1 and 100"}, nil},
		{"GET", path + "?limit=101", "", 400, nil, nil},
		{"GET", path + "?offset=x", "", 400, nil, nil},
		{"GET", path + "?after=1", "", 400, nil, nil},
		{"GET", path + "/" + bucketIDs.format(1), "", 200, []string{`"name":"d"`}, nil},
		{"GET", path + "/" + bucketIDs.format(99), "", 404, []string{`"code":"not found"`, "bucket not found"}, nil},
		{"GET", path + "/d", "", 404, nil, nil},

		{"POST", path, `{"name":"new","orgID":"x","description":"what it is","retentionRules":[{"type":"expire","everySeconds":86400,"shardGroupDurationSeconds":3600}]}`, 201,
			[]string{`"name":"new"`, `"description":"what it is"`, `"everySeconds":86400,"shardGroupDurationSeconds":3600`}, nil},
		{"POST", path, `{"name":"new"}`, 422, []string{`"code":"conflict"`, "bucket with name new already exists"}, nil},
		{"POST", path, `{"name":"new/autogen"}`, 422, []string{"already exists"}, nil},
		{"POST", path, `{"name":"new/short","retentionRules":[{"everySeconds":7200}]}`, 201, []string{`"name":"new/short"`, `"rp":"short"`}, nil},
		{"POST", path, `{"name":"fresh/raw"}`, 201, []string{`"name":"fresh"`, `"rp":"raw"`}, nil},
		{"POST", path, `{"name":"quick","retentionRules":[{"everySeconds":60}]}`, 422, []string{"at least 1h0m0s"}, nil},
		{"POST", path, `{"name":"odd","retentionRules":[{"type":"keep","everySeconds":7200}]}`, 400, nil, nil},
		{"POST", path, `{"name":"odd","retentionRules":[{"everySeconds":-1}]}`, 422, nil, nil},
		{"POST", path, `{"name":"odd","retentionRules":[{"everySeconds":9223372036854775807}]}`, 422, nil, nil},
		{"POST", path, `{"name":""}`, 400, []string{"bucket name is required"}, nil},
		{"POST", path, `{"name":".."}`, 400, []string{"invalid name"}, nil},
		{"POST", path, `{"name":`, 400, []string{"error decoding json body"}, nil},
	})
	id := func(name string) string {
		_, p := findBucket(cat.Snapshot(), name)
		if p == nil {
			t.Fatalf("no bucket %s", name)
		}
		return path + "/" + bucketIDs.format(uint64(p.ID))
	}
	short, fresh := id("new/short"), id("fresh")
	h.walk(t, asAdmin, []step{
		{"PATCH", short, `{"retentionRules":[{"type":"expire","everySeconds":10800}],"description":"three hours"}`, 200, []string{`"everySeconds":10800`, "three hours"}, nil},
		{"PATCH", short, `{"name":"new/short","retentionRules":[]}`, 200, []string{`"everySeconds":0`, "three hours"}, nil},
		{"PATCH", short, `{"name":"longer"}`, 400, []string{"a bucket stays in its database"}, nil},
		{"PATCH", short, `{"retentionRules":[{"everySeconds":1}]}`, 422, nil, nil},
		{"PATCH", path + "/" + bucketIDs.format(99), `{}`, 404, nil, nil},
		{"DELETE", short, "", 204, nil, nil},
		{"DELETE", short, "", 404, nil, nil},
		{"GET", path + "?name=new/short", "", 200, []string{`"buckets":[]`}, nil},
		{"DELETE", fresh, "", 204, nil, nil},
	})
	if cat.Snapshot().Database("fresh") != nil || cat.Snapshot().Database("new") == nil {
		t.Error("a database goes with its last bucket, and only then")
	}
	h.walk(t, "Token rd:pw-rd", []step{
		{"GET", path, "", 200, []string{`"name":"d"`}, []string{`"name":"other"`, `"name":"new"`}},
		{"GET", path + "/" + bucketIDs.format(2), "", 404, nil, nil},
		{"POST", path, `{"name":"mine"}`, 403, []string{`"code":"forbidden"`}, nil},
	})
}

func TestOrganizations(t *testing.T) {
	for _, check := range []bool{false, true} {
		h, _ := newV2(t, func(o *Options) { o.CheckOrganization = check })
		h.walk(t, asAdmin, []step{
			{"GET", "/api/v2/orgs", "", 200, []string{`"name":"timberline"`, `"id":"` + organizationID + `"`}, nil},
			{"GET", "/api/v2/orgs/" + organizationID, "", 200, []string{`"name":"timberline"`}, nil},
			{"GET", "/api/v2/orgs/0000000000000001", "", 404, []string{"organization not found"}, nil},
			{"PATCH", "/api/v2/orgs/" + organizationID, `{"name":"home"}`, 200, []string{`"name":"home"`}, nil},
			{"PATCH", "/api/v2/orgs/" + organizationID, `{"name":"a/b"}`, 400, nil, nil},
			{"POST", "/api/v2/orgs", `{"name":"second"}`, 422, []string{`"code":"conflict"`}, nil},
			{"GET", "/api/v2/orgs/" + organizationID + "/owners", "", 200, []string{`"name":"ad"`, `"role":"owner"`}, []string{`"name":"rd"`}},
			{"GET", "/api/v2/orgs/" + organizationID + "/members", "", 200, []string{`"name":"rd"`}, []string{`"name":"ad"`}},
			{"GET", "/api/v2/orgs?org=home", "", 200, []string{`"name":"home"`}, nil},
		})
		if !check {
			h.walk(t, asAdmin, []step{
				{"GET", "/api/v2/orgs?org=elsewhere", "", 200, []string{`"name":"elsewhere"`, organizationID}, nil},
				{"POST", "/api/v2/write?bucket=d&org=elsewhere", "m f=1", 204, nil, nil},
			})
			continue
		}
		h.walk(t, asAdmin, []step{
			{"GET", "/api/v2/orgs?org=elsewhere", "", 404, []string{`organization name \"elsewhere\" not found`}, nil},
			{"POST", "/api/v2/write?bucket=d&org=elsewhere", "m f=1", 404, []string{`organization name \"elsewhere\" not found`}, nil},
			{"POST", "/api/v2/write?bucket=d&orgID=00", "m f=1", 404, nil, nil},
			{"POST", "/api/v2/write?bucket=d&org=home&orgID=" + organizationID, "m f=1", 204, nil, nil},
			{"POST", "/api/v2/write?bucket=d&org=" + organizationID, "m f=1", 204, nil, nil},
			{"POST", "/api/v2/write?bucket=d", "m f=1", 204, nil, nil},
			{"POST", "/api/v2/delete?bucket=d&org=elsewhere", `{}`, 404, nil, nil},
			{"GET", "/api/v2/buckets?org=elsewhere", "", 404, nil, nil},
			{"GET", "/api/v2/authorizations?org=elsewhere", "", 404, nil, nil},
			{"GET", "/api/v2/dbrps?org=elsewhere", "", 404, nil, nil},
			{"POST", "/api/v2/buckets", `{"name":"x","orgID":"00"}`, 404, nil, nil},
		})
	}
}

// TestWriteTargets writes under every name that a bucket has.
func TestWriteTargets(t *testing.T) {
	h, cat := newV2(t)
	if err := cat.CreatePolicy("d", catalog.PolicySpec{Name: "raw"}, false); err != nil {
		t.Fatal(err)
	}
	raw := cat.Snapshot().Database("d").Policy("raw").ID
	if _, err := cat.CreateMapping(catalog.Mapping{Database: "legacy", Policy: "long", Bucket: raw}); err != nil {
		t.Fatal(err)
	}
	if _, err := cat.CreateMapping(catalog.Mapping{Database: "d", Policy: "moved", Bucket: raw}); err != nil {
		t.Fatal(err)
	}
	if _, err := cat.UpdateMapping(2, nil, new(bool)); err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]string{
		"/api/v2/write?bucket=d":                                      "d/",
		"/api/v2/write?bucket=d/":                                     "d/",
		"/api/v2/write?bucket=d/raw":                                  "d/raw",
		"/api/v2/write?bucket=" + bucketIDs.format(uint64(raw)):       "d/raw",
		"/api/v2/write?bucket=zz":                                     "zz/",
		"/api/v2/write?bucket=" + bucketIDs.format(uint64(raw)|1<<40): bucketIDs.format(uint64(raw)|1<<40) + "/",
		"/write?db=d":                 "d/",
		"/write?db=d&rp=raw":          "d/raw",
		"/write?db=d&rp=moved":        "d/raw",
		"/write?db=legacy":            "d/raw",
		"/write?db=legacy&rp=long":    "d/raw",
		"/write?db=legacy&rp=unknown": "legacy/unknown",
	} {
		w := h.ask("POST", target, "m f=1", "Authorization", asAdmin)
		if w.Code != 204 {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
			continue
		}
		if r := h.writer.last(t); r.Database+"/"+r.Policy != want {
			t.Errorf("%s wrote to %s/%s, want %s", target, r.Database, r.Policy, want)
		}
	}
	want(t, h.ask("POST", "/write?db=legacy", "m f=1", "Authorization", basic("rd", "pw-rd")), 403, `{"error":"\"rd\" user is not authorized to write to database \"d\""}`+"\n")
	want(t, h.ask("POST", "/write?db=legacy", "m f=1", "Authorization", basic("wr", "pw-wr")), 204, "")
	h.ask("GET", "/query?db=legacy&q=SELECT+*+FROM+m", "", "Authorization", basic("rd", "pw-rd"))
	if r := h.engine.last(t); r.Database != "d" || r.Policy != "raw" {
		t.Errorf("the query is in %s/%s", r.Database, r.Policy)
	}
}

func TestMappings(t *testing.T) {
	h, cat := newV2(t)
	const path = "/api/v2/dbrps"
	one := bucketIDs.format(1)
	id := path + "/" + mappingIDs.format(1)
	h.walk(t, asAdmin, []step{
		{"GET", path, "", 200, []string{`"database":"d"`, `"retention_policy":"autogen"`, `"virtual":true`, `"default":true`, `"bucketID":"` + one + `"`}, nil},
		{"GET", path + "/" + one, "", 200, []string{`{"content":{"id":"` + one}, nil},
		{"POST", path, `{"database":"v1","retention_policy":"autogen","bucketID":"` + one + `"}`, 201, []string{`"virtual":false`, `"default":true`, `"database":"v1"`}, nil},
		{"POST", path, `{"database":"v1","retention_policy":"autogen","bucketID":"` + one + `"}`, 422, []string{`"code":"conflict"`}, nil},
		{"POST", path, `{"database":"v1","retention_policy":"b","bucketID":"` + one + `","default":true}`, 201, []string{`"default":true`}, nil},
		{"POST", path, `{"database":"v1","bucketID":"` + one + `"}`, 400, nil, nil},
		{"POST", path, `{"database":"v1","retention_policy":"c","bucketID":"` + bucketIDs.format(77) + `"}`, 404, []string{"bucket not found"}, nil},
		{"GET", path + "?db=v1", "", 200, []string{`"retention_policy":"autogen"`, `"retention_policy":"b"`}, []string{`"database":"d"`}},
		{"GET", path + "?db=v1&default=true", "", 200, []string{`"retention_policy":"b"`}, []string{`"retention_policy":"autogen"`}},
		{"GET", path + "?bucketID=" + bucketIDs.format(2), "", 200, []string{`"database":"other"`}, []string{`"database":"d"`, `"database":"v1"`}},
		{"PATCH", id, `{"retention_policy":"renamed","default":true}`, 200, []string{`{"content":{`, `"retention_policy":"renamed"`, `"default":true`}, nil},
		{"GET", path + "?db=v1&rp=b", "", 200, []string{`"default":false`}, nil},
		{"PATCH", id, `{"retention_policy":"b"}`, 422, nil, nil},
		{"PATCH", path + "/" + one, `{"default":true}`, 422, []string{"virtual"}, nil},
		{"DELETE", path + "/" + one, "", 422, nil, nil},
		{"DELETE", id, "", 204, nil, nil},
		{"DELETE", id, "", 404, []string{"unable to find DBRP"}, nil},
		{"GET", id, "", 404, nil, nil},
	})
	h.walk(t, "Token wr:pw-wr", []step{
		{"GET", path, "", 200, []string{`"database":"d"`, `"database":"v1"`}, []string{`"database":"other"`}},
		{"POST", path, `{}`, 403, nil, nil},
	})
	if _, err := cat.DropDatabase("d"); err != nil {
		t.Fatal(err)
	}
	h.walk(t, asAdmin, []step{{"GET", path + "?db=v1", "", 200, []string{`"content":[]`}, nil}})
}

func TestAuthorizations(t *testing.T) {
	h, cat := newV2(t)
	const path = "/api/v2/authorizations"
	bucket := func(action, rest string) string {
		return `{"action":"` + action + `","resource":{"type":"buckets"` + rest + `}}`
	}
	h.walk(t, asAdmin, []step{
		{"GET", path, "", 200, []string{`"authorizations":[]`}, nil},
		{"POST", path, `{"permissions":[]}`, 400, nil, nil},
		{"POST", path, `{"permissions":[{"action":"read","resource":{"type":"tasks"}}]}`, 400, []string{"none of the permissions"}, nil},
		{"POST", path, `{"permissions":[` + bucket("own", "") + `]}`, 400, []string{"invalid action"}, nil},
		{"POST", path, `{"permissions":[` + bucket("read", `,"name":"zz"`) + `]}`, 404, []string{"bucket not found"}, nil},
		{"POST", path, `{"userID":"00","permissions":[` + bucket("read", "") + `]}`, 404, []string{"user not found"}, nil},
		{"POST", path, `{"status":"half","permissions":[` + bucket("read", "") + `]}`, 400, nil, nil},
		{"POST", path, `{"expiresAt":"2026-01-02T03:04:05Z","permissions":[` + bucket("read", "") + `]}`, 400, []string{"expiresAt is over"}, nil},
		{"POST", path, `{"expiresAt":"soon","permissions":[` + bucket("read", "") + `]}`, 400, nil, nil},
	})
	create := func(body string) authorizationJSON {
		t.Helper()
		w := h.ask("POST", path, body, "Authorization", asAdmin)
		if w.Code != 201 {
			t.Fatalf("%s: %d %s", body, w.Code, w.Body)
		}
		a := decode[authorizationJSON](t, w)
		if a.Token == "" || a.User != "ad" || a.UserID != userID("ad") || a.Org != "timberline" {
			t.Errorf("%s: %s", body, w.Body)
		}
		return a
	}
	writes := create(`{"description":"telegraf","permissions":[` + bucket("write", `,"id":"`+bucketIDs.format(1)+`"`) + `]}`)
	appends := create(`{"permissions":[{"action":"write","deletes":false,"resource":{"type":"buckets","name":"d","measurement":"cpu"}},` + bucket("read", "") + `]}`)
	operator := create(`{"permissions":[{"action":"read","resource":{"type":"authorizations"}},{"action":"write","resource":{"type":"authorizations"}},` + bucket("write", "") + `]}`)
	short := create(`{"expiresAt":"2026-01-02T03:05:05Z","permissions":[` + bucket("read", `,"name":"d"`) + `]}`)

	h.walk(t, "Bearer "+operator.Token, []step{
		{"GET", path, "", 200, []string{`"description":"telegraf"`, `"status":"active"`, `"measurement":"cpu"`, `"deletes":false`, `"type":"users"`},
			[]string{writes.Token, appends.Token, operator.Token, short.Token, `"token"`}},
		{"GET", path + "?user=ad", "", 200, []string{writes.ID}, nil},
		{"GET", path + "?user=rd", "", 200, []string{`"authorizations":[]`}, nil},
		{"GET", path + "?userID=" + userID("ad"), "", 200, []string{writes.ID}, nil},
		{"GET", path + "/" + writes.ID, "", 200, []string{`"permissions":[{"action":"write","resource":{"type":"buckets","id":"` + bucketIDs.format(1) + `","name":"d"`}, []string{"delete"}},
		{"GET", path + "/" + bucketIDs.format(1), "", 404, []string{"authorization not found"}, nil},
	})
	h.walk(t, "Token "+writes.Token, []step{
		{"POST", "/api/v2/write?bucket=d", "m f=1", 204, nil, nil},
		{"POST", "/api/v2/write?bucket=other", "m f=1", 403, []string{`"code":"forbidden"`, "insufficient permissions for write"}, nil},
		{"GET", path, "", 200, []string{writes.ID}, []string{appends.ID, operator.ID, short.ID}},
		{"GET", path + "/" + writes.ID, "", 200, []string{writes.ID}, []string{writes.Token}},
		{"GET", path + "/" + appends.ID, "", 404, []string{"authorization not found"}, nil},
		{"PATCH", path + "/" + writes.ID, `{"status":"inactive"}`, 403, nil, nil},
		{"DELETE", path + "/" + writes.ID, "", 403, nil, nil},
		{"GET", "/api/v2/me", "", 200, []string{`"name":"ad"`}, nil},
		{"PUT", "/api/v2/me/password", `{"password":"new"}`, 403, nil, nil},
	})
	h.walk(t, "Token "+appends.Token, []step{
		{"POST", "/api/v2/write?bucket=d", "cpu f=1", 204, nil, nil},
		{"POST", "/api/v2/delete?bucket=d", `{"start":"2020-01-01T00:00:00Z","stop":"2020-01-02T00:00:00Z","predicate":"_measurement=cpu"}`, 403, []string{"insufficient permissions to delete"}, nil},
		{"GET", "/api/v2/buckets", "", 200, []string{`"name":"d"`, `"name":"other"`}, nil},
	})
	if m := h.writer.last(t).Measurements; len(m) != 1 || m[0] != "cpu" {
		t.Errorf("the write is bound to %q", m)
	}

	// Off and on again, from one request to the next.
	probe := func(status int, text string) {
		t.Helper()
		w := h.ask("POST", "/write?db=d", "m f=1", "Authorization", "Token "+writes.Token)
		if w.Code != status || !strings.Contains(w.Body.String(), text) {
			t.Errorf("got %d %s, want %d %s", w.Code, w.Body, status, text)
		}
	}
	h.walk(t, asAdmin, []step{{"PATCH", path + "/" + writes.ID, `{"status":"inactive","description":"off"}`, 200, []string{`"status":"inactive"`, `"description":"off"`}, []string{`"token"`}}})
	probe(401, "token is inactive")
	h.walk(t, asAdmin, []step{{"PATCH", path + "/" + writes.ID, `{"status":"active"}`, 200, []string{`"status":"active"`, `"description":"off"`}, nil}})
	probe(204, "")
	h.walk(t, asAdmin, []step{{"DELETE", path + "/" + writes.ID, "", 204, nil, nil}, {"DELETE", path + "/" + writes.ID, "", 404, nil, nil}})
	probe(401, "authorization failed")

	buckets := func() int { return h.ask("GET", "/api/v2/buckets", "", "Authorization", "Token "+short.Token).Code }
	if buckets() != 200 {
		t.Error("a token is over before its time")
	}
	h.clock.Advance(time.Minute)
	if buckets() != 401 {
		t.Error("a token outlives its time")
	}
	if err := cat.NoteTokens(h.TokenUses()); err != nil {
		t.Fatal(err)
	}
	h.walk(t, asAdmin, []step{{"GET", path + "/" + short.ID, "", 200, []string{`"lastUsedAt":"2026-01-02T03:00:00Z"`, `"expiresAt":"2026-01-02T03:05:05Z"`}, nil}})
	if uses := h.TokenUses(); uses != nil {
		t.Errorf("uses are told twice: %v", uses)
	}

	// Tokens go with their user.
	if err := cat.DropUser("ad"); err != nil {
		t.Fatal(err)
	}
	if n := len(cat.Snapshot().Tokens); n != 0 {
		t.Errorf("%d tokens outlive their user", n)
	}
}

func TestUsersAndSessions(t *testing.T) {
	h, _ := newV2(t)
	rd := "/api/v2/users/" + userID("rd")
	h.walk(t, asAdmin, []step{
		{"GET", "/api/v2/users", "", 200, []string{`"name":"ad"`, `"name":"rd"`, `"status":"active"`}, []string{"hash", "$2a$"}},
		{"GET", "/api/v2/users?name=rd", "", 200, []string{`"name":"rd"`}, []string{`"name":"ad"`}},
		{"GET", rd, "", 200, []string{`"name":"rd"`}, nil},
		{"GET", "/api/v2/users/x", "", 404, []string{"user not found"}, nil},
		{"POST", "/api/v2/users", `{"name":"fresh"}`, 201, []string{`"name":"fresh"`}, nil},
		{"POST", "/api/v2/users", `{"name":"fresh"}`, 422, []string{`"code":"conflict"`}, nil},
		{"POST", "/api/v2/users", `{}`, 400, nil, nil},
		{"POST", "/api/v2/users/" + userID("fresh") + "/password", `{"password":"open sesame"}`, 204, nil, nil},
		{"POST", "/api/v2/users/" + userID("fresh") + "/password", `{"password":""}`, 400, nil, nil},
		{"GET", "/api/v2/me", "", 200, []string{`"name":"ad"`}, nil},
	})
	h.walk(t, basic("fresh", "open sesame"), []step{{"GET", "/api/v2/me", "", 200, []string{`"name":"fresh"`}, nil}})
	h.walk(t, asAdmin, []step{
		{"DELETE", "/api/v2/users/" + userID("fresh"), "", 204, nil, nil},
		{"DELETE", "/api/v2/users/" + userID("fresh"), "", 404, nil, nil},
	})
	h.walk(t, basic("fresh", "open sesame"), []step{{"GET", "/api/v2/me", "", 401, []string{`"code":"unauthorized"`, "unauthorized access"}, nil}})

	h.walk(t, basic("rd", "wrong"), []step{{"POST", "/api/v2/signin", "", 401, []string{"unauthorized access"}, nil}})
	h.walk(t, "", []step{{"POST", "/api/v2/signin", "", 401, nil, nil}})
	w := h.ask("POST", "/api/v2/signin", "", "Authorization", basic("rd", "pw-rd"))
	want(t, w, 204, "")
	cookie := w.Result().Cookies()[0]
	if cookie.Name != "influxdb-oss-session" || cookie.Path != "/api/" || !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Secure {
		t.Errorf("the cookie is %+v", cookie)
	}
	me := func() int {
		return h.ask("GET", "/api/v2/me", "", "Cookie", cookie.Name+"="+cookie.Value).Code
	}
	if me() != 200 {
		t.Error("a session is not known")
	}
	if w := h.ask("GET", "/query?db=d&q=SELECT+*+FROM+m", "", "Cookie", cookie.Name+"="+cookie.Value); w.Code != 401 {
		t.Errorf("a cookie counts outside the v2 API: %d", w.Code)
	}
	h.clock.Advance(50 * time.Minute)
	if me() != 200 {
		t.Error("a session ends before its time")
	}
	h.clock.Advance(50 * time.Minute)
	if me() != 200 {
		t.Error("a session that is used ends")
	}
	w = h.ask("PUT", "/api/v2/me/password", `{"password":"another"}`, "Cookie", cookie.Name+"="+cookie.Value)
	if w.Code != 403 || me() != 200 {
		t.Errorf("a session changes the password without the old one: %d", w.Code)
	}
	h.walk(t, basic("rd", "pw-rd"), []step{{"PUT", "/api/v2/me/password", `{"password":"another"}`, 204, nil, nil}})
	if me() != 401 {
		t.Error("a session outlives the password")
	}
	w = h.ask("POST", "/api/v2/signin", "", "Authorization", basic("rd", "another"))
	cookie = w.Result().Cookies()[0]
	want(t, h.ask("POST", "/api/v2/signout", "", "Cookie", cookie.Name+"="+cookie.Value), 204, "")
	if me() != 401 {
		t.Error("a session outlives the sign-out")
	}
	cookie = h.ask("POST", "/api/v2/signin", "", "Authorization", basic("rd", "another")).Result().Cookies()[0]
	h.clock.Advance(time.Hour)
	if me() != 401 {
		t.Error("a session outlives its time")
	}
}

// TestSessionsAreBounded opens more sessions than there may be.
func TestSessionsAreBounded(t *testing.T) {
	h, cat := newV2(t)
	u := cat.Snapshot().User("rd")
	for range maxSessions + 10 {
		h.clock.Advance(time.Millisecond)
		h.doorman.sessions.begin(u)
	}
	if n := len(h.doorman.sessions.open); n != maxSessions {
		t.Errorf("%d sessions are open, want %d", n, maxSessions)
	}
}

func TestSetup(t *testing.T) {
	h, cat := newV2(t)
	const body = `{"username":"boss","password":"correct horse","org":"acme","bucket":"first","retentionPeriodSeconds":86400,"retentionPeriodHrs":86400000000000,"token":"my-super-secret-auth-token"}`
	h.walk(t, "", []step{
		{"GET", "/api/v2/setup", "", 200, []string{`{"allowed":false}`}, nil},
		{"POST", "/api/v2/setup", body, 422, []string{`"code":"conflict"`, "onboarding has already been completed"}, nil},
	})
	if err := cat.DropUser("ad"); err != nil {
		t.Fatal(err)
	}
	h.walk(t, "", []step{
		{"GET", "/api/v2/setup", "", 200, []string{`{"allowed":true}`}, nil},
		{"GET", "/api/v2/buckets", "", 401, nil, nil},
		{"POST", "/api/v2/setup", `{}`, 400, []string{`"code":"empty value"`, "username is required"}, nil},
		{"POST", "/api/v2/setup", strings.Replace(body, "my-super-secret-auth-token", "short", 1), 400, []string{"too short"}, nil},
		{"POST", "/api/v2/setup", strings.Replace(body, "my-super-secret-auth-token", "name:with-a-password", 1), 400, nil, nil},
		{"POST", "/api/v2/setup", strings.Replace(body, `"first"`, `"fi/rst/x"`, 1), 400, []string{"invalid name"}, nil},
		{"POST", "/api/v2/setup", strings.Replace(body, "86400", "60", 1), 422, []string{"at least"}, nil},
		{"POST", "/api/v2/setup", strings.Replace(body, `"boss"`, `"rd"`, 1), 422, []string{"user already exists"}, nil},
		{"GET", "/api/v2/setup", "", 200, []string{`{"allowed":true}`}, nil},
		{"POST", "/api/v2/setup", body, 201, []string{`"name":"boss"`, `"name":"acme"`, `"name":"first"`, `"everySeconds":86400`, `"token":"my-super-secret-auth-token"`}, nil},
		{"POST", "/api/v2/setup", body, 422, nil, nil},
	})
	h.walk(t, "Token my-super-secret-auth-token", []step{
		{"GET", "/api/v2/me", "", 200, []string{`"name":"boss"`}, nil},
		{"POST", "/api/v2/write?org=acme&bucket=first", "m f=1", 204, nil, nil},
		{"GET", "/metrics", "", 200, nil, nil},
	})
	h.walk(t, basic("boss", "correct horse"), []step{{"GET", "/api/v2/orgs", "", 200, []string{`"name":"acme"`}, nil}})
}

func TestDelete(t *testing.T) {
	h, _ := newV2(t)
	const span = `"start":"2020-01-01T00:00:00Z","stop":"2020-01-02T00:00:00.5Z"`
	from := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()
	h.walk(t, asAdmin, []step{
		{"POST", "/api/v2/delete?bucket=d", `{` + span + `,"predicate":"_measurement=\"m\" AND host='a'"}`, 204, nil, nil},
		{"POST", "/api/v2/delete?bucketID=" + bucketIDs.format(1), `{` + span + `}`, 204, nil, nil},
		{"POST", "/api/v2/delete?bucket=" + bucketIDs.format(1), `{"start":"0001-01-01T00:00:00Z","stop":"9999-01-01T00:00:00Z"}`, 204, nil, nil},
		{"POST", "/api/v2/delete?bucket=zz", `{` + span + `}`, 404, []string{`bucket \"zz\" not found`}, nil},
		{"POST", "/api/v2/delete?bucketID=zz", `{` + span + `}`, 404, nil, nil},
		{"POST", "/api/v2/delete", `{` + span + `}`, 400, []string{"Please provide either bucketID or bucket"}, nil},
		{"POST", "/api/v2/delete?bucket=d", `{"start":"2020-01-01T00:00:00Z"}`, 400, []string{"invalid RFC3339Nano for field stop"}, nil},
		{"POST", "/api/v2/delete?bucket=d", `{"stop":"2020-01-01T00:00:00Z"}`, 400, []string{"field start"}, nil},
		{"POST", "/api/v2/delete?bucket=d", `{`, 400, []string{"error decoding json body"}, nil},
		{"POST", "/api/v2/delete?bucket=d", `{` + span + `,"predicate":"a=b OR c=d"}`, 400, []string{"invalid request; error parsing predicate", "OR is not supported"}, nil},
		{"POST", "/api/v2/delete?bucket=d", `{` + span + `,"predicate":"_field=\"f\""}`, 501, []string{`"code":"not implemented"`, "delete by field is not supported"}, nil},
	})
	if len(h.data.deletes) != 3 {
		t.Fatalf("%d deletes, want 3", len(h.data.deletes))
	}
	d := h.data.deletes[0]
	if d.Database != "d" || d.Policy != "autogen" || d.Measurement != "m" || d.Range != (model.TimeRange{Min: from, Max: from + int64(24*time.Hour) + 5e8}) || d.Whole ||
		d.Filter.Op != model.TagEqual || d.Filter.Key != "host" || d.Filter.Value != "a" {
		t.Errorf("deleted %+v", d)
	}
	if d := h.data.deletes[2]; d.Range != (model.TimeRange{Min: model.MinTime, Max: model.MaxTime}) || d.Filter != nil || d.Measurement != "" {
		t.Errorf("deleted %+v", d)
	}
	h.walk(t, "Token rd:pw-rd", []step{{"POST", "/api/v2/delete?bucket=d", `{` + span + `}`, 403, []string{`"code":"forbidden"`}, nil}})
}

func TestPredicates(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "",
		"  ":                                  "",
		`_measurement="m"`:                    "m:",
		`_measurement = 'a b'`:                "a b:",
		`_measurement=m and x=y`:              "m:x=y",
		`(a="b")`:                             ":a=b",
		`((a="b") AND (c='d'))`:               ":a=b,c=d",
		`a=1 AND b=-2.5 AND c=true`:           ":a=1,b=-2.5,c=true",
		`"a key"="v\"q\\\n"`:                  ":a key=v\"q\\\n",
		`a=''`:                                ":a=",
		`ü=ö`:                                 ":ü=ö",
		`_measurement=m AND _measurement="m"`: "m:",
	} {
		p, err := parsePredicate(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got := p.measurement + ":" + strings.Join(equals(p.filter), ",")
		if want == "" {
			want = ":"
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{
		"a", "a=", "=b", "a==b", "a=~b", "a!=b", "a>b", "a=b AND", "a=b OR c=d", "(a=b", "a=b)", "a='b", `a="b\x"`, `a="b\`, "'a'=b", "a=b c=d",
		"_measurement=''", "_measurement=a AND _measurement=b", "()", strings.Repeat("(", 200) + "a=b" + strings.Repeat(")", 200), "a=/b/", "a=b,c=d",
	} {
		if p, err := parsePredicate(text); err == nil {
			t.Errorf("%s was taken as %+v", text, p)
		}
	}
}

// equals returns the comparisons of a predicate's filter.
func equals(f *model.TagFilter) []string {
	switch {
	case f == nil:
		return nil
	case f.Op == model.TagEqual:
		return []string{f.Key + "=" + f.Value}
	}
	var out []string
	for _, a := range f.Args {
		out = append(out, equals(a)...)
	}
	return out
}

func FuzzPredicate(f *testing.F) {
	for _, text := range []string{`_measurement="m" AND host='a'`, `((a=b) and c="d\"")`, "_field=x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePredicate(text)
		if err != nil && (err.at < 0 || err.at > len(text) || p.filter != nil) {
			t.Errorf("%q: %v at %d", text, err, err.at)
		}
	})
}

// TestFluxIsOff is decision 19 of how versions are reconciled.
func TestFluxIsOff(t *testing.T) {
	h := newHouse(t)
	w := h.ask("POST", "/api/v2/query", "")
	want(t, w, 403, fluxDisabled+"\n")
	wantHeaders(t, w, "Content-Type", "text/plain; charset=utf-8")
	for _, kind := range []string{"application/vnd.flux", "application/json; encoding=utf-8", ""} {
		w := h.ask("POST", "/api/v2/query?org=o", `{"query":"buckets()"}`, "Content-Type", kind)
		want(t, w, 403, `{"code":"forbidden","message":"`+fluxDisabled+`","error":"`+fluxDisabled+`"}`+"\n")
		wantHeaders(t, w, "Content-Type", "application/json; charset=utf-8", "X-Platform-Error-Code", "forbidden")
	}
}

// TestWithoutAuthentication walks through what clients ask of a server that asks nobody.
func TestWithoutAuthentication(t *testing.T) {
	h, cat := newV2(t, func(o *Options) { o.Auth = Auth{} })
	if err := cat.DropUser("ad"); err != nil {
		t.Fatal(err)
	}
	h.walk(t, "Token anything", []step{
		{"GET", "/api/v2", "", 200, []string{`"buckets":"/api/v2/buckets"`}, nil},
		{"GET", "/api/v2/me", "", 200, []string{`"name":"anonymous"`}, nil},
		{"GET", "/api/v2/buckets", "", 200, []string{`"name":"d"`}, nil},
		{"POST", "/api/v2/buckets", `{"name":"b"}`, 201, nil, nil},
		{"GET", "/api/v2/setup", "", 200, []string{`{"allowed":true}`}, nil},
		{"GET", "/api/v2/nothing", "", 404, []string{"path not found"}, nil},
		{"PUT", "/api/v2/buckets", "", 405, []string{`"code":"method not allowed"`}, nil},
	})
	want(t, h.ask("GET", "/api/v2/ping", ""), 204, "")
	want(t, newHouse(t).ask("GET", "/api/v2/buckets", ""), 503, `{"status":"starting"}`+"\n")
}

// TestUnknownTokensAreThrottled sends more of them than anybody does by mistake.
func TestUnknownTokensAreThrottled(t *testing.T) {
	h, cat := newV2(t)
	tokens := addTokens(t, h, cat)
	ask := func(header string) int { return h.ask("GET", "/api/v2/buckets", "", "Authorization", header).Code }
	for range maxAddressFailures {
		if code := ask("Token unknown"); code != 401 {
			t.Fatalf("got %d", code)
		}
	}
	if code := ask("Token unknown"); code != 429 {
		t.Errorf("got %d for one too many", code)
	}
	if code := ask("Token " + tokens["tread"]); code != 200 {
		t.Errorf("a good token is answered %d", code)
	}
	if code := ask(basic("rd", "pw-rd")); code != 200 {
		t.Errorf("a good password is answered %d", code)
	}
	h.clock.Advance(loginSpan)
	if code := ask("Token unknown"); code != 401 {
		t.Errorf("got %d after a minute", code)
	}
}

// TestTokenScopesInStatements runs statements with tokens that are bound to parts of a database.
func TestTokenScopesInStatements(t *testing.T) {
	h, cat := newV2(t)
	if err := cat.CreatePolicy("d", catalog.PolicySpec{Name: "raw"}, false); err != nil {
		t.Fatal(err)
	}
	tokens := addTokens(t, h, cat)
	_, inRaw, err := cat.CreateToken(catalog.TokenSpec{Permissions: []catalog.Permission{
		{Action: catalog.ActionRead, Database: "d", Policy: "raw"}, {Action: catalog.ActionWrite, Database: "d", Policy: "raw"},
	}}, h.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	tokens["raw"] = inRaw
	for _, c := range []struct {
		token, statement string
		allowed          bool
	}{
		{"tm", "SELECT * FROM m", true},
		{"tm", "SELECT * FROM raw.m", true},
		{"tm", "SELECT * FROM other..m", false},
		{"tm", "SELECT * FROM m, n", false},
		{"tm", "SELECT * FROM /m/", false},
		{"tm", "SELECT max(f) FROM (SELECT f FROM m)", true},
		{"tm", "SELECT max(f) FROM (SELECT f FROM n)", false},
		{"tm", "SELECT * INTO m FROM m", true},
		{"tm", "SELECT * INTO n FROM m", false},
		{"tm", "SELECT * INTO d.autogen.:MEASUREMENT FROM m", false},
		{"tm", "EXPLAIN SELECT * FROM m", true},
		{"tm", "EXPLAIN SELECT * FROM n", false},
		{"tm", "SHOW FIELD KEYS FROM m", true},
		{"tm", "SHOW FIELD KEYS", false},
		{"tm", "SHOW TAG KEYS FROM m, n", false},
		{"tm", "SHOW TAG VALUES FROM m WITH KEY = k", true},
		{"tm", "SHOW SERIES FROM m", true},
		{"tm", "SHOW SERIES ON other FROM m", false},
		{"tm", "SHOW MEASUREMENTS", false},
		{"tm", "SHOW DATABASES", true},
		{"tm", "DELETE FROM m", false}, // the sources of a DELETE may say anything
		{"tm", "DROP DATABASE d", false},
		{"tn", "SELECT * FROM m", false},
		{"tread", "SHOW MEASUREMENTS", true},
		{"tread", "DELETE FROM m", false},
		{"twrite", "DELETE FROM m", false},
		{"twrite", "SELECT * FROM m", false},
		{"tdelete", "DELETE FROM m", true},
		{"tdelete", "DROP SERIES FROM m", true},
		{"tdelete", "DROP MEASUREMENT m", false},
		{"tall", "DELETE FROM m", true},
		{"tall", "CREATE DATABASE x", false},
		{"tadmin", "CREATE DATABASE x", true},
		{"tadmin", "DROP MEASUREMENT m", true},
		{"raw", "SELECT * FROM raw.m", true},
		{"raw", "SELECT * FROM d.raw./m/", false},
		{"raw", "SELECT * FROM m", false},
		{"raw", "SELECT * FROM d.autogen.m", false},
		{"raw", "SHOW FIELD KEYS FROM m", false},
	} {
		w := h.ask("POST", "/query?db=d&q="+url.QueryEscape(c.statement), "", "Authorization", "Token "+tokens[c.token])
		if allowed := w.Code == 200; allowed != c.allowed || !allowed && w.Code != 403 {
			t.Errorf("%s with token %s: %d %s", c.statement, c.token, w.Code, w.Body)
		}
	}
	// The policy of the request is meant where the statement names none, also in other databases.
	if w := h.ask("POST", "/query?db=d&rp=raw&q=SELECT+*+FROM+m", "", "Authorization", "Token "+inRaw); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := h.ask("POST", "/query?db=d&rp=autogen&q=SELECT+*+FROM+m", "", "Authorization", "Token "+inRaw); w.Code != 403 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	want(t, h.ask("POST", "/write?db=d&rp=raw", "m f=1", "Authorization", "Token "+inRaw), 204, "")
	if w := h.ask("POST", "/write?db=d", "m f=1", "Authorization", "Token "+inRaw); w.Code != 403 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
