package remote

import (
	"errors"
	"fmt"
	"time"

	"github.com/VictoriaMetrics/easyproto"

	"github.com/timberlinedb/timberline/model"
)

// The messages are prometheus.WriteRequest and io.prometheus.write.v2.Request,
// as the specifications of remote write 1.0 and 2.0 define them.

// ErrMessage says that bytes are not the message that they should be.
var ErrMessage = errors.New("malformed message")

func broken(what string) error { return fmt.Errorf("%w: %s", ErrMessage, what) }

// unnamed is the measurement of series without the label __name__.
const unnamed = "prom_metric_not_specified"

const nameLabel = "__name__"

// fields calls visit for every field of a message.
func fields(message []byte, what string, visit func(f *easyproto.FieldContext) bool) error {
	var f easyproto.FieldContext
	for len(message) > 0 {
		var err error
		if message, err = f.NextField(message); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrMessage, what, err)
		}
		if !visit(&f) {
			return fmt.Errorf("%w: %s: field %d has the wrong type", ErrMessage, what, f.FieldNum)
		}
	}
	return nil
}

// writeDecoder decodes one message.
type writeDecoder struct {
	points  *Points
	report  WriteReport
	symbols []string // of version 2

	tags    model.Tags
	samples []sample
	refs    []uint32
}

// sample is a value with its time in milliseconds.
type sample struct {
	value float64
	at    int64
}

// DecodeWrite adds the samples of a remote write 1.0 message to points, as
// points of the measurement that the label __name__ says, with all labels as
// tags and the float field value.
func DecodeWrite(message []byte, points *Points) (WriteReport, error) {
	d := writeDecoder{points: points}
	err := fields(message, "write request", func(f *easyproto.FieldContext) bool {
		if f.FieldNum != 1 {
			return true
		}
		series, ok := f.MessageData()
		return ok && d.series(series)
	})
	return d.report, err
}

// DecodeWriteV2 is DecodeWrite for a message of remote write 2.0.
func DecodeWriteV2(message []byte, points *Points) (WriteReport, error) {
	d := writeDecoder{points: points}
	var all [][]byte
	err := fields(message, "write request", func(f *easyproto.FieldContext) (ok bool) {
		switch f.FieldNum {
		case 4:
			var s string
			if s, ok = f.String(); ok {
				d.symbols = append(d.symbols, s)
			}
			return ok
		case 5:
			var series []byte
			if series, ok = f.MessageData(); ok {
				all = append(all, series)
			}
			return ok
		}
		return true
	})
	if err != nil {
		return d.report, err
	}
	for _, s := range all {
		if !d.seriesV2(s) {
			return d.report, broken("time series")
		}
	}
	return d.report, nil
}

func (d *writeDecoder) series(message []byte) bool {
	d.tags, d.samples = d.tags[:0], d.samples[:0]
	err := fields(message, "time series", func(f *easyproto.FieldContext) bool {
		switch f.FieldNum {
		case 1:
			m, ok := f.MessageData()
			return ok && d.label(m)
		case 2:
			m, ok := f.MessageData()
			return ok && d.sample(m)
		case 4:
			d.report.Histograms++
		}
		return true
	})
	if err != nil {
		return false
	}
	d.store()
	return true
}

func (d *writeDecoder) label(message []byte) bool {
	var t model.Tag
	err := fields(message, "label", func(f *easyproto.FieldContext) (ok bool) {
		switch f.FieldNum {
		case 1:
			t.Key, ok = f.Bytes()
			return ok
		case 2:
			t.Value, ok = f.Bytes()
			return ok
		}
		return true
	})
	d.tags = append(d.tags, t)
	return err == nil
}

func (d *writeDecoder) sample(message []byte) bool {
	var s sample
	err := fields(message, "sample", func(f *easyproto.FieldContext) (ok bool) {
		switch f.FieldNum {
		case 1:
			s.value, ok = f.Double()
			return ok
		case 2:
			s.at, ok = f.Int64()
			return ok
		}
		return true
	})
	d.samples = append(d.samples, s)
	return err == nil
}

func (d *writeDecoder) seriesV2(message []byte) bool {
	d.tags, d.samples, d.refs = d.tags[:0], d.samples[:0], d.refs[:0]
	err := fields(message, "time series", func(f *easyproto.FieldContext) (ok bool) {
		switch f.FieldNum {
		case 1:
			d.refs, ok = f.UnpackUint32s(d.refs)
			return ok
		case 2:
			var m []byte
			m, ok = f.MessageData()
			return ok && d.sample(m)
		case 3:
			d.report.Histograms++
		}
		return true
	})
	if err != nil || len(d.refs)%2 != 0 {
		return false
	}
	for i := 0; i < len(d.refs); i += 2 {
		key, value := int(d.refs[i]), int(d.refs[i+1])
		if key >= len(d.symbols) || value >= len(d.symbols) {
			return false
		}
		d.tags = append(d.tags, model.Tag{Key: []byte(d.symbols[key]), Value: []byte(d.symbols[value])})
	}
	d.store()
	return true
}

// store makes points of the samples of a series.
func (d *writeDecoder) store() {
	if len(d.samples) == 0 {
		return
	}
	measurement := d.tags.Get([]byte(nameLabel))
	if len(measurement) == 0 {
		measurement = []byte(unnamed)
	}
	s, err := d.points.series(measurement, d.tags)
	if err != nil {
		d.report.refuse(len(d.samples), err)
		return
	}
	for _, v := range d.samples {
		if !usable(v.value) {
			d.report.NotNumbers++
			continue
		}
		const perMilli = int64(time.Millisecond)
		at := v.at * perMilli
		if at/perMilli != v.at {
			d.report.refuse(1, fmt.Errorf("timestamp %d ms is outside of what can be stored", v.at))
			continue
		}
		d.points.point(s, at)
		d.points.float("value", v.value)
		d.report.Samples++
	}
}
