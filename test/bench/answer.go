package main

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/timberlinedb/timberline/bench"
)

// influxNumber returns the number in the first row of an answer of /query, zero
// when there is none.
func influxNumber(text []byte) (int64, error) {
	var answer struct {
		Results []struct {
			Series []struct{ Values [][]json.Number }
		}
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return 0, fmt.Errorf("read the count in %.100q: %w", text, err)
	}
	if len(answer.Results) == 0 || len(answer.Results[0].Series) == 0 {
		return 0, nil
	}
	rows := answer.Results[0].Series[0].Values
	if len(rows) == 0 || len(rows[0]) < 2 {
		return 0, fmt.Errorf("no count in %.100q", text)
	}
	return rows[0][1].Int64()
}

// promAnswer is an answer of Prometheus' query API.
type promAnswer struct {
	Data struct {
		Result []struct {
			Value  json.RawMessage
			Values []json.RawMessage
		}
	}
}

// countMetricsQL counts series and values of a matrix or a vector.
func countMetricsQL(text []byte) (bench.Contents, error) {
	var c bench.Contents
	var answer promAnswer
	if err := json.Unmarshal(text, &answer); err != nil {
		return c, fmt.Errorf("read the answer %.100q: %w", text, err)
	}
	for _, s := range answer.Data.Result {
		c.Series++
		c.Values += len(s.Values)
		if len(s.Value) > 0 {
			c.Values++
		}
	}
	return c, nil
}

// promNumber returns the value of a vector of one series, zero for an empty one.
func promNumber(text []byte) (int64, error) {
	var answer struct {
		Data struct {
			Result []struct{ Value [2]any }
		}
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return 0, fmt.Errorf("read the count in %.100q: %w", text, err)
	}
	if len(answer.Data.Result) == 0 {
		return 0, nil
	}
	s, ok := answer.Data.Result[0].Value[1].(string)
	if !ok {
		return 0, fmt.Errorf("no count in %.100q", text)
	}
	v, err := strconv.ParseFloat(s, 64)
	return int64(v), err
}
