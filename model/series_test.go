package model

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
)

func tags(pairs ...string) Tags {
	var ts Tags
	for i := 0; i < len(pairs); i += 2 {
		ts = append(ts, Tag{Key: []byte(pairs[i]), Value: []byte(pairs[i+1])})
	}
	return ts
}

func TestSeriesKeyRoundTrip(t *testing.T) {
	for _, c := range []struct {
		measurement string
		tags        Tags
		text        string
	}{
		{"cpu", nil, "cpu"},
		{"cpu", tags("host", "a", "region", "eu west"), `cpu,host=a,region=eu\ west`},
		{"a,b c=d", tags("k=,", "v= "), `a\,b\ c=d,k\=\,=v\=\ `},
		{string(bytes.Repeat([]byte("m"), 300)), tags("k", ""), string(bytes.Repeat([]byte("m"), 300)) + ",k="},
	} {
		key := AppendSeriesKey(nil, []byte(c.measurement), c.tags)
		m, ts, err := ParseSeriesKey(key, nil)
		if err != nil || string(m) != c.measurement || len(ts) != len(c.tags) || len(ts) > 0 && !reflect.DeepEqual(ts, c.tags) {
			t.Errorf("%q: parsed as %q %v, %v", c.text, m, ts, err)
		}
		if got := string(AppendSeriesText(nil, m, ts)); got != c.text {
			t.Errorf("text %q, want %q", got, c.text)
		}
	}
}

func FuzzParseSeriesKey(f *testing.F) {
	f.Add(AppendSeriesKey(nil, []byte("cpu"), tags("host", "a")))
	f.Add([]byte{200, 1})
	f.Fuzz(func(t *testing.T, key []byte) {
		m, ts, err := ParseSeriesKey(key, nil)
		if err != nil {
			if !errors.Is(err, ErrSeriesKey) {
				t.Fatal(err)
			}
			return
		}
		// The lengths may be written in more bytes than needed; what was
		// parsed must survive another round.
		again := AppendSeriesKey(nil, m, ts)
		m2, ts2, err := ParseSeriesKey(again, nil)
		if err != nil || !bytes.Equal(m, m2) || len(ts) != len(ts2) {
			t.Fatalf("%q %v became %q %v, %v", m, ts, m2, ts2, err)
		}
	})
}
