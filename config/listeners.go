package config

import (
	"fmt"
	"time"
)

// Listener is what the sections of all listeners have that are not HTTP.
type Listener struct {
	Enabled         bool
	BindAddress     string
	Database        string
	RetentionPolicy string
	BatchSize       int
	BatchPending    int
	BatchTimeout    time.Duration
}

// UDP is the section of a listener for line protocol in datagrams.
type UDP struct {
	Listener
	Precision  string
	ReadBuffer int
}

// Graphite is the section of a listener for Graphite's plaintext protocol.
type Graphite struct {
	Listener
	Protocol      string
	Separator     string
	Templates     []string
	Tags          []string
	UDPReadBuffer int
}

// OpenTSDB is the section of a listener for OpenTSDB's protocols.
type OpenTSDB struct {
	Listener
	TLSEnabled     bool
	Certificate    string
	LogPointErrors bool
}

// Collectd is the section of a listener for collectd's network protocol.
type Collectd struct {
	Listener
	TypesDB               string
	SecurityLevel         string
	AuthFile              string
	ParseMultivaluePlugin string
	ReadBuffer            int
}

// lists are the sections that may stand several times.
var lists = []list{
	{
		name: "graphite", doc: "Listeners for the plaintext protocol of Graphite.",
		grow:    func(c *Config, n int) { c.Graphite = make([]Graphite, n) },
		entries: func(c *Config) int { return len(c.Graphite) },
		settings: append(listenerSettings(func(c *Config, i int) *Listener { return &c.Graphite[i].Listener },
			listenerDefaults{address: ":2003", database: "graphite", size: 5000, pending: 10, timeout: "1s"}),
			listSetting{key: "protocol", def: "tcp", check: oneOf("tcp", "udp"),
				doc:   "`tcp` or `udp`.",
				field: func(c *Config, i int) any { return &c.Graphite[i].Protocol }},
			listSetting{key: "separator", def: ".", check: nil,
				doc:   "Joins the parts of a path that make a measurement, a field or a tag.",
				field: func(c *Config, i int) any { return &c.Graphite[i].Separator }},
			listSetting{key: "templates", def: "", check: nil,
				doc:   "How paths become measurements, fields and tags: `[filter] pattern [tag=value,…]`.",
				field: func(c *Config, i int) any { return &c.Graphite[i].Templates }},
			listSetting{key: "tags", def: "", check: nil,
				doc:   "Tags of every point, `key=value`.",
				field: func(c *Config, i int) any { return &c.Graphite[i].Tags }},
			listSetting{key: "udp-read-buffer", def: "0", check: intAtLeast(0),
				doc:   "Bytes of the socket's buffer for datagrams. `0` is what the system has.",
				field: func(c *Config, i int) any { return &c.Graphite[i].UDPReadBuffer }},
		),
	},
	{
		name: "collectd", doc: "Listeners for the network protocol of collectd.",
		grow:    func(c *Config, n int) { c.Collectd = make([]Collectd, n) },
		entries: func(c *Config) int { return len(c.Collectd) },
		settings: append(listenerSettings(func(c *Config, i int) *Listener { return &c.Collectd[i].Listener },
			listenerDefaults{address: ":25826", database: "collectd", size: 5000, pending: 10, timeout: "10s"}),
			listSetting{key: "typesdb", def: "/usr/share/collectd/types.db", check: notEmpty,
				doc:   "File that says what the types of values are, or a directory of such files.",
				field: func(c *Config, i int) any { return &c.Collectd[i].TypesDB }},
			listSetting{key: "security-level", def: "none", check: oneOf("none", "sign", "encrypt"),
				doc:   "What packets must be: `none`, `sign` or `encrypt`.",
				field: func(c *Config, i int) any { return &c.Collectd[i].SecurityLevel }},
			listSetting{key: "auth-file", def: "/etc/collectd/auth_file", check: nil,
				doc:   "Users and passwords for packets that are signed or encrypted.",
				field: func(c *Config, i int) any { return &c.Collectd[i].AuthFile }},
			listSetting{key: "parse-multivalue-plugin", def: "split", check: oneOf("split", "join"),
				doc:   "Whether the values of a list are points of their own (`split`) or fields of one (`join`).",
				field: func(c *Config, i int) any { return &c.Collectd[i].ParseMultivaluePlugin }},
			listSetting{key: "read-buffer", def: "0", check: intAtLeast(0),
				doc:   "Bytes of the socket's buffer for datagrams. `0` is what the system has.",
				field: func(c *Config, i int) any { return &c.Collectd[i].ReadBuffer }},
		),
	},
	{
		name: "opentsdb", doc: "Listeners for the telnet and HTTP protocols of OpenTSDB, both at one address.",
		grow:    func(c *Config, n int) { c.OpenTSDB = make([]OpenTSDB, n) },
		entries: func(c *Config) int { return len(c.OpenTSDB) },
		settings: append(listenerSettings(func(c *Config, i int) *Listener { return &c.OpenTSDB[i].Listener },
			listenerDefaults{address: ":4242", database: "opentsdb", size: 1000, pending: 5, timeout: "1s"}),
			listSetting{key: "tls-enabled", def: "false", check: nil,
				doc:   "Whether connections are encrypted.",
				field: func(c *Config, i int) any { return &c.OpenTSDB[i].TLSEnabled }},
			listSetting{key: "certificate", def: "/etc/ssl/influxdb.pem", check: nil,
				doc:   "PEM file with the certificate and its private key.",
				field: func(c *Config, i int) any { return &c.OpenTSDB[i].Certificate }},
			listSetting{key: "log-point-errors", def: "true", check: nil,
				doc:   "Whether refused points are written to the log.",
				field: func(c *Config, i int) any { return &c.OpenTSDB[i].LogPointErrors }},
		),
	},
	{
		name: "udp", doc: "Listeners for line protocol in datagrams.",
		grow:    func(c *Config, n int) { c.UDP = make([]UDP, n) },
		entries: func(c *Config) int { return len(c.UDP) },
		settings: append(listenerSettings(func(c *Config, i int) *Listener { return &c.UDP[i].Listener },
			listenerDefaults{address: ":8089", database: "udp", size: 5000, pending: 10, timeout: "1s"}),
			listSetting{key: "precision", def: "n", check: oneOf("n", "ns", "u", "us", "ms", "s", "m", "h"),
				doc:   "Unit of timestamps.",
				field: func(c *Config, i int) any { return &c.UDP[i].Precision }},
			listSetting{key: "read-buffer", def: "0", check: intAtLeast(0),
				doc:   "Bytes of the socket's buffer for datagrams. `0` is what the system has.",
				field: func(c *Config, i int) any { return &c.UDP[i].ReadBuffer }},
		),
	},
}

// listenerDefaults are the defaults in which listeners differ.
type listenerDefaults struct {
	address, database, timeout string
	size, pending              int
}

// listenerSettings returns the settings that all listeners have.
func listenerSettings(of func(c *Config, i int) *Listener, d listenerDefaults) []listSetting {
	return []listSetting{
		{key: "enabled", def: "false",
			doc:   "Whether the listener runs. Who reaches its address may write to its database: the protocol knows no users.",
			field: func(c *Config, i int) any { return &of(c, i).Enabled }},
		{key: "bind-address", def: d.address, check: address,
			doc:   "Host and port. Without a host all of the machine's addresses are meant.",
			field: func(c *Config, i int) any { return &of(c, i).BindAddress }},
		{key: "database", def: d.database, check: notEmpty,
			doc:   "Database of the points. It is created when it does not exist.",
			field: func(c *Config, i int) any { return &of(c, i).Database }},
		{key: "retention-policy", def: "",
			doc:   "Retention policy of the points. Empty is the default one of the database.",
			field: func(c *Config, i int) any { return &of(c, i).RetentionPolicy }},
		{key: "batch-size", def: fmt.Sprint(d.size), check: intAtLeast(1),
			doc:   "Points that are stored at once.",
			field: func(c *Config, i int) any { return &of(c, i).BatchSize }},
		{key: "batch-pending", def: fmt.Sprint(d.pending), check: intAtLeast(1),
			doc:   "Batches that wait to be stored. What comes in datagrams while all of them wait is dropped and counted.",
			field: func(c *Config, i int) any { return &of(c, i).BatchPending }},
		{key: "batch-timeout", def: d.timeout, check: durationBetween(time.Millisecond, time.Hour),
			doc:   "How long a point waits for others.",
			field: func(c *Config, i int) any { return &of(c, i).BatchTimeout }},
	}
}
