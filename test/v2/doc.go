// Package v2 runs the Go client libraries of InfluxDB, of version 2 and of
// version 1, against the built program. It is a module of its own, so that what
// they need stays out of the product's go.mod.
package v2
