package influxql

import "strings"

// rule is one statement of the grammar: the words it begins with and the function that reads the rest.
type rule struct {
	path  string
	parse func(*Parser) (Statement, error)

	// extension marks a statement that InfluxQL 1.x does not have. Its words are matched but never listed as expected,
	// and those that are not keywords of 1.x stay free as names.
	extension bool
}

// grammar is one place inside the paths of the rules: what may come next.
type grammar struct {
	tokens   map[Token]*grammar
	words    map[string]*grammar // in upper case; words of extensions that are not keywords
	listed   bool                // the word that leads here is in the expected list of the place before
	expected []string            // the words that may come next, in the order of the rules
	parse    func(*Parser) (Statement, error)
}

// statements is the grammar of InfluxQL 1.x. The order of the rules is the order of the words in error messages.
var statements *grammar

func init() {
	statements = newGrammar([]rule{
		{path: "SELECT", parse: as((*Parser).parseSelect)},
		{path: "DELETE", parse: as((*Parser).parseDelete)},

		{path: "SHOW CONTINUOUS QUERIES", parse: alone[ShowContinuousQueriesStatement]},
		{path: "SHOW DATABASES", parse: alone[ShowDatabasesStatement]},
		{path: "SHOW DIAGNOSTICS", parse: as((*Parser).parseShowDiagnostics)},
		{path: "SHOW FIELD KEY", parse: as((*Parser).parseShowFieldKeyCardinality)},
		{path: "SHOW FIELD KEYS", parse: as((*Parser).parseShowFieldKeys)},
		{path: "SHOW GRANTS FOR", parse: as((*Parser).parseShowGrants)},
		{path: "SHOW MEASUREMENT EXACT", parse: as((*Parser).parseShowMeasurementExactCardinality)},
		{path: "SHOW MEASUREMENT CARDINALITY", parse: as((*Parser).parseShowMeasurementCardinality)},
		{path: "SHOW MEASUREMENTS", parse: as((*Parser).parseShowMeasurements)},
		{path: "SHOW QUERIES", parse: alone[ShowQueriesStatement]},
		{path: "SHOW RETENTION POLICIES", parse: as((*Parser).parseShowRetentionPolicies)},
		{path: "SHOW SERIES", parse: (*Parser).parseShowSeries},
		{path: "SHOW SHARD GROUPS", parse: alone[ShowShardGroupsStatement]},
		{path: "SHOW SHARDS", parse: alone[ShowShardsStatement]},
		{path: "SHOW STATS", parse: as((*Parser).parseShowStats)},
		{path: "SHOW SUBSCRIPTIONS", parse: alone[ShowSubscriptionsStatement]},
		{path: "SHOW TAG KEY", parse: as((*Parser).parseShowTagKeyCardinality)},
		{path: "SHOW TAG KEYS", parse: as((*Parser).parseShowTagKeys)},
		{path: "SHOW TAG VALUES", parse: (*Parser).parseShowTagValues},
		{path: "SHOW USERS", parse: alone[ShowUsersStatement]},

		{path: "CREATE CONTINUOUS QUERY", parse: as((*Parser).parseCreateContinuousQuery)},
		{path: "CREATE DATABASE", parse: as((*Parser).parseCreateDatabase)},
		{path: "CREATE USER", parse: as((*Parser).parseCreateUser)},
		{path: "CREATE RETENTION POLICY", parse: as((*Parser).parseCreateRetentionPolicy)},
		{path: "CREATE SUBSCRIPTION", parse: as((*Parser).parseCreateSubscription)},

		{path: "DROP CONTINUOUS QUERY", parse: as((*Parser).parseDropContinuousQuery)},
		{path: "DROP DATABASE", parse: as((*Parser).parseDropDatabase)},
		{path: "DROP MEASUREMENT", parse: as((*Parser).parseDropMeasurement)},
		{path: "DROP RETENTION POLICY", parse: as((*Parser).parseDropRetentionPolicy)},
		{path: "DROP SERIES", parse: as((*Parser).parseDropSeries)},
		{path: "DROP SHARD", parse: as((*Parser).parseDropShard)},
		{path: "DROP SUBSCRIPTION", parse: as((*Parser).parseDropSubscription)},
		{path: "DROP USER", parse: as((*Parser).parseDropUser)},
		{path: "DROP FIELD", parse: as((*Parser).parseDropField), extension: true},

		{path: "EXPLAIN", parse: as((*Parser).parseExplain)},
		{path: "GRANT", parse: (*Parser).parseGrant},
		{path: "REVOKE", parse: (*Parser).parseRevoke},
		{path: "ALTER RETENTION POLICY", parse: as((*Parser).parseAlterRetentionPolicy)},
		{path: "SET PASSWORD FOR", parse: as((*Parser).parseSetPassword)},
		{path: "KILL QUERY", parse: as((*Parser).parseKillQuery)},

		{path: "ALTER DATABASE", parse: as((*Parser).parseAlterDatabase), extension: true},
		{path: "SHOW FIELD CONFLICTS", parse: as((*Parser).parseShowConflicts), extension: true},
		{path: "REPLAY FIELD CONFLICTS", parse: as((*Parser).parseReplayConflicts), extension: true},
		{path: "ALTER FIELD", parse: as((*Parser).parseAlterField), extension: true},
		{path: "RENAME DATABASE", parse: parseRename(RenamedDatabase), extension: true},
		{path: "RENAME MEASUREMENT", parse: parseRename(RenamedMeasurement), extension: true},
		{path: "RENAME TAG KEY", parse: parseRename(RenamedTagKey), extension: true},
		{path: "RENAME FIELD", parse: parseRename(RenamedField), extension: true},
	})
}

// as fits a parse function to the table. A failed parse yields a nil statement, not a nil pointer inside one.
func as[S Statement](parse func(*Parser) (S, error)) func(*Parser) (Statement, error) {
	return func(p *Parser) (Statement, error) {
		stmt, err := parse(p)
		if err != nil {
			return nil, err
		}
		return stmt, nil
	}
}

// alone is the parse function of a statement that has nothing behind its path.
func alone[T any, S interface {
	*T
	Statement
}](*Parser) (Statement, error) {
	return S(new(T)), nil
}

func newGrammar(rules []rule) *grammar {
	root := &grammar{}
	for _, r := range rules {
		root.add(r)
	}
	return root
}

// add enters a rule below the root.
func (g *grammar) add(r rule) {
	for _, word := range strings.Fields(r.path) {
		child := g.child(word)
		if !r.extension && !child.listed {
			child.listed = true
			g.expected = append(g.expected, word)
		}
		g = child
	}
	if g.parse != nil {
		panic("influxql: two rules for " + r.path)
	}
	g.parse = r.parse
}

// child returns the place a word leads to, which is made if there is none.
func (g *grammar) child(word string) *grammar {
	tok := Lookup(word)
	next := g.tokens[tok]
	if tok == IDENT {
		next = g.words[word]
	}
	switch {
	case next != nil:
		return next
	case g.tokens == nil:
		g.tokens, g.words = make(map[Token]*grammar), make(map[string]*grammar)
	}
	next = &grammar{}
	if tok == IDENT {
		g.words[word] = next
	} else {
		g.tokens[tok] = next
	}
	return next
}

// follow returns the place a lexeme leads to, or nil.
func (g *grammar) follow(l Lexeme) *grammar {
	if l.Token == IDENT && len(g.words) > 0 {
		return g.words[strings.ToUpper(l.Text)]
	}
	return g.tokens[l.Token]
}

// parseStatement follows the words of the text to the end of a path and lets its rule read the rest. Where the words of
// an extension lead nowhere, the error is that of 1.x at the first of them.
func (g *grammar) parseStatement(p *Parser) (Statement, error) {
	var unknown error
	for g.parse == nil {
		l := p.next()
		next := g.follow(l)
		if unknown == nil && (next == nil || !next.listed) {
			unknown = notExpected(l, g.expected...)
		}
		if next == nil {
			return nil, unknown
		}
		g = next
	}
	return g.parse(p)
}
