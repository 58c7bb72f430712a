package bench

import "github.com/timberlinedb/timberline/internal/clock"

// watchProgress tells what now returns at every tick, and once more at the end,
// until the returned func is called, which waits for it.
func watchProgress(c clock.Clock, tell func(Progress), now func() Progress) (stop func()) {
	if tell == nil {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	ticker := c.NewTicker(progressEvery)
	go func() {
		defer close(ended)
		for {
			select {
			case <-ticker.C():
				tell(now())
			case <-done:
				tell(now())
				return
			}
		}
	}()
	return func() {
		ticker.Stop()
		close(done)
		<-ended
	}
}
