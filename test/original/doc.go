// Package original runs the InfluxDB 1.x of the machine, where one is installed, for tests that compare answers with it.
package original
