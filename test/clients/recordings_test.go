package clients

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/test/blackbox"
)

// A recording is one request of a program that cannot be installed here, with what that program does with the answer put
// as conditions. They were written down from the published sources that each file names, not from the wire: headers that
// no server looks at, such as User-Agent, have the right form, not the value of one release. The file has the conditions, a line each, then an empty line, then the request as it goes over the wire,
// whose line ends become those of HTTP:
//
//	source: where the form of the request is known from
//	gzip: yes                        the body is sent compressed
//	want status: 204
//	want header NAME: EXPRESSION
//	want text: EXPRESSION            of the whole body
//	want json PATH: EXPRESSION       of a value, as JSON; a number in the path is a place in a list, # the length
//	want absent: PATH                there is no such member
//	keep NAME: PATH                  {{NAME}} stands for the value in later requests
//
// {{length}} is the length of the body. The requests of one folder go over one connection, in the order of their names.
type recording struct {
	name    string
	wants   [][2]string
	head    string
	body    string
	gzipped bool
}

func readRecording(t *testing.T, path string) recording {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	conditions, request, ok := strings.Cut(string(b), "\n\n")
	if !ok || !strings.Contains(conditions, "source: ") || !strings.Contains(conditions, "want status: ") {
		t.Fatalf("%s: want conditions with a source and a status, an empty line, a request", path)
	}
	r := recording{name: filepath.Base(path)}
	for line := range strings.SplitSeq(conditions, "\n") {
		key, value, ok := strings.Cut(line, ": ")
		switch {
		case !ok:
			t.Fatalf("%s: %q is no condition", path, line)
		case key == "gzip":
			r.gzipped = true
		case key != "source":
			r.wants = append(r.wants, [2]string{key, value})
		}
	}
	r.head, r.body, _ = strings.Cut(request, "\n\n")
	r.head, r.body = strings.TrimSuffix(r.head, "\n"), strings.TrimSuffix(r.body, "\n")
	return r
}

// bytes returns what goes over the wire.
func (r *recording) bytes(t *testing.T, known map[string]string) []byte {
	t.Helper()
	fill := func(s string) string {
		for name, value := range known {
			s = strings.ReplaceAll(s, "{{"+name+"}}", value)
		}
		return s
	}
	body := []byte(fill(r.body))
	if r.gzipped {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		z.Write(body)
		z.Close()
		body = packed.Bytes()
	}
	head := strings.ReplaceAll(fill(r.head), "{{length}}", strconv.Itoa(len(body)))
	if strings.Contains(head, "{{") {
		t.Fatalf("%s: something is not known: %s", r.name, head)
	}
	return append([]byte(strings.ReplaceAll(head, "\n", "\r\n")+"\r\n\r\n"), body...)
}

// valueAt returns the JSON of a value, or ok false when there is none.
func valueAt(body []byte, path string) (text string, ok bool) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return "", false
	}
	for part := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			if v, ok = x[part]; !ok {
				return "", false
			}
		case []any:
			i, err := strconv.Atoi(part)
			switch {
			case part == "#":
				v = json.Number(strconv.Itoa(len(x)))
			case err != nil || i >= len(x):
				return "", false
			default:
				v = x[i]
			}
		default:
			return "", false
		}
	}
	out, err := json.Marshal(v)
	return string(out), err == nil
}

// check reports what the program would not like about an answer.
func (r *recording) check(t *testing.T, resp *http.Response, body []byte, known map[string]string) {
	t.Helper()
	for _, w := range r.wants {
		key, value := w[0], w[1]
		kind, what, _ := strings.Cut(strings.TrimPrefix(key, "want "), " ")
		got, ok := "", true
		switch kind {
		case "status":
			got, value = strconv.Itoa(resp.StatusCode), "^"+value+"$"
		case "header":
			got = resp.Header.Get(what)
		case "text":
			got = string(body)
		case "json":
			got, ok = valueAt(body, what)
		case "absent":
			if text, there := valueAt(body, value); there {
				t.Errorf("%s: %s is %s, want it absent\n%s", r.name, value, text, body)
			}
			continue
		case "keep":
			if got, ok = valueAt(body, value); ok {
				known[what] = strings.Trim(got, `"`)
				continue
			}
			t.Fatalf("%s: there is no %s in %s", r.name, value, body)
		default:
			t.Fatalf("%s: %q is no condition", r.name, key)
		}
		if !ok || !regexp.MustCompile(value).MatchString(got) {
			t.Errorf("%s: %s is %q, want %s\n%d %s", r.name, key, got, value, resp.StatusCode, body)
		}
	}
}

// replay sends the recordings of a folder.
func replay(t *testing.T, s *blackbox.Server, folder string, known map[string]string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "recordings", folder, "*.http"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no recordings in %s: %v", folder, err)
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	for _, path := range paths {
		r := readRecording(t, path)
		conn.SetDeadline(time.Now().Add(30 * time.Second))
		if _, err := conn.Write(r.bytes(t, known)); err != nil {
			t.Fatalf("%s: %v", r.name, err)
		}
		method, _, _ := strings.Cut(r.head, " ")
		resp, err := http.ReadResponse(answers, &http.Request{Method: method})
		if err != nil {
			t.Fatalf("%s: %v", r.name, err)
		}
		body, err := unpacked(resp)
		if err != nil {
			t.Fatalf("%s: %v", r.name, err)
		}
		r.check(t, resp, body, known)
	}
}

// unpacked reads the body of an answer, decompressed where the request allowed gzip.
func unpacked(resp *http.Response) ([]byte, error) {
	defer resp.Body.Close()
	if resp.Header.Get("Content-Encoding") != "gzip" {
		return io.ReadAll(resp.Body)
	}
	z, err := gzip.NewReader(resp.Body)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(z)
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
	}
	return b, err
}

func TestRecordings(t *testing.T) {
	now := time.Now()
	known := func() map[string]string {
		return map[string]string{"now": fmt.Sprint(now.UnixNano()), "earlier": fmt.Sprint(now.Add(-time.Minute).UnixNano()), "ms": fmt.Sprint(now.UnixMilli())}
	}
	for _, c := range []struct {
		folder string
		auth   bool
		record bool // the server keeps statistics of itself
	}{{folder: "influx2", auth: true}, {folder: "kapacitor", record: true}, {folder: "chronograf", record: true}, {folder: "grafana"}} {
		t.Run(c.folder, func(t *testing.T) {
			config := filepath.Join(t.TempDir(), "config.toml")
			text := fmt.Sprintf("[http]\n  auth-enabled = %v\n[monitor]\n  store-interval = \"1s\"\n", c.auth)
			if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			s := blackbox.StartWith(t, t.TempDir(), []string{fmt.Sprintf("TIMBERLINE_MONITOR_STORE_ENABLED=%v", c.record)}, "--config", config)
			if c.record {
				await(t, s, "_internal", "SHOW MEASUREMENTS", `["database"]`)
			}
			replay(t, s, c.folder, known())
		})
	}
}

// await asks until an answer holds something.
func await(t *testing.T, s *blackbox.Server, database, q, want string) {
	t.Helper()
	var got string
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		r, err := s.Do("GET", "/query?"+url.Values{"db": {database}, "q": {q}}.Encode(), nil, nil)
		if got = r.Body; err == nil && strings.Contains(got, want) {
			return
		}
	}
	t.Fatalf("%s of %s: %s, want %s in it", q, database, got, want)
}

// TestKapacitorReceives makes the subscriptions that Kapacitor makes and looks at what comes to it, byte for byte: over
// HTTP one request a batch, over UDP one datagram a point, whatever the precision of the write was.
func TestKapacitorReceives(t *testing.T) {
	sink, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	datagrams, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer datagrams.Close()
	requests := make(chan string, 1)
	go func() {
		conn, err := sink.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(30 * time.Second))
		r := bufio.NewReader(conn)
		var head strings.Builder
		for !strings.HasSuffix(head.String(), "\r\n\r\n") {
			line, err := r.ReadString('\n')
			if err != nil {
				break
			}
			head.WriteString(line)
		}
		length := 0
		if m := regexp.MustCompile(`(?i)content-length: (\d+)`).FindStringSubmatch(head.String()); m != nil {
			length, _ = strconv.Atoi(m[1])
		}
		body := make([]byte, length)
		io.ReadFull(r, body)
		io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
		requests <- head.String() + string(body)
	}()
	s := blackbox.Start(t, t.TempDir())
	for _, q := range []string{
		`CREATE DATABASE telegraf`,
		`CREATE SUBSCRIPTION "kapacitor-6a1d9f2b" ON telegraf.autogen DESTINATIONS ANY 'http://` + sink.Addr().String() + `'`,
		`CREATE SUBSCRIPTION "kapacitor-udp" ON telegraf.autogen DESTINATIONS ALL 'udp://` + datagrams.LocalAddr().String() + `'`,
	} {
		if r, err := s.Do("POST", "/query?"+url.Values{"q": {q}}.Encode(), nil, nil); err != nil || strings.Contains(r.Body, "error") {
			t.Fatalf("%s: %v %s", q, err, r.Body)
		}
	}
	if r, err := s.Do("POST", "/write?db=telegraf&precision=s", nil, []byte("cpu,host=a idle=3 1700000000\ncpu,host=b busy=4i 1700000001\n")); err != nil || r.Status != http.StatusNoContent {
		t.Fatalf("%v %+v", err, r)
	}
	want := []string{"cpu,host=a idle=3 1700000000000000000", "cpu,host=b busy=4i 1700000001000000000"}
	buf := make([]byte, 65536)
	for _, point := range want {
		datagrams.SetReadDeadline(time.Now().Add(30 * time.Second))
		n, _, err := datagrams.ReadFrom(buf)
		if err != nil || string(buf[:n]) != point {
			t.Errorf("a datagram is %q, %v, want %q", buf[:n], err, point)
		}
	}
	select {
	case got := <-requests:
		head, body, _ := strings.Cut(got, "\r\n\r\n")
		if !strings.HasPrefix(head, "POST /write?consistency=&db=telegraf&precision=ns&rp=autogen HTTP/1.1\r\n") {
			t.Errorf("the request is %q", head)
		}
		for _, line := range []string{"Host: " + sink.Addr().String(), "Content-Type: "} {
			if !strings.Contains(head+"\r\n", "\r\n"+line+"\r\n") {
				t.Errorf("the request has no line %q: %q", line, head)
			}
		}
		if strings.TrimSuffix(body, "\n") != strings.Join(want, "\n") {
			t.Errorf("the body is %q", body)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("nothing came over HTTP")
	}
}
