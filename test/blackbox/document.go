package blackbox

import (
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Snippets returns the blocks of code of a document in one language, in order.
func Snippets(t testing.TB, document, language string) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(Root(), filepath.FromSlash(document)))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range regexp.MustCompile("(?s)\n```"+language+"\n(.*?)\n```\n").FindAllStringSubmatch(string(b), -1) {
		out = append(out, m[1])
	}
	if len(out) == 0 {
		t.Fatalf("%s has no code in %s", document, language)
	}
	return out
}

// ClientsGuide starts a server as docs/clients.md has it, with the user, the database and the token of its first commands.
// What it returns puts this server's address and token in the place of those in the document.
func ClientsGuide(t testing.TB) (s *Server, fill func(string) string) {
	t.Helper()
	config := filepath.Join(t.TempDir(), "timberline.toml")
	if err := os.WriteFile(config, []byte("[http]\n  auth-enabled = true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s = Start(t, t.TempDir(), "--config", config)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	token := "MY-TOKEN"
	fill = func(text string) string {
		return strings.NewReplacer("127.0.0.1:8086", u.Host, "8086", u.Port(), "MY-TOKEN", token).Replace(text)
	}
	script := Snippets(t, "docs/clients.md", "sh")[0]
	out, err := exec.Command("sh", "-e", "-c", fill(script)).Output()
	if err != nil {
		t.Fatalf("%s\n%v: %s", script, err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	var made struct{ Token string }
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &made); err != nil || made.Token == "" {
		t.Fatalf("the first commands of docs/clients.md answer\n%s\n%v", out, err)
	}
	token = made.Token
	return s, fill
}
