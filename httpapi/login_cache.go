package httpapi

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync"

	"github.com/timberlinedb/timberline/catalog"
)

// maxVerified bounds the logins that are remembered.
const maxVerified = 4096

// loginCache remembers which passwords were found to be right, because finding out takes long on purpose. It keeps
// neither names nor passwords, only keyed hashes of both with a key of this process, and beside each the stored hash
// that the password was checked against: once that is another one, or the user is gone, the entry is worth nothing.
type loginCache struct {
	key [sha256.Size]byte

	mu       sync.Mutex // guards verified
	verified map[[sha256.Size]byte]string
}

func newLoginCache() *loginCache {
	c := &loginCache{verified: map[[sha256.Size]byte]string{}}
	rand.Read(c.key[:])
	return c
}

func (c *loginCache) mac(name, password string) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, c.key[:])
	var size [8]byte
	binary.LittleEndian.PutUint64(size[:], uint64(len(name)))
	h.Write(size[:])
	h.Write([]byte(name))
	h.Write([]byte(password))
	h.Sum(sum[:0])
	return sum
}

// knows reports whether the password was found to be that of the user before.
func (c *loginCache) knows(u *catalog.User, name, password string) bool {
	sum := c.mac(name, password)
	c.mu.Lock()
	defer c.mu.Unlock()
	hash, ok := c.verified[sum]
	if ok && (u == nil || u.Hash != hash) {
		delete(c.verified, sum)
		return false
	}
	return ok
}

// learn remembers that the password is that of the user.
func (c *loginCache) learn(u *catalog.User, password string) {
	sum := c.mac(u.Name, password)
	c.mu.Lock()
	defer c.mu.Unlock()
	for any := range c.verified {
		if len(c.verified) < maxVerified {
			break
		}
		delete(c.verified, any)
	}
	c.verified[sum] = u.Hash
}
