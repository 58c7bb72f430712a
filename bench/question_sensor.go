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
}

func (a *asker) site() []string {
	return []string{fmt.Sprintf("site-%03d", a.random.IntN(min(sites, a.spec.Hosts)))}
}
