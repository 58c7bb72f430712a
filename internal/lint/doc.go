// Package lint holds the rules of the house as tests: who may import whom, that
// storage reaches files and the clock through their seams alone, that every
// package says what it is for, and that the source is formatted.
package lint
