package influxql

import "testing"

// parseWith reads a text by a grammar of a few rules.
func parseWith(g *grammar, text string) string {
	stmt, err := g.parseStatement(NewParser(text))
	if err != nil {
		return "error: " + err.Error()
	}
	return stmt.String()
}

func TestExtensionsAreMatchedButNotListed(t *testing.T) {
	g := newGrammar([]rule{
		{path: "SHOW JOBS", parse: alone[ShowQueriesStatement], extension: true},
		{path: "SHOW TAG JOBS", parse: alone[ShowShardsStatement], extension: true},
		{path: "SHOW USERS", parse: alone[ShowUsersStatement]},
		{path: "SHOW TAG KEYS", parse: as((*Parser).parseShowTagKeys)},
		{path: "UNDO", parse: alone[ShowStatsStatement], extension: true},
	})
	for _, c := range []struct{ text, want string }{
		{"SHOW USERS", "SHOW USERS"},
		{"SHOW TAG KEYS", "SHOW TAG KEYS"},
		{"show jobs", "SHOW QUERIES"},
		{"SHOW TAG Jobs", "SHOW SHARDS"},
		{"undo", "SHOW STATS"},
		{"SHOW x", "error: found x, expected USERS, TAG at line 1, char 6"},
		{"SHOW TAG", "error: found EOF, expected KEYS at line 1, char 10"},
		{"x", "error: found x, expected SHOW at line 1, char 1"},
	} {
		if got := parseWith(g, c.text); got != c.want {
			t.Errorf("%q: got %s, want %s", c.text, got, c.want)
		}
	}
	if IdentNeedsQuotes("jobs") || IdentNeedsQuotes("undo") {
		t.Error("a word of an extension is reserved")
	}
}

func TestGrammarRefusesSamePathTwice(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	newGrammar([]rule{{path: "KILL QUERY", parse: alone[ShowUsersStatement]}, {path: "KILL QUERY", parse: alone[ShowUsersStatement]}})
}

func TestEveryKeywordIsReservedAndFound(t *testing.T) {
	if len(keywordText) != int(tokenCount-firstKeyword) {
		t.Fatalf("%d keyword texts for %d tokens", len(keywordText), tokenCount-firstKeyword)
	}
	for tok := firstKeyword; tok < tokenCount; tok++ {
		if got := Lookup(tok.String()); got != tok || !IdentNeedsQuotes(tok.String()) {
			t.Errorf("%s: looked up as %s", tok, got)
		}
	}
	for _, c := range []struct {
		tok  Token
		text string
	}{{ALL, "ALL"}, {CREATE, "CREATE"}, {MEASUREMENT, "MEASUREMENT"}, {POLICY, "POLICY"}, {SHARDS, "SHARDS"}, {WRITE, "WRITE"}} {
		if c.tok.String() != c.text {
			t.Errorf("%s is called %s", c.text, c.tok)
		}
	}
}
