package query_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/testmodel"
	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/lineproto"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/query"
)

var rewrite = flag.Bool("rewrite", false, "write the answers that the engine gives into the scripts")

// scriptNow is what now() is in scripts.
var scriptNow = time.Date(2020, 1, 1, 1, 0, 0, 0, time.UTC)

// bench is an engine over an empty model.
type bench struct {
	clock   *clock.Manual
	storage *testmodel.Storage
	engine  *query.Engine
}

func newBench(t testing.TB, opt query.Options) *bench {
	t.Helper()
	cat, err := catalog.Open("/", catalog.Options{FS: vfs.NewMem(), PasswordCost: 4})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{
		clock:   clock.NewManual(scriptNow),
		storage: &testmodel.Storage{Store: testmodel.New(), Catalog: cat},
	}
	opt.Clock = b.clock
	b.engine = query.New(cat, b.storage, opt)
	if _, err := cat.CreateDatabase("db0", nil); err != nil {
		t.Fatal(err)
	}
	return b
}

// load writes line protocol with timestamps in seconds.
func (b *bench) load(t testing.TB, policy, lines string) {
	t.Helper()
	var batch model.Batch
	lineproto.ParsePlain(&batch, []byte(lines), lineproto.Options{Precision: lineproto.Second, Now: scriptNow.UnixNano()})
	for _, r := range batch.Rejects {
		t.Fatalf("line %d: %s", r.Line, r.Reason)
	}
	if err := b.storage.WritePoints(context.Background(), "db0", policy, &batch); err != nil {
		t.Fatal(err)
	}
}

// ask runs a request and returns its answer as JSON, a line for each result when chunked.
func (b *bench) ask(t testing.TB, req query.Request) string {
	t.Helper()
	req.Database = "db0"
	a := &answer{epoch: "s"}
	var lines []string
	emit := a.add
	if req.ChunkSize > 0 {
		emit = func(r *query.Result) error {
			line, err := json.Marshal(a.convert(r))
			lines = append(lines, string(line))
			return err
		}
	}
	err := b.engine.Run(context.Background(), req, emit)
	var parse *query.ParseError
	switch {
	case errors.As(err, &parse):
		return parse.Error()
	case err != nil:
		t.Fatal(err)
	case req.ChunkSize > 0:
		return strings.Join(lines, "\n")
	}
	text, err := a.json()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// block is one step of a script: a command with arguments, its text, and the answer.
type block struct {
	command, body, answer string
}

// parseScript splits a script: blocks are "command\ntext\n----\nanswer\n" with an empty line between them; what begins
// with # is a remark.
func parseScript(text string) (blocks []block, remarks []string) {
	for _, part := range strings.Split(strings.TrimSpace(text), "\n\n") {
		var remark []string
		lines := strings.Split(part, "\n")
		for len(lines) > 0 && strings.HasPrefix(lines[0], "#") {
			remark, lines = append(remark, lines[0]), lines[1:]
		}
		b := block{}
		if len(lines) > 0 {
			head, answer, _ := strings.Cut(strings.Join(lines, "\n"), "\n----")
			b.command, b.body, _ = strings.Cut(head, "\n")
			b.answer = strings.TrimPrefix(answer, "\n")
		}
		blocks = append(blocks, b)
		remarks = append(remarks, strings.Join(remark, "\n"))
	}
	return blocks, remarks
}

// TestScripts runs the scripts in testdata: load writes points (seconds, database db0), query asks for series, with an
// answer one series or error a line.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			for _, rows := range []int{1000, 1, 3} {
				t.Run(fmt.Sprint("batch ", rows), func(t *testing.T) { runScript(t, file, rows) })
			}
		})
	}
}

func runScript(t *testing.T, file string, batchRows int) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, query.Options{})
	b.storage.Store.BatchRows = batchRows
	blocks, remarks := parseScript(string(text))
	var out strings.Builder
	for i, bl := range blocks {
		if remarks[i] != "" {
			out.WriteString(remarks[i] + "\n")
		}
		args := strings.Fields(bl.command)
		if len(args) == 0 {
			out.WriteString("\n")
			continue
		}
		got := ""
		switch args[0] {
		case "load":
			policy := ""
			if len(args) > 1 {
				policy = args[1]
			}
			b.load(t, policy, bl.body)
		case "query":
			req := query.Request{Text: bl.body}
			for _, arg := range args[1:] {
				if size, ok := strings.CutPrefix(arg, "chunk="); ok {
					req.ChunkSize, _ = strconv.Atoi(size)
				}
				req.ReadOnly = req.ReadOnly || arg == "readonly"
			}
			got = b.ask(t, req)
			if got != bl.answer && !*rewrite {
				t.Errorf("%s\n got %s\nwant %s", bl.body, got, bl.answer)
			}
		default:
			t.Fatalf("unknown command %q", args[0])
		}
		fmt.Fprintf(&out, "%s\n%s\n----\n", bl.command, bl.body)
		if got != "" {
			out.WriteString(got + "\n")
		}
		out.WriteString("\n")
	}
	if *rewrite {
		if err := os.WriteFile(file, []byte(strings.TrimSpace(out.String())+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
