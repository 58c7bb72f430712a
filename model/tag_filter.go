package model

import "regexp"

// TagOp is what a TagFilter does with its operands.
type TagOp uint8

// The operators of a TagFilter. A series without the tag counts as having the
// empty value, for every operator.
const (
	TagAnd      TagOp = iota // every one of Args; no Args: all series
	TagOr                    // at least one of Args; no Args: no series
	TagNot                   // not Args[0]
	TagEqual                 // Key = Value
	TagNotEqual              // Key != Value
	TagMatch                 // Key =~ Regex
	TagNotMatch              // Key !~ Regex
)

// TagFilter is a condition on tags alone, as the index evaluates it. A nil
// filter selects every series.
type TagFilter struct {
	Op    TagOp
	Args  []*TagFilter
	Key   string
	Value string
	Regex *regexp.Regexp
}
