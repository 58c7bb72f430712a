package shell

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestImportGoodFile(t *testing.T) {
	plain, err := os.ReadFile("testdata/good.txt")
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(plain); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"plain": plain, "gzip": packed.Bytes()} {
		c := serve(t)
		report, err := Import(t.Context(), c, bytes.NewReader(text), ImportOptions{Precision: Seconds, Told: func(err error) { t.Error(err) }})
		if err != nil || report.Failed() || report.Statements != 2 || report.Points != 4 || report.Batches != 2 {
			t.Fatalf("%s: %+v, %v", name, report, err)
		}
		for policy, want := range map[string]string{"oneday": "29 38 801", "autogen": "47"} {
			values, err := column(t.Context(), c, Question{Statements: "SELECT value FROM treasures", Database: "pirates", Policy: policy}, "value", 10)
			if slices.Sort(values); err != nil || strings.Join(values, " ") != want {
				t.Errorf("%s: %s has %v, %v, want %s", name, policy, values, err, want)
			}
		}
		notes, err := column(t.Context(), c, Question{Statements: "SELECT note FROM treasures", Database: "pirates", Policy: "oneday"}, "note", 10)
		if err != nil || len(notes) != 1 || notes[0] != "two\n# lines, the second of which is no comment" {
			t.Errorf("%s: notes are %q, %v", name, notes, err)
		}
	}
}

func TestImportBadFile(t *testing.T) {
	c := serve(t)
	do(t, c, "", "CREATE DATABASE pirates; CREATE RETENTION POLICY oneday ON pirates DURATION INF REPLICATION 1", "")
	if err := c.Write(t.Context(), Points{Database: "pirates", Policy: "oneday", Lines: []byte("treasures value=1 1")}); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open("testdata/bad.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var told []string
	report, err := Import(t.Context(), c, file, ImportOptions{Precision: Seconds, Told: func(err error) { told = append(told, err.Error()) }})
	var status *StatusError
	if !errors.As(err, &status) || status.Status != 404 || !strings.HasPrefix(err.Error(), "line 10: ") {
		t.Errorf("ended with %v, want what the server says of a database that is not there", err)
	}
	if !report.Failed() || report.FailedStatements != 1 || report.Points != 1 || report.Lost != 3 {
		t.Errorf("got %+v", report)
	}
	if len(told) != 2 || !strings.HasPrefix(told[0], "line 2: CREATE RETENTON") || !strings.HasPrefix(told[1], "lines 6 to 8: partial write: ") {
		t.Errorf("told %q", told)
	}
}

func TestImportEndsEarly(t *testing.T) {
	s := newSink(t)
	for text, want := range map[string]string{
		"# DML\nm v=1 1\n": ErrNoDatabase.Error(),
		"\x1f\x8bnot gzip": "unpack",
		"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x00": "line 1: ",
	} {
		if _, err := Import(t.Context(), connect(t, s.URL), strings.NewReader(text), ImportOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: ended with %v, want %q", text, err, want)
		}
	}
	endless := io.MultiReader(strings.NewReader(`m v="`), zeros{})
	if _, err := Import(t.Context(), connect(t, s.URL), endless, ImportOptions{Database: "d"}); err == nil || !strings.Contains(err.Error(), "is a quote missing?") {
		t.Errorf("a point without end: %v", err)
	}
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

func TestPointReader(t *testing.T) {
	for text, want := range map[string]string{
		"a\nb\r\n\nc":                    "a|b||c",
		"m v=\"x\ny\" 1\nm v=2 2\n":      "m v=\"x\ny\" 1|m v=2 2",
		"m,t=a\" v=1\nm v=2\n":           "m,t=a\" v=1|m v=2",           // a quote in a tag opens nothing
		"m\\ x,t=\"a v=1\nn v=2\n":       "m\\ x,t=\"a v=1|n v=2",       // an escaped blank ends no key
		"m v=\"a\\\"b\nc\",w=1\nn v=2\n": "m v=\"a\\\"b\nc\",w=1|n v=2", // an escaped quote ends no value
		"# it's \"open\nm v=1\n":         "# it's \"open|m v=1",
		"m v=\"open":                     "m v=\"open",
	} {
		p, err := newPointReader(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for {
			line, err := p.next()
			if err != nil {
				break
			}
			got = append(got, string(line))
		}
		if strings.Join(got, "|") != want {
			t.Errorf("%q is read as %q, want %q", text, strings.Join(got, "|"), want)
		}
	}
}

// FuzzPointReader checks that no byte of a file gets lost on the way but those of line ends.
func FuzzPointReader(f *testing.F) {
	for _, name := range []string{"testdata/good.txt", "testdata/bad.txt", "testdata/good.gz"} {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	ends := strings.NewReplacer("\r", "", "\n", "")
	f.Fuzz(func(t *testing.T, text []byte) {
		if bytes.HasPrefix(text, []byte{0x1f, 0x8b}) && len(text) > 4096 {
			return
		}
		p, err := newPointReader(bytes.NewReader(text))
		if err != nil {
			return
		}
		var got strings.Builder
		for {
			line, err := p.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return
			}
			got.Write(line)
		}
		if bytes.HasPrefix(text, []byte{0x1f, 0x8b}) {
			return
		}
		if ends.Replace(got.String()) != ends.Replace(string(text)) {
			t.Errorf("%q is read as %q", text, got.String())
		}
		if n := int64(bytes.Count(text, []byte("\n"))); p.last < n || p.last > n+1 {
			t.Errorf("%q has %d lines by count, %d by reading", text, n, p.last)
		}
	})
}
