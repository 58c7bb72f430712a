package cursor

import (
	"context"

	"github.com/timberlinedb/timberline/model"
)

// LiveView is a View that can tell apart series within a shard by time.
type LiveView interface {
	View

	// Live returns a view of the series that filter selects and that have rows in r. It is valid as long as the view
	// it comes from is open, and need not be closed.
	Live(ctx context.Context, measurement string, filter *model.TagFilter, r model.TimeRange) (View, error)
}
