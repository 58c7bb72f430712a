package bench

import (
	"fmt"
	"math/rand/v2"
)

// cpuFields are the states of a processor, as Telegraf and TSBS name them.
var cpuFields = []string{"usage_user", "usage_system", "usage_idle", "usage_nice", "usage_iowait",
	"usage_irq", "usage_softirq", "usage_steal", "usage_guest", "usage_guest_nice"}

// cpuWorkload has the shape of the cpu-only case of TSBS: ten tags and ten
// integers per line that walk between 0 and 100 with steps of N(0, 1).
func cpuWorkload() *workload {
	return &workload{
		about:    "one line of 10 tags and 10 walking integers per host (the shape of TSBS cpu-only)",
		hostTags: machineTags,
		lines:    []line{{measurement: "cpu", fields: cpuStates()}},
	}
}

func cpuStates() []field {
	var fields []field
	for _, name := range cpuFields {
		fields = append(fields, field{name: name, kind: walkInteger, low: 0, high: 100, step: 1})
	}
	return fields
}

// What a machine may be, in the words of TSBS's data.
var (
	regions = []struct {
		name  string
		zones string
	}{
		{"us-east-1", "abce"}, {"us-west-1", "ab"}, {"us-west-2", "abc"}, {"eu-west-1", "abc"}, {"eu-central-1", "ab"},
		{"ap-southeast-1", "ab"}, {"ap-southeast-2", "ab"}, {"ap-northeast-1", "ac"}, {"sa-east-1", "abc"},
	}
	systems       = []string{"Ubuntu15.10", "Ubuntu16.04LTS", "Ubuntu16.10"}
	architectures = []string{"x64", "x86"}
	teams         = []string{"CHI", "LON", "NYC", "SF"}
	environments  = []string{"production", "staging", "test"}
)

// machineTags appends ten tags: who the host is, where it stands and what runs on it.
func machineTags(dst []byte, random *rand.Rand, host int) []byte {
	region := choose(random, regions)
	return fmt.Appendf(dst, ",hostname=host_%d,region=%s,datacenter=%s%c,rack=%d,os=%s,arch=%s,team=%s,service=%d,service_version=%d,service_environment=%s",
		host, region.name, region.name, region.zones[random.IntN(len(region.zones))], random.IntN(100), choose(random, systems),
		choose(random, architectures), choose(random, teams), random.IntN(20), random.IntN(2), choose(random, environments))
}
