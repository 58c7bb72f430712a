// Package differential asks the built program and an InfluxDB 1.x server of the machine the same questions over the same
// points and compares the bytes of their answers.
//
//	generator ──points──▶ both servers
//	          ──statements──▶ both servers ──answers──▶ compare ──▶ same, explained, or a failure
//
// Points and statements come from a seed (TIMBERLINE_SEED), so that a failure can be looked at again. The server of the
// machine is an older 1.x than the one whose answers are wanted; where the two versions differ, differences_test.go says
// why. The test is skipped where no influxd is installed.
package differential
