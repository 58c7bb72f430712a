package differential

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/test/blackbox"
	"github.com/timberlinedb/timberline/test/original"
)

const (
	defaultStatements = 300
	defaultSeed       = 1
	maxShown          = 40  // failures that are printed in full
	maxText           = 700 // characters of an answer that are printed
	askAgain          = 6   // times that the other server may answer otherwise
)

// client waits long: the machine may be busy with other tests.
var client = &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 4}}

func formatTime(t int64) string { return time.Unix(0, t).UTC().Format(time.RFC3339Nano) }

func environmentNumber(t *testing.T, name string, fallback int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return fallback
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// TestSameAnswers compares the answers to statements of a seed. TIMBERLINE_DIFFERENTIAL is the number of statements,
// TIMBERLINE_STATEMENT texts to ask instead, one a
// line.
func TestSameAnswers(t *testing.T) {
	theirs := original.Start(t)
	ours := blackbox.Start(t, t.TempDir())
	seed := uint64(environmentNumber(t, "TIMBERLINE_SEED", defaultSeed))
	n := environmentNumber(t, "TIMBERLINE_DIFFERENTIAL", defaultStatements)
	t.Logf("TIMBERLINE_SEED=%d, %d statements", seed, n)
	for _, server := range []string{theirs, ours.URL} {
		load(t, server, seed)
	}
	c := comparison{t: t, theirs: theirs, ours: ours.URL, explained: make(map[string]int)}
	if text := os.Getenv("TIMBERLINE_STATEMENT"); text != "" {
		for _, text := range strings.Split(text, "\n") {
			c.statement(-1, text)
		}
	} else {
		for i := range n {
			c.statement(i, statementAt(seed, i))
		}
	}
	c.close()
}

// load makes the database and writes the points of a seed.
func load(t *testing.T, server string, seed uint64) {
	t.Helper()
	for _, s := range []string{
		`CREATE DATABASE d WITH DURATION INF SHARD DURATION 1d NAME autogen`,
		`CREATE RETENTION POLICY other ON d DURATION INF REPLICATION 1 SHARD DURATION 1d`,
		`CREATE DATABASE e`,
	} {
		post(t, server+"/query?"+url.Values{"q": {s}}.Encode(), "", http.StatusOK)
	}
	r := rand.New(rand.NewPCG(seed, 0))
	write := func(policy string, lines []string) {
		for len(lines) > 0 {
			k := min(len(lines), 500)
			post(t, server+"/write?"+url.Values{"db": {"d"}, "rp": {policy}}.Encode(), strings.Join(lines[:k], "\n"), http.StatusNoContent)
			lines = lines[k:]
		}
	}
	write("autogen", points(r))
	write("other", rarePoints(r))
}

func post(t *testing.T, target, body string, want int) {
	t.Helper()
	resp, err := client.Post(target, "text/plain", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || resp.StatusCode != want || strings.Contains(string(text), `"error"`) {
		t.Fatalf("POST %s: %s %s %v", target, resp.Status, text, err)
	}
}

// comparison counts what became of the statements.
type comparison struct {
	t            *testing.T
	theirs, ours string

	asked, same, failed int
	explained           map[string]int // by reason
}

// forms are those that an answer is asked for in, besides times in nanoseconds: units of time, or the number of rows of a
// chunk.
var forms = []string{"", "", "", "", "u", "", "ms", "", "s", "", "m", "", "h", "", "chunk 2", "", "chunk 7", "", "chunk 100"}

// statement asks both servers, with times as numbers and in another form.
func (c *comparison) statement(i int, text string) {
	for _, epoch := range []string{"ns", forms[max(i, 0)%len(forms)]} {
		c.asked++
		theirs, ours := c.ask(c.theirs, text, epoch), c.ask(c.ours, text, epoch)
		if i < 0 {
			c.t.Logf("%s\n theirs %s\n   ours %s", text, theirs, ours)
		}
		if theirs == ours {
			c.same++
			continue
		}
		if reason := c.reason(text, epoch, theirs, ours); reason != "" {
			c.explained[reason]++
			continue
		}
		if c.failed++; c.failed <= maxShown {
			theirs, ours = around(theirs, ours)
			c.t.Errorf("statement %d, epoch %q: %s\n theirs %s\n   ours %s", i, epoch, text, theirs, ours)
		}
		return // the other form says no more
	}
}

// reason returns why the answers to a text differ, "" when they should not. Where an answer of the other server is another
// one each time, one of them may be ours.
func (c *comparison) reason(text, epoch, theirs, ours string) string {
	if reason := explain(text, theirs, ours); reason != "" {
		return reason
	}
	for range askAgain {
		if c.ask(c.theirs, text, epoch) == ours {
			return "1.x answers now this, now that"
		}
	}
	if !strings.Contains(text, separator) {
		return ""
	}
	for _, one := range strings.Split(text, separator) {
		theirs, ours := c.ask(c.theirs, one, epoch), c.ask(c.ours, one, epoch)
		if theirs != ours && c.reason(one, epoch, theirs, ours) == "" {
			return ""
		}
	}
	return "each of several statements is the same or explained"
}

// ask returns status and body of the answer to a statement.
func (c *comparison) ask(server, text, epoch string) string {
	v := url.Values{"db": {"d"}, "q": {text}}
	if size, ok := strings.CutPrefix(epoch, "chunk "); ok {
		v.Set("chunked", "true")
		v.Set("chunk_size", size)
	} else if epoch != "" {
		v.Set("epoch", epoch)
	}
	resp, err := client.PostForm(server+"/query", v)
	if err != nil {
		c.t.Fatalf("%s: %v", text, err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		return fmt.Sprintf("%d %v", resp.StatusCode, err)
	}
	return fmt.Sprintf("%d %s", resp.StatusCode, body)
}

// around cuts two texts to what surrounds their first difference.
func around(a, b string) (string, string) {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	cut := func(s string) string {
		from, to := max(0, i-maxText/2), min(len(s), i+maxText/2)
		return fmt.Sprintf("[%d…%d of %d] %s", from, to, len(s), s[from:to])
	}
	return cut(a), cut(b)
}

func (c *comparison) close() {
	c.t.Logf("%d answers compared: %d the same, %d failed", c.asked, c.same, c.failed)
	reasons := make([]string, 0, len(c.explained))
	for r := range c.explained {
		reasons = append(reasons, r)
	}
	sort.Strings(reasons)
	for _, r := range reasons {
		c.t.Logf("%5d explained: %s", c.explained[r], r)
	}
	if c.failed > 0 {
		c.t.Errorf("%d answers differ without a reason", c.failed)
	}
}
