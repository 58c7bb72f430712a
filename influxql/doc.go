// Package influxql is the query language: it turns the text of InfluxQL 1.x into statements, and statements back into
// text. It knows nothing of storage, HTTP or the execution of a query.
//
//	text ──Scanner──▶ Lexeme ──Parser──▶ Statement ──String()──▶ text
//	                             ▲            │
//	              grammar (keyword paths)     ├── Walk, Rewrite, CloneExpr     look at and change a tree
//	                                          ├── Reduce, ConditionExpr        fold constants, split off time
//	                                          ├── ValuerEval, EvalType         compute a value or its type
//	                                          └── RequiredPrivileges           what the user must be allowed
//
// Nouns: a Lexeme is one word or sign of the text with its place; a Token is its kind; a Statement is one command; an
// Expr is what can be computed; a Source is where rows come from; a Valuer gives values to names while an expression is
// folded or evaluated.
//
// # Agreement with InfluxDB 1.x
//
// Verdicts, error texts and printed forms follow github.com/influxdata/influxql v1.4.1 byte for byte, its oddities
// included, because clients match on them. The test module test/influxqlref compares the two over generated statements.
// Deliberate differences:
//
//   - Nesting is bounded (see MaxNesting, MaxSubqueries, MaxOperators); a statement beyond a bound is an error, where
//     the original exhausts the stack.
//   - CREATE DATABASE … WITH prints SHARD DURATION 0s when no other option would be printed, so that the text stays
//     a statement.
//   - Sanitize hides whole quoted passwords, also those with blanks, and those not separated from "=" by a blank.
//   - SetTimeRange bounds the whole condition, also one with OR at its top.
//   - A cloned statement keeps the mark of its target; RewriteRegexConditions leaves patterns with (?m) alone.
//   - Dividing a duration by a fraction below one folds to zero instead of dividing by the integer zero.
//
// Oddities kept on purpose: SHOW TAG KEYS prints without its WITH KEY clause; SHOW MEASUREMENTS ON and DISTINCT print
// names unquoted; CREATE DATABASE prints durations the way Go does (1h0m0s); a sign before a name prints as a
// multiplication, which reads differently behind / and %, so a text that must keep its meaning is kept itself instead of
// printed again; the position of a quoted string is that of the character before it.
//
// # Extending the language
//
// A statement is a row of the table in grammar.go: its path of words and the function that parses the rest. A row
// marked as an extension is matched but never listed in the "expected …" part of an error, and its words may be plain
// identifiers, so that no name of a user becomes reserved. A clause of SELECT is an entry of the table selectClauses,
// an operator an entry of the table operators.
package influxql
