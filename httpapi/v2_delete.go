package httpapi

import (
	"net/http"
	"net/url"
	"time"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/query"
)

// deleteRequest is the body of POST /api/v2/delete.
type deleteRequest struct {
	Start     string `json:"start"`
	Stop      string `json:"stop"`
	Predicate string `json:"predicate"`
}

// of returns what a user wants to delete.
func (req *deleteRequest) of(snap *catalog.Snapshot, q url.Values, u *catalog.User) (query.Delete, *failure) {
	var none query.Delete
	d, p, f := deleteBucketOf(snap, q)
	if f != nil {
		return none, f
	}
	span, f := req.span()
	if f != nil {
		return none, f
	}
	predicate, err := parsePredicate(req.Predicate)
	if err != nil {
		return none, predicateFailure(err)
	}
	scope := catalog.Scope{Database: d.Name, Policy: p.Name, Measurement: predicate.measurement}
	if u != nil && !u.May(catalog.ActionDelete, scope) {
		return none, forbidden("not authorized to delete from bucket "+bucketName(d, p), "insufficient permissions to delete")
	}
	return query.Delete{
		Database: d.Name, Policy: p.Name, Measurement: predicate.measurement, Filter: predicate.filter, Range: span,
	}, nil
}

// deleteBucketOf returns the bucket that parameters name.
func deleteBucketOf(snap *catalog.Snapshot, q url.Values) (*catalog.Database, *catalog.Policy, *failure) {
	name, id := q.Get("bucket"), q.Get("bucketID")
	switch {
	case id != "":
		if d, p := bucketByID(snap, id); p != nil {
			return d, p, nil
		}
		return nil, nil, notFound("bucket not found")
	case name == "":
		return nil, nil, invalid("Please provide either bucketID or bucket")
	}
	if d, p := findBucket(snap, name); p != nil {
		return d, p, nil
	}
	return nil, nil, notFound(bucketNotFound(name))
}

// span returns the times to delete, both ends included.
func (req *deleteRequest) span() (model.TimeRange, *failure) {
	start, err := deleteTime("start", req.Start)
	if err != nil {
		return model.TimeRange{}, err
	}
	stop, err := deleteTime("stop", req.Stop)
	if err != nil {
		return model.TimeRange{}, err
	}
	return model.TimeRange{Min: start, Max: stop}, nil
}

// deleteTime reads one end; what lies beyond all timestamps stands for the first or the last of them.
func deleteTime(field, text string) (int64, *failure) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return 0, invalid("invalid RFC3339Nano for field " + field + ", please format your time with RFC3339Nano format, example: 2009-01-02T23:00:00Z")
	}
	switch {
	case t.Before(time.Unix(0, model.MinTime)):
		return model.MinTime, nil
	case t.After(time.Unix(0, model.MaxTime)):
		return model.MaxTime, nil
	}
	return t.UnixNano(), nil
}

func predicateFailure(err *predicateError) *failure {
	if err.field {
		return &failure{status: http.StatusNotImplemented, text: err.Error()}
	}
	return invalid("invalid request; error parsing predicate: " + err.Error())
}
