package vfs

import "strings"

// Op is a set of kinds of file operations. Mem names one to its hook, a Rule of
// Fault matches any of several.
type Op uint32

// The kinds of operations.
const (
	OpCreate Op = 1 << iota
	OpOpen
	OpRead
	OpWrite
	OpTruncate
	OpSync
	OpSyncData
	OpClose
	OpSize
	OpRemove
	OpRemoveAll
	OpRename
	OpMkdir
	OpList
	OpStat
	OpSyncDir
	OpMap
	OpLock
	OpFree

	opEnd

	// OpAny is every kind.
	OpAny = opEnd - 1
	// OpMutating is every kind that changes what is, or what is durable.
	OpMutating = OpCreate | OpWrite | OpTruncate | OpSync | OpSyncData |
		OpRemove | OpRemoveAll | OpRename | OpMkdir | OpSyncDir | OpLock
	// OpAnySync is every kind that makes something durable.
	OpAnySync = OpSync | OpSyncData | OpSyncDir
)

var opNames = [...]string{"create", "open", "read", "write", "truncate", "sync", "syncdata", "close", "size",
	"remove", "removeall", "rename", "mkdir", "list", "stat", "syncdir", "map", "lock", "free"}

// String returns the names of the kinds in o, joined by "|".
func (o Op) String() string {
	var names []string
	for i, name := range opNames {
		if o&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, "|")
}
