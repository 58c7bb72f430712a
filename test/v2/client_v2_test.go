package v2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	"github.com/influxdata/influxdb-client-go/v2/api"
	apihttp "github.com/influxdata/influxdb-client-go/v2/api/http"
	"github.com/influxdata/influxdb-client-go/v2/domain"

	"github.com/timberlinedb/timberline/test/blackbox"
)

const adminToken = "a-token-for-the-tests"

// onboard starts a server that asks for users and makes the first administrator as clients of version 2 do.
func onboard(t *testing.T) (*blackbox.Server, influxdb2.Client, *domain.OnboardingResponse) {
	t.Helper()
	t.Setenv("TZ", "UTC")
	s := blackbox.Start(t, t.TempDir(), "--config", writeConfig(t, "[http]\n  auth-enabled = true\n"))
	c := influxdb2.NewClient(s.URL, "")
	t.Cleanup(c.Close)
	made, err := c.SetupWithToken(context.Background(), "admin", "correct horse", "acme", "first", 0, adminToken)
	if err != nil {
		t.Fatal(err)
	}
	admin := influxdb2.NewClient(s.URL, adminToken)
	t.Cleanup(admin.Close)
	return s, admin, made
}

// query runs InfluxQL with a token.
func query(t *testing.T, s *blackbox.Server, token, database, q string) string {
	t.Helper()
	r, err := s.Do("GET", "/query?"+values("db", database, "q", q, "epoch", "s"), map[string][]string{"Authorization": {"Token " + token}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(r.Body)
}

// status returns the status and the code of an error of the client.
func status(err error) string {
	var e *apihttp.Error
	if !errors.As(err, &e) {
		return fmt.Sprint(err)
	}
	return fmt.Sprint(e.StatusCode, " ", e.Code)
}

func TestSetupAndProbes(t *testing.T) {
	ctx := context.Background()
	s, c, made := onboard(t)
	if *made.Auth.Token != adminToken || made.Bucket.Name != "first" || made.Org.Name != "acme" || made.User.Name != "admin" {
		t.Errorf("made %+v", made)
	}
	if _, err := influxdb2.NewClient(s.URL, "").Setup(ctx, "x", "correct horse", "x", "x", 0); status(err) != "422 conflict" && !strings.Contains(fmt.Sprint(err), "onboarding has already been completed") {
		t.Errorf("a second setup: %v", err)
	}
	if ok, err := c.Ping(ctx); !ok || err != nil {
		t.Errorf("ping: %v, %v", ok, err)
	}
	if h, err := c.Health(ctx); err != nil || h.Status != domain.HealthCheckStatusPass || h.Name != "influxdb" {
		t.Errorf("health: %+v, %v", h, err)
	}
	if r, err := c.Ready(ctx); err != nil || r.Status == nil || *r.Status != domain.ReadyStatusReady || r.Started == nil {
		t.Errorf("ready: %+v, %v", r, err)
	}
}

func TestBlockingWrites(t *testing.T) {
	ctx := context.Background()
	s, c, _ := onboard(t)
	w := c.WriteAPIBlocking("acme", "first")
	at := time.Unix(1700000000, 0)
	if err := w.WritePoint(ctx, influxdb2.NewPoint("m", map[string]string{"k": "a"}, map[string]any{"f": 1.5, "i": 2, "s": "text", "b": true, "u": uint64(7)}, at)); err != nil {
		t.Fatal(err)
	}
	if err := w.WriteRecord(ctx, "m,k=b f=2.5 1700000001000000000"); err != nil {
		t.Fatal(err)
	}
	want := `{"results":[{"statement_id":0,"series":[{"name":"m","columns":["time","b","f","i","k","s","u"],"values":[[1700000000,true,1.5,2,"a","text",7],[1700000001,null,2.5,null,"b",null,null]]}]}]}`
	if got := query(t, s, adminToken, "first", "SELECT * FROM m"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, c := range []struct {
		what, bucket, token, line, want string
	}{
		{"no such bucket", "nowhere", adminToken, "m f=1", "404 not found"},
		{"unknown token", "first", "nonsense", "m f=1", "401 unauthorized"},
		{"bad line", "first", adminToken, "m f=", "400 invalid"},
		{"another type", "first", adminToken, `m f="text" 1700000002000000000`, "422 unprocessable entity"},
	} {
		client := influxdb2.NewClient(s.URL, c.token)
		err := client.WriteAPIBlocking("acme", c.bucket).WriteRecord(ctx, c.line)
		if status(err) != c.want {
			t.Errorf("%s: %s (%v), want %s", c.what, status(err), err, c.want)
		}
		client.Close()
	}
}

// TestRetries writes through a proxy that is busy twice.
func TestRetries(t *testing.T) {
	s, _, _ := onboard(t)
	f := newFlaky(t, s, 2)
	c := influxdb2.NewClientWithOptions(f.URL, adminToken, influxdb2.DefaultOptions().SetRetryInterval(100).SetFlushInterval(50).SetUseGZip(true))
	w := c.WriteAPI("acme", "first")
	failures := w.Errors()
	go func() {
		for range failures { // each busy answer is told
		}
	}()
	for i := range 100 {
		w.WriteRecord(fmt.Sprintf("m f=%d %d", i, i+1))
	}
	deadline := time.Now().Add(30 * time.Second)
	for !strings.Contains(query(t, s, adminToken, "first", "SELECT count(f) FROM m"), "[[0,100]]") {
		if time.Now().After(deadline) {
			t.Fatalf("%d writes were refused; stored %s", f.refused.Load(), query(t, s, adminToken, "first", "SELECT count(f) FROM m"))
		}
		w.WriteRecord("tick f=1 1") // gives the client a reason to look at what it has to retry
		time.Sleep(500 * time.Millisecond)
	}
	if f.refused.Load() != 2 {
		t.Errorf("%d writes were refused, want 2", f.refused.Load())
	}
	c.Close()
}

func TestResources(t *testing.T) {
	ctx := context.Background()
	s, c, made := onboard(t)
	buckets := c.BucketsAPI()
	org, err := c.OrganizationsAPI().FindOrganizationByName(ctx, "acme")
	if err != nil || *org.Id != *made.Org.Id {
		t.Fatalf("organization %+v, %v", org, err)
	}
	b, err := buckets.CreateBucketWithName(ctx, org, "second", domain.RetentionRule{EverySeconds: 86400})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 25 {
		if _, err := buckets.CreateBucketWithName(ctx, org, fmt.Sprintf("many/%02d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := buckets.GetBuckets(ctx, api.PagingWithLimit(100)); err != nil || len(*list) != 27 {
		t.Fatalf("%d buckets, %v", len(*list), err)
	}
	if list, err := buckets.FindBucketsByOrgName(ctx, "acme", api.PagingWithLimit(10), api.PagingWithOffset(20)); err != nil || len(*list) != 7 {
		t.Errorf("%d buckets, %v", len(*list), err)
	}
	if found, err := buckets.FindBucketByName(ctx, "many/03"); err != nil || found.Name != "many/03" {
		t.Errorf("found %+v, %v", found, err)
	}
	if found, err := buckets.FindBucketByID(ctx, *b.Id); err != nil || found.Name != "second" || found.RetentionRules[0].EverySeconds != 86400 {
		t.Errorf("found %+v, %v", found, err)
	}
	if _, err := buckets.CreateBucketWithName(ctx, org, "second"); err == nil || !strings.Contains(err.Error(), "already exists") {
		t.Errorf("a bucket twice: %v", err)
	}
	b.RetentionRules[0].EverySeconds = 172800
	if b, err = buckets.UpdateBucket(ctx, b); err != nil || b.RetentionRules[0].EverySeconds != 172800 {
		t.Errorf("changed %+v, %v", b, err)
	}

	now := time.Now().Truncate(time.Second)
	if err := c.WriteAPIBlocking("acme", "second").WriteRecord(ctx, fmt.Sprintf("m,k=a f=1 %d\nm,k=b f=2 %d\nn,k=a f=3 %d", now.UnixNano(), now.UnixNano(), now.UnixNano())); err != nil {
		t.Fatal(err)
	}
	if err := c.DeleteAPI().Delete(ctx, org, b, now.Add(-time.Hour), now.Add(time.Hour), `_measurement="m" AND k="a"`); err != nil {
		t.Fatal(err)
	}
	if got := query(t, s, adminToken, "second", "SELECT count(f) FROM m, n"); got != `{"results":[{"statement_id":0,"series":[{"name":"m","columns":["time","count"],"values":[[0,1]]},{"name":"n","columns":["time","count"],"values":[[0,1]]}]}]}` {
		t.Errorf("after the delete: %s", got)
	}
	if err := c.DeleteAPI().DeleteWithName(ctx, "acme", "nowhere", now, now, ""); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Errorf("delete from nowhere: %v", err)
	}
	if err := buckets.DeleteBucket(ctx, b); err != nil {
		t.Error(err)
	}
	if _, err := buckets.FindBucketByID(ctx, *b.Id); err == nil {
		t.Error("a dropped bucket is found")
	}
}

func TestTokensAndUsers(t *testing.T) {
	ctx := context.Background()
	s, c, made := onboard(t)
	auths := c.AuthorizationsAPI()
	resource := domain.Resource{Type: domain.ResourceTypeBuckets, Id: made.Bucket.Id, OrgID: made.Org.Id}
	a, err := auths.CreateAuthorizationWithOrgID(ctx, *made.Org.Id, []domain.Permission{{Action: domain.PermissionActionWrite, Resource: resource}})
	if err != nil {
		t.Fatal(err)
	}
	write := func() string {
		client := influxdb2.NewClient(s.URL, *a.Token)
		defer client.Close()
		return status(client.WriteAPIBlocking("acme", "first").WriteRecord(ctx, "m f=1"))
	}
	if got := write(); got != "<nil>" {
		t.Errorf("write with the token: %s", got)
	}
	if got := query(t, s, *a.Token, "first", "SELECT * FROM m"); !strings.Contains(got, "not authorized") {
		t.Errorf("the token reads: %s", got)
	}
	if _, err := auths.UpdateAuthorizationStatus(ctx, a, domain.AuthorizationUpdateRequestStatusInactive); err != nil {
		t.Fatal(err)
	}
	if got := write(); got != "401 unauthorized" {
		t.Errorf("write with the token switched off: %s", got)
	}
	if list, err := auths.FindAuthorizationsByUserName(ctx, "admin"); err != nil || len(*list) != 2 || (*list)[1].Token != nil {
		b, _ := json.Marshal(list)
		t.Errorf("tokens are %s, %v", b, err)
	}
	if err := auths.DeleteAuthorization(ctx, a); err != nil {
		t.Error(err)
	}

	users := c.UsersAPI()
	if me, err := users.Me(ctx); err != nil || me.Name != "admin" {
		t.Errorf("me: %+v, %v", me, err)
	}
	u, err := users.CreateUserWithName(ctx, "john")
	if err != nil {
		t.Fatal(err)
	}
	if err := users.UpdateUserPassword(ctx, u, "his password"); err != nil {
		t.Error(err)
	}
	if found, err := users.FindUserByName(ctx, "john"); err != nil || *found.Id != *u.Id {
		t.Errorf("found %+v, %v", found, err)
	}
	own := influxdb2.NewClient(s.URL, "")
	defer own.Close()
	if err := own.UsersAPI().SignIn(ctx, "john", "wrong"); err == nil {
		t.Error("a wrong password signs in")
	}
	if err := own.UsersAPI().SignIn(ctx, "john", "his password"); err != nil {
		t.Fatal(err)
	}
	if me, err := own.UsersAPI().Me(ctx); err != nil || me.Name != "john" {
		t.Errorf("me by cookie: %+v, %v", me, err)
	}
	if err := own.UsersAPI().SignOut(ctx); err != nil {
		t.Error(err)
	}
	if err := users.DeleteUser(ctx, u); err != nil {
		t.Error(err)
	}
}

// TestRenamingAndSelfService does by the Go client what the user interface of InfluxDB 2 and its command line do beside writing.
func TestRenamingAndSelfService(t *testing.T) {
	ctx := context.Background()
	s, c, made := onboard(t)
	buckets := c.BucketsAPI()
	b, err := buckets.FindBucketByName(ctx, "first")
	if err != nil || b.CreatedAt == nil || b.UpdatedAt == nil || time.Since(*b.CreatedAt) > time.Minute {
		t.Fatalf("bucket %+v, %v", b, err)
	}
	if err := c.WriteAPIBlocking("acme", *b.Id).WriteRecord(ctx, "m f=1 1"); err != nil { // by id
		t.Fatal(err)
	}
	b.Name = "renamed"
	changed, err := buckets.UpdateBucket(ctx, b)
	if err != nil || changed.Name != "renamed" || *changed.Id != *b.Id || changed.UpdatedAt.Before(*changed.CreatedAt) {
		t.Fatalf("renamed: %+v, %v", changed, err)
	}
	if err := c.WriteAPIBlocking("acme", "first").WriteRecord(ctx, "m f=2 2"); status(err) != "404 not found" {
		t.Errorf("a write to the old name: %v", err)
	}
	if err := c.WriteAPIBlocking("acme", "renamed").WriteRecord(ctx, "m f=2 2"); err != nil {
		t.Error(err)
	}
	if got := query(t, s, adminToken, "renamed", "SELECT count(f) FROM m"); !strings.Contains(got, "[0,2]") {
		t.Errorf("data of the renamed bucket: %s", got)
	}
	if err := c.DeleteAPI().DeleteWithID(ctx, *made.Org.Id, *b.Id, time.Unix(0, 0), time.Unix(0, 1), `_measurement="m"`); err != nil {
		t.Error(err)
	}
	if members, err := buckets.GetMembers(ctx, changed); err != nil || len(*members) != 0 {
		t.Errorf("members %+v, %v", members, err)
	}
	if owners, err := buckets.GetOwners(ctx, changed); err != nil || len(*owners) != 1 || (*owners)[0].Name != "admin" {
		t.Errorf("owners %+v, %v", owners, err)
	}
	if labels, err := c.LabelsAPI().GetLabels(ctx); err != nil || len(*labels) != 0 {
		t.Errorf("labels %+v, %v", labels, err)
	}

	resource := domain.Resource{Type: domain.ResourceTypeBuckets, Id: b.Id, OrgID: made.Org.Id}
	a, err := c.AuthorizationsAPI().CreateAuthorizationWithOrgID(ctx, *made.Org.Id, []domain.Permission{{Action: domain.PermissionActionRead, Resource: resource}})
	if err != nil {
		t.Fatal(err)
	}
	self := influxdb2.NewClient(s.URL, *a.Token)
	defer self.Close()
	if list, err := self.AuthorizationsAPI().GetAuthorizations(ctx); err != nil || len(*list) != 1 || *(*list)[0].Id != *a.Id {
		t.Errorf("a token sees %+v, %v", list, err)
	}
	if err := self.AuthorizationsAPI().DeleteAuthorization(ctx, a); status(err) != "403 forbidden" && !strings.Contains(fmt.Sprint(err), "admin") {
		t.Errorf("a token removes itself: %v", err)
	}
	if list, err := self.BucketsAPI().GetBuckets(ctx); err != nil || len(*list) != 1 || (*list)[0].Name != "renamed" {
		t.Errorf("a token sees buckets %+v, %v", list, err)
	}
	if users, err := c.UsersAPI().GetUsers(ctx); err != nil || len(*users) != 1 {
		t.Errorf("users %+v, %v", users, err)
	}
}

// TestFluxIsRefused asks for what there is not.
func TestFluxIsRefused(t *testing.T) {
	_, c, _ := onboard(t)
	_, err := c.QueryAPI("acme").Query(context.Background(), `from(bucket: "first") |> range(start: -1h)`)
	if status(err) != "403 forbidden" || !strings.Contains(err.Error(), "InfluxQL") {
		t.Errorf("got %v", err)
	}
}

// TestVersion1Credentials uses the library as it is configured for servers of version 1.8.
func TestVersion1Credentials(t *testing.T) {
	s, _, _ := onboard(t)
	c := influxdb2.NewClient(s.URL, "admin:correct horse")
	defer c.Close()
	if err := c.WriteAPIBlocking("", "first/autogen").WriteRecord(context.Background(), "m f=1 1"); status(err) != "401 unauthorized" {
		t.Errorf("a password with a blank cannot stand in the header: %v", err)
	}
	if got := query(t, s, adminToken, "", `SET PASSWORD FOR "admin" = 'secret'`); !strings.Contains(got, `"statement_id":0`) {
		t.Fatal(got)
	}
	c = influxdb2.NewClient(s.URL, "admin:secret")
	defer c.Close()
	if err := c.WriteAPIBlocking("", "first/autogen").WriteRecord(context.Background(), "m f=1 1"); err != nil {
		t.Error(err)
	}
}
