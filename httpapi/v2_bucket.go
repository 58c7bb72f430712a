package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/query"
)

// A bucket is a retention policy. That of the default policy is called as its database, the others database/policy.
// Its id is made of the policy's number, which is never used twice.

// systemDatabase is the one that the server keeps its own statistics in.
const systemDatabase = "_internal"

type bucketJSON struct {
	ID             string          `json:"id"`
	OrgID          string          `json:"orgID"`
	Type           string          `json:"type"`
	Name           string          `json:"name"`
	Description    string          `json:"description,omitempty"`
	RP             string          `json:"rp,omitempty"`
	RetentionRules []retentionRule `json:"retentionRules"`
	CreatedAt      string          `json:"createdAt,omitempty"`
	UpdatedAt      string          `json:"updatedAt,omitempty"`
	Links          links           `json:"links"`
	Labels         []struct{}      `json:"labels"`
}

type retentionRule struct {
	Type                      string `json:"type"`
	EverySeconds              int64  `json:"everySeconds"`
	ShardGroupDurationSeconds int64  `json:"shardGroupDurationSeconds"`
}

func bucketName(d *catalog.Database, p *catalog.Policy) string {
	if p.Name == d.DefaultPolicy {
		return d.Name
	}
	return d.Name + "/" + p.Name
}

func newBucketJSON(d *catalog.Database, p *catalog.Policy) bucketJSON {
	id := bucketIDs.format(uint64(p.ID))
	self := v2Prefix + "buckets/" + id
	kind := "user"
	if d.Name == systemDatabase {
		kind = "system"
	}
	return bucketJSON{
		ID: id, OrgID: organizationID, Type: kind, Name: bucketName(d, p), Description: p.Description, RP: p.Name,
		RetentionRules: []retentionRule{{
			Type: "expire", EverySeconds: int64(p.Duration / time.Second), ShardGroupDurationSeconds: int64(p.ShardDuration / time.Second),
		}},
		CreatedAt: rfc3339(p.Created), UpdatedAt: rfc3339(p.Updated),
		Links:  links{"self": self, "labels": self + "/labels", "members": self + "/members", "owners": self + "/owners", "org": v2Prefix + "orgs/" + organizationID, "write": v2Prefix + "write?org=" + organizationID + "&bucket=" + id},
		Labels: []struct{}{},
	}
}

// resolveBucket returns the database and the policy that the name or the id of a bucket means; the empty policy is the
// default one. What is not there is returned as it would be called.
func resolveBucket(snap *catalog.Snapshot, name string) (database, policy string) {
	database, policy, _ = strings.Cut(name, "/")
	if snap == nil || snap.Database(database) != nil {
		return database, policy
	}
	if id, ok := bucketIDs.parse(name); ok {
		if d, p := snap.PolicyByID(uint32(id)); p != nil && uint64(p.ID) == id {
			return d.Name, p.Name
		}
	}
	return database, policy
}

// findBucket returns the policy that the name or the id of a bucket means, nil when there is none.
func findBucket(snap *catalog.Snapshot, name string) (*catalog.Database, *catalog.Policy) {
	database, policy := resolveBucket(snap, name)
	if d := snap.Database(database); d != nil {
		return d, d.Policy(policy)
	}
	return nil, nil
}

// bucketByID returns the policy of a bucket's id, nil when there is none.
func bucketByID(snap *catalog.Snapshot, id string) (*catalog.Database, *catalog.Policy) {
	if n, ok := bucketIDs.parse(id); ok && n <= 1<<32-1 {
		return snap.PolicyByID(uint32(n))
	}
	return nil, nil
}

// seesBucket reports whether a user may know of a bucket; nil is everybody.
func seesBucket(u *catalog.User, d *catalog.Database, p *catalog.Policy) bool {
	if u == nil || u.Admin {
		return true
	}
	for _, a := range []catalog.Action{catalog.ActionRead, catalog.ActionWrite, catalog.ActionDelete} {
		if names, all := u.Measurements(a, d.Name, p.Name); all || len(names) > 0 {
			return true
		}
	}
	return false
}

// serveBuckets is GET /api/v2/buckets.
func (h *Handler) serveBuckets(w http.ResponseWriter, r *http.Request) {
	c := h.registry(w)
	if c == nil {
		return
	}
	q := urlParameters(r)
	p, f := newPaging(q, bucketIDs)
	if p.limit == 0 {
		p.limit = defaultPage
	}
	if f == nil {
		f = h.wrongOrganization(q)
	}
	if f != nil {
		writeFailureV2(w, *f)
		return
	}
	all := bucketsOf(c.Snapshot(), h.userOf(r), q)
	list := p.cut(all)
	out := []bucketJSON{}
	for _, b := range list {
		out = append(out, newBucketJSON(b.database, b.policy))
	}
	answerJSON(w, http.StatusOK, map[string]any{"links": p.links(v2Prefix+"buckets", q, len(list)), "buckets": out})
}

type bucket struct {
	database *catalog.Database
	policy   *catalog.Policy
}

// bucketsOf returns the buckets that a user may know of and that parameters ask for, in order of creation.
func bucketsOf(snap *catalog.Snapshot, u *catalog.User, q url.Values) []bucket {
	var all []bucket
	for _, d := range snap.Databases {
		for _, p := range d.Policies {
			if !seesBucket(u, d, p) || q.Get("id") != "" && q.Get("id") != bucketIDs.format(uint64(p.ID)) {
				continue
			}
			if name := q.Get("name"); name != "" && name != bucketName(d, p) && name != d.Name+"/"+p.Name {
				continue
			}
			all = append(all, bucket{d, p})
		}
	}
	slices.SortFunc(all, func(a, b bucket) int { return int(a.policy.ID) - int(b.policy.ID) })
	return all
}

// paging is which part of a list is asked for. A limit of 0 is none.
type paging struct {
	limit, offset int
	after         uint64
}

const (
	defaultPage = 20
	maxPage     = 100
)

// newPaging reads parameters; kind is that of the ids in the list.
func newPaging(q url.Values, kind idKind) (paging, *failure) {
	p := paging{}
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxPage {
			return p, invalid(fmt.Sprintf("limit must be between 1 and %d", maxPage))
		}
		p.limit = n
	}
	if text := q.Get("offset"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return p, invalid("offset must be a number, 0 or more")
		}
		p.offset = n
	}
	if text := q.Get("after"); text != "" {
		n, ok := kind.parse(text)
		if !ok {
			return p, invalid("after must be an id of the list")
		}
		p.after = n
	}
	return p, nil
}

func (p paging) cut(all []bucket) []bucket {
	for len(all) > 0 && uint64(all[0].policy.ID) <= p.after {
		all = all[1:]
	}
	return page(p, all)
}

// page returns the part of a list behind the offset, up to the limit.
func page[T any](p paging, all []T) []T {
	all = all[min(p.offset, len(all)):]
	if p.limit > 0 {
		all = all[:min(p.limit, len(all))]
	}
	return all
}

// links returns the addresses of this part, and of those before and behind when there may be some.
func (p paging) links(path string, q url.Values, found int) links {
	at := func(offset int) string {
		v := url.Values{}
		for key, values := range q {
			v[key] = values
		}
		if p.limit > 0 {
			v.Set("limit", strconv.Itoa(p.limit))
			v.Set("offset", strconv.Itoa(offset))
		}
		if len(v) == 0 {
			return path
		}
		return path + "?" + v.Encode()
	}
	out := links{"self": at(p.offset)}
	if p.limit > 0 && found == p.limit {
		out["next"] = at(p.offset + p.limit)
	}
	if p.limit > 0 && p.offset > 0 {
		out["prev"] = at(max(p.offset-p.limit, 0))
	}
	return out
}

// serveBucket is GET /api/v2/buckets/{id}.
func (h *Handler) serveBucket(w http.ResponseWriter, r *http.Request) {
	if d, p := h.withBucket(w, r); p != nil {
		answerJSON(w, http.StatusOK, newBucketJSON(d, p))
	}
}

// bucketRequest is the body that makes or changes a bucket.
type bucketRequest struct {
	OrgID          string           `json:"orgID"`
	Name           *string          `json:"name"`
	Description    *string          `json:"description"`
	RP             string           `json:"rp"`
	RetentionRules *[]retentionRule `json:"retentionRules"`
}

// durations returns what the rules say; nil is nothing. No rules are for ever.
func (b *bucketRequest) durations() (keep, shard *time.Duration, f *failure) {
	if b.RetentionRules == nil {
		return nil, nil, nil
	}
	keep = new(time.Duration)
	for _, rule := range *b.RetentionRules {
		const most = int64(1<<63-1) / int64(time.Second)
		if rule.Type != "" && rule.Type != "expire" {
			return nil, nil, invalid(fmt.Sprintf("retention rule type %q is not known, want expire", rule.Type))
		}
		if rule.EverySeconds < 0 || rule.EverySeconds > most || rule.ShardGroupDurationSeconds < 0 || rule.ShardGroupDurationSeconds > most {
			return nil, nil, unprocessable("retention rule is out of range")
		}
		*keep = time.Duration(rule.EverySeconds) * time.Second
		if rule.ShardGroupDurationSeconds > 0 {
			d := time.Duration(rule.ShardGroupDurationSeconds) * time.Second
			shard = &d
		}
	}
	return keep, shard, nil
}

// serveCreateBucket is POST /api/v2/buckets.
func (h *Handler) serveCreateBucket(w http.ResponseWriter, r *http.Request) {
	c := h.registry(w)
	if c == nil {
		return
	}
	var req bucketRequest
	f := h.decodeJSON(w, r, &req)
	if f == nil && (req.Name == nil || *req.Name == "") {
		f = invalid("bucket name is required")
	}
	if f == nil {
		f = h.wrongOrganization(url.Values{"orgID": {req.OrgID}})
	}
	var made bucketJSON
	if f == nil {
		note(r, *req.Name)
		made, f = createBucket(c, &req)
	}
	answerOr(w, f, http.StatusCreated, made)
}

func createBucket(c *catalog.Catalog, req *bucketRequest) (bucketJSON, *failure) {
	keep, shard, f := req.durations()
	if f != nil {
		return bucketJSON{}, f
	}
	database, policy, _ := strings.Cut(*req.Name, "/")
	d, p := findBucket(c.Snapshot(), *req.Name)
	if p != nil || d != nil && policy == "" {
		return bucketJSON{}, conflict(fmt.Sprintf("bucket with name %s already exists", *req.Name))
	}
	spec := catalog.PolicySpec{Name: policy, Duration: keep, ShardDuration: shard}
	if spec.Name == "" {
		spec.Name = req.RP
	}
	var err error
	if d == nil {
		_, err = c.CreateDatabase(database, &spec)
	} else {
		err = c.CreatePolicy(database, spec, false)
	}
	if err == nil && req.Description != nil && *req.Description != "" {
		_, p := findBucket(c.Snapshot(), *req.Name)
		if p != nil {
			err = c.DescribePolicy(database, p.Name, *req.Description)
		}
	}
	if err != nil {
		return bucketJSON{}, catalogFailure(err)
	}
	if d, p = findBucket(c.Snapshot(), *req.Name); p == nil {
		return bucketJSON{}, notFound("bucket not found") // dropped meanwhile
	}
	return newBucketJSON(d, p), nil
}

// serveUpdateBucket is PATCH /api/v2/buckets/{id}.
func (h *Handler) serveUpdateBucket(w http.ResponseWriter, r *http.Request) {
	c := h.registry(w)
	if c == nil {
		return
	}
	var req bucketRequest
	f := h.decodeJSON(w, r, &req)
	var changed bucketJSON
	if f == nil {
		changed, f = updateBucket(c, r.PathValue("id"), &req)
	}
	answerOr(w, f, http.StatusOK, changed)
}

func updateBucket(c *catalog.Catalog, id string, req *bucketRequest) (bucketJSON, *failure) {
	d, p := bucketByID(c.Snapshot(), id)
	if p == nil {
		return bucketJSON{}, notFound("bucket not found")
	}
	keep, shard, f := req.durations()
	if f == nil && req.Name != nil && *req.Name != bucketName(d, p) {
		f = renameBucket(c, d, p, *req.Name)
		if d, p = bucketByID(c.Snapshot(), id); p == nil {
			return bucketJSON{}, notFound("bucket not found")
		}
	}
	if f != nil {
		return bucketJSON{}, f
	}
	if keep != nil {
		if err := c.AlterPolicy(d.Name, p.Name, catalog.PolicyUpdate{Duration: keep, ShardDuration: shard}); err != nil {
			return bucketJSON{}, catalogFailure(err)
		}
	}
	if req.Description != nil {
		if err := c.DescribePolicy(d.Name, p.Name, *req.Description); err != nil {
			return bucketJSON{}, catalogFailure(err)
		}
	}
	if d, p = bucketByID(c.Snapshot(), id); p == nil {
		return bucketJSON{}, notFound("bucket not found")
	}
	return newBucketJSON(d, p), nil
}

// renameBucket gives the database of a bucket another name when that is what the bucket is called by, otherwise its
// policy. A bucket does not move to another database.
func renameBucket(c *catalog.Catalog, d *catalog.Database, p *catalog.Policy, name string) *failure {
	database, policy, hasPolicy := strings.Cut(name, "/")
	var err error
	switch {
	case d.Name == systemDatabase:
		return invalid("a system bucket cannot be renamed")
	case !hasPolicy && p.Name == d.DefaultPolicy:
		err = c.RenameDatabase(d.Name, database)
	case hasPolicy && database == d.Name && policy == p.Name:
		return nil // its long name
	case hasPolicy && database == d.Name:
		err = c.RenamePolicy(d.Name, p.Name, policy)
	default:
		return invalid(fmt.Sprintf("a bucket stays in its database: %s can become %s/<another name>", bucketName(d, p), d.Name))
	}
	if errors.Is(err, catalog.ErrDatabaseExists) || errors.Is(err, catalog.ErrPolicyExists) {
		return conflict(fmt.Sprintf("bucket with name %s already exists", name))
	}
	if err != nil {
		return catalogFailure(err)
	}
	return nil
}

// serveBucketLabels is GET /api/v2/buckets/{id}/labels: there are no labels, and clients that list them go on.
func (h *Handler) serveBucketLabels(w http.ResponseWriter, r *http.Request) {
	if d, p := h.withBucket(w, r); p != nil && d != nil {
		answerJSON(w, http.StatusOK, map[string]any{"links": selfLinks(r.URL.Path), "labels": []struct{}{}})
	}
}

// serveBucketMembers is GET /api/v2/buckets/{id}/members: the users with a grant on its database.
func (h *Handler) serveBucketMembers(w http.ResponseWriter, r *http.Request) {
	if d, _ := h.withBucket(w, r); d != nil {
		h.serveRole(w, r, "member", func(u *catalog.User) bool { return !u.Admin && u.Sees(d.Name) })
	}
}

// serveBucketOwners is GET /api/v2/buckets/{id}/owners: the administrators.
func (h *Handler) serveBucketOwners(w http.ResponseWriter, r *http.Request) {
	if d, _ := h.withBucket(w, r); d != nil {
		h.serveRole(w, r, "owner", func(u *catalog.User) bool { return u.Admin })
	}
}

// withBucket returns the bucket that the path names; without one the request is answered.
func (h *Handler) withBucket(w http.ResponseWriter, r *http.Request) (*catalog.Database, *catalog.Policy) {
	c := h.registry(w)
	if c == nil {
		return nil, nil
	}
	d, p := bucketByID(c.Snapshot(), r.PathValue("id"))
	if p == nil || !seesBucket(h.userOf(r), d, p) {
		writeFailureV2(w, *notFound("bucket not found"))
		return nil, nil
	}
	return d, p
}

// serveDeleteBucket is DELETE /api/v2/buckets/{id}. The database goes with its last bucket.
func (h *Handler) serveDeleteBucket(w http.ResponseWriter, r *http.Request) {
	c := h.registry(w)
	if c == nil {
		return
	}
	if d, p := bucketByID(c.Snapshot(), r.PathValue("id")); p != nil {
		note(r, bucketName(d, p))
	}
	answerOr(w, h.deleteBucket(r.Context(), c, r.PathValue("id")), http.StatusNoContent, nil)
}

func (h *Handler) deleteBucket(ctx context.Context, c *catalog.Catalog, id string) *failure {
	d, p := bucketByID(c.Snapshot(), id)
	data := h.attached().Data
	if p == nil || data == nil {
		return notFound("bucket not found")
	}
	var err error
	if len(d.Policies) == 1 {
		err = data.DropDatabase(ctx, d.Name)
	} else {
		err = data.DropPolicy(ctx, d.Name, p.Name)
	}
	if err != nil {
		return &failure{status: http.StatusInternalServerError, text: err.Error()}
	}
	return nil
}

// serveDelete is POST /api/v2/delete.
func (h *Handler) serveDelete(w http.ResponseWriter, r *http.Request) {
	c := h.registry(w)
	if c == nil {
		return
	}
	q := urlParameters(r)
	var req deleteRequest
	f := h.decodeJSON(w, r, &req)
	note(r, q.Get("bucket")+q.Get("bucketID"), req.Start, req.Stop, req.Predicate)
	if f == nil {
		f = h.wrongOrganization(q)
	}
	var del query.Delete
	if f == nil {
		del, f = req.of(c.Snapshot(), q, h.userOf(r))
	}
	if f == nil {
		if data := h.attached().Data; data == nil {
			f = &failure{status: http.StatusServiceUnavailable, text: "starting", retry: true}
		} else if err := data.Delete(r.Context(), del); err != nil {
			f = &failure{status: http.StatusInternalServerError, text: err.Error()}
		}
	}
	answerOr(w, f, http.StatusNoContent, nil)
}
