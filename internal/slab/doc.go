// Package slab gives memory that the garbage collector never looks at: state
// that grows with series or values lives here, as slices of numbers.
//
//	Pool ──recycles──▶ Block (anonymous mapping) ◀──bump pointer── Arena ──Make──▶ []uint64, []int64, []byte, …
//
// An Arena belongs to one owner and is freed as a whole. Slices made from it
// are ordinary Go slices, but they die with the arena: who keeps one longer
// reads memory that is gone. Elements must not hold pointers, which the type
// constraint sees to. Beside internal/vfs this is the only package that uses
// unsafe.
//
// The package leaves accounting to its callers; an arena only says how many
// bytes it holds.
package slab
