package httpapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/timberlinedb/timberline/catalog"
)

// permissionJSON is a permission of the v2 API. Of its kinds of resources two count here: buckets, and authorizations,
// since who may write those may become anybody and so is an administrator. Permissions on others are passed over:
// there are no such resources.
type permissionJSON struct {
	Action   string       `json:"action"`            // read or write; ours: delete
	Deletes  *bool        `json:"deletes,omitempty"` // ours: false takes deletes out of write
	Resource resourceJSON `json:"resource"`
}

type resourceJSON struct {
	Type        string `json:"type"`
	ID          string `json:"id,omitempty"`
	Name        string `json:"name,omitempty"`
	OrgID       string `json:"orgID,omitempty"`
	Org         string `json:"org,omitempty"`
	Measurement string `json:"measurement,omitempty"` // ours: of the bucket
}

const (
	bucketResource        = "buckets"
	authorizationResource = "authorizations"
)

// adminResources are what an administrator's token is said to read and write.
var adminResources = []string{authorizationResource, bucketResource, "orgs", "users", "dbrp"}

// serveResources is GET /api/v2/resources: of what kinds a permission can be; `influx auth create --operator` asks.
func (h *Handler) serveResources(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, http.StatusOK, adminResources)
}

// catalogPermissions returns what permissions of the v2 API mean here.
func catalogPermissions(snap *catalog.Snapshot, list []permissionJSON) ([]catalog.Permission, *failure) {
	var out []catalog.Permission
	for _, p := range list {
		if p.Action != "read" && p.Action != "write" && p.Action != "delete" {
			return nil, invalid("invalid action " + p.Action + " of a permission, want read or write")
		}
		switch p.Resource.Type {
		case authorizationResource:
			if p.Action == "write" && p.Resource.ID == "" {
				return []catalog.Permission{{Action: catalog.ActionAdmin}}, nil
			}
		case bucketResource:
			scope, f := p.Resource.scope(snap)
			if f != nil {
				return nil, f
			}
			for _, a := range p.actions() {
				one := catalog.Permission{Action: a, Database: scope.Database, Policy: scope.Policy, Measurement: scope.Measurement}
				if !slices.Contains(out, one) {
					out = append(out, one)
				}
			}
		}
	}
	if len(out) == 0 {
		return nil, invalid("none of the permissions is on buckets")
	}
	return out, nil
}

// actions returns what the action consists of: who may write may delete in the v2 API.
func (p *permissionJSON) actions() []catalog.Action {
	if p.Action == "write" && (p.Deletes == nil || *p.Deletes) {
		return []catalog.Action{catalog.ActionWrite, catalog.ActionDelete}
	}
	return []catalog.Action{catalog.Action(p.Action)}
}

// scope returns the data that a resource stands for. The bucket of a default policy, which is called as its database,
// stands for all of that.
func (res *resourceJSON) scope(snap *catalog.Snapshot) (catalog.Scope, *failure) {
	s := catalog.Scope{Measurement: res.Measurement}
	if res.ID == "" && res.Name == "" {
		return s, nil
	}
	d, p := bucketByID(snap, res.ID)
	if res.ID == "" {
		d, p = findBucket(snap, res.Name)
	}
	if p == nil {
		return s, notFound("bucket not found")
	}
	s.Database = d.Name
	if p.Name != d.DefaultPolicy {
		s.Policy = p.Name
	}
	return s, nil
}

// permissionsJSON returns the permissions of a token in the form of the v2 API.
func permissionsJSON(snap *catalog.Snapshot, t *catalog.Token) []permissionJSON {
	out := []permissionJSON{}
	if t.Admin() {
		for _, kind := range adminResources {
			for _, action := range []string{"read", "write"} {
				out = append(out, permissionJSON{Action: action, Resource: resourceJSON{Type: kind}})
			}
		}
		return out
	}
	with := func(p catalog.Permission, a catalog.Action) bool {
		p.Action = a
		return slices.Contains(t.Permissions, p)
	}
	for _, p := range t.Permissions {
		j := permissionJSON{Action: string(p.Action), Resource: newResourceJSON(snap, p)}
		switch {
		case p.Action == catalog.ActionDelete && with(p, catalog.ActionWrite):
			continue // part of write
		case p.Action == catalog.ActionWrite && !with(p, catalog.ActionDelete):
			j.Deletes = new(bool)
		}
		out = append(out, j)
	}
	return out
}

func newResourceJSON(snap *catalog.Snapshot, p catalog.Permission) resourceJSON {
	res := resourceJSON{Type: bucketResource, OrgID: organizationID, Org: snap.Organization(), Measurement: p.Measurement}
	if p.Database == "" {
		return res
	}
	res.Name = strings.TrimSuffix(p.Database+"/"+p.Policy, "/")
	if _, policy := findBucket(snap, res.Name); policy != nil {
		res.ID = bucketIDs.format(uint64(policy.ID))
	}
	return res
}
