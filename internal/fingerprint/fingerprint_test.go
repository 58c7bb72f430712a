package fingerprint

import (
	"strconv"
	"testing"

	"github.com/timberlinedb/timberline/model"
)

func TestOf(t *testing.T) {
	seen := map[model.Fingerprint]int{}
	for i := range 100_000 {
		key := []byte("cpu,host=" + strconv.Itoa(i))
		fp := Of(key)
		if fp != Of([]byte(string(key))) {
			t.Fatalf("%s has two fingerprints", key)
		}
		if other, ok := seen[fp]; ok {
			t.Fatalf("hosts %d and %d share a fingerprint", i, other)
		}
		if fp.Hi == fp.Lo {
			t.Fatalf("%s: both halves are %x", key, fp.Hi)
		}
		seen[fp] = i
	}
}

func BenchmarkOf(b *testing.B) {
	key := []byte("cpu,hostname=host_1234,region=eu-central-1,datacenter=eu-central-1a,rack=67,os=Ubuntu15.10,arch=x86,team=SF,service=13,service_version=1,service_environment=test")
	b.SetBytes(int64(len(key)))
	for b.Loop() {
		Of(key)
	}
}
