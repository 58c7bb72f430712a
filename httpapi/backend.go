package httpapi

import (
	"context"
	"io"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/ingest"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/query"
)

// Backend is what the endpoints serve.
type Backend struct {
	Writer  Writer
	Engine  Engine
	Users   Users            // nil: requests that must have a user are answered 503
	Catalog *catalog.Catalog // nil: there are no buckets, tokens and mappings
	Data    Data             // nil: nothing can be deleted by the v2 API
	Health  HealthChecker    // nil: always well
	Metrics Metrics          // nil: /metrics is empty
	Vars    Vars             // nil: /debug/vars is an empty object
}

// Writer stores points.
type Writer interface {
	// Write stores the points of a body. The body belongs to the caller again
	// when Write returns.
	Write(ctx context.Context, req ingest.Request) error
	// WriteBatch stores points that do not come as line protocol. It may change
	// the batch, and does not keep it.
	WriteBatch(ctx context.Context, req ingest.Request, b *model.Batch) error
}

// Engine runs queries.
type Engine interface {
	// Run parses and runs all statements of a request and gives the results to
	// emit, piece by piece. An error of emit stops it. Text that cannot be
	// parsed, or that the user may not run, is returned as an error before
	// anything was emitted; what goes wrong later is part of the results.
	Run(ctx context.Context, req query.Request, emit func(*query.Result) error) error

	// Check returns the error that Run would return before it runs anything.
	Check(req query.Request) error
}

// Data removes what is stored.
type Data interface {
	// Delete removes rows.
	Delete(ctx context.Context, d query.Delete) error
	// DropDatabase removes a database with its data.
	DropDatabase(ctx context.Context, name string) error
	// DropPolicy removes a retention policy with its data.
	DropPolicy(ctx context.Context, database, policy string) error
}

// HealthChecker tells how well the parts of the server are.
type HealthChecker interface {
	Health(ctx context.Context) []HealthCheck
}

// HealthCheck is the state of one part of the server.
type HealthCheck struct {
	Name    string `json:"name"`
	Status  string `json:"status"` // "pass" or "fail"
	Message string `json:"message,omitempty"`
}

// Metrics prints measurements of the server as Prometheus text.
type Metrics interface {
	WriteMetrics(w io.Writer) error
}

// Vars prints the statistics of the server as one JSON object.
type Vars interface {
	WriteVars(w io.Writer) error
}
