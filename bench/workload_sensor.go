package bench

import (
	"fmt"
	"math/rand/v2"
)

// sites is how many places the sensors stand at.
const sites = 100

// sensorWorkload has many small series: a key of 60 bytes with three tags, one
// float with two decimals.
func sensorWorkload() *workload {
	return &workload{
		about: "one line of 3 tags (a key of 60 bytes) and one float with two decimals per sensor",
		hostTags: func(dst []byte, _ *rand.Rand, host int) []byte {
			return fmt.Appendf(dst, ",site=site-%03d,rack=rack-%02d,device=device-%012d", host%sites, host/sites%50, host)
		},
		lines: []line{{measurement: "sensor", fields: []field{
			{name: "value", kind: walkDecimal, low: 15, high: 35, step: 0.1},
		}}},
	}
}
