package server

import (
	"context"
	"time"
)

// noteTokensEvery is how often the last uses of API tokens are kept.
const noteTokensEvery = 10 * time.Minute

// noteTokens keeps when API tokens were used last, until ctx ends and then once more.
func (s *Server) noteTokens(ctx context.Context) {
	tick := s.clock.NewTicker(noteTokensEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C():
		case <-ctx.Done():
			s.keepTokenUses()
			return
		}
		s.keepTokenUses()
	}
}

func (s *Server) keepTokenUses() {
	if used := s.handler.TokenUses(); len(used) > 0 {
		if err := s.catalog.NoteTokens(used); err != nil {
			s.log.Error("the last uses of tokens were not kept", "error", err)
		}
	}
}
