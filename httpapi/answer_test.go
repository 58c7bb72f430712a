package httpapi

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/query"
)

// Series for the tests of answers.

const t0 = 1577836800000000000 // 2020-01-01T00:00:00Z

func times(t ...int64) query.Column { return query.Column{Kind: query.TimeColumn, Integers: t} }
func floats(f ...float64) query.Column {
	return query.Column{Kind: query.FloatColumn, Floats: f}
}
func texts(s ...string) query.Column { return query.Column{Kind: query.StringColumn, Strings: s} }

func series(name string, columns string, values ...query.Column) *query.Series {
	s := &query.Series{Name: name, Columns: strings.Split(columns, ","), Values: values}
	if len(values) > 0 {
		c := values[0]
		s.Rows = max(len(c.Integers), len(c.Floats), len(c.Strings), len(c.Any), len(c.Lists))
	}
	return s
}

func tagged(s *query.Series, pairs ...string) *query.Series {
	for i := 0; i < len(pairs); i += 2 {
		s.Tags = append(s.Tags, query.Tag{Key: pairs[i], Value: pairs[i+1]})
	}
	return s
}

func continued(s *query.Series) *query.Series { s.Continued = true; return s }
func partial(s *query.Series) *query.Series   { s.Partial = true; return s }

func result(id int, s ...*query.Series) *query.Result {
	return &query.Result{StatementID: id, Series: s}
}

// everything is a series with all kinds of columns.
func everything() *query.Series {
	s := series("m<1>", "time,f,i,u,b,s,l,n,a",
		times(t0, t0+2, t0+120_000_000),
		query.Column{Kind: query.FloatColumn, Floats: []float64{1, 0, -0.5}, Present: []uint64{0b101}},
		query.Column{Kind: query.IntegerColumn, Integers: []int64{-9223372036854775808, 200, 0}, Present: []uint64{0b011}},
		query.Column{Kind: query.UnsignedColumn, Unsigneds: []uint64{18446744073709551615, 1, 70000}},
		query.Column{Kind: query.BooleanColumn, Booleans: []bool{true, false, true}},
		query.Column{Kind: query.StringColumn, Strings: []string{"a,b", `x"y`, "é\n"}},
		query.Column{Kind: query.ListColumn, Lists: [][]string{{"u://a", "b"}, {}, {"c"}}},
		query.Column{Kind: query.NullColumn},
		query.Column{Kind: query.AnyColumn, Any: []any{"s", nil, time.Unix(0, t0+5).UTC()}},
	)
	return tagged(s, "h", "a b", "r", "")
}

func TestJSONAnswers(t *testing.T) {
	failed := &query.Result{StatementID: 1, Err: errors.New(`bad "x"`)}
	for _, c := range []struct {
		name    string
		target  string
		results []*query.Result
		err     error
		want    string
	}{
		{"no statements", "", nil, nil, `{}`},
		{"no data", "", []*query.Result{result(0)}, nil, `{"results":[{"statement_id":0}]}`},
		{"rows", "", []*query.Result{result(0, series("cpu", "time,f", times(t0, t0+1), floats(1.5, 3)))}, nil,
			`{"results":[{"statement_id":0,"series":[{"name":"cpu","columns":["time","f"],"values":[["2020-01-01T00:00:00Z",1.5],["2020-01-01T00:00:00.000000001Z",3]]}]}]}`},
		{"no rows", "", []*query.Result{result(0, series("databases", "name"))}, nil,
			`{"results":[{"statement_id":0,"series":[{"name":"databases","columns":["name"]}]}]}`},
		{"no name", "", []*query.Result{result(0, series("", "key", texts("cpu,h=a")))}, nil,
			`{"results":[{"statement_id":0,"series":[{"columns":["key"],"values":[["cpu,h=a"]]}]}]}`},
		{"everything", "", []*query.Result{result(0, everything())}, nil,
			`{"results":[{"statement_id":0,"series":[{"name":"m\u003c1\u003e","tags":{"h":"a b","r":""},"columns":["time","f","i","u","b","s","l","n","a"],"values":[` +
				`["2020-01-01T00:00:00Z",1,-9223372036854775808,18446744073709551615,true,"a,b",["u://a","b"],null,"s"],` +
				`["2020-01-01T00:00:00.000000002Z",null,200,1,false,"x\"y",[],null,null],` +
				`["2020-01-01T00:00:00.12Z",-0.5,null,70000,true,"é\n",["c"],null,"2020-01-01T00:00:00.000000005Z"]]}]}]}`},
		{"pieces are joined", "", []*query.Result{
			result(0, partial(series("a", "time", times(1)))), result(0, continued(series("a", "time", times(2))), series("b", "time", times(3))),
			result(0, continued(series("b", "time")), series("b", "time", times(4))), result(1, continued(series("b", "time", times(5))))}, nil,
			`{"results":[{"statement_id":0,"series":[` +
				`{"name":"a","columns":["time"],"values":[["1970-01-01T00:00:00.000000001Z"],["1970-01-01T00:00:00.000000002Z"]]},` +
				`{"name":"b","columns":["time"],"values":[["1970-01-01T00:00:00.000000003Z"]]},` +
				`{"name":"b","columns":["time"],"values":[["1970-01-01T00:00:00.000000004Z"]]}]},` +
				`{"statement_id":1,"series":[{"name":"b","columns":["time"],"values":[["1970-01-01T00:00:00.000000005Z"]]}]}]}`},
		{"partial series", "", []*query.Result{result(0, partial(series("a", "time", times(1))))}, nil,
			`{"results":[{"statement_id":0,"series":[{"name":"a","columns":["time"],"values":[["1970-01-01T00:00:00.000000001Z"]],"partial":true}]}]}`},
		{"messages", "", []*query.Result{
			{StatementID: 0, Messages: []query.Message{{Level: "warning", Text: "old 'x'"}}, Series: []*query.Series{series("a", "f", floats(1))}, Partial: true},
			{StatementID: 0, Messages: []query.Message{{Level: "info", Text: "<2>"}}}}, nil,
			`{"results":[{"statement_id":0,"series":[{"name":"a","columns":["f"],"values":[[1]]}],"messages":[{"level":"warning","text":"old 'x'"},{"level":"info","text":"\u003c2\u003e"}]}]}`},
		{"failed statement", "", []*query.Result{result(0, series("a", "f", floats(1))), failed, {StatementID: 2, Err: errors.New("not executed")}}, nil,
			`{"results":[{"statement_id":0,"series":[{"name":"a","columns":["f"],"values":[[1]]}]},{"statement_id":1,"error":"bad \"x\""},{"statement_id":2,"error":"not executed"}]}`},
		{"statement fails after rows", "", []*query.Result{result(1, series("a", "f", floats(1))), failed}, nil,
			`{"results":[{"statement_id":1,"error":"bad \"x\""}]}`},
		{"run ends with an error after results", "", []*query.Result{result(0, series("a", "f", floats(1)))}, errors.New("gone"),
			`{"results":[{"statement_id":0,"series":[{"name":"a","columns":["f"],"values":[[1]]}]}],"error":"gone"}`},
		{"epoch ms", "&epoch=ms", []*query.Result{result(0, series("a", "time,f", times(1577836805123456789, -1), floats(1, 2)))}, nil,
			`{"results":[{"statement_id":0,"series":[{"name":"a","columns":["time","f"],"values":[[1577836805123,1],[0,2]]}]}]}`},
		{"any time in the first column follows epoch", "&epoch=s", []*query.Result{result(0, series("a", "time,x",
			query.Column{Kind: query.AnyColumn, Any: []any{time.Unix(7, 0).UTC()}}, query.Column{Kind: query.AnyColumn, Any: []any{time.Unix(7, 0).UTC()}}))}, nil,
			`{"results":[{"statement_id":0,"series":[{"name":"a","columns":["time","x"],"values":[[7,"1970-01-01T00:00:07Z"]]}]}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			h.engine.results, h.engine.err = c.results, c.err
			w := h.ask("GET", "/query?q=x"+c.target, "")
			want(t, w, 200, c.want+"\n")
			wantHeaders(t, w, "Content-Type", "application/json", "Content-Encoding", "")
			var indented bytes.Buffer
			if err := json.Indent(&indented, []byte(c.want+"\n"), "", "    "); err != nil {
				t.Fatal(err)
			}
			want(t, h.ask("GET", "/query?q=x&pretty=true"+c.target, ""), 200, indented.String())
		})
	}
}

func TestEpoch(t *testing.T) {
	for epoch, want := range map[string]string{
		"": `"2020-01-01T00:00:05.123456789Z"`, "ns": "1577836805123456789", "n": "1577836805123456789", "us": "1577836805123456789", "d": "1577836805123456789",
		"u": "1577836805123456", "ms": "1577836805123", "s": "1577836805", "m": "26297280", "h": "438288",
	} {
		h := newHouse(t)
		h.engine.results = []*query.Result{result(0, series("a", "time", times(1577836805123456789)))}
		got := h.ask("GET", "/query?q=x&epoch="+epoch, "").Body.String()
		if got != `{"results":[{"statement_id":0,"series":[{"name":"a","columns":["time"],"values":[[`+want+`]]}]}]}`+"\n" {
			t.Errorf("epoch %q: %s", epoch, got)
		}
	}
	h := newHouse(t)
	h.engine.results = []*query.Result{result(0, series("a", "time", times(7)))}
	for _, c := range []struct{ target, want string }{
		{"&time_format=epoch", "7"}, {"&time_format=rfc3339&epoch=s", `"1970-01-01T00:00:00.000000007Z"`}, {"&time_format=epoch&epoch=u", "0"},
	} {
		if got := h.ask("GET", "/query?q=x"+c.target, "").Body.String(); !strings.Contains(got, "[["+c.want+"]]") {
			t.Errorf("%s: %s, want %s", c.target, got, c.want)
		}
	}
	want(t, h.ask("GET", "/query?q=x&time_format=x", ""), 400, `{"error":"time_format must be \"epoch\" or \"rfc3339\""}`+"\n")
}

func TestZone(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zone data on this machine: ", err)
	}
	h := newHouse(t)
	s := series("a", "time", times(t0, t0+1))
	s.Location = zone
	h.engine.results = []*query.Result{result(0, s)}
	want(t, h.ask("GET", "/query?q=x", ""), 200, `{"results":[{"statement_id":0,"series":[{"name":"a","columns":["time"],"values":[["2020-01-01T01:00:00+01:00"],["2020-01-01T01:00:00.000000001+01:00"]]}]}]}`+"\n")
	if got := h.ask("GET", "/query?q=x&epoch=s", "").Body.String(); !strings.Contains(got, "[[1577836800],[1577836800]]") {
		t.Errorf("epoch in a zone: %s", got)
	}
}

func TestChunkedJSON(t *testing.T) {
	h := newHouse(t)
	h.engine.results = []*query.Result{
		{Series: []*query.Series{partial(series("cpu", "time,f", times(t0, t0), floats(1.5, 3)))}, Partial: true},
		{Series: []*query.Series{series("cpu", "time,f", times(t0+2e10), floats(-2))}, Messages: []query.Message{{Level: "warning", Text: "w"}}},
		result(1, series("databases", "name")),
		{StatementID: 2, Err: errors.New("boom")},
	}
	w := h.ask("GET", "/query?q=x&chunked=true&chunk_size=2", "")
	want(t, w, 200, `{"results":[{"statement_id":0,"series":[{"name":"cpu","columns":["time","f"],"values":[["2020-01-01T00:00:00Z",1.5],["2020-01-01T00:00:00Z",3]],"partial":true}],"partial":true}]}`+"\n"+
		`{"results":[{"statement_id":0,"series":[{"name":"cpu","columns":["time","f"],"values":[["2020-01-01T00:00:20Z",-2]]}],"messages":[{"level":"warning","text":"w"}]}]}`+"\n"+
		`{"results":[{"statement_id":1,"series":[{"name":"databases","columns":["name"]}]}]}`+"\n"+
		`{"results":[{"statement_id":2,"error":"boom"}]}`+"\n")
	if !w.Flushed {
		t.Error("envelopes were not flushed")
	}
	h.engine.results = h.engine.results[2:3]
	h.engine.err = errors.New("gone")
	want(t, h.ask("GET", "/query?q=x&chunked=true", ""), 200, `{"results":[{"statement_id":1,"series":[{"name":"databases","columns":["name"]}]}]}`+"\n"+`{"error":"gone"}`+"\n")
	h.engine.results, h.engine.err = nil, nil
	want(t, h.ask("GET", "/query?q=x&chunked=true", ""), 200, "{}\n")
	h.engine.results = []*query.Result{result(0, series("m", "f", floats(1))), result(1)}
	want(t, h.ask("GET", "/query?q=x&chunked=true&pretty=true", ""), 200, `{
    "results": [
        {
            "statement_id": 0,
            "series": [
                {
                    "name": "m",
                    "columns": [
                        "f"
                    ],
                    "values": [
                        [
                            1
                        ]
                    ]
                }
            ]
        }
    ]
}
{
    "results": [
        {
            "statement_id": 1
        }
    ]
}
`)
}

// TestEnvelopesArriveOneByOne checks that a client has an envelope before the
// next one is made.
func TestEnvelopesArriveOneByOne(t *testing.T) {
	for _, encoding := range []string{"identity", "gzip"} {
		h := newHouse(t)
		received := make(chan bool)
		h.engine.do = func(_ context.Context, _ query.Request, emit func(*query.Result) error) error {
			for i := range 3 {
				if err := emit(result(i)); err != nil {
					return err
				}
				<-received
			}
			return nil
		}
		_, base := h.serve(t)
		resp := get(t, base+"/query?q=x&chunked=true", "Accept-Encoding", encoding)
		var body io.Reader = resp.Body
		if encoding == "gzip" {
			z, err := gzip.NewReader(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			body = z
		}
		d := json.NewDecoder(body)
		for i := range 3 {
			var envelope struct {
				Results []struct {
					ID int `json:"statement_id"`
				}
			}
			if err := d.Decode(&envelope); err != nil || len(envelope.Results) != 1 || envelope.Results[0].ID != i {
				t.Fatalf("%s: envelope %d is %+v, %v", encoding, i, envelope, err)
			}
			received <- true
		}
		resp.Body.Close()
	}
}

func TestCSVAnswers(t *testing.T) {
	for _, c := range []struct {
		name, target string
		results      []*query.Result
		err          error
		want         string
	}{
		{"no data", "", []*query.Result{result(0)}, nil, ""},
		// As influxd answers four statements, the third of them without rows.
		{"statements", "", []*query.Result{
			result(0, series("m", "time,b,s", times(1000000001, 2000000000), query.Column{Kind: query.BooleanColumn, Booleans: []bool{false, true}, Present: []uint64{2}},
				query.Column{Kind: query.StringColumn, Strings: []string{`x"y`, ""}, Present: []uint64{1}})),
			result(1, series("m", "time,f", times(1000000001), floats(1.5)), series("n", "time,f", times(2), floats(1e21))),
			result(2),
			result(3, tagged(series("m", "time,f", times(1), floats(2)), "h", "a,b", "r", ""), tagged(series("m", "time,g", times(3), floats(4)), "h", "c d=")),
		}, nil, "name,tags,time,b,s\nm,,1000000001,,\"x\"\"y\"\nm,,2000000000,true,\n\n" +
			"name,tags,time,f\nm,,1000000001,1.5\nn,,2,1000000000000000000000\n\n" +
			"name,tags,time,f\nm,\"h=a\\,b\",1,2\n\nname,tags,time,g\nm,h=c\\ d\\=,3,4\n"},
		{"epoch", "&epoch=ms", []*query.Result{result(0, series("m", "time", times(1577836805123456789)))}, nil, "name,tags,time\nm,,1577836805123\n"},
		{"everything", "", []*query.Result{result(0, everything())}, nil, "name,tags,time,f,i,u,b,s,l,n,a\n" +
			"m<1>,h=a\\ b,1577836800000000000,1,-9223372036854775808,18446744073709551615,true,\"a,b\",\"u://a,b\",,s\n" +
			"m<1>,h=a\\ b,1577836800000000002,,200,1,false,\"x\"\"y\",,,\n" +
			"m<1>,h=a\\ b,1577836800120000000,-0.5,,70000,true,\"é\n\",c,,1577836800000000005\n"},
		{"pieces", "", []*query.Result{result(0, series("m", "f", floats(1))), result(0, continued(series("m", "f", floats(2))))}, nil, "name,tags,f\nm,,1\nm,,2\n"},
		{"failed statement", "", []*query.Result{result(0, series("m", "f", floats(1))), {StatementID: 1, Err: errors.New("a, b")}}, nil,
			"name,tags,f\nm,,1\n\nerror\n\"a, b\"\n"},
		{"error after rows", "", []*query.Result{result(0, series("m", "f", floats(1)))}, errors.New("gone"), "name,tags,f\nm,,1\n\nerror\ngone\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			h.engine.results, h.engine.err = c.results, c.err
			for _, accept := range []string{"application/csv", "text/csv"} {
				for _, chunked := range []string{"", "&chunked=true"} {
					w := h.ask("GET", "/query?q=x"+c.target+chunked, "", "Accept", accept)
					want(t, w, 200, c.want)
					wantHeaders(t, w, "Content-Type", accept)
				}
			}
		})
	}
}

func TestMsgpackAnswers(t *testing.T) {
	two := func() *query.Series {
		return series("m", "time,b,f,h,i,s", times(1000000001, 2000000000),
			query.Column{Kind: query.BooleanColumn, Booleans: []bool{false, true}, Present: []uint64{2}}, floats(1.5, 2), texts("a,b", "c"),
			query.Column{Kind: query.IntegerColumn, Integers: []int64{3, 0}, Present: []uint64{1}},
			query.Column{Kind: query.StringColumn, Strings: []string{`x"y`, ""}, Present: []uint64{1}})
	}
	for _, c := range []struct {
		name, target string
		results      []*query.Result
		want         string // hexadecimal; the first two are what influxd sends
	}{
		{"times and an error", "", []*query.Result{result(0, two()), {StatementID: 1, Err: errors.New("not executed")}},
			"81a7726573756c74739282ac73746174656d656e745f696400a67365726965739183a46e616d65a16da7636f6c756d6e7396a474696d65a162a166a168a169a173a676616c756573929" +
				"6c70c05000000000000000100000001c0cb3ff8000000000000a3612c6203a378227996c70c05000000000000000200000000c3cb4000000000000000a163c0c081a56572726f72ac6e6f74206578656375746564"},
		{"epoch", "&epoch=ms", []*query.Result{result(0, two())},
			"81a7726573756c74739182ac73746174656d656e745f696400a67365726965739183a46e616d65a16da7636f6c756d6e7396a474696d65a162a166a168a169a173a676616c7565739296d103e8c0cb3ff8000000000000a3612c6203a378227996d107d0c3cb4000000000000000a163c0c0"},
		{"nothing", "", nil, "81a7726573756c747390"},
		{"messages before series", "", []*query.Result{{Series: []*query.Series{tagged(partial(series("", "f")), "h", "a")}, Messages: []query.Message{{Level: "w", Text: "t"}}}},
			"81a7726573756c74739183ac73746174656d656e745f696400a86d657373616765739182a56c6576656ca177a474657874a174a67365726965739184a47461677381a168a161a7636f6c756d6e7391a166a676616c75657390a77061727469616cc3"},
		{"an error replaces rows", "", []*query.Result{result(0, two()), {StatementID: 0, Err: errors.New("x")}}, "81a7726573756c74739181a56572726f72a178"},
		{"pieces", "", []*query.Result{result(0, partial(series("m", "f", floats(1)))), result(0, continued(series("m", "f", floats(2))))},
			"81a7726573756c74739182ac73746174656d656e745f696400a67365726965739183a46e616d65a16da7636f6c756d6e7391a166a676616c7565739291cb3ff000000000000091cb4000000000000000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			h.engine.results = c.results
			w := h.ask("GET", "/query?q=x"+c.target, "", "Accept", "application/x-msgpack")
			if got := hex.EncodeToString(w.Body.Bytes()); got != c.want || w.Code != 200 {
				t.Errorf("got  %d %s\nwant     %s", w.Code, got, c.want)
			}
			wantHeaders(t, w, "Content-Type", "application/x-msgpack")
		})
	}
	h := newHouse(t, func(o *Options) { o.Limits.MaxMsgpackBytes = 100 })
	h.engine.results = []*query.Result{result(0, two()), result(1, two())}
	if got := h.ask("GET", "/query?q=x", "", "Accept", "application/x-msgpack").Body.String(); !strings.HasPrefix(got, "\x81\xa5error\xd9") || !strings.Contains(got, "longer than 100 bytes") {
		t.Errorf("an answer above the limit is %q", got)
	}
	h.engine.results = []*query.Result{result(0)}
	w := h.ask("GET", "/query?q=x&chunked=true", "", "Accept", "application/x-msgpack")
	want(t, w, 200, `{"results":[{"statement_id":0}]}`+"\n")
	wantHeaders(t, w, "Content-Type", "application/json")
}

func TestMsgpackNumbers(t *testing.T) {
	for n, want := range map[int64]string{0: "00", 127: "7f", 128: "d10080", -1: "ff", -32: "e0", -33: "d0df", -128: "d080", -129: "d1ff7f", 32767: "d17fff", 32768: "d200008000",
		2147483647: "d27fffffff", 2147483648: "d30000000080000000", -9223372036854775808: "d38000000000000000"} {
		if got := hex.EncodeToString(appendMsgInt(nil, n)); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
	for n, want := range map[uint64]string{0: "00", 127: "7f", 128: "cc80", 255: "ccff", 256: "cd0100", 65536: "ce00010000", 1 << 32: "cf0000000100000000"} {
		if got := hex.EncodeToString(appendMsgUint(nil, n)); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
	for n, want := range map[int]string{0: "90", 15: "9f", 16: "dc0010", 65535: "dcffff", 65536: "dd00010000"} {
		if got := hex.EncodeToString(appendMsgArray(nil, n)); got != want {
			t.Errorf("array of %d is %s, want %s", n, got, want)
		}
	}
	for n, want := range map[int]string{0: "a0", 31: "bf", 32: "d920", 255: "d9ff", 256: "da0100", 65536: "db00010000"} {
		got := appendMsgString(nil, strings.Repeat("x", n))
		if got := hex.EncodeToString(got[:len(got)-n]); got != want {
			t.Errorf("string of %d is %s, want %s", n, got, want)
		}
	}
}

func TestGzipAnswers(t *testing.T) {
	h := newHouse(t)
	h.engine.results = []*query.Result{result(0, series("a", "f", floats(1)))}
	plain := h.ask("GET", "/query?q=x", "").Body.String()
	for range 2 {
		w := h.ask("GET", "/query?q=x", "", "Accept-Encoding", "deflate, gzip;q=0.8")
		wantHeaders(t, w, "Content-Encoding", "gzip", "Content-Type", "application/json")
		z, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(z); err != nil || string(got) != plain {
			t.Errorf("got %q, %v, want %q", got, err, plain)
		}
	}
	for _, accept := range []string{"", "gzip;q=0", "br"} {
		wantHeaders(t, h.ask("GET", "/query?q=x", "", "Accept-Encoding", accept), "Content-Encoding", "")
	}
	w := h.ask("GET", "/query", "", "Accept-Encoding", "gzip")
	wantHeaders(t, w, "Content-Encoding", "gzip", "X-Influxdb-Error", `missing required parameter "q"`)
	if w.Code != 400 {
		t.Errorf("got %d", w.Code)
	}
}

func TestRowLimit(t *testing.T) {
	rows := func(n int) *query.Series {
		f := make([]float64, n)
		return series("m", "f", floats(f...))
	}
	for _, c := range []struct {
		name    string
		results []*query.Result
		want    string
	}{
		{"below", []*query.Result{result(0, rows(2))}, `[{"name":"m","columns":["f"],"values":[[0],[0]]}]`},
		{"exactly", []*query.Result{result(0, rows(3))}, `[{"name":"m","columns":["f"],"values":[[0],[0],[0]]}]`},
		{"cut", []*query.Result{result(0, rows(4))}, `[{"name":"m","columns":["f"],"values":[[0],[0],[0]],"partial":true}]`},
		{"cut in a later piece", []*query.Result{{Series: []*query.Series{partial(rows(2))}, Partial: true}, result(0, continued(rows(2)), rows(9))},
			`[{"name":"m","columns":["f"],"values":[[0],[0],[0]],"partial":true}]`},
		{"cut in a later series", []*query.Result{result(0, rows(1), rows(5), rows(5)), result(1, rows(1))},
			`[{"name":"m","columns":["f"],"values":[[0]]},{"name":"m","columns":["f"],"values":[[0],[0]],"partial":true}]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, func(o *Options) { o.Limits.MaxRows = 3 })
			h.engine.results = c.results
			want(t, h.ask("GET", "/query?q=x", ""), 200, `{"results":[{"statement_id":0,"series":`+c.want+`}]}`+"\n")
			rows := 0
			for _, r := range c.results {
				for _, s := range r.Series {
					rows += s.Rows
				}
			}
			if got := strings.Count(h.ask("GET", "/query?q=x&chunked=true", "").Body.String(), "[0]"); got != rows {
				t.Errorf("chunked: %d rows, want all %d", got, rows)
			}
		})
	}
}

// TestLongAnswers checks that a long answer is sent while it is made, and that
// it is the same as the joined pieces.
func TestLongAnswers(t *testing.T) {
	h := newHouse(t)
	const pieces, rows = 200, 500
	var most int
	h.engine.do = func(_ context.Context, _ query.Request, emit func(*query.Result) error) error {
		for p := range pieces {
			ts, fs := make([]int64, rows), make([]float64, rows)
			for i := range rows {
				ts[i], fs[i] = int64(p*rows+i), float64(p*rows+i)/2
			}
			s := series("m", "time,f", times(ts...), floats(fs...))
			s.Continued = p > 0
			if err := emit(result(0, s)); err != nil {
				return err
			}
		}
		return nil
	}
	w := h.ask("GET", "/query?q=x&epoch=ns", "")
	var got struct {
		Results []struct {
			Series []struct{ Values [][2]float64 }
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	values := got.Results[0].Series[0].Values
	if len(values) != pieces*rows {
		t.Fatalf("got %d rows, want %d", len(values), pieces*rows)
	}
	for i, v := range values {
		if v != [2]float64{float64(i), float64(i) / 2} {
			t.Fatalf("row %d is %v", i, v)
		}
	}
	out := newSink(writerFunc(func(p []byte) (int, error) { most = max(most, len(p)); return len(p), nil }))
	enc := newJSONEncoder(out, timeForm{1})
	if err := h.engine.do(context.Background(), query.Request{}, enc.encode); err != nil {
		t.Fatal(err)
	}
	if most > spillBytes+1024 || cap(out.buf) > 4*spillBytes {
		t.Errorf("the longest piece has %d bytes, the buffer %d", most, cap(out.buf))
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestLateError checks a statement that fails after its first rows were sent.
func TestLateError(t *testing.T) {
	h := newHouse(t)
	long := make([]string, 2000)
	for i := range long {
		long[i] = strings.Repeat("x", 100)
	}
	h.engine.results = []*query.Result{result(0, series("m", "s", texts(long...))), {StatementID: 0, Err: errors.New("late")}, {StatementID: 1, Err: errors.New("not executed")}}
	body := h.ask("GET", "/query?q=x", "").Body.String()
	if !json.Valid([]byte(body)) || !strings.HasSuffix(body, `"]]}],"error":"late"},{"statement_id":1,"error":"not executed"}]}`+"\n") {
		t.Errorf("answer ends %q", body[max(0, len(body)-100):])
	}
}

// TestEngineStopsWhenTheClientGoes checks that errors of sending reach the engine.
func TestEngineStopsWhenTheClientGoes(t *testing.T) {
	h := newHouse(t)
	stopped := make(chan error, 1)
	h.engine.do = func(ctx context.Context, _ query.Request, emit func(*query.Result) error) error {
		s := series("m", "s", texts(strings.Repeat("x", 1<<20)))
		for {
			if err := emit(result(0, s)); err != nil {
				stopped <- err
				return err
			}
			if ctx.Err() != nil {
				stopped <- ctx.Err()
				return ctx.Err()
			}
		}
	}
	_, base := h.serve(t)
	resp := get(t, base+"/query?q=x")
	io.ReadFull(resp.Body, make([]byte, 1000))
	resp.Body.Close()
	select {
	case <-stopped:
	case <-time.After(10 * time.Second):
		t.Fatal("the query goes on")
	}
}
