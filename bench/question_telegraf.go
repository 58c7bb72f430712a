package bench

import (
	"fmt"
	"time"
)

// telegrafTypes are panels of a dashboard over hosts.
var telegrafTypes = []questionType{
	{"telegraf-cpu-host", func(a *asker) Question {
		return a.panel([]string{"usage_user", "usage_system", "usage_iowait"}, "mean", "cpu", " AND cpu = 'cpu-total'", time.Hour, time.Minute, "")
	}},
	{"telegraf-net-rate", func(a *asker) Question {
		q := a.panel([]string{"bytes_recv"}, "max", "net", "", time.Hour, time.Minute, ", interface")
		q.Text = fmt.Sprintf(`SELECT non_negative_derivative(max("bytes_recv"), 1s) FROM net WHERE %s AND %s GROUP BY time(1m), interface`,
			anyOf("host", q.Hosts), between(q.From, q.To))
		return q
	}},
	{"telegraf-mem-all", func(a *asker) Question {
		q := Question{Fields: []string{"used_percent"}, Every: time.Hour}
		q.From, q.To = a.window(12*time.Hour, q.Every)
		q.Text = fmt.Sprintf(`SELECT mean("used_percent") FROM mem WHERE %s GROUP BY time(1h), host`, between(q.From, q.To))
		return q
	}},
	{"telegraf-load-max", func(a *asker) Question {
		q := Question{Fields: []string{"load1"}, Every: time.Minute}
		q.From, q.To = a.window(time.Hour, q.Every)
		q.Text = fmt.Sprintf(`SELECT max("load1") FROM system WHERE %s GROUP BY time(1m)`, between(q.From, q.To))
		return q
	}},
	{"telegraf-disk-last", func(a *asker) Question {
		return Question{Fields: []string{"used_percent"}, From: a.spec.Start, To: a.spec.End(),
			Text: `SELECT last("used_percent") FROM disk GROUP BY host, path`}
	}},
}

// panel is a question about one host.
func (a *asker) panel(fields []string, function, measurement, condition string, length, every time.Duration, groups string) Question {
	q := Question{Fields: fields, Every: every, Hosts: []string{fmt.Sprintf("server-%06d", a.random.IntN(a.spec.Hosts))}}
	q.From, q.To = a.window(length, every)
	q.Text = fmt.Sprintf(`SELECT %s FROM %s WHERE %s%s AND %s GROUP BY time(%s)%s`, each(function, fields), measurement,
		anyOf("host", q.Hosts), condition, between(q.From, q.To), duration(every), groups)
	return q
}
