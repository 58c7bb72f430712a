package influxql

import "strings"

// Token is the kind of a lexeme: a class of literals, an operator, a sign or a keyword.
type Token uint8

// The tokens that are not keywords.
const (
	ILLEGAL Token = iota
	EOF
	WS      // a run of blanks, tabs and line ends
	COMMENT // -- to the end of the line, or /* … */

	IDENT       // name, "quoted name"
	BOUNDPARAM  // $name
	NUMBER      // 1.5
	INTEGER     // 15
	DURATIONVAL // 13h, 1h30m
	STRING      // 'text'
	BADSTRING   // 'text without its end
	BADESCAPE   // \q inside a string
	TRUE
	FALSE
	REGEX    // /pattern/
	BADREGEX // /pattern without its end

	ADD    // +
	SUB    // -
	MUL    // *
	DIV    // /
	MOD    // %
	BITAND // &
	BITOR  // |
	BITXOR // ^
	AND
	OR
	EQ       // =
	NEQ      // != or <>
	EQREGEX  // =~
	NEQREGEX // !~
	LT       // <
	LTE      // <=
	GT       // >
	GTE      // >=

	LPAREN      // (
	RPAREN      // )
	COMMA       // ,
	COLON       // :
	DOUBLECOLON // ::
	SEMICOLON   // ;
	DOT         // .

	firstKeyword
)

// The keywords of InfluxQL 1.x. Each is reserved: as a name it must be quoted.
const (
	ALL Token = iota + firstKeyword
	ALTER
	ANALYZE
	ANY
	AS
	ASC
	BEGIN
	BY
	CARDINALITY
	CONTINUOUS
	CREATE
	DATABASE
	DATABASES
	DEFAULT
	DELETE
	DESC
	DESTINATIONS
	DIAGNOSTICS
	DISTINCT
	DROP
	DURATION
	END
	EVERY
	EXACT
	EXPLAIN
	FIELD
	FOR
	FROM
	FUTURE
	GRANT
	GRANTS
	GROUP
	GROUPS
	IN
	INF
	INSERT
	INTO
	KEY
	KEYS
	KILL
	LIMIT
	MEASUREMENT
	MEASUREMENTS
	NAME
	OFFSET
	ON
	ORDER
	PASSWORD
	PAST
	POLICIES
	POLICY
	PRIVILEGES
	QUERIES
	QUERY
	READ
	REPLICATION
	RESAMPLE
	RETENTION
	REVOKE
	SELECT
	SERIES
	SET
	SHARD
	SHARDS
	SHOW
	SLIMIT
	SOFFSET
	STATS
	SUBSCRIPTION
	SUBSCRIPTIONS
	TAG
	TO
	USER
	USERS
	VALUES
	VERBOSE
	WHERE
	WITH
	WRITE

	tokenCount
)

// keywordText lists the keywords in the order of their constants.
var keywordText = [...]string{
	"ALL", "ALTER", "ANALYZE", "ANY", "AS", "ASC",
	"BEGIN", "BY",
	"CARDINALITY", "CONTINUOUS", "CREATE",
	"DATABASE", "DATABASES", "DEFAULT", "DELETE", "DESC", "DESTINATIONS", "DIAGNOSTICS", "DISTINCT", "DROP", "DURATION",
	"END", "EVERY", "EXACT", "EXPLAIN",
	"FIELD", "FOR", "FROM", "FUTURE",
	"GRANT", "GRANTS", "GROUP", "GROUPS",
	"IN", "INF", "INSERT", "INTO",
	"KEY", "KEYS", "KILL",
	"LIMIT",
	"MEASUREMENT", "MEASUREMENTS",
	"NAME",
	"OFFSET", "ON", "ORDER",
	"PASSWORD", "PAST", "POLICIES", "POLICY", "PRIVILEGES",
	"QUERIES", "QUERY",
	"READ", "REPLICATION", "RESAMPLE", "RETENTION", "REVOKE",
	"SELECT", "SERIES", "SET", "SHARD", "SHARDS", "SHOW", "SLIMIT", "SOFFSET", "STATS", "SUBSCRIPTION", "SUBSCRIPTIONS",
	"TAG", "TO",
	"USER", "USERS",
	"VALUES", "VERBOSE",
	"WHERE", "WITH", "WRITE",
}

// tokenText holds what an error message calls a token. The classes without a text show up by their lexeme only.
var tokenText = [tokenCount]string{
	ILLEGAL: "ILLEGAL", EOF: "EOF", WS: "WS",
	IDENT: "IDENT", NUMBER: "NUMBER", DURATIONVAL: "DURATIONVAL",
	STRING: "STRING", BADSTRING: "BADSTRING", BADESCAPE: "BADESCAPE",
	TRUE: "TRUE", FALSE: "FALSE", REGEX: "REGEX",
	LPAREN: "(", RPAREN: ")", COMMA: ",", COLON: ":", DOUBLECOLON: "::", SEMICOLON: ";", DOT: ".",
}

// operator describes a binary operator: how it is written and how tightly it binds.
type operator struct {
	text       string
	precedence uint8 // 1 binds weakest; 0: not an operator
}

// operators is the table of binary operators.
var operators = [tokenCount]operator{
	OR:  {"OR", 1},
	AND: {"AND", 2},

	EQ: {"=", 3}, NEQ: {"!=", 3}, EQREGEX: {"=~", 3}, NEQREGEX: {"!~", 3},
	LT: {"<", 3}, LTE: {"<=", 3}, GT: {">", 3}, GTE: {">=", 3},

	ADD: {"+", 4}, SUB: {"-", 4}, BITOR: {"|", 4}, BITXOR: {"^", 4},

	MUL: {"*", 5}, DIV: {"/", 5}, MOD: {"%", 5}, BITAND: {"&", 5},
}

// reserved finds the token of a lower-case word that may not be a bare name.
var reserved = makeReserved()

func makeReserved() map[string]Token {
	words := make(map[string]Token, len(keywordText)+4)
	for i, word := range keywordText {
		tok := firstKeyword + Token(i)
		tokenText[tok] = word
		words[strings.ToLower(word)] = tok
	}
	for tok, op := range operators {
		if op.precedence > 0 {
			tokenText[tok] = op.text
		}
	}
	for _, tok := range [...]Token{AND, OR, TRUE, FALSE} {
		words[strings.ToLower(tokenText[tok])] = tok
	}
	return words
}

// String returns the token as an error message names it, or "" for a class that has no name.
func (t Token) String() string {
	if t < tokenCount {
		return tokenText[t]
	}
	return ""
}

// Precedence returns how tightly the binary operator binds, from 1 (OR) to 5; 0 for a token that is not an operator.
func (t Token) Precedence() int {
	if t < tokenCount {
		return int(operators[t].precedence)
	}
	return 0
}

// IsOperator reports whether the token is a binary operator.
func (t Token) IsOperator() bool { return t.Precedence() > 0 }

// IsRegexOp reports whether the right side of the operator must be a regular expression.
func IsRegexOp(t Token) bool { return t == EQREGEX || t == NEQREGEX }

// Lookup returns the keyword token of a word, whatever its case, or IDENT.
func Lookup(word string) Token {
	if tok, ok := reserved[strings.ToLower(word)]; ok {
		return tok
	}
	return IDENT
}
