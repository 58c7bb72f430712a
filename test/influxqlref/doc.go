// Package influxqlref compares the package influxql with the language library of InfluxDB 1.x, statement by statement:
// verdict, error text, tree, printed form, demanded privileges, constant folding, conditions and evaluation. It is a
// module of its own so that the product does not depend on that library.
package influxqlref
