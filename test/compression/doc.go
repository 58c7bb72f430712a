// Package compression measures what the encodings of Timberline take beside those
// of others, on generated columns and on what the machine itself says of its
// processors, memory, disks and networks while the test runs.
//
//	go test ./test/compression -run Table -v
package compression
