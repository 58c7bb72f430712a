package dashboards

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed testdata/*.txt
var files embed.FS

// Names are the files with statements.
var Names = []string{"system_928.txt", "system_fork.txt", "host_pages.txt"}

// Statement is one of a dashboard.
type Statement struct {
	Text   string   // with variables in braces
	Answer []string // what it must answer over the points of metrics.txt, one part of it a line
}

// Statements returns those of a file of Names.
func Statements(name string) ([]Statement, error) {
	data, err := files.ReadFile("testdata/" + name)
	if err != nil {
		return nil, err
	}
	var all []Statement
	for i, line := range strings.Split(string(data), "\n") {
		text, ask := strings.CutPrefix(line, "ask ")
		answer, get := strings.CutPrefix(line, "get ")
		switch {
		case ask:
			all = append(all, Statement{Text: text})
		case get && len(all) > 0:
			last := &all[len(all)-1]
			last.Answer = append(last.Answer, answer)
		case line != "" && !strings.HasPrefix(line, "#"):
			return nil, fmt.Errorf("%s:%d: neither ask nor get: %.40q", name, i+1, line)
		}
	}
	return all, nil
}

// Variables are what a dashboard fills in.
type Variables struct {
	Database, Policy string
	Host             string // one host, as text and as a pattern
	CPU              string // text
	Disk, Mount, Net string // patterns
	Range            string // condition on time
	Step             string // interval of groups
}

// Fill returns the text of a statement with its variables replaced.
func (v Variables) Fill(text string) string {
	return strings.NewReplacer("{database}", v.Database, "{policy}", v.Policy, "{host}", v.Host, "{cpu}", v.CPU,
		"{disk}", v.Disk, "{mount}", v.Mount, "{netif}", v.Net, "{range}", v.Range, "{step}", v.Step).Replace(text)
}
