package query

import (
	"fmt"
	"strings"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
)

// explain answers EXPLAIN: what the statement would read. With ANALYZE it runs the statement and tells how long that
// took.
func (r *statementRun) explain(stmt *influxql.ExplainStatement) error {
	if err := r.normalize(stmt.Statement, r.req.Database, r.req.Policy); err != nil {
		return err
	}
	if err := r.checkPolicies(stmt.Statement.Sources); err != nil {
		return err
	}
	if stmt.Analyze {
		return r.explainAnalyze(stmt.Statement)
	}
	p, err := r.prepareSelect(stmt.Statement)
	if err != nil {
		return err
	}
	t := newTable("", "QUERY PLAN")
	for i, node := range r.planNodes(p) {
		if i > 0 {
			t.row(stringValue(""))
		}
		lines, err := r.explainNode(p, node)
		if err != nil {
			return err
		}
		for _, line := range lines {
			t.row(stringValue(line))
		}
	}
	return r.send(&Result{Series: []*Series{t.series()}})
}

// planNode is one pass over storage.
type planNode struct {
	expr influxql.Expr // nil: the fields alone
	aux  []*influxql.VarRef
}

func (r *statementRun) planNodes(p *prepared) []planNode {
	s := &slots{eval: influxql.TypeValuerEval{TypeMapper: functionTypes{}}}
	p.builder.columns(p.stmt, s)
	s.sortRefs()
	if len(s.calls) == 0 {
		return []planNode{{aux: s.refs}}
	}
	var nodes []planNode
	for _, call := range s.calls {
		nodes = append(nodes, planNode{expr: call, aux: s.refs})
	}
	return nodes
}

func (r *statementRun) explainNode(p *prepared, node planNode) ([]string, error) {
	expr := "<nil>"
	if node.expr != nil {
		expr = node.expr.String()
	}
	lines := []string{"EXPRESSION: " + expr}
	if len(node.aux) > 0 {
		var names []string
		for _, ref := range node.aux {
			names = append(names, ref.String())
		}
		lines = append(lines, "AUXILIARY FIELDS: "+strings.Join(names, ", "))
	}
	var series, shards int
	for _, m := range p.stmt.Sources.Measurements() {
		sources, err := p.builder.openSources(m, p.opt)
		if err != nil {
			return nil, err
		}
		for _, s := range sources {
			series += len(s.series)
		}
		shards += overlappingShards(r.engine.catalog.Snapshot(), m, p.builder.times)
	}
	return append(lines, fmt.Sprint("NUMBER OF SHARDS: ", shards), fmt.Sprint("NUMBER OF SERIES: ", series)), nil
}

func overlappingShards(snap *catalog.Snapshot, m *influxql.Measurement, times model.TimeRange) int {
	if db := snap.Database(m.Database); db != nil {
		if p := db.Policy(m.RetentionPolicy); p != nil {
			return len(p.Overlapping(times))
		}
	}
	return 0
}

// explainAnalyze runs the statement, throws the rows away and prints the times as a tree.
func (r *statementRun) explainAnalyze(stmt *influxql.SelectStatement) error {
	clock := r.engine.opt.Clock
	start := clock.Now()
	p, err := r.prepareSelect(stmt)
	if err != nil {
		return err
	}
	rows, err := p.builder.rows(p.stmt, p.opt)
	if err != nil {
		return err
	}
	defer rows.close()
	planned := clock.Now()
	var (
		next row
		n    int
	)
	for {
		ok, err := rows.scan(&next)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		n++
	}
	done := clock.Now()
	reads := r.reads.counts()
	t := newTable("", "EXPLAIN ANALYZE")
	for _, line := range []string{
		".",
		"└── select",
		fmt.Sprint("    ├── execution_time: ", done.Sub(planned)),
		fmt.Sprint("    ├── planning_time: ", planned.Sub(start)),
		fmt.Sprint("    ├── total_time: ", done.Sub(start)),
		fmt.Sprint("    ├── rows: ", n),
		fmt.Sprint("    ├── rows_read: ", r.points.Load()),
		fmt.Sprint("    ├── rows_decoded_for_functions: ", reads.rows),
		fmt.Sprint("    ├── blocks_summed: ", reads.blocks),
		fmt.Sprint("    ├── cells_summed: ", reads.cells),
		fmt.Sprint("    └── series: ", r.series),
	} {
		t.row(stringValue(line))
	}
	return r.send(&Result{Series: []*Series{t.series()}})
}
