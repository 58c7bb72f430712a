// Package conformance runs a corpus of InfluxQL cases with exact answers against
// the built program, when one is at hand: TIMBERLINE_CONFORMANCE names the
// directory that holds the corpus and its runner.
package conformance
