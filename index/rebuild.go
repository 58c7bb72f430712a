package index

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/timberlinedb/timberline/internal/vfs"
)

// Rebuild is Open that does not look at the checkpoint: it renames it to
// checkpoint.bad and reads the whole series log. The owner tells the presence of
// all shards, which the series log does not have, and calls Checkpoint.
func Rebuild(ctx context.Context, seriesDir, indexDir string, opt Options) (*Index, error) {
	opt.EnsureDefaults()
	name := filepath.Join(indexDir, checkpointName)
	if err := vfs.Publish(opt.FS, name, name+".bad"); err != nil && !isNotExist(err) {
		return nil, fmt.Errorf("set aside checkpoint: %w", err)
	}
	return Open(ctx, seriesDir, indexDir, opt)
}
