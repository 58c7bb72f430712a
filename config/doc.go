// Package config turns one TOML file, the environment and the command line
// into a Config.
//
//	flag ▷ TIMBERLINE_<SECTION>_<KEY> ▷ file ▷ default      the first that is set wins
//	                     │
//	                  settings (table.go): section, key, default, description, check
//	                     │
//	        ┌────────────┼─────────────┬────────────────────┐
//	      Config    named errors   timberline config   docs/configuration.md
//
// A setting is one row of the table; everything else is derived from it. What
// is not in the table is an error, wherever it stands. Sections and keys have
// the names of InfluxDB 1.x where that has them.
//
// The package holds values; what they mean is up to the rooms that get them.
package config
