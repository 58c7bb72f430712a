// Command timberline is the database server and its tools in one program.
package main

import (
	_ "time/tzdata" // zones for tz() on machines without them

	"fmt"
	"os"
)

func main() {
	if err := newRoot().Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "timberline:", oneLine(err))
		os.Exit(1)
	}
}
