package httpapi

import (
	"net/http"
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/catalog"
)

func bucketPath(t *testing.T, cat *catalog.Catalog, name string) string {
	t.Helper()
	_, p := findBucket(cat.Snapshot(), name)
	if p == nil {
		t.Fatalf("no bucket %s", name)
	}
	return "/api/v2/buckets/" + bucketIDs.format(uint64(p.ID))
}

func TestBucketsAreRenamed(t *testing.T) {
	h, cat := newV2(t)
	if _, err := cat.CreateDatabase("_internal", nil); err != nil {
		t.Fatal(err)
	}
	h.walk(t, asAdmin, []step{
		{"POST", "/api/v2/buckets", `{"name":"d/short","retentionRules":[{"everySeconds":7200}]}`, 201, []string{`"createdAt":"`, `"updatedAt":"`}, nil},
	})
	token := decode[authorizationJSON](t, h.ask("POST", "/api/v2/authorizations", `{"permissions":[
		{"action":"write","resource":{"type":"buckets","name":"d/short"}},{"action":"read","resource":{"type":"buckets","name":"d"}}]}`, "Authorization", asAdmin))
	d, short := bucketPath(t, cat, "d"), bucketPath(t, cat, "d/short")
	h.walk(t, asAdmin, []step{
		{"PATCH", short, `{"name":"d/brief"}`, 200, []string{`"name":"d/brief"`, `"rp":"brief"`}, nil},
		{"PATCH", short, `{"name":"d/brief"}`, 200, []string{`"name":"d/brief"`}, nil},
		{"PATCH", short, `{"name":"d/autogen"}`, 422, []string{"bucket with name d/autogen already exists"}, nil},
		{"PATCH", short, `{"name":"other/brief"}`, 400, []string{"a bucket stays in its database"}, nil},
		{"PATCH", short, `{"name":"d/.."}`, 400, []string{"invalid name"}, nil},
		{"PATCH", d, `{"name":"other"}`, 422, []string{"bucket with name other already exists"}, nil},
		{"PATCH", d, `{"name":"../etc"}`, 400, nil, nil},
		{"PATCH", d, `{"name":""}`, 400, nil, nil},
		{"PATCH", d, `{"name":"garden","description":"herbs"}`, 200, []string{`"name":"garden"`, `"description":"herbs"`}, nil},
		{"GET", short, "", 200, []string{`"name":"garden/brief"`}, nil},
		{"GET", "/api/v2/buckets?name=d", "", 200, []string{`"buckets":[]`}, nil},
		{"PATCH", bucketPath(t, cat, "_internal"), `{"name":"mine"}`, 400, []string{"a system bucket cannot be renamed"}, nil},
		{"GET", bucketPath(t, cat, "_internal"), "", 200, []string{`"type":"system"`}, nil},
	})
	// What a token may do goes with the bucket, not with the name.
	h.walk(t, "Token "+token.Token, []step{
		{"POST", "/api/v2/write?bucket=garden/brief", "m f=1", 204, nil, nil},
		{"POST", "/api/v2/write?bucket=garden", "m f=1", 403, nil, nil},
		{"POST", "/api/v2/write?bucket=" + strings.TrimPrefix(short, "/api/v2/buckets/"), "m f=1", 204, nil, nil},
	})
	if _, err := cat.CreateDatabase("d", nil); err != nil {
		t.Fatal(err)
	}
	h.walk(t, "Token "+token.Token, []step{{"POST", "/api/v2/write?bucket=d", "m f=1", 403, nil, nil}})
	if w := h.ask("GET", "/query?db=garden&q=SELECT+f+FROM+m", "", "Authorization", "Token "+token.Token); w.Code != http.StatusOK {
		t.Errorf("reading the renamed database: %d %s", w.Code, w.Body)
	}
}

// Names with a password for clients of version 1, as influx v1 auth makes them: make, give a password, use, switch off.
func TestLegacyAuthorizations(t *testing.T) {
	h, cat := newV2(t)
	const path = legacyPrefix
	body := func(name string) string {
		return `{"token":"` + name + `","orgID":"` + organizationID + `","description":"old agent","permissions":[
			{"action":"write","resource":{"type":"buckets","id":"` + bucketIDs.format(1) + `","orgID":"` + organizationID + `"}}]}`
	}
	made := decode[authorizationJSON](t, h.ask("POST", path, body("agent"), "Authorization", asAdmin))
	if made.Token != "agent" || made.User != "ad" || made.Status != "active" {
		t.Fatalf("made %+v", made)
	}
	write := func(password string, status int) {
		t.Helper()
		if w := h.ask("POST", "/write?db=d", "m f=1", "Authorization", basic("agent", password)); w.Code != status {
			t.Errorf("a write with the password %q: %d %s, want %d", password, w.Code, w.Body, status)
		}
	}
	write("", 401) // there is no password yet
	h.walk(t, asAdmin, []step{
		{"POST", path, body("agent"), 422, []string{`"code":"conflict"`}, nil},
		{"POST", path, body("rd"), 422, []string{`"code":"conflict"`}, nil}, // a user's name
		{"POST", path, body(""), 400, nil, nil},
		{"POST", path, body("a/b"), 400, nil, nil},
		{"POST", path + "/" + made.ID + "/password", `{"password":""}`, 400, nil, nil},
		{"POST", path + "/" + made.ID + "/password", `{"password":"agent pw"}`, 204, nil, nil},
		{"POST", path + "/" + tokenIDs.format(99) + "/password", `{"password":"x"}`, 404, nil, nil},
		{"GET", path + "?token=agent", "", 200, []string{made.ID, `"token":"agent"`}, []string{"agent pw"}},
		{"GET", path + "?token=nobody", "", 200, []string{`"authorizations":[]`}, nil},
		{"GET", path + "/" + made.ID, "", 200, []string{`"token":"agent"`, `"description":"old agent"`}, nil},
		{"GET", "/api/v2/authorizations", "", 200, []string{`"authorizations":[]`}, nil}, // another kind
		{"GET", "/api/v2/authorizations/" + made.ID, "", 404, nil, nil},
	})
	if err := cat.CreateUser("agent", "x", false); err == nil {
		t.Error("a user got the name of a login")
	}
	write("agent pw", 204)
	write("wrong", 401)
	if w := h.ask("POST", "/write?db=other&u=agent&p=agent+pw", "m f=1"); w.Code != http.StatusForbidden {
		t.Errorf("a write to another database: %d %s", w.Code, w.Body)
	}
	if w := h.ask("POST", "/api/v2/signin", "", "Authorization", basic("agent", "agent pw")); w.Code != http.StatusUnauthorized {
		t.Errorf("a session for a legacy login: %d", w.Code)
	}
	h.walk(t, asAdmin, []step{{"PATCH", path + "/" + made.ID, `{"status":"inactive"}`, 200, []string{`"status":"inactive"`}, nil}})
	write("agent pw", 401)
	h.walk(t, asAdmin, []step{
		{"PATCH", path + "/" + made.ID, `{"status":"active"}`, 200, nil, nil},
		{"POST", path + "/" + made.ID + "/password", `{"password":"another"}`, 204, nil, nil},
	})
	write("agent pw", 401)
	write("another", 204)
	h.walk(t, asAdmin, []step{{"DELETE", path + "/" + made.ID, "", 204, nil, nil}})
	write("another", 401)
	h.walk(t, "Token rd:pw-rd", []step{{"GET", path, "", 403, nil, nil}})
}

func TestListsThatAreEmptyAndParts(t *testing.T) {
	h, cat := newV2(t)
	d := bucketPath(t, cat, "d")
	h.walk(t, asAdmin, []step{
		{"GET", "/api/v2/labels", "", 200, []string{`"labels":[]`}, nil},
		{"POST", "/api/v2/labels", "{}", 405, nil, nil},
		{"GET", "/api/v2/telegrafs", "", 200, []string{`"configurations":[]`}, nil},
		{"GET", "/api/v2/telegrafs/" + organizationID, "", 404, nil, nil},
		{"GET", "/api/v2/tasks", "", 404, nil, nil},
		{"GET", d + "/labels", "", 200, []string{`"labels":[]`}, nil},
		{"GET", d + "/members", "", 200, []string{`"name":"rd"`, `"name":"wr"`, `"role":"member"`}, []string{`"ad"`, `"no"`}},
		{"GET", d + "/owners", "", 200, []string{`"name":"ad"`, `"role":"owner"`}, []string{`"rd"`}},
		{"GET", "/api/v2/buckets/" + bucketIDs.format(99) + "/labels", "", 404, nil, nil},
		{"GET", "/api/v2/users?limit=2", "", 200, []string{`"ad"`, `"no"`, `"next":"/api/v2/users?limit=2\u0026offset=2"`}, []string{`"rd"`}},
		{"GET", "/api/v2/users?limit=2&offset=2", "", 200, []string{`"rd"`, `"wr"`, `"prev"`}, []string{`"ad"`}},
		{"GET", "/api/v2/users?after=" + userID("no"), "", 200, []string{`"rd"`, `"wr"`}, []string{`"no"`}},
		{"GET", "/api/v2/users?limit=x", "", 400, nil, nil},
	})
	for range 3 {
		h.ask("POST", "/api/v2/authorizations", `{"permissions":[{"action":"read","resource":{"type":"buckets","name":"d"}}]}`, "Authorization", asAdmin)
	}
	h.walk(t, asAdmin, []step{
		{"GET", "/api/v2/authorizations?limit=1&offset=1", "", 200, []string{tokenIDs.format(2)}, []string{tokenIDs.format(1), tokenIDs.format(3)}},
		{"GET", "/api/v2/authorizations?after=" + tokenIDs.format(2), "", 200, []string{tokenIDs.format(3)}, []string{tokenIDs.format(1), `"id":"` + tokenIDs.format(2)}},
	})
	// Users see the tokens that belong to them.
	h.walk(t, "Token rd:pw-rd", []step{
		{"GET", "/api/v2/authorizations", "", 200, []string{`"authorizations":[]`}, nil},
		{"GET", "/api/v2/authorizations/" + tokenIDs.format(2), "", 404, nil, nil},
	})
}
