package index

// arena keeps byte strings in large chunks. Bytes that were added never move
// and never change: a reader that took chunks under the lock of the owner may go
// on reading what was there.
type arena struct {
	chunks [][]byte // all of full length; the headers never change once appended
	used   int      // bytes of the last chunk
	bytes  int64
}

// nameRef is the place of a string in an arena: chunk<<40 | offset<<20 | length.
type nameRef uint64

const (
	arenaFirstChunk = 1 << 10
	arenaMaxChunk   = 1 << 18
	maxArenaName    = 1<<20 - 1
)

// add copies b, which is at most maxArenaName bytes long.
func (a *arena) add(b []byte) nameRef {
	n := len(a.chunks)
	if n == 0 || len(a.chunks[n-1])-a.used < len(b) {
		size := max(min(arenaFirstChunk<<min(n, 20), arenaMaxChunk), len(b))
		a.chunks = append(a.chunks, make([]byte, size))
		a.used = 0
		a.bytes += int64(size)
		n++
	}
	ref := nameRef(n-1)<<40 | nameRef(a.used)<<20 | nameRef(len(b))
	a.used += copy(a.chunks[n-1][a.used:], b)
	return ref
}

func (a *arena) at(ref nameRef) []byte { return nameAt(a.chunks, ref) }

// nameAt returns the string of ref; it must not be changed.
func nameAt(chunks [][]byte, ref nameRef) []byte {
	off, n := int(ref>>20&maxArenaName), int(ref&maxArenaName)
	return chunks[ref>>40][off : off+n : off+n]
}
