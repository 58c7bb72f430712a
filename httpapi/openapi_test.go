package httpapi

import (
	"regexp"
	"strings"
	"testing"
)

// documented returns the operations of the document as "METHOD path". It reads the form that the document is written
// in: paths are indented by two blanks, methods by four.
func documented(t *testing.T) map[string]bool {
	t.Helper()
	_, paths, found := strings.Cut(string(openAPI), "\npaths:\n")
	paths, _, more := strings.Cut(paths, "\ncomponents:\n")
	if !found || !more {
		t.Fatal("the document has no paths and components at its margin")
	}
	operations := map[string]bool{}
	path := ""
	for _, line := range strings.Split(paths, "\n") {
		name := strings.TrimSuffix(strings.TrimSpace(line), ":")
		switch indent := len(line) - len(strings.TrimLeft(line, " ")); {
		case indent == 2:
			path = name
		case indent == 4:
			key := strings.ToUpper(name) + " " + path
			if operations[key] {
				t.Errorf("%s is described twice", key)
			}
			operations[key] = true
		}
	}
	return operations
}

// TestOpenAPI compares the document with the route table, both ways.
func TestOpenAPI(t *testing.T) {
	h := newHouse(t)
	operations := documented(t)
	parameter := regexp.MustCompile(`:(\w+)`)
	for _, e := range h.Endpoints() {
		path := parameter.ReplaceAllString(strings.ReplaceAll(e.Path, "/*", "/{profile}"), "{$1}")
		key := e.Method + " " + path
		if !operations[key] {
			t.Errorf("openapi.yaml does not describe %s", key)
		}
		delete(operations, key)
	}
	for key := range operations {
		t.Errorf("openapi.yaml describes %s, which is not in the route table", key)
	}
	w := h.ask("GET", "/openapi.yaml", "")
	want(t, w, 200, string(openAPI))
	wantHeaders(t, w, "Content-Type", "application/yaml")
}

// TestOpenAPIReferences checks that what the document refers to is there, and used.
func TestOpenAPIReferences(t *testing.T) {
	text := string(openAPI)
	defined := map[string]bool{}
	section := ""
	_, components, _ := strings.Cut(text, "\ncomponents:\n")
	for _, line := range strings.Split(components, "\n") {
		name := strings.TrimSuffix(strings.TrimSpace(line), ":")
		switch len(line) - len(strings.TrimLeft(line, " ")) {
		case 2:
			section = name
		case 4:
			defined[section+"/"+name] = true
		}
	}
	used := map[string]bool{}
	for _, ref := range regexp.MustCompile(`#/components/(\w+/\w+)`).FindAllStringSubmatch(text, -1) {
		used[ref[1]] = true
		if !defined[ref[1]] {
			t.Errorf("%s is not defined", ref[1])
		}
	}
	for name := range defined {
		if !used[name] && !strings.HasPrefix(name, "securitySchemes/") {
			t.Errorf("%s is not used", name)
		}
	}
	ids := map[string]bool{}
	for _, id := range regexp.MustCompile(`operationId: (\w+)`).FindAllStringSubmatch(text, -1) {
		if ids[id[1]] {
			t.Errorf("the operation %s is there twice", id[1])
		}
		ids[id[1]] = true
	}
}

// TestOpenAPIRefusals checks that each operation that asks who sends a request tells that it may refuse, and that the
// server may not be ready.
func TestOpenAPIRefusals(t *testing.T) {
	_, paths, _ := strings.Cut(string(openAPI), "\npaths:\n")
	paths, _, _ = strings.Cut(paths, "\ncomponents:\n")
	operations := map[string]string{}
	path, key := "", ""
	for _, line := range strings.Split(paths, "\n") {
		switch name := strings.TrimSuffix(strings.TrimSpace(line), ":"); len(line) - len(strings.TrimLeft(line, " ")) {
		case 2:
			path = name
		case 4:
			key = strings.ToUpper(name) + " " + path
		default:
			operations[key] += line + "\n"
		}
	}
	parameter := regexp.MustCompile(`:(\w+)`)
	for _, e := range newHouse(t).Endpoints() {
		if e.Permission == Public {
			continue
		}
		key := e.Method + " " + parameter.ReplaceAllString(strings.ReplaceAll(e.Path, "/*", "/{profile}"), "{$1}")
		for _, status := range []string{"401", "429", "503"} {
			if !strings.Contains(operations[key], `        "`+status+`":`) {
				t.Errorf("openapi.yaml: %s does not tell of status %s", key, status)
			}
		}
	}
}

// plainScalarFault returns what in a line of YAML keeps readers from taking a text without quotation marks as it
// stands: a second colon with a blank behind it, the beginning of a comment, a word that is a boolean to some of them.
// Empty when there is nothing.
func plainScalarFault(line string) string {
	line = regexp.MustCompile(`"(\\.|[^"\\])*"|'[^']*'`).ReplaceAllString(line, "''")
	if strings.HasPrefix(strings.TrimSpace(line), "#") {
		return ""
	}
	if regexp.MustCompile(`: (yes|no|on|off)\b[,} ]*$`).MatchString(line) {
		return "a boolean"
	}
	if strings.Contains(line, " #") {
		return "a comment"
	}
	pieces := regexp.MustCompile(`[{}\[\],]`).Split(line, -1)
	for _, piece := range pieces {
		if strings.Count(piece+" ", ": ") > 1 {
			return "two colons"
		}
	}
	return ""
}

// TestOpenAPIPlainScalars finds texts for which programs cannot read the document: it is YAML, where those with a colon
// in them need quotation marks.
func TestOpenAPIPlainScalars(t *testing.T) {
	for line, fault := range map[string]string{
		`      summary: Labels of a bucket: none`:        "two colons",
		`        "200": {description: gone: for ever}`:   "two colons",
		`        "204": {description: yes}`:              "a boolean",
		`        "204": {description: "yes"}`:            "",
		`  summary: all # but this`:                      "a comment",
		`        "200": {description: "gone: for ever"}`: "",
		`  schema: {$ref: "#/components/schemas/A"}`:     "",
		`# version: 1: 2`:                                "",
	} {
		if got := plainScalarFault(line); got != fault {
			t.Errorf("%s: found %q, want %q", line, got, fault)
		}
	}
	for i, line := range strings.Split(string(openAPI), "\n") {
		if fault := plainScalarFault(line); fault != "" {
			t.Errorf("openapi.yaml:%d: %s without quotation marks: %s", i+1, fault, strings.TrimSpace(line))
		}
	}
}
