// Package fingerprint hashes raw series keys to 128 keyed bits. The key is drawn
// at start, so nobody outside can make two keys collide, and the values mean
// nothing to another process: they are never stored.
package fingerprint

import (
	"hash/maphash"

	"github.com/timberlinedb/timberline/model"
)

var seedHi, seedLo = maphash.MakeSeed(), maphash.MakeSeed()

// Of returns the fingerprint of a raw series key.
func Of(key []byte) model.Fingerprint {
	return model.Fingerprint{Hi: maphash.Bytes(seedHi, key), Lo: maphash.Bytes(seedLo, key)}
}
