package server

import (
	"context"
	"log/slog"
	"time"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/internal/clock"
)

// retention drops the shards that their policy keeps no more.
type retention struct {
	catalog *catalog.Catalog
	storage *storage
	clock   clock.Clock
	every   time.Duration
	log     *slog.Logger
}

// run looks for expired shards until ctx ends. It is the body of one goroutine.
func (r *retention) run(ctx context.Context) {
	ticker := r.clock.NewTicker(r.every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C():
			r.enforce(ctx)
		}
	}
}

// enforce drops what has expired now. A shard that cannot be dropped stays for
// the next time.
func (r *retention) enforce(ctx context.Context) {
	now := r.clock.Now()
	for _, d := range r.catalog.Snapshot().Databases {
		for _, p := range d.Policies {
			for _, g := range p.Groups {
				if !p.Expired(g, now) {
					continue
				}
				log := r.log.With("database", d.Name, "policy", p.Name, "shard", g.Shard, "until", time.Unix(0, g.Range.Max).UTC())
				if err := r.storage.DropShard(ctx, g.Shard); err != nil {
					log.Error("drop expired shard", "error", err)
					continue
				}
				log.Info("dropped expired shard")
			}
		}
	}
}
