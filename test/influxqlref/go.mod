module github.com/timberlinedb/timberline/test/influxqlref

go 1.26.0

require (
	github.com/influxdata/influxql v1.4.1
	github.com/timberlinedb/timberline v0.0.0
)

require google.golang.org/protobuf v1.36.12 // indirect

replace github.com/timberlinedb/timberline => ../..
