package query_test

import (
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/query"
)

// TestSeriesOfTwoPolicies lists and counts series that two policies of a database share: each comes once.
func TestSeriesOfTwoPolicies(t *testing.T) {
	b := newBench(t, query.Options{})
	if err := b.storage.Catalog.CreatePolicy("db0", catalog.PolicySpec{Name: "long"}, false); err != nil {
		t.Fatal(err)
	}
	b.load(t, "autogen", "m,host=a v=1 0\nm,host=b v=1 0\nn,host=a v=1 0\n")
	b.load(t, "long", "m,host=b v=1 0\nm,host=c v=1 0\nm,host=d,rack=1 v=1 0\n")
	for _, tt := range []struct{ statement, want string }{
		{"SHOW SERIES CARDINALITY", `[[5]]`},
		{"SHOW SERIES EXACT CARDINALITY FROM autogen.m, long.m", `[[4]]`},
		{"SHOW SERIES EXACT CARDINALITY FROM autogen.m, long.m WHERE host != 'b'", `[[3]]`},
		{"SHOW TAG KEY CARDINALITY FROM autogen.m, long.m", `[[2]]`},
		{"SHOW TAG VALUES CARDINALITY FROM autogen.m, long.m WITH KEY = host", `[[4]]`},
		{"SHOW SERIES FROM autogen.m, long.m", `[["m,host=a"],["m,host=b"],["m,host=c"],["m,host=d,rack=1"]]`},
		{"SHOW SERIES FROM autogen.m, long.m LIMIT 2 OFFSET 1", `[["m,host=b"],["m,host=c"]]`},
		{"SHOW SERIES FROM long.m, autogen././ LIMIT 3 OFFSET 3", `[["m,host=d,rack=1"],["n,host=a"]]`},
	} {
		if got := valuesOf(b.ask(t, query.Request{Text: tt.statement})); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.statement, got, tt.want)
		}
	}
}

// valuesOf returns the rows of the only series of an answer.
func valuesOf(answer string) string {
	_, rest, ok := strings.Cut(answer, `"values":`)
	if !ok {
		return answer
	}
	return strings.TrimSuffix(rest, "}]}]}")
}
