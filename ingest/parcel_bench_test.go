package ingest

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkParcel writes a batch as text: what a subscription costs a write, beside the longer way of its parser.
func BenchmarkParcel(b *testing.B) {
	var text strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&text, "cpu,host=h%d,region=eu a=%d.5,b=%di,c=3,d=4,e=5,f=6,g=7,h=8,i=9,j=10 %d\n", i%100, i, i, i)
	}
	batch := parsed(b, text.String())
	for _, ends := range []bool{false, true} {
		b.Run(fmt.Sprint("ends=", ends), func(b *testing.B) {
			for b.Loop() {
				newParcel(batch, ends)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/5000, "ns/point")
		})
	}
}
