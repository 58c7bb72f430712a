package query_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/query"
)

// BenchmarkWide asks for one call on each of many fields.
func BenchmarkWide(b *testing.B) {
	bn := newBench(b, query.Options{})
	for row := range 4 {
		var line strings.Builder
		line.WriteString("wide,host=a ")
		for i := range 10_000 {
			if i > 0 {
				line.WriteByte(',')
			}
			fmt.Fprintf(&line, "f%05d=%d", i, row*i)
		}
		fmt.Fprintf(&line, " %d\n", row*10)
		bn.load(b, "", line.String())
	}
	for _, text := range []string{"SELECT mean(*) FROM wide", "SELECT mean(*) FROM wide WHERE time >= 0s AND time < 40s GROUP BY time(10s)", "SELECT last(*) FROM wide"} {
		b.Run(text, func(b *testing.B) {
			for b.Loop() {
				if err := bn.engine.Run(context.Background(), query.Request{Text: text, Database: "db0"}, func(r *query.Result) error { return r.Err }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
