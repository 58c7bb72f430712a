// Command run is the project's test command: it sets up what the tests want,
// runs every suite, and closes with the names of what was skipped and one line
// of totals. It ends with status 1 when anything failed.
//
//	go run ./test/run [-suite REGEXP] [-v]
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// suite is one `go test` run. Results are never taken from the cache: it does not
// see the program that black-box tests build and run. Suites in nested modules keep the dependencies of
// real clients away from the product's go.mod.
type suite struct {
	name string
	dir  string
	args []string
	env  []string
}

var suites = []suite{
	{name: "vet", dir: ".", args: []string{"vet", "./..."}},
	{name: "unit", dir: ".", args: []string{"test", "-json", "-count=1", "-timeout", "15m", "./..."}},
	{name: "language", dir: "test/influxqlref", args: []string{"test", "-json", "-count=1", "-timeout", "10m", "./..."}},
	{name: "libraries", dir: "test/v2", args: []string{"test", "-json", "-count=1", "-timeout", "10m", "./..."}},
	{name: "telegraf", dir: "test/telegraf", args: []string{"test", "-json", "-count=1", "-timeout", "15m", "./..."}},
}

// packages are what the tests use of Debian, by the file that shows each.
var packages = []struct{ name, file string }{
	{"influxdb-client", "/usr/bin/influx"},
	{"python3-influxdb", "/usr/lib/python3/dist-packages/influxdb/__init__.py"},
	{"curl", "/usr/bin/curl"},
	{"influxdb", "/usr/bin/influxd"},
	{"victoria-metrics", "/usr/bin/victoria-metrics"},
	{"prometheus", "/usr/bin/prometheus"},
	{"collectd-core", "/usr/sbin/collectd"},
}

// outcome counts what became of the tests of all suites.
type outcome struct {
	passed, failed int
	skipped        []string
	verbose        bool
}

func main() {
	only := flag.String("suite", ".", "suites to run, by name")
	verbose := flag.Bool("v", false, "print every test")
	flag.Parse()
	pick, err := regexp.Compile(*only)
	if err != nil {
		fmt.Fprintln(os.Stderr, "suite:", err)
		os.Exit(2)
	}
	install()
	installNode()
	o := &outcome{verbose: *verbose}
	for _, s := range suites {
		if pick.MatchString(s.name) {
			o.run(s)
		}
	}
	o.close()
}

// install asks Debian for what is missing. What cannot be had is not an error:
// the tests that want it are skipped by name.
func install() {
	var missing []string
	for _, p := range packages {
		if _, err := os.Stat(p.file); err != nil {
			missing = append(missing, p.name)
		}
	}
	apt, err := exec.LookPath("apt-get")
	if len(missing) == 0 || err != nil || os.Geteuid() != 0 {
		return
	}
	fmt.Println("== installing", strings.Join(missing, ", "))
	defer holdServices()()
	_ = quiet(apt, "update") // what is not to be had then is said below
	for _, name := range missing {
		if err := quiet(apt, "install", "-y", "--no-install-recommends", name); err != nil {
			fmt.Printf("   %s is not to be had: %v\n", name, err)
		}
	}
}

// nodeDir has the npm packages that the tests use, by version and checksum.
const nodeDir = "test/clients/js"

// installNode asks npm for what is missing. Scripts of packages are not run.
func installNode() {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return
	}
	if _, err := os.Stat(filepath.Join(nodeDir, "node_modules")); err == nil {
		return
	}
	fmt.Println("== installing npm packages in", nodeDir)
	cmd := exec.Command(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = nodeDir
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Printf("   they are not to be had: %v\n%s", err, out)
	}
}

// policyFile is what Debian asks before it starts a service.
const policyFile = "/usr/sbin/policy-rc.d"

// holdServices has no service of a package started until what it returns is called. Where the machine has a policy of
// its own, that one stays.
func holdServices() func() {
	f, err := os.OpenFile(policyFile, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return func() {}
	}
	fmt.Fprintln(f, "#!/bin/sh\nexit 101")
	f.Close()
	return func() { _ = os.Remove(policyFile) }
}

// quiet runs a package command. Services of installed packages are not started.
func quiet(name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1")
	return cmd.Run()
}

func (o *outcome) run(s suite) {
	start := time.Now()
	fmt.Printf("== %s: go %s (in %s)\n", s.name, strings.Join(s.args, " "), s.dir)
	cmd := exec.Command("go", s.args...)
	cmd.Dir = filepath.FromSlash(s.dir)
	cmd.Env = append(os.Environ(), s.env...)
	cmd.Stderr = os.Stdout
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		o.fail(s.name, err)
		return
	}
	failedBefore := o.failed
	o.read(s.name, out)
	err = cmd.Wait()
	if err != nil && o.failed == failedBefore {
		o.fail(s.name, err)
	}
	if s.args[0] == "vet" && err == nil {
		o.passed++
	}
	fmt.Printf("   %s took %s\n", s.name, time.Since(start).Round(time.Second))
}

func (o *outcome) fail(name string, err error) {
	o.failed++
	fmt.Printf("FAIL %s: %v\n", name, err)
}

// event is a line of `go test -json`.
type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

// read follows the output of a suite. The output of a test is shown only when
// it fails.
func (o *outcome) read(suite string, out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	held := map[string][]string{}
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Println("  ", lines.Text())
			continue
		}
		id := e.Package + " " + e.Test
		switch e.Action {
		case "output", "build-output":
			if len(held[id]) < 400 {
				held[id] = append(held[id], e.Output)
			}
		case "pass", "fail", "skip":
			o.count(suite, e, held[id])
			delete(held, id)
		}
	}
}

func (o *outcome) count(suite string, e event, output []string) {
	name := strings.TrimPrefix(e.Package, "github.com/timberlinedb/timberline/")
	switch {
	case e.Test == "" && e.Action == "fail":
		fmt.Printf("FAIL package %s\n%s", name, strings.Join(output, ""))
		o.failed++
	case e.Test == "":
		if e.Action == "pass" && e.Elapsed > 0 {
			fmt.Printf("   ok %s %.1fs\n", name, e.Elapsed)
		}
	case e.Action == "fail":
		o.failed++
		fmt.Printf("FAIL %s.%s\n%s", name, e.Test, strings.Join(output, ""))
	case e.Action == "skip":
		o.skipped = append(o.skipped, suite+": "+name+"."+e.Test+": "+reason(output))
	default:
		o.passed++
		if o.verbose {
			fmt.Printf("   pass %s.%s %.2fs\n", name, e.Test, e.Elapsed)
		}
	}
}

// reason returns what a skipped test said.
func reason(output []string) string {
	for _, line := range output {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "===") && !strings.HasPrefix(line, "---") {
			return line
		}
	}
	return "no reason given"
}

func (o *outcome) close() {
	for _, s := range o.skipped {
		fmt.Println("SKIP", s)
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", o.passed, o.failed, len(o.skipped))
	if o.failed > 0 {
		os.Exit(1)
	}
}
