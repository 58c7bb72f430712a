package shell

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/internal/clock"
)

// shop answers what a small server would.
func shop(_ context.Context, k nameKey) ([]string, error) {
	switch k.kind {
	case databaseNames:
		return []string{"shop", "my db", "_internal"}, nil
	case policyNames:
		return []string{"autogen", "rp of " + k.database}, nil
	case measurementNames:
		return []string{"sales", "select", "stock level"}, nil
	case tagNames:
		return []string{"city", "kind of " + k.measurement}, nil
	case fieldNames:
		return []string{"amount", "count", "Größe"}, nil
	case tagValues:
		return []string{"Graz", "it's " + k.tag, "Linz"}, nil
	}
	return []string{"admin"}, nil
}

func TestComplete(t *testing.T) {
	schema := newSchemaOf(shop, clock.System)
	defer schema.Close()
	c := &Completer{schema: schema, where: func() (string, string) { return "shop", "" }}
	for _, x := range []struct {
		line string // | is the cursor
		want string // whole lines that must be offered, with commas between; a leading ! must not
	}{
		{"sel|", "select"},
		{"SEL|", "SELECT"},
		{"SHOW T|", "SHOW TAG"},
		{"show tag |", "show tag keys,show tag values"},
		{"|", "SELECT,SHOW,use,insert,format"},
		{"CREATE |", "CREATE DATABASE,CREATE RETENTION,CREATE CONTINUOUS"},
		{"RENAME |", "RENAME MEASUREMENT"},
		{"us|", "use"},
		{"use s|", "use shop"},
		{"use m|", `use "my db"`},
		{`use "my|`, `use "my db"`},
		{"use shop.|", `use shop.autogen,use shop."rp of shop"`},
		{"insert |", `insert sales,insert "stock level",insert into`},
		{"insert into |", "insert into autogen"},
		{"format |", "format csv,format vertical"},
		{"precision m|", "precision m,precision ms"},
		{"chunk |", "chunk size"},
		{"help pre|", "help precision,help pretty"},
		{"SELECT |", "SELECT amount,SELECT city,SELECT mean(,SELECT max("},
		{"SELECT me|", "SELECT mean(,SELECT median("},
		{"SELECT mean(a|", "SELECT mean(amount"},
		{"SELECT mean(|) FROM sales", `SELECT mean("kind of sales") FROM sales`},
		{"SELECT amount |", "SELECT amount FROM"},
		{"select amount f|", "select amount from"},
		{"SELECT amount FROM |", `SELECT amount FROM sales,SELECT amount FROM "select",SELECT amount FROM "stock level"`},
		{`SELECT amount FROM "st|`, `SELECT amount FROM "stock level"`},
		{"SELECT amount FROM autogen.|", "SELECT amount FROM autogen.sales"},
		{"SELECT amount FROM sales |", "SELECT amount FROM sales WHERE,SELECT amount FROM sales GROUP BY,!SELECT amount FROM sales SELECT"},
		{"SELECT amount FROM sales WHERE |", `SELECT amount FROM sales WHERE city,SELECT amount FROM sales WHERE time,SELECT amount FROM sales WHERE "kind of sales"`},
		{"SELECT amount FROM sales WHERE city = |", "SELECT amount FROM sales WHERE city = 'Graz',SELECT amount FROM sales WHERE city = 'it\\'s city'"},
		{"SELECT amount FROM sales WHERE city = 'L|", "SELECT amount FROM sales WHERE city = 'Linz',!SELECT amount FROM sales WHERE city = 'Graz'"},
		{"SELECT amount FROM sales WHERE city != 'G|", "SELECT amount FROM sales WHERE city != 'Graz'"},
		{"SELECT amount FROM sales WHERE city = 'Graz' |", "SELECT amount FROM sales WHERE city = 'Graz' AND,SELECT amount FROM sales WHERE city = 'Graz' GROUP BY"},
		{"SELECT amount FROM sales GROUP BY |", "SELECT amount FROM sales GROUP BY time(,SELECT amount FROM sales GROUP BY city"},
		{"SHOW TAG VALUES FROM sales WITH KEY = |", `SHOW TAG VALUES FROM sales WITH KEY = "kind of sales"`},
		{"DROP DATABASE |", "DROP DATABASE shop"},
		{"DROP MEASUREMENT |", "DROP MEASUREMENT sales"},
		{"CREATE DATABASE |", "!CREATE DATABASE shop"},
		{"SHOW RETENTION POLICIES ON |", "SHOW RETENTION POLICIES ON shop"},
		{"DROP USER |", "DROP USER admin"},
		{"SHOW DATABASES; SELECT amount FROM s|", "SHOW DATABASES; SELECT amount FROM sales"},
		{"SELECT Gr|", `SELECT "Größe"`},
		{`\d|`, `\d,\dp`},
	} {
		before, rest, _ := strings.Cut(x.line, "|")
		from, words := c.Complete("", before, rest)
		var offered []string
		for _, w := range words {
			offered = append(offered, before[:from]+w+rest)
		}
		for _, want := range strings.Split(x.want, ",") {
			want, not := strings.CutPrefix(want, "!")
			if slices.Contains(offered, want) == !not {
				continue
			}
			t.Errorf("%q offers %q, not as wanted: %q", x.line, offered, want)
		}
	}
	if _, words := c.Complete("SELECT amount\n", "FROM sa", ""); !slices.Equal(words, []string{"sales"}) {
		t.Errorf("the second line of a statement offers %q", words)
	}
}

func TestSchemaAsksOnceAndAgainWhenOld(t *testing.T) {
	manual := clock.NewManual(time.Unix(1000, 0))
	asked := 0
	s := newSchemaOf(func(context.Context, nameKey) ([]string, error) {
		asked++
		if asked == 3 {
			return nil, errors.New("away")
		}
		return []string{"b", "a", "b"}, nil
	}, &waiting{manual})
	s.patience = 0
	settled := func() []string {
		for {
			names := s.names(nameKey{})
			s.mu.Lock()
			pending := s.known[nameKey{}].pending
			s.mu.Unlock()
			if pending == nil {
				return names
			}
			<-pending
		}
	}
	for i, step := range []struct {
		advance time.Duration
		forget  bool
		asked   int
	}{{0, false, 1}, {time.Second, false, 1}, {time.Minute, false, 2}, {time.Minute, false, 3}, {time.Second, true, 4}} {
		manual.Advance(step.advance)
		if step.forget {
			s.Forget()
		}
		settled()
		if names := settled(); asked != step.asked || !slices.Equal(names, []string{"a", "b"}) {
			t.Errorf("step %d: %v after %d questions, want %d", i, names, asked, step.asked)
		}
	}
	for i := range 2 * maxQuestions {
		s.names(nameKey{database: fmt.Sprint(i)})
	}
	if len(s.known) > maxQuestions {
		t.Errorf("%d answers are kept, want at most %d", len(s.known), maxQuestions)
	}
	s.Close()
	if s.names(nameKey{database: "late"}) != nil {
		t.Error("a closed schema asks")
	}
}

// TestSlowServerDoesNotHoldTyping asks a server that answers only when the schema is closed.
func TestSlowServerDoesNotHoldTyping(t *testing.T) {
	s := newSchemaOf(func(ctx context.Context, _ nameKey) ([]string, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}, clock.System)
	s.patience = 5 * time.Millisecond
	c := &Completer{schema: s, where: func() (string, string) { return "d", "" }}
	begin := time.Now()
	_, words := c.Complete("", "SELECT me", "")
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
	if !slices.Contains(words, "mean(") {
		t.Errorf("what needs no server is missing: %q", words)
	}
	s.Close()
}

// TestEveryFunctionIsKnown asks the server for each function that is offered.
func TestEveryFunctionIsKnown(t *testing.T) {
	c := serve(t)
	do(t, c, "d", "CREATE DATABASE d", "m v=1 1")
	for _, name := range append(slices.Clone(functions), "no_function") {
		err := execute(t.Context(), c, Question{Statements: "SELECT " + name + "(v) FROM m", Database: "d"})
		unknown := err != nil && strings.Contains(err.Error(), "undefined function")
		if unknown != (name == "no_function") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSchemaOfServer asks a server for every kind of name.
func TestSchemaOfServer(t *testing.T) {
	c := serve(t)
	do(t, c, "", "CREATE DATABASE d; CREATE USER u WITH PASSWORD 'p'; CREATE RETENTION POLICY p ON d DURATION INF REPLICATION 1", "")
	do(t, c, "d", "", "m,host=a v=1 1\nm,host=b v=1 1\n\"n\\ n\",other=1 w=1 1")
	if err := c.Write(t.Context(), Points{Database: "d", Policy: "p", Lines: []byte("deep,t=x f=1 1")}); err != nil {
		t.Fatal(err)
	}
	s := newSchema(func() *Client { return c }, clock.System)
	s.patience = 10 * time.Second
	defer s.Close()
	for _, x := range []struct {
		key  nameKey
		want string
	}{
		{nameKey{kind: databaseNames}, "d"}, {nameKey{kind: policyNames, database: "d"}, "autogen,p"},
		{nameKey{kind: measurementNames, database: "d"}, `"n n",deep,m`}, {nameKey{kind: tagNames, database: "d", measurement: "m"}, "host"},
		{nameKey{kind: tagNames, database: "d", measurement: `"n n"`}, "other"}, {nameKey{kind: fieldNames, database: "d", policy: "p", measurement: "deep"}, "f"},
		{nameKey{kind: tagValues, database: "d", measurement: "m", tag: "host"}, "a,b"}, {nameKey{kind: userNames}, "u"},
	} {
		got := slices.DeleteFunc(slices.Clone(s.names(x.key)), func(n string) bool { return n == "_internal" })
		if strings.Join(got, ",") != x.want {
			t.Errorf("%+v: %v, want %s", x.key, got, x.want)
		}
	}
}

func FuzzComplete(f *testing.F) {
	f.Add("SELECT a FROM b WHERE c = 'd", ") GROUP BY e")
	f.Add(`use "x`, "")
	f.Add(`"\`, `'`)
	schema := newSchemaOf(shop, clock.System)
	f.Cleanup(schema.Close)
	c := &Completer{schema: schema, where: func() (string, string) { return "shop", "" }}
	f.Fuzz(func(t *testing.T, line, rest string) {
		from, _ := c.Complete("", line, rest)
		if from < 0 || from > len(line) {
			t.Errorf("%q is replaced from byte %d", line, from)
		}
		c.Complete(line+"\n", rest, "")
		gather(line, rest)
		dotted(line)
		expand(line)
	})
}

// TestNextWords walks the whole grammar.
func TestNextWords(t *testing.T) {
	var walk func(path []string) int
	walk = func(path []string) int {
		n := 1
		for _, word := range influxql.NextWords(path...) {
			n += walk(append(slices.Clone(path), word))
		}
		return n
	}
	if n := walk(nil); n < 60 {
		t.Errorf("the grammar has %d places", n)
	}
	if got := influxql.NextWords("nonsense"); got != nil {
		t.Errorf("nonsense is followed by %q", got)
	}
}
