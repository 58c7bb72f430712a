// Package cursor is the contract between storage and those who read it. It
// holds no code that stores or computes: only the view of a database, the
// request for values, and the typed batches that come back.
//
//	query ──View──▶ which measurements, fields, series
//	      ──Read──▶ Cursor: series by series, batch by batch, in time order
//
// Storage implements View and Cursor; the query engine and the tests' naive
// model are written against this package alone.
package cursor
