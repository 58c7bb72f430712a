package model

import (
	"reflect"
	"testing"
)

func TestSelect(t *testing.T) {
	src := &Table{
		Measurement:  []byte("m"),
		Times:        []int64{10, 20, 30, 40},
		Series:       []SeriesID{1, 0, 3, 0},
		Fingerprints: make([]Fingerprint, 4),
		Lines:        []int32{1, 2, 3, 5},
		NewKeys:      []NewKey{{Row: 1, Key: []byte("b")}, {Row: 3, Key: []byte("d")}},
		Columns: []Column{
			{Name: []byte("dense"), Type: Integer, Values: []uint64{1, 2, 3, 4}},
			{Name: []byte("sparse"), Type: Float, Rows: []int32{0, 3}, Values: []uint64{7, 8}},
			{Name: []byte("gone"), Type: Boolean, Rows: []int32{0}, Values: []uint64{1}},
			{Name: []byte("full"), Type: Unsigned, Rows: []int32{1, 3}, Values: []uint64{5, 6}},
		},
	}
	dst := new(Table)
	src.Select(dst, []int32{1, 3})
	want := &Table{
		Measurement:  []byte("m"),
		Times:        []int64{20, 40},
		Series:       []SeriesID{0, 0},
		Fingerprints: make([]Fingerprint, 2),
		Lines:        []int32{2, 5},
		NewKeys:      []NewKey{{Row: 0, Key: []byte("b")}, {Row: 1, Key: []byte("d")}},
		Columns: []Column{
			{Name: []byte("dense"), Type: Integer, Values: []uint64{2, 4}},
			{Name: []byte("sparse"), Type: Float, Rows: []int32{1}, Values: []uint64{8}},
			{Name: []byte("full"), Type: Unsigned, Values: []uint64{5, 6}},
		},
	}
	if !reflect.DeepEqual(dst, want) {
		t.Errorf("got  %+v\nwant %+v", dst, want)
	}
}

func TestSelectWithoutKeys(t *testing.T) {
	src := &Table{Times: []int64{1, 2}, Series: []SeriesID{4, 5}, Fingerprints: make([]Fingerprint, 2), Lines: []int32{1, 2}}
	dst := new(Table)
	src.Select(dst, []int32{0})
	if len(dst.NewKeys) != 0 || dst.Series[0] != 4 {
		t.Errorf("got %+v", dst)
	}
}
