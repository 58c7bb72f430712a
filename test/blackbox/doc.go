// Package blackbox starts the built program as a user would and talks to it over
// HTTP. The tests under test/ use it, those of nested modules too.
package blackbox
