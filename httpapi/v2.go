package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/timberlinedb/timberline/catalog"
)

// v2Prefix is what the paths of the v2 API begin with.
const v2Prefix = "/api/v2/"

// speaksV2 reports whether errors of a path have the form of the v2 API.
func speaksV2(path string) bool {
	return strings.HasPrefix(path, v2Prefix) || strings.HasPrefix(path, legacyPrefix)
}

// maxJSONBytes bounds the bodies of requests about resources.
const maxJSONBytes = 1 << 20

// idKind is the first byte of a v2 id, so that an id of one kind is never one of another.
type idKind uint64

const (
	orgIDs idKind = iota + 0x0a
	bucketIDs
	userIDs
	tokenIDs
	mappingIDs
)

// organizationID is the id of the one organization.
var organizationID = orgIDs.format(1)

// format returns the id of a number: 16 hexadecimal digits.
func (k idKind) format(n uint64) string { return fmt.Sprintf("%02x%014x", uint64(k), n&(1<<56-1)) }

// parse returns the number of an id of that kind.
func (k idKind) parse(id string) (uint64, bool) {
	n, err := strconv.ParseUint(id, 16, 64)
	if len(id) != 16 || err != nil || idKind(n>>56) != k {
		return 0, false
	}
	return n & (1<<56 - 1), true
}

func notFound(text string) *failure { return &failure{status: http.StatusNotFound, text: text} }

func conflict(text string) *failure {
	return &failure{status: http.StatusUnprocessableEntity, code: "conflict", text: text}
}

func unprocessable(text string) *failure {
	return &failure{status: http.StatusUnprocessableEntity, text: text}
}

// catalogFailure says what an error of the catalog means for a v2 client.
func catalogFailure(err error) *failure {
	var (
		database   *catalog.DatabaseNotFoundError
		policy     *catalog.PolicyNotFoundError
		permission *catalog.InvalidPermissionError
	)
	switch {
	case errors.As(err, &database), errors.As(err, &policy), errors.Is(err, catalog.ErrBucketNotFound):
		return notFound("bucket not found")
	case errors.Is(err, catalog.ErrUserNotFound):
		return notFound("user not found")
	case errors.Is(err, catalog.ErrTokenNotFound):
		return notFound("authorization not found")
	case errors.Is(err, catalog.ErrMappingNotFound):
		return notFound("unable to find DBRP")
	case errors.Is(err, catalog.ErrUserExists), errors.Is(err, catalog.ErrTokenExists), errors.Is(err, catalog.ErrMappingExists),
		errors.Is(err, catalog.ErrOnboarded), errors.Is(err, catalog.ErrPolicyExists), errors.Is(err, catalog.ErrPolicyConflict):
		return conflict(err.Error())
	case errors.Is(err, catalog.ErrPolicyDurationTooLow), errors.Is(err, catalog.ErrIncompatibleDurations):
		return unprocessable(err.Error())
	case errors.Is(err, catalog.ErrInvalidName), errors.Is(err, catalog.ErrNameTooLong), errors.Is(err, catalog.ErrUserNameRequired),
		errors.Is(err, catalog.ErrPasswordRequired), errors.Is(err, catalog.ErrPasswordTooLong), errors.Is(err, catalog.ErrTokenTooShort),
		errors.Is(err, catalog.ErrInvalidToken), errors.Is(err, catalog.ErrDescriptionTooLong), errors.As(err, &permission):
		return invalid(err.Error())
	}
	return &failure{status: http.StatusInternalServerError, text: err.Error()}
}

// registry returns the catalog; without one the request is answered.
func (h *Handler) registry(w http.ResponseWriter) *catalog.Catalog {
	if c := h.attached().Catalog; c != nil {
		return c
	}
	serveStarting(w)
	return nil
}

// answerJSON answers with an object.
func answerJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		writeFailureV2(w, failure{status: http.StatusInternalServerError, text: err.Error()})
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	writeJSON(w, status, body)
}

// decodeJSON reads the body of a request about a resource. Members that are not known are passed over.
func (h *Handler) decodeJSON(w http.ResponseWriter, r *http.Request, into any) *failure {
	if r.ContentLength > maxJSONBytes {
		return &tooLarge
	}
	b, err := h.bodies.read(w, r)
	if err != nil {
		f := h.bodyFailed(r, err)
		return &f
	}
	defer b.release()
	if len(b.data) > maxJSONBytes {
		return &tooLarge
	}
	if err := json.Unmarshal(b.data, into); err != nil {
		return invalid("error decoding json body: " + err.Error())
	}
	return nil
}

// answerOr answers with what went wrong, or with an object when nothing did.
func answerOr(w http.ResponseWriter, f *failure, status int, v any) {
	switch {
	case f != nil:
		writeFailureV2(w, *f)
	case status == http.StatusNoContent:
		w.WriteHeader(status)
	default:
		answerJSON(w, status, v)
	}
}

// wrongOrganization returns a failure when organizations are looked at and the request names another one.
func (h *Handler) wrongOrganization(q url.Values) *failure {
	if !h.opt.CheckOrganization {
		return nil
	}
	snap := h.snapshot()
	name, id := q.Get("org"), q.Get("orgID")
	switch {
	case name != "" && name != organizationID && snap != nil && name != snap.Organization():
		return notFound(fmt.Sprintf("organization name %q not found", name))
	case id != "" && id != organizationID:
		return notFound("organization not found")
	}
	return nil
}

// organizationOf returns the name of the organization as a request may know it: where organizations are not looked
// at, the one that it asks for is there.
func (h *Handler) organizationOf(snap *catalog.Snapshot, q url.Values) string {
	if name := q.Get("org"); name != "" && !h.opt.CheckOrganization {
		return name
	}
	return snap.Organization()
}

// links are the addresses of what belongs to a resource.
type links map[string]string

func selfLinks(path string) links { return links{"self": path} }

// serveLinks is GET /api/v2.
func (h *Handler) serveLinks(w http.ResponseWriter, _ *http.Request) {
	out := links{}
	for _, e := range h.Endpoints() {
		name, below := strings.CutPrefix(e.Path, v2Prefix)
		if below && !strings.Contains(name, "/") {
			out[name] = e.Path
		}
	}
	answerJSON(w, http.StatusOK, out)
}

// fluxDisabled is why there is no answer to a Flux query.
const fluxDisabled = "Flux is not available in this server; use InfluxQL at /query"

// serveFlux is POST /api/v2/query. A request without a type is how Chronograf asks whether there is Flux: it takes an
// answer of any other type than JSON for no.
func (h *Handler) serveFlux(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Content-Type") == "" && r.ContentLength == 0 {
		writePlain(w, http.StatusForbidden, fluxDisabled)
		return
	}
	writeFailureV2(w, failure{status: http.StatusForbidden, text: fluxDisabled})
}
