package bench

import (
	"fmt"
	"time"
)

// sensorTypes ask about many small series.
var sensorTypes = []questionType{
	{"sensor-mean-1-1", func(a *asker) Question { // one device by minute of an hour
		q := Question{Fields: []string{"value"}, Every: time.Minute, Hosts: []string{fmt.Sprintf("device-%012d", a.random.IntN(a.spec.Hosts))}}
		q.From, q.To = a.window(time.Hour, q.Every)
		q.Text = fmt.Sprintf(`SELECT mean("value") FROM sensor WHERE %s AND %s GROUP BY time(1m)`, anyOf("device", q.Hosts), between(q.From, q.To))
		return q
	}},
	{"sensor-mean-site-12", func(a *asker) Question { // one site by hour and rack
		q := Question{Fields: []string{"value"}, Every: time.Hour, Hosts: a.site()}
		q.From, q.To = a.window(12*time.Hour, q.Every)
		q.Text = fmt.Sprintf(`SELECT mean("value") FROM sensor WHERE %s AND %s GROUP BY time(1h), rack`, anyOf("site", q.Hosts), between(q.From, q.To))
		return q
	}},
	{"sensor-last-site", func(a *asker) Question { // the newest value of all devices of a site
		q := Question{Fields: []string{"value"}, Hosts: a.site(), From: a.spec.Start, To: a.spec.End()}
		q.Text = fmt.Sprintf(`SELECT last("value") FROM sensor WHERE %s GROUP BY device`, anyOf("site", q.Hosts))
		return q
	}},
	{"sensor-count", func(a *asker) Question { return a.everything(`SELECT count("value") FROM sensor`) }},
	{"sensor-count-all", func(a *asker) Question { return a.everything(`SELECT count(*) FROM sensor`) }},
	{"sensor-devices", func(a *asker) Question { return a.everything(`SHOW TAG VALUES FROM sensor WITH KEY = "device"`) }},
}

// everything is a question about all sensors over all of their time.
func (a *asker) everything(text string) Question {
	return Question{Fields: []string{"value"}, From: a.spec.Start, To: a.spec.End(), Text: text}
}

func (a *asker) site() []string {
	return []string{fmt.Sprintf("site-%03d", a.random.IntN(min(sites, a.spec.Hosts)))}
}
