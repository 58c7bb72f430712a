package httpapi

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/timberlinedb/timberline/catalog"
)

// mappingJSON is what the v2 API calls a DBRP. Every bucket is one by itself, as database and policy that clients of
// version 1 name; those are called virtual and have the id of the bucket.
type mappingJSON struct {
	ID              string `json:"id"`
	Database        string `json:"database"`
	RetentionPolicy string `json:"retention_policy"`
	Default         bool   `json:"default"`
	Virtual         bool   `json:"virtual"`
	OrgID           string `json:"orgID"`
	BucketID        string `json:"bucketID"`
	Links           links  `json:"links"`

	bucket bucket
}

// newMappingJSON returns ok false for a mapping whose bucket is just gone.
func newMappingJSON(snap *catalog.Snapshot, m catalog.Mapping) (j mappingJSON, ok bool) {
	d, p := snap.PolicyByID(m.Bucket)
	id := mappingIDs.format(m.ID)
	return mappingJSON{
		ID: id, Database: m.Database, RetentionPolicy: m.Policy, Default: m.Default,
		OrgID: organizationID, BucketID: bucketIDs.format(uint64(m.Bucket)), Links: selfLinks(v2Prefix + "dbrps/" + id), bucket: bucket{d, p},
	}, p != nil
}

// mappingsOf returns the mappings that a user may know of, those that were made first.
func mappingsOf(snap *catalog.Snapshot, u *catalog.User) []mappingJSON {
	out := []mappingJSON{}
	for _, m := range snap.Mappings {
		if j, ok := newMappingJSON(snap, m); ok && seesBucket(u, j.bucket.database, j.bucket.policy) {
			out = append(out, j)
		}
	}
	for _, b := range bucketsOf(snap, u, nil) {
		id := bucketIDs.format(uint64(b.policy.ID))
		out = append(out, mappingJSON{
			ID: id, Database: b.database.Name, RetentionPolicy: b.policy.Name, Default: b.policy.Name == b.database.DefaultPolicy, Virtual: true,
			OrgID: organizationID, BucketID: id, Links: selfLinks(v2Prefix + "dbrps/" + id), bucket: b,
		})
	}
	return out
}

// asked reports whether a mapping is one of those that parameters ask for.
func (j *mappingJSON) asked(q url.Values) bool {
	for name, value := range map[string]string{"id": j.ID, "bucketID": j.BucketID, "db": j.Database, "rp": j.RetentionPolicy} {
		if q.Get(name) != "" && q.Get(name) != value {
			return false
		}
	}
	want, err := strconv.ParseBool(q.Get("default"))
	return err != nil || want == j.Default
}

// serveMappings is GET /api/v2/dbrps.
func (h *Handler) serveMappings(w http.ResponseWriter, r *http.Request) {
	c := h.registry(w)
	if c == nil {
		return
	}
	q := urlParameters(r)
	if f := h.wrongOrganization(q); f != nil {
		writeFailureV2(w, *f)
		return
	}
	list := []mappingJSON{}
	for _, j := range mappingsOf(c.Snapshot(), h.userOf(r)) {
		if j.asked(q) {
			list = append(list, j)
		}
	}
	answerJSON(w, http.StatusOK, map[string]any{"content": list})
}

// serveMapping is GET /api/v2/dbrps/{id}.
func (h *Handler) serveMapping(w http.ResponseWriter, r *http.Request) {
	c := h.registry(w)
	if c == nil {
		return
	}
	for _, j := range mappingsOf(c.Snapshot(), h.userOf(r)) {
		if j.ID == r.PathValue("id") {
			answerJSON(w, http.StatusOK, map[string]any{"content": j})
			return
		}
	}
	writeFailureV2(w, *catalogFailure(catalog.ErrMappingNotFound))
}

// mappingRequest is the body that makes or changes a mapping.
type mappingRequest struct {
	Database        string  `json:"database"`
	RetentionPolicy *string `json:"retention_policy"`
	Default         *bool   `json:"default"`
	OrgID           string  `json:"orgID"`
	Org             string  `json:"org"`
	BucketID        string  `json:"bucketID"`
}

// serveCreateMapping is POST /api/v2/dbrps.
func (h *Handler) serveCreateMapping(w http.ResponseWriter, r *http.Request) {
	c := h.registry(w)
	if c == nil {
		return
	}
	var req mappingRequest
	f := h.decodeJSON(w, r, &req)
	if f == nil {
		f = h.wrongOrganization(url.Values{"orgID": {req.OrgID}, "org": {req.Org}})
	}
	var out mappingJSON
	if f == nil {
		note(r, req.Database, req.BucketID)
		out, f = req.create(c)
	}
	answerOr(w, f, http.StatusCreated, out)
}

func (req *mappingRequest) create(c *catalog.Catalog) (mappingJSON, *failure) {
	_, p := bucketByID(c.Snapshot(), req.BucketID)
	switch {
	case p == nil:
		return mappingJSON{}, notFound("bucket not found")
	case req.Database == "" || req.RetentionPolicy == nil || *req.RetentionPolicy == "":
		return mappingJSON{}, invalid("database and retention_policy are required")
	}
	m := catalog.Mapping{Database: req.Database, Policy: *req.RetentionPolicy, Bucket: p.ID, Default: req.Default != nil && *req.Default}
	made, err := c.CreateMapping(m)
	if err != nil {
		return mappingJSON{}, catalogFailure(err)
	}
	j, _ := newMappingJSON(c.Snapshot(), made)
	return j, nil
}

// mappingID returns the number of the mapping that the path names.
func mappingID(r *http.Request) (uint64, *failure) {
	id := r.PathValue("id")
	if n, ok := mappingIDs.parse(id); ok {
		return n, nil
	}
	if _, ok := bucketIDs.parse(id); ok {
		return 0, unprocessable("a virtual mapping is its bucket and cannot be changed")
	}
	return 0, catalogFailure(catalog.ErrMappingNotFound)
}

// serveUpdateMapping is PATCH /api/v2/dbrps/{id}.
func (h *Handler) serveUpdateMapping(w http.ResponseWriter, r *http.Request) {
	c := h.registry(w)
	if c == nil {
		return
	}
	var req mappingRequest
	id, f := mappingID(r)
	if f == nil {
		f = h.decodeJSON(w, r, &req)
	}
	var out mappingJSON
	if f == nil {
		m, err := c.UpdateMapping(id, req.RetentionPolicy, req.Default)
		if err != nil {
			f = catalogFailure(err)
		} else {
			out, _ = newMappingJSON(c.Snapshot(), m)
		}
	}
	answerOr(w, f, http.StatusOK, map[string]any{"content": out})
}

// serveDeleteMapping is DELETE /api/v2/dbrps/{id}.
func (h *Handler) serveDeleteMapping(w http.ResponseWriter, r *http.Request) {
	c := h.registry(w)
	if c == nil {
		return
	}
	id, f := mappingID(r)
	if f == nil {
		if err := c.DropMapping(id); err != nil {
			f = catalogFailure(err)
		}
	}
	answerOr(w, f, http.StatusNoContent, nil)
}
