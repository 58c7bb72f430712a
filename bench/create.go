package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Create makes the database or bucket when it is not there. Servers that make
// databases by themselves and know no statement for it are left alone, and so
// are those that do not let this user make one: writes will tell.
func (c *Client) Create(ctx context.Context) error {
	if c.target.API == V2 {
		done, err := c.createBucket(ctx)
		if done || err != nil {
			return err
		}
	}
	database, _ := c.target.queryDatabase()
	statement := "CREATE DATABASE " + quoteName(database)
	var busy int64
	answer, err := c.patiently(ctx, &busy, func() (reply, error) {
		return c.send(ctx, http.MethodPost, c.target.endpoint("/query", nil), formType, []byte(url.Values{"q": {statement}}.Encode()), maxReplyText)
	})
	if err != nil {
		return fmt.Errorf("create the database: %w", err)
	}
	switch {
	case answer.status == http.StatusUnauthorized:
		return fmt.Errorf("create the database: %w", c.refusal(answer))
	case answer.status == http.StatusForbidden: // a user who may only write, to what is there
		return nil
	case answer.status == http.StatusNotFound || answer.status == http.StatusMethodNotAllowed || answer.status == http.StatusBadRequest && c.target.API == V2:
		return nil // writes will tell
	case answer.status != http.StatusOK || strings.Contains(string(answer.text), `"error":`):
		return fmt.Errorf("create the database: %w: %s", ErrRefused, answer.explain())
	}
	return nil
}

var (
	formType = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	jsonType = http.Header{"Content-Type": {"application/json"}}
)

// createBucket makes a bucket over the API of 2.x. It reports done = false when
// the server has no such endpoints.
func (c *Client) createBucket(ctx context.Context) (done bool, err error) {
	answer, err := c.send(ctx, http.MethodGet, c.target.endpoint("/api/v2/buckets", url.Values{"name": {c.target.Database}}), nil, nil, maxReplyText)
	if err != nil {
		return false, fmt.Errorf("look for the bucket: %w", err)
	}
	var found struct{ Buckets []struct{ Name string } }
	if answer.status == http.StatusOK && json.Unmarshal(answer.text, &found) == nil && len(found.Buckets) > 0 {
		return true, nil
	}
	if answer.status == http.StatusForbidden {
		return true, nil
	}
	if answer.status == http.StatusUnauthorized {
		return false, fmt.Errorf("look for the bucket: %w", c.refusal(answer))
	}
	org, err := c.orgID(ctx)
	if org == "" || err != nil {
		return false, err
	}
	body, err := json.Marshal(map[string]any{"orgID": org, "name": c.target.Database, "retentionRules": []any{}})
	if err != nil {
		return false, fmt.Errorf("create the bucket: %w", err)
	}
	answer, err = c.send(ctx, http.MethodPost, c.target.endpoint("/api/v2/buckets", nil), jsonType, body, maxReplyText)
	switch {
	case err != nil:
		return false, fmt.Errorf("create the bucket: %w", err)
	case answer.status == http.StatusCreated || answer.status == http.StatusUnprocessableEntity: // made, or there already
		return true, nil
	case answer.status == http.StatusNotFound || answer.status == http.StatusMethodNotAllowed:
		return false, nil
	}
	return false, fmt.Errorf("create the bucket: %w: %s", ErrRefused, answer.explain())
}

// orgID returns the id of the target's organisation, or of the first one when
// none is named; empty when the server has no organisations.
func (c *Client) orgID(ctx context.Context) (string, error) {
	answer, err := c.send(ctx, http.MethodGet, c.target.endpoint("/api/v2/orgs", nil), nil, nil, 1<<20)
	if err != nil {
		return "", fmt.Errorf("look for the organisation: %w", err)
	}
	var list struct {
		Orgs []struct{ ID, Name string }
	}
	if answer.status != http.StatusOK || json.Unmarshal(answer.text, &list) != nil {
		return "", nil //nolint:nilerr // a server that lists no organizations asks for none
	}
	for _, org := range list.Orgs {
		if c.target.Org == "" || c.target.Org == org.Name || c.target.Org == org.ID {
			return org.ID, nil
		}
	}
	return "", fmt.Errorf("%w: no organisation %q", ErrRefused, c.target.Org)
}

// quoteName returns a name as InfluxQL wants it.
func quoteName(name string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(name) + `"`
}
