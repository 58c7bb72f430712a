package httpapi

import (
	"net/http"
	"strings"
	"time"

	"github.com/timberlinedb/timberline/catalog"
)

// setupRequest is the body of POST /api/v2/setup.
type setupRequest struct {
	Username               string `json:"username"`
	Password               string `json:"password"`
	Org                    string `json:"org"`
	Bucket                 string `json:"bucket"`
	Token                  string `json:"token"`
	RetentionPeriodSeconds int64  `json:"retentionPeriodSeconds"`
	RetentionPeriodHours   int64  `json:"retentionPeriodHrs"`
}

// serveSetupAllowed is GET /api/v2/setup.
func (h *Handler) serveSetupAllowed(w http.ResponseWriter, _ *http.Request) {
	if c := h.registry(w); c != nil {
		answerJSON(w, http.StatusOK, map[string]bool{"allowed": !c.Snapshot().HasAdmin()})
	}
}

// serveSetup is POST /api/v2/setup: the first administrator, with what clients of version 2 need. Once there is an
// administrator it is refused.
func (h *Handler) serveSetup(w http.ResponseWriter, r *http.Request) {
	c := h.registry(w)
	if c == nil {
		return
	}
	if c.Snapshot().HasAdmin() {
		writeFailureV2(w, *catalogFailure(catalog.ErrOnboarded))
		return
	}
	var req setupRequest
	f := h.decodeJSON(w, r, &req)
	note(r, req.Username, req.Org, req.Bucket)
	if f == nil {
		f = req.check()
	}
	var out map[string]any
	if f == nil {
		out, f = req.run(c, h.opt.Clock.Now())
	}
	answerOr(w, f, http.StatusCreated, out)
}

func (req *setupRequest) check() *failure {
	for _, field := range []struct{ name, value string }{
		{"username", req.Username}, {"password", req.Password}, {"org", req.Org}, {"bucket", req.Bucket},
	} {
		if field.value == "" {
			return &failure{status: http.StatusBadRequest, code: "empty value", text: field.name + " is required"}
		}
	}
	const mostHours = int64(1<<63-1) / int64(time.Hour)
	if req.RetentionPeriodSeconds != 0 {
		req.RetentionPeriodHours = 0 // the Go client sends nanoseconds in it
	}
	if req.RetentionPeriodSeconds < 0 || req.RetentionPeriodSeconds > mostHours*3600 || req.RetentionPeriodHours < 0 || req.RetentionPeriodHours > mostHours {
		return unprocessable("retention period is out of range")
	}
	if req.Token == "" {
		req.Token = catalog.NewSecret()
	} else if err := catalog.CheckSecret(req.Token); err != nil {
		return catalogFailure(err)
	}
	return nil
}

func (req *setupRequest) run(c *catalog.Catalog, now time.Time) (map[string]any, *failure) {
	keep := time.Duration(req.RetentionPeriodSeconds) * time.Second
	if req.RetentionPeriodSeconds == 0 {
		keep = time.Duration(req.RetentionPeriodHours) * time.Hour
	}
	database, policy, _ := strings.Cut(req.Bucket, "/")
	token, err := c.Onboard(catalog.Onboarding{
		User: req.Username, Password: req.Password, Organization: req.Org,
		Database: database, Policy: catalog.PolicySpec{Name: policy, Duration: &keep}, Secret: req.Token,
	}, now)
	if err != nil {
		return nil, catalogFailure(err)
	}
	snap := c.Snapshot()
	auth := newAuthorizationJSON(snap, token)
	auth.Token = req.Token
	out := map[string]any{"user": newUserJSON(req.Username), "org": newOrgJSON(snap.Organization()), "auth": auth}
	if d, p := findBucket(snap, req.Bucket); p != nil {
		out["bucket"] = newBucketJSON(d, p)
	}
	return out, nil
}
