package crash

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/test/blackbox"
)

const (
	writers     = 4
	rowsPerBody = 20
)

// journal holds the bodies that one writer got acknowledged, by first row.
type journal struct {
	acked []int
	next  int // first row that was never sent
}

// cycles returns how often the program is killed.
func cycles(t *testing.T) int {
	if s := os.Getenv("TIMBERLINE_KILL_CYCLES"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return 25
}

func seed(t *testing.T) uint64 {
	n := uint64(time.Now().UnixNano())
	if s := os.Getenv("TIMBERLINE_SEED"); s != "" {
		var err error
		if n, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("seed %d (TIMBERLINE_SEED)", n)
	return n
}

// body returns rows of one writer. Every value follows from the number of its
// row, so that a half row or a foreign one shows.
func body(cycle, writer, first int) string {
	var b strings.Builder
	for i := first; i < first+rowsPerBody; i++ {
		fmt.Fprintf(&b, "m%d,w=%d a=%di,b=%d.5,c=%t,s=\"row %d\" %d\n", cycle, writer, i*2, i, i%2 == 0, i, 1_700_000_000_000_000_000+int64(i)*1_000_000)
	}
	return b.String()
}

// load writes until the server is gone.
func load(s *blackbox.Server, cycle int) []*journal {
	journals := make([]*journal, writers)
	var wg sync.WaitGroup
	for w := range journals {
		j := new(journal)
		journals[w] = j
		wg.Go(func() {
			for {
				first := j.next
				j.next += rowsPerBody
				r, err := s.TryWrite("crash", body(cycle, w, first))
				if err != nil {
					return
				}
				if r.Status == http.StatusNoContent {
					j.acked = append(j.acked, first)
				}
			}
		})
	}
	wg.Wait()
	return journals
}

func TestKillUnderLoad(t *testing.T) {
	random := rand.New(rand.NewPCG(seed(t), 1))
	dir := t.TempDir()
	s := blackbox.Start(t, dir)
	s.Query(t, "", "CREATE DATABASE crash")
	all := map[int][]*journal{}
	acked := 0
	for cycle := range cycles(t) {
		done := make(chan []*journal, 1)
		go func() { done <- load(s, cycle) }()
		time.Sleep(time.Duration(50+random.IntN(400)) * time.Millisecond)
		s.Kill()
		all[cycle] = <-done
		s = blackbox.Start(t, dir)
		acked += verify(t, s, cycle, all[cycle])
		if t.Failed() {
			t.Fatalf("lost in cycle %d\n%s", cycle, s.Log())
		}
	}
	for cycle, journals := range all {
		verify(t, s, cycle, journals)
	}
	if acked == 0 {
		t.Fatal("nothing was ever acknowledged")
	}
	t.Logf("%d rows acknowledged before %d kills, all found", acked, cycles(t))
}

// verify looks for every acknowledged row and for rows that are not whole. It
// returns the number of acknowledged rows.
func verify(t *testing.T, s *blackbox.Server, cycle int, journals []*journal) int {
	t.Helper()
	a := s.Query(t, "crash", fmt.Sprintf("SELECT a, b, c, s FROM m%d GROUP BY w", cycle), "epoch", "ms")
	found := make([]map[int]bool, writers)
	for w := range found {
		found[w] = map[int]bool{}
	}
	for _, series := range a.Results[0].Series {
		w, _ := strconv.Atoi(series.Tags["w"])
		for _, row := range series.Values {
			at, _ := row[0].(json.Number).Int64()
			i := int(at - 1_700_000_000_000)
			want := fmt.Sprint(i*2, " ", strconv.FormatFloat(float64(i)+0.5, 'f', -1, 64), " ", i%2 == 0, " row ", i)
			if got := fmt.Sprint(row[1], " ", row[2], " ", row[3], " ", row[4]); got != want {
				t.Errorf("cycle %d, writer %d: row %d reads %q, want %q", cycle, w, i, got, want)
			}
			found[w][i] = true
		}
	}
	n := 0
	for w, j := range journals {
		for _, first := range j.acked {
			for i := first; i < first+rowsPerBody; i++ {
				n++
				if !found[w][i] {
					t.Errorf("cycle %d, writer %d: row %d was acknowledged and is gone", cycle, w, i)
				}
			}
		}
		for i := range found[w] {
			if i >= j.next {
				t.Errorf("cycle %d, writer %d: row %d was never sent", cycle, w, i)
			}
		}
	}
	return n
}

func TestSecondServerIsRefused(t *testing.T) {
	dir := t.TempDir()
	first := blackbox.Start(t, dir)
	_, err := blackbox.Launch(blackbox.Binary(t), dir)
	if err == nil || !strings.Contains(err.Error(), "lock") {
		t.Errorf("a second server on %s: %v", dir, err)
	}
	first.Query(t, "", "SHOW DATABASES")
	if err := first.Stop(); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
	blackbox.Start(t, dir)
}
