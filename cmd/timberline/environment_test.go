package main

import (
	"os"
	"strings"
	"testing"
)

// The variables that steer tests begin like settings, which the program would
// refuse as unknown.
func TestMain(m *testing.M) {
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "TIMBERLINE_") {
			os.Unsetenv(name)
		}
	}
	os.Exit(m.Run())
}
