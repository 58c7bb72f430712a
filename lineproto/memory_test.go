package lineproto

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/model"
)

// TestMemoryOverBodies reads bodies whose lines come in the same order, in
// another one, with other fields or types, of more series and shapes than are
// remembered, with one parser.
func TestMemoryOverBodies(t *testing.T) {
	r := rand.New(rand.NewPCG(randomSeed(t), 4))
	line := func(i, form int) string {
		key := fmt.Sprintf("m%d,host=h%d,padding=%s", i%7, i, strings.Repeat("x", i%90))
		switch form {
		case 0:
			return fmt.Sprintf("%s a=%di,b=%d.5,c=\"s%d\" %d\n", key, i, i, i, 1700000000000000000+i/3)
		case 1:
			return fmt.Sprintf("%s b=%d.25,a=%di 1700000000000000000\n", key, i, i)
		case 2:
			return fmt.Sprintf("%s a=%d,a=%di,b=t\n", key, i, i)
		case 3:
			return fmt.Sprintf("%s a=%di,b=%d.5,c=\"s%d\",d\\ d=%du\r\n", key, i, i, i, i)
		}
		return fmt.Sprintf("%s f%d=%di 1700000000000000000\n", key, i, i)
	}
	var p Parser
	for range 40 {
		var s strings.Builder
		order := r.Perm(1 + r.IntN(200))
		form := r.IntN(5)
		for range 1 + r.IntN(3) {
			for _, i := range order {
				if r.IntN(30) == 0 {
					form = r.IntN(5)
				}
				s.WriteString(line(i, form))
			}
			if r.IntN(3) == 0 {
				r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
			}
		}
		agree(t, &p, []byte(s.String()), Options{Now: now, V2: r.IntN(3) == 0})
	}
}

// TestMemoryHasALimit: a parser remembers a bounded amount, goes on to read
// right, and forgets what does not come again.
func TestMemoryHasALimit(t *testing.T) {
	const lines = 4000
	var p Parser
	var b model.Batch
	forgot, most := false, 0
	for round := range 60 {
		var s strings.Builder
		for i := range lines {
			fmt.Fprintf(&s, "m,host=h%d,padding=%s f%d=%di\n", round*lines+i, strings.Repeat("x", 60), i%10*round, i)
		}
		body := []byte(s.String())
		opt := Options{Now: now, Series: allKnown{}}
		nodes := len(p.memory.nodes)
		p.Parse(&b, body, opt)
		if len(b.Rejects) > 0 || b.Rows() != lines || b.Values() != lines {
			t.Fatal(brief(&b))
		}
		m := &p.memory
		forgot = forgot || len(m.nodes) < nodes
		most = max(most, len(m.nodes))
		if len(m.text) > maxTextBytes || len(m.nodes) > maxNodes || m.shapeBytes > maxShapeBytes || len(m.slots) > 4*maxNodes {
			t.Fatalf("%d bytes of keys, %d nodes, %d bytes of shapes, %d slots", len(m.text), len(m.nodes), m.shapeBytes, len(m.slots))
		}
	}
	if !forgot || most < lines {
		t.Errorf("at most %d nodes; forgot: %v", most, forgot)
	}
	agree(t, &p, []byte("m,host=h1 f0=1i\nm,host=h1 f0=1i\n"), Options{Now: now})
}

// allKnown knows every spelling.
type allKnown struct{}

func (allKnown) Lookup(fp model.Fingerprint) (model.SeriesID, bool) {
	return model.SeriesID(fp.Lo | 1), true
}

func (allKnown) LookupAll(ids []model.SeriesID, fps []model.Fingerprint) {
	for i, fp := range fps {
		ids[i] = model.SeriesID(fp.Lo | 1)
	}
}

// TestMemoryAsksTheSeriesTable: a spelling that is remembered is new all the
// same when the series table does not know it any more.
func TestMemoryAsksTheSeriesTable(t *testing.T) {
	body := []byte("m,host=a f=1i\nm,host=b f=1i\n")
	var p Parser
	var b model.Batch
	for range 3 {
		p.Parse(&b, body, Options{Now: now, Series: allKnown{}})
		if n := len(b.Tables[0].NewKeys); n != 0 {
			t.Fatalf("%d new keys", n)
		}
	}
	p.Parse(&b, body, Options{Now: now, Series: newSeriesSet()})
	keys := b.Tables[0].NewKeys
	if len(keys) != 2 || keys[0].Row != 0 || keys[1].Row != 1 {
		t.Fatal(brief(&b))
	}
	for i, host := range []string{"a", "b"} {
		want := model.AppendSeriesKey(nil, []byte("m"), model.Tags{{Key: []byte("host"), Value: []byte(host)}})
		if string(keys[i].Key) != string(want) {
			t.Errorf("key %q, want %q", keys[i].Key, want)
		}
	}
}
