package tsdb

import "testing"

// BenchmarkTypeFields finds the fields of a body of one row, all of them known.
func BenchmarkTypeFields(b *testing.B) {
	s, ids := benchStore(b, 1)
	batch := benchBatch(1)
	batch.Tables[0].Series[0] = ids[0]
	if _, err := s.Write(b.Context(), 1, 1, batch); err != nil {
		b.Fatal(err)
	}
	_, sh, err := s.find(1, 1)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if tt, err := sh.typeFields(batch.Tables[0]); err != nil || len(tt.fields) != 10 {
			b.Fatal(err)
		}
	}
}
