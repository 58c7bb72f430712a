package query_test

import (
	"testing"

	"github.com/timberlinedb/timberline/query"
)

func TestShown(t *testing.T) {
	for text, want := range map[string]string{
		"SELECT * FROM m WHERE a = 'x@y'": "SELECT * FROM m WHERE a = 'x@y'",
		"CREATE USER u WITH PASSWORD 'p'": "CREATE USER u WITH PASSWORD [REDACTED]",
		"CREATE SUBSCRIPTION s ON d.r DESTINATIONS ALL 'http://h:1', 'https://u:p@h:2/x', 'udp://h:3'": "CREATE SUBSCRIPTION s ON d.r DESTINATIONS ALL 'http://h:1', 'https://[REDACTED]@h:2/x', 'udp://h:3'",
		"http://u:a/b@c@h:1 x@y": "http://[REDACTED]@h:1 x@y",
		"'http://u:secret@":      "'http://[REDACTED]@",
		"":                       "",
	} {
		if got := query.Shown(text); got != want {
			t.Errorf("%q\ngot  %q\nwant %q", text, got, want)
		}
	}
}
