// Package query plans and runs InfluxQL statements over the views of storage
// and delivers the answers as columns.
package query
