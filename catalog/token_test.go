package catalog

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/influxql"
)

var tokenTime = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)

// TestTokens makes, changes and drops tokens, and reads them again.
func TestTokens(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir)
	if _, err := c.CreateDatabase("d", nil); err != nil {
		t.Fatal(err)
	}
	if err := c.CreateUser("u", "x", false); err != nil {
		t.Fatal(err)
	}
	made, secret, err := c.CreateToken(TokenSpec{
		Description: "one", Owner: "u", Expires: tokenTime.Add(time.Hour),
		Permissions: []Permission{{ActionRead, "d", "autogen", "m"}, {Action: ActionWrite}},
	}, tokenTime)
	if err != nil {
		t.Fatal(err)
	}
	secrets := map[uint64]string{made.ID: secret}
	for range 20 {
		other, secret, err := c.CreateToken(TokenSpec{}, tokenTime)
		if err != nil {
			t.Fatal(err)
		}
		secrets[other.ID] = secret
	}
	if err := c.NoteTokens(map[uint64]int64{made.ID: 7, 2: 8, 99: 9}); err != nil {
		t.Fatal(err)
	}
	if err := c.NoteTokens(map[uint64]int64{made.ID: 6}); err != nil {
		t.Fatal(err)
	}
	off, text := true, "two"
	if _, err := c.UpdateToken(3, TokenUpdate{Description: &text, Inactive: &off}, tokenTime.Add(1)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*Catalog{c, open(t, dir)} {
		s := c.Snapshot()
		for id, secret := range secrets {
			if got := s.Token(secret); got == nil || got.ID != id || got != s.TokenByID(id) {
				t.Fatalf("token %d is %+v", id, got)
			}
		}
		want := &Token{
			ID: 1, Hash: HashToken(secret), Description: "one", Owner: "u", Created: tokenTime.UnixNano(), Updated: tokenTime.UnixNano(),
			Expires: tokenTime.Add(time.Hour).UnixNano(), LastUsed: 7,
			Permissions: []Permission{{ActionRead, "d", "autogen", "m"}, {Action: ActionWrite}},
		}
		if got := s.Token(secret); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		if got := s.TokenByID(3); !got.Inactive || got.Description != "two" || got.Updated != tokenTime.UnixNano()+1 {
			t.Errorf("changed to %+v", got)
		}
		if s.Token("") != nil || s.Token(secret+"x") != nil || s.TokenByID(99) != nil {
			t.Error("a token is found that is not there")
		}
	}
	for name := range map[string]bool{"catalog": true, "catalog.copy": true} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range secrets {
			if strings.Contains(string(b), secret) {
				t.Fatalf("%s holds a token", name)
			}
		}
	}
	if err := errors.Join(c.DropToken(2), c.DropUser("u")); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir).Snapshot()
	if s.Token(secrets[2]) != nil || s.Token(secret) != nil || len(s.Tokens) != 19 {
		t.Errorf("%d tokens are left", len(s.Tokens))
	}
	again, _, err := c.CreateToken(TokenSpec{}, tokenTime)
	if err != nil || again.ID != 22 {
		t.Errorf("the next token is %+v, %v: numbers are not used twice", again, err)
	}
}

func TestTokenErrors(t *testing.T) {
	c := open(t, t.TempDir())
	for _, bad := range []Permission{
		{}, {Action: "own"}, {Action: ActionAdmin, Database: "d"}, {Action: ActionAdmin, Measurement: "m"}, {Action: ActionRead, Policy: "p"},
	} {
		var wrong *InvalidPermissionError
		if _, _, err := c.CreateToken(TokenSpec{Permissions: []Permission{bad}}, tokenTime); !errors.As(err, &wrong) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, _, err := c.CreateToken(TokenSpec{Owner: "nobody"}, tokenTime); !errors.Is(err, ErrUserNotFound) {
		t.Errorf("owner: %v", err)
	}
	if _, _, err := c.CreateToken(TokenSpec{Description: strings.Repeat("x", maxTokenText+1)}, tokenTime); !errors.Is(err, ErrDescriptionTooLong) {
		t.Errorf("description: %v", err)
	}
	if _, err := c.UpdateToken(1, TokenUpdate{}, tokenTime); !errors.Is(err, ErrTokenNotFound) {
		t.Errorf("update: %v", err)
	}
	if err := c.DropToken(1); !errors.Is(err, ErrTokenNotFound) {
		t.Errorf("drop: %v", err)
	}
	for secret, want := range map[string]error{
		"0123456789abcde": ErrTokenTooShort, "0123456789abcdef": nil, "0123456789:abcdef": ErrInvalidToken, "0123456789 abcdef": ErrInvalidToken,
		"0123456789.abc.def": ErrInvalidToken, "0123456789.abcdef": nil, "0123456789abcdefü": ErrInvalidToken, strings.Repeat("x", 513): ErrInvalidToken,
		NewSecret(): nil,
	} {
		if err := CheckSecret(secret); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", secret, err, want)
		}
	}
	if one, other := NewSecret(), NewSecret(); one == other {
		t.Error("two tokens are the same")
	}
}

// TestTokenScopes asks for parts of the data with permissions on other parts.
func TestTokenScopes(t *testing.T) {
	for _, c := range []struct {
		have Permission
		ask  Scope
		may  bool
	}{
		{Permission{Action: ActionRead}, Scope{}, true},
		{Permission{Action: ActionRead}, Scope{"d", "p", "m"}, true},
		{Permission{Action: ActionWrite}, Scope{"d", "p", "m"}, false},
		{Permission{Action: ActionAdmin}, Scope{"d", "p", "m"}, true},
		{Permission{Action: ActionRead, Database: "d"}, Scope{}, false},
		{Permission{Action: ActionRead, Database: "d"}, Scope{Database: "d"}, true},
		{Permission{Action: ActionRead, Database: "d"}, Scope{Database: "e"}, false},
		{Permission{Action: ActionRead, Database: "d", Policy: "p"}, Scope{Database: "d"}, false},
		{Permission{Action: ActionRead, Database: "d", Policy: "p"}, Scope{"d", "p", "m"}, true},
		{Permission{Action: ActionRead, Database: "d", Policy: "p"}, Scope{"d", "q", "m"}, false},
		{Permission{Action: ActionRead, Database: "d", Measurement: "m"}, Scope{Database: "d", Policy: "p"}, false},
		{Permission{Action: ActionRead, Database: "d", Measurement: "m"}, Scope{"d", "p", "m"}, true},
		{Permission{Action: ActionRead, Database: "d", Measurement: "m"}, Scope{"d", "", "m"}, true},
		{Permission{Action: ActionRead, Database: "d", Measurement: "m"}, Scope{"d", "p", "n"}, false},
	} {
		u := (&Token{Permissions: []Permission{c.have}}).User()
		if got := u.May(ActionRead, c.ask); got != c.may {
			t.Errorf("%+v may read %+v: %v", c.have, c.ask, got)
		}
		whole := c.ask.Policy == "" && c.ask.Measurement == ""
		if got := u.Allows(influxql.ReadPrivilege, c.ask.Database); whole && got != c.may {
			t.Errorf("%+v allows reading %+v: %v", c.have, c.ask, got)
		}
	}
	u := (&Token{Permissions: []Permission{{Action: ActionWrite, Database: "d", Policy: "p", Measurement: "m"}, {Action: ActionWrite, Database: "d", Measurement: "n"}}}).User()
	if names, all := u.Measurements(ActionWrite, "d", "p"); all || !reflect.DeepEqual(names, []string{"m", "n"}) {
		t.Errorf("measurements are %q, %v", names, all)
	}
	if names, all := u.Measurements(ActionWrite, "d", "q"); all || !reflect.DeepEqual(names, []string{"n"}) {
		t.Errorf("measurements are %q, %v", names, all)
	}
	if !u.Sees("d") || u.Sees("e") || u.Allows(influxql.WritePrivilege, "d") {
		t.Error("a bound token sees its database, and may not write to all of it")
	}
}

// TestPermissionsGoWithTheirData drops what tokens and mappings point to.
func TestPermissionsGoWithTheirData(t *testing.T) {
	c := open(t, t.TempDir())
	if _, err := c.CreateDatabase("d", nil); err != nil {
		t.Fatal(err)
	}
	if err := c.CreatePolicy("d", PolicySpec{Name: "p"}, false); err != nil {
		t.Fatal(err)
	}
	_, _, err := c.CreateToken(TokenSpec{Permissions: []Permission{{Action: ActionRead, Database: "d"}, {Action: ActionRead, Database: "d", Policy: "p"}, {Action: ActionRead}}}, tokenTime)
	if err != nil {
		t.Fatal(err)
	}
	for policy, bucket := range map[string]uint32{"one": 1, "two": 2} {
		if _, err := c.CreateMapping(Mapping{Database: "v1", Policy: policy, Bucket: bucket}); err != nil {
			t.Fatal(err)
		}
	}
	check := func(permissions, mappings int) {
		t.Helper()
		s := c.Snapshot()
		if len(s.Tokens[0].Permissions) != permissions || len(s.Mappings) != mappings {
			t.Errorf("permissions are %+v, mappings %+v", s.Tokens[0].Permissions, s.Mappings)
		}
	}
	check(3, 2)
	before := c.Snapshot()
	if _, err := c.DropPolicy("d", "p"); err != nil {
		t.Fatal(err)
	}
	check(2, 1)
	if _, err := c.DropDatabase("d"); err != nil {
		t.Fatal(err)
	}
	check(1, 0)
	if len(before.Tokens[0].Permissions) != 3 || len(before.Mappings) != 2 {
		t.Error("a snapshot has changed")
	}
}

func TestMappings(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir)
	if _, err := c.CreateDatabase("d", nil); err != nil {
		t.Fatal(err)
	}
	a, err := c.CreateMapping(Mapping{Database: "v1", Policy: "a", Bucket: 1})
	if err != nil || !a.Default || a.ID != 1 {
		t.Fatalf("the first mapping is %+v, %v", a, err)
	}
	b, err := c.CreateMapping(Mapping{Database: "v1", Policy: "b", Bucket: 1, Default: true})
	if err != nil || !b.Default {
		t.Fatalf("the second mapping is %+v, %v", b, err)
	}
	for what, err := range map[string]error{
		"twice":     second(c.CreateMapping(Mapping{Database: "v1", Policy: "a", Bucket: 1})),
		"no bucket": second(c.CreateMapping(Mapping{Database: "v1", Policy: "c", Bucket: 9})),
		"no name":   second(c.CreateMapping(Mapping{Database: "v1", Bucket: 1})),
		"missing":   second(c.UpdateMapping(9, nil, nil)),
		"gone":      c.DropMapping(9),
	} {
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	s := open(t, dir).Snapshot()
	if s.Mapping(1).Default || !s.Mapping(2).Default {
		t.Errorf("mappings are %+v", s.Mappings)
	}
	for from, want := range map[[2]string][2]string{
		{"v1", "a"}: {"d", "autogen"}, {"v1", ""}: {"d", "autogen"}, {"v1", "x"}: {"v1", "x"}, {"d", ""}: {"d", ""}, {"zz", ""}: {"zz", ""},
	} {
		if db, rp := s.Resolve(from[0], from[1]); db != want[0] || rp != want[1] {
			t.Errorf("%v is %s.%s, want %v", from, db, rp, want)
		}
	}
}

func second(_ Mapping, err error) error { return err }

// TestOnboarding makes the first administrator, once.
func TestOnboarding(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir)
	o := Onboarding{User: "boss", Password: "x", Organization: "acme", Database: "d", Secret: NewSecret()}
	bad := o
	bad.Database = ""
	if _, err := c.Onboard(bad, tokenTime); err == nil || len(c.Snapshot().Users) > 0 {
		t.Errorf("without a database: %v", err)
	}
	if _, err := c.Onboard(o, tokenTime); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Onboard(o, tokenTime); !errors.Is(err, ErrOnboarded) {
		t.Errorf("again: %v", err)
	}
	s := open(t, dir).Snapshot()
	if !s.HasAdmin() || s.Organization() != "acme" || s.Database("d").Policy("") == nil || !s.Token(o.Secret).Admin() {
		t.Errorf("the state is %+v", s)
	}
	if err := c.RenameOrganization("a/b"); !errors.Is(err, ErrInvalidName) {
		t.Errorf("rename: %v", err)
	}
	if new(Snapshot).Organization() != DefaultOrganization {
		t.Error("without a name the organization has none")
	}
}

// TestFileOfTokens reads the JSON of a file byte by byte as its document has it.
func TestFileOfTokens(t *testing.T) {
	hash := HashToken("secret of the golden file")
	text := `{"Databases":[],"Tokens":[{"ID":1,"Hash":"` + mustText(t, hash) + `","Created":5,"Updated":6,"Expires":7,"Permissions":[{"Action":"read","Database":"d","Measurement":"m"}]}],` +
		`"Mappings":[{"ID":1,"Database":"a","Policy":"b","Default":true,"Bucket":3}],"OrganizationName":"o","LastDatabaseID":0,"LastPolicyID":0,"LastShardID":0,"LastTokenID":1,"LastMappingID":1}`
	s, err := decode(frame([]byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := json.Marshal(s); err != nil || string(b) != text {
		t.Errorf("written as\n%s\nread from\n%s", b, text)
	}
	if tok := s.Token("secret of the golden file"); tok == nil || tok.Expires != 7 || tok.Permissions[0].Measurement != "m" {
		t.Errorf("the token is %+v", tok)
	}
	for _, bad := range []string{`{"Tokens":[null]}`, `{"Tokens":[{"Hash":"x"}]}`, `{"Tokens":[{"ID":1,"Hash":"` + mustText(t, TokenHash{1}) + `"},{"ID":2,"Hash":"` + mustText(t, TokenHash{}) + `"}]}`} {
		if _, err := decode(frame([]byte(bad))); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func mustText(t *testing.T, h TokenHash) string {
	t.Helper()
	b, err := h.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
