package bench

import (
	"fmt"
	"strings"
	"time"
)

// hosts draws up to n host names.
func (a *asker) hosts(n int) []string {
	var names []string
	for _, i := range a.some(n, a.spec.Hosts) {
		names = append(names, fmt.Sprintf("host_%d", i))
	}
	return names
}

// singleGroupBy: the maximum of some fields over some hosts, by minute.
func singleGroupBy(fields, hosts, hours int) func(*asker) Question {
	return func(a *asker) Question {
		return a.maxima(cpuFields[:fields], hosts, time.Duration(hours)*time.Hour, time.Minute)
	}
}

// cpuMaxAll: the maximum of all fields over some hosts, by hour of eight hours.
func cpuMaxAll(hosts int) func(*asker) Question {
	return func(a *asker) Question { return a.maxima(cpuFields, hosts, 8*time.Hour, time.Hour) }
}

func (a *asker) maxima(fields []string, hosts int, length, every time.Duration) Question {
	q := Question{Fields: fields, Hosts: a.hosts(hosts), Every: every}
	q.From, q.To = a.window(length, every)
	q.Text = fmt.Sprintf("SELECT %s FROM cpu WHERE %s AND %s GROUP BY time(%s)",
		each("max", q.Fields), anyOf("hostname", q.Hosts), between(q.From, q.To), duration(every))
	return q
}

// doubleGroupBy: the mean of some fields by hour of twelve hours and by host.
func doubleGroupBy(fields int) func(*asker) Question {
	return func(a *asker) Question {
		q := Question{Fields: cpuFields[:fields], Every: time.Hour}
		q.From, q.To = a.window(12*time.Hour, q.Every)
		q.Text = fmt.Sprintf("SELECT %s FROM cpu WHERE %s GROUP BY time(1h), hostname", each("mean", q.Fields), between(q.From, q.To))
		return q
	}
}

// highCPU: all fields where usage_user is above 90, of one host or of all,
// within twelve hours.
func highCPU(hosts int) func(*asker) Question {
	return func(a *asker) Question {
		q := Question{Fields: cpuFields}
		q.From, q.To = a.window(12*time.Hour, time.Minute)
		conditions := []string{`"usage_user" > 90.0`, between(q.From, q.To)}
		if hosts > 0 {
			q.Hosts = a.hosts(hosts)
			conditions = append(conditions, anyOf("hostname", q.Hosts))
		}
		q.Text = "SELECT * FROM cpu WHERE " + strings.Join(conditions, " AND ")
		return q
	}
}

// groupByOrderByLimit: the last five minutes that end before a moment, from
// all of the data before it.
func groupByOrderByLimit(a *asker) Question {
	q := Question{Fields: cpuFields[:1], Every: time.Minute}
	q.From, q.To = a.window(time.Hour, q.Every)
	q.Text = fmt.Sprintf(`SELECT max("usage_user") FROM cpu WHERE time < '%s' GROUP BY time(1m) ORDER BY time DESC LIMIT 5`,
		q.To.Format(time.RFC3339Nano))
	return q
}

// lastPoint: the newest line of every host.
func lastPoint(a *asker) Question {
	return Question{Fields: cpuFields, From: a.spec.Start, To: a.spec.End(),
		Text: "SELECT * FROM cpu GROUP BY hostname ORDER BY time DESC LIMIT 1"}
}
