package remote

import (
	"encoding/json"
)

// AppendMetricsAnswer appends the ExportMetricsServiceResponse to a report.
func AppendMetricsAnswer(dst []byte, report WriteReport, asJSON bool) []byte {
	switch {
	case asJSON && report.Refused == 0:
		return append(dst, "{}"...)
	case asJSON:
		text, err := json.Marshal(map[string]any{"partialSuccess": map[string]any{
			"rejectedDataPoints": report.Refused, "errorMessage": report.Reason,
		}})
		if err != nil {
			return append(dst, "{}"...)
		}
		return append(dst, text...)
	case report.Refused == 0:
		return dst
	}
	m := answers.Get()
	defer answers.Put(m)
	partial := m.MessageMarshaler().AppendMessage(1)
	partial.AppendInt64(1, int64(report.Refused))
	partial.AppendString(2, report.Reason)
	return m.Marshal(dst)
}

// AppendStatus appends a google.rpc.Status, the form in which OTLP tells errors.
func AppendStatus(dst []byte, code int32, text string, asJSON bool) []byte {
	if asJSON {
		body, err := json.Marshal(map[string]any{"code": code, "message": text})
		if err != nil {
			return append(dst, "{}"...)
		}
		return append(dst, body...)
	}
	m := answers.Get()
	defer answers.Put(m)
	status := m.MessageMarshaler()
	status.AppendInt32(1, code)
	status.AppendString(2, text)
	return m.Marshal(dst)
}
