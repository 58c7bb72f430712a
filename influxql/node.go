package influxql

// Node is any part of a syntax tree. The set of nodes is closed.
type Node interface {
	// String returns the node as InfluxQL text.
	String() string

	print(w *printer)
}

// Statement is one command.
type Statement interface {
	Node
	// RequiredPrivileges lists what a user must be allowed to run the statement. An empty database name stands for the
	// database the request names.
	RequiredPrivileges() []ExecutionPrivilege

	statement()
}

// HasDefaultDatabase is implemented by the statements that name the database they work in.
type HasDefaultDatabase interface {
	Statement
	// DefaultDatabase returns that database, or "" if the text left it out.
	DefaultDatabase() string
}

// Expr is a node that can be computed.
type Expr interface {
	Node
	expr()
}

// Literal is an expression that is its own value.
type Literal interface {
	Expr
	literal()
}

// Source is where a statement reads from: a measurement or a subquery.
type Source interface {
	Node
	source()
}

// Query is the statements of one request, in order.
type Query struct {
	Statements Statements
}

// Statements is a list of statements.
type Statements []Statement

// Sources is a list of sources.
type Sources []Source

// Measurements returns the measurements of the list and of all subqueries in it.
func (a Sources) Measurements() []*Measurement {
	found := make([]*Measurement, 0, len(a))
	for _, src := range a {
		switch src := src.(type) {
		case *Measurement:
			found = append(found, src)
		case *SubQuery:
			found = append(found, src.Statement.Sources.Measurements()...)
		}
	}
	return found
}

// Measurement names one measurement, or by a pattern several of them.
type Measurement struct {
	Database        string
	RetentionPolicy string
	Name            string
	Regex           *RegexLiteral // instead of Name
	IsTarget        bool          // stands behind INTO

	// SystemIterator makes the statement read the engine's own records of that name instead of points. It is set by
	// rewriting a statement, never by parsing one.
	SystemIterator string
}

// SubQuery is a SELECT used as a source.
type SubQuery struct {
	Statement *SelectStatement
	Alias     string // in a JOIN: what stands before the dot in the names of its columns; otherwise ""
}

// Target is where SELECT … INTO writes. An empty measurement name stands for the name of the source (:MEASUREMENT).
type Target struct {
	Measurement *Measurement
}

// Field is one result column of a SELECT.
type Field struct {
	Expr  Expr
	Alias string
}

// Fields is the list of result columns.
type Fields []*Field

// Dimension is one element of GROUP BY.
type Dimension struct {
	Expr Expr
}

// Dimensions is the list behind GROUP BY.
type Dimensions []*Dimension

// SortField is one element of ORDER BY. An empty name stands for the time.
type SortField struct {
	Name      string
	Ascending bool
}

// SortFields is the list behind ORDER BY.
type SortFields []*SortField

func (*Measurement) source() {}
func (*SubQuery) source()    {}
