package ingest

import (
	"bytes"
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/model"
)

// TestLongLinesAreToldInPart checks that an answer does not have a line as long as a body in it.
func TestLongLinesAreToldInPart(t *testing.T) {
	for _, c := range []struct {
		size, told int
	}{
		{10, 10},
		{maxQuotedBytes, maxQuotedBytes},
		{maxQuotedBytes + 1, maxQuotedBytes + len("...")},
		{50 << 20, maxQuotedBytes + len("...")},
	} {
		var r refusals
		r.malformed(&model.Batch{Lines: 1, Rejects: []model.Reject{{Line: 1, Text: bytes.Repeat([]byte{'x'}, c.size), Reason: "reason"}}})
		text := r.err(0).Error()
		if got := len(text) - len("unable to parse '': reason"); got != c.told || !strings.HasSuffix(text, "': reason") {
			t.Errorf("of a line of %d bytes %d are told, want %d", c.size, got, c.told)
		}
	}
}
