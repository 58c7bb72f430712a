// Package dashboards holds the statements of public dashboards over Telegraf's measurements and what they must answer: how
// many series with which tags, how many rows, which columns, or nothing where nothing is there to be found.
//
//	testdata/metrics.txt ──points──▶ a server ◀──statements── testdata/system_928.txt, system_fork.txt, host_pages.txt
//	                                    └────answers────▶ held against what stands behind each statement
//
// The files were filled in from the answers of an InfluxDB 1.x; where one is installed, its answers must be the same to the
// byte. The module of test/telegraf asks the same statements over what Telegraf's inputs find on the machine at hand.
package dashboards
