package hostile

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/golang/snappy"
	"github.com/klauspost/compress/zstd"
)

// bombs are bodies that inflate to much more than they are, by encoding.
var bombs = sync.OnceValue(func() map[string][][]byte {
	spaces := bytes.Repeat([]byte("m v=1\n"), 1<<20/6)
	b := map[string][][]byte{
		"gzip":   {repeated(gzipped(spaces), 1024), append(gzipped(spaces)[:500], 0xff, 0xff)},
		"zstd":   {zstdOf(64, spaces), zstdWindow(), repeated(zstdOf(1, spaces), 512)},
		"snappy": {snappyClaim(1 << 40), snappyClaim(4<<30 - 1), snappyClaim(200_000_000), snappy.Encode(nil, bytes.Repeat([]byte{0xff}, 100<<20)), snappyStream(260, spaces)},
	}
	return b
})

func gzipped(data []byte) []byte {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write(data)
	w.Close()
	return z.Bytes()
}

// repeated is n members, which a decoder takes for one stream.
func repeated(member []byte, n int) []byte { return bytes.Repeat(member, n) }

func zstdOf(times int, data []byte) []byte {
	var z bytes.Buffer
	w, err := zstd.NewWriter(&z, zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic(err)
	}
	for range times {
		w.Write(data)
	}
	w.Close()
	return z.Bytes()
}

// zstdWindow is a frame that asks for a window of 3.75 TiB, the most that there is, and a block of it.
func zstdWindow() []byte {
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xff}
	const run = 1 | 1<<1 // the last block, one byte many times
	size := uint32(128<<10)<<3 | run
	return append(frame, byte(size), byte(size>>8), byte(size>>16), 'x')
}

// snappyClaim is a block that says that it inflates to size bytes, and then has hardly any.
func snappyClaim(size uint64) []byte {
	return append(binary.AppendUvarint(nil, size), 0x00, 'm')
}

func snappyStream(times int, data []byte) []byte {
	var z bytes.Buffer
	w := snappy.NewBufferedWriter(&z)
	for range times {
		w.Write(data)
	}
	w.Close()
	return z.Bytes()
}

// inflate sends every bomb to every door.
func inflate(t *testing.T, g *target, encoding string) {
	for _, path := range []string{"/write?db=calm", "/api/v2/write?bucket=calm&org=o", "/v1/metrics?db=calm", "/api/v1/prom/write?db=calm", "/api/v1/prom/read?db=calm"} {
		for _, bomb := range bombs()[encoding] {
			g.send(t, encoding+" to "+path, request{
				method: "POST", path: path, body: bomb,
				header: map[string]string{"Content-Encoding": encoding, "Content-Type": "application/json"},
				want:   []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge},
			})
		}
	}
}

// deepJSON sends documents that are nested deeper than anybody needs.
func deepJSON(t *testing.T, g *target) {
	const depth = 1_000_000
	lists := strings.Repeat("[", depth)
	objects := strings.Repeat(`{"a":`, depth)
	g.askRefused(t, "parameters", "SELECT v FROM work WHERE k = $k", "params", `{"k":`+lists)
	g.askRefused(t, "parameters", "SELECT v FROM work WHERE k = $k", "params", objects)
	values := strings.Repeat(`{"kvlistValue":{"values":[{"key":"a","value":`, 100_000)
	for _, c := range []struct{ path, body string }{
		{"/api/v2/buckets", lists},
		{"/api/v2/buckets", objects},
		{"/api/v2/authorizations", `{"permissions":` + lists},
		{"/api/v2/dbrps", objects},
		{"/api/v2/setup", lists},
		{"/api/v2/delete?bucket=calm", objects},
		{"/api/v2/delete?bucket=calm", `{"start":"1970-01-01T00:00:00Z","stop":"1970-01-02T00:00:00Z","predicate":"` + strings.Repeat("(", depth) + `"}`},
		{"/v1/metrics?db=calm", lists},
		{"/v1/metrics?db=calm", objects},
		{"/v1/metrics?db=calm", `{"resourceMetrics":[{"resource":{"attributes":[{"key":"a","value":` + values},
	} {
		g.send(t, c.path, request{
			method: "POST", path: c.path, body: []byte(c.body), header: map[string]string{"Content-Type": "application/json"},
			want: []int{http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge},
		})
	}
}

// deepMessages sends Protocol Buffers that are nested as deep, each level in the one before.
func deepMessages(t *testing.T, g *target) {
	var body []byte
	for range 20_000 { // AnyValue.kvlist_value, its values, their value: 6, 1, 2
		for _, field := range []byte{2, 1, 6} {
			next := append([]byte{field<<3 | 2}, binary.AppendUvarint(nil, uint64(len(body)))...)
			body = append(next, body...)
		}
		if len(body) > 100_000 {
			break
		}
	}
	for _, field := range []byte{1, 1, 1} { // resource_metrics, resource, attributes
		body = append(append([]byte{field<<3 | 2}, binary.AppendUvarint(nil, uint64(len(body)))...), body...)
	}
	g.send(t, "OTLP", request{method: "POST", path: "/v1/metrics?db=calm", body: body, header: map[string]string{"Content-Type": "application/x-protobuf"}})
	block := snappy.Encode(nil, body)
	for _, path := range []string{"/api/v1/prom/write?db=calm", "/api/v1/prom/read?db=calm"} {
		g.send(t, path, request{method: "POST", path: path, body: block})
	}
}

// longLines sends lines with more tags, fields and bytes than a line may have.
func longLines(t *testing.T, g *target) {
	for name, line := range map[string]string{
		"a million tags":        "m" + strings.Repeat(",t=v", 1_000_000) + " f=1 1",
		"a million other tags":  "m" + strings.Repeat(",tttttt=vvv", 1_000_000) + " f=1 1",
		"2 million fields":      "m " + strings.Repeat("f=1,", 2_000_000) + "f=1 1",
		"a measurement of 8 MB": strings.Repeat("m", 8_000_000) + " f=1 1",
		"a string of 8 MB":      `m f="` + strings.Repeat("s", 8_000_000) + `" 1`,
		"a string without end":  `m f="` + strings.Repeat("\\\"", 4_000_000),
		"a number of 8 MB":      "m f=" + strings.Repeat("1", 8_000_000) + " 1",
		"a key of 65,536 bytes": strings.Repeat("k", 65_536) + " f=1 1",
		"only backslashes":      strings.Repeat("\\", 8_000_000),
		"only commas":           "m" + strings.Repeat(",", 8_000_000),
		"a million bad lines":   strings.Repeat("m\n", 1_000_000),
	} {
		for _, path := range []string{"/write?db=calm", "/api/v2/write?bucket=calm&org=o"} {
			g.send(t, name, request{method: "POST", path: path, body: []byte(line),
				want: []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity}})
		}
	}
}

// badBytes sends NUL and what is no UTF-8 wherever text may stand.
func badBytes(t *testing.T, g *target) {
	for _, text := range []string{"\x00", "\xff", "\xc3\x28", "\xed\xa0\x80", "a\x00b", "\xf4\x90\x80\x80", "\x1b[2J", "\u202e", "\x7f"} {
		for _, line := range []string{
			text + " f=1 1", "m,t=" + text + " f=1 1", "m," + text + "=v f=1 1", "m " + text + "=1 1", `m f="` + text + `" 1`,
			"m f=" + text + " 1", "m f=1 " + text, text,
		} {
			for _, path := range []string{"/write?db=calm", "/api/v2/write?bucket=calm&org=o"} {
				g.send(t, "line", request{method: "POST", path: path, body: []byte(line)})
			}
		}
		for _, statement := range []string{
			text, "SELECT " + text + " FROM m", `SELECT "` + text + `" FROM "` + text + `"`, `SELECT v FROM m WHERE t = '` + text + `'`,
			"SELECT v FROM m WHERE t =~ /" + text + "/", "SHOW TAG VALUES WITH KEY = \"" + text + `"`, "DROP DATABASE \"no " + text + `"`,
		} {
			for _, form := range []string{"application/json", "application/csv", "application/x-msgpack"} {
				g.askForm(t, statement, form)
			}
		}
		g.ask(t, "parameter", "SELECT v FROM m WHERE t = $k", "params", `{"k":"`+text+`"}`, "db", text)
	}
}

// askForm runs a statement whose answer is wanted in a form.
func (g *target) askForm(t *testing.T, statement, form string) {
	t.Helper()
	g.send(t, statement+" as "+form, request{
		method: "POST", path: "/query?db=calm&q=" + escaped(statement), header: map[string]string{"Accept": form},
		want: []int{http.StatusOK, http.StatusBadRequest},
	})
}
