package config

import (
	"fmt"
	"net"
	"strings"
	"time"
)

// setting is one row of the table of everything that can be configured.
type setting struct {
	section, key string
	def          string // as text, the way it would stand in the environment
	doc          string // one line
	secret       bool   // never printed
	field        func(*Config) any
	check        func(any) error // of the typed value; nil: every value will do
}

// name returns the setting's name in errors and on the command line.
func (s *setting) name() string { return s.section + "." + s.key }

// variable returns the setting's name in the environment.
func (s *setting) variable() string {
	return variableName(s.section + "_" + s.key)
}

// section is a heading of the file.
type section struct {
	name, doc string
}

var sections = []section{
	{"data", "Storage: where it is, when a write counts as stored, how much memory it takes."},
	{"coordinator", "Writes and queries: how long they may take and how much they may touch."},
	{"retention", "The job that removes shards that are older than their retention policy."},
	{"continuous_queries", "The job that runs continuous queries."},
	{"subscriber", "The sender of written points to the destinations of subscriptions."},
	{"monitor", "The server's own statistics, which SHOW STATS and /debug/vars tell: their history in a database."},
	{"http", "The HTTP listener: addresses, limits, what clients are told."},
	{"audit", "The trail of what matters for security: failed logins, what is refused, changes of users, grants, tokens and definitions, deletes."},
	{"logging", "The server's log, on standard error."},
}

var settings = []setting{
	{section: "data", key: "dir", def: "timberline-data", check: notEmpty,
		doc:   "Directory of all data. It is made when it does not exist.",
		field: func(c *Config) any { return &c.Data.Dir }},
	{section: "data", key: "wal-sync", def: "durable", check: oneOf("durable", "interval"),
		doc:   "When a write is acknowledged: `durable` after the log is on disk, `interval` before, with a loss of at most wal-sync-interval in a crash of the machine.",
		field: func(c *Config) any { return &c.Data.WALSync }},
	{section: "data", key: "wal-sync-interval", def: "100ms", check: durationBetween(time.Millisecond, time.Minute),
		doc:   "How often the log is put on disk with `wal-sync = \"interval\"`.",
		field: func(c *Config) any { return &c.Data.WALSyncInterval }},
	{section: "data", key: "memory-limit", def: "60%", check: nil,
		doc:   "Memory that caches, indexes and queries share: a size, or a percentage of the machine's or container's memory. `0` is no limit.",
		field: func(c *Config) any { return &c.Data.MemoryLimit }},
	{section: "data", key: "cache-max-memory-size", def: "1g", check: sizeAtLeast(1 << 20),
		doc:   "Size of all caches of values not yet in files at which writes wait, and are refused with 503 if that takes long, until some are flushed. At most a quarter of memory-limit counts.",
		field: func(c *Config) any { return &c.Data.CacheMaxMemorySize }},
	{section: "data", key: "cache-snapshot-memory-size", def: "0", check: sizeAtLeast(0),
		doc:   "Size from which on a shard's cache is flushed to a file. `0` is a quarter of cache-max-memory-size, at most 128m.",
		field: func(c *Config) any { return &c.Data.CacheSnapshotMemorySize }},
	{section: "data", key: "cache-snapshot-write-cold-duration", def: "10m", check: durationAtLeast(time.Second),
		doc:   "How long values stay in a cache at most before they are flushed to a file. A large cache that gets no more values is flushed after a tenth of it, one with many values for each series, as a bulk load leaves it, after a second.",
		field: func(c *Config) any { return &c.Data.CacheSnapshotWriteColdDuration }},
	{section: "data", key: "compact-full-write-cold-duration", def: "4h", check: durationAtLeast(time.Second),
		doc:   "A shard gets its final compaction when nothing was flushed to it for that long.",
		field: func(c *Config) any { return &c.Data.CompactFullWriteColdDuration }},
	{section: "data", key: "compact-throughput", def: "48m", check: sizeAtLeast(0),
		doc:   "Bytes of files that compactions read per second, all together. `0` is no limit.",
		field: func(c *Config) any { return &c.Data.CompactThroughput }},
	{section: "data", key: "compact-throughput-burst", def: "48m", check: sizeAtLeast(0),
		doc:   "Bytes that they may read at once after a pause. `0` is as many as in one second.",
		field: func(c *Config) any { return &c.Data.CompactThroughputBurst }},
	{section: "data", key: "max-concurrent-compactions", def: "0", check: intAtLeast(0),
		doc:   "Shards that are compacted at the same time. `0` is half of the processors, at least one.",
		field: func(c *Config) any { return &c.Data.MaxConcurrentCompactions }},
	{section: "data", key: "max-series-per-database", def: "100000000", check: intAtLeast(0),
		doc:   "Series that a database may have; points of new ones beyond are refused and counted. `0` is no limit.",
		field: func(c *Config) any { return &c.Data.MaxSeriesPerDatabase }},
	{section: "data", key: "max-values-per-tag", def: "10000000", check: intAtLeast(0),
		doc:   "Values that a tag may have in a measurement; points of new ones beyond are refused and counted. `0` is no limit.",
		field: func(c *Config) any { return &c.Data.MaxValuesPerTag }},
	{section: "data", key: "overflow-tag-values", def: "false",
		doc:   "Store points beyond max-values-per-tag with the value `__overflow__` in place of the new one, and count them, instead of refusing them. Points of one series, field and timestamp then take each other's place.",
		field: func(c *Config) any { return &c.Data.OverflowTagValues }},
	{section: "data", key: "max-field-conflict-size", def: "64m", check: sizeAtLeast(1 << 16),
		doc:   "Size of the file in which a database WITH FIELD CONFLICTS WIDEN keeps values that it can store neither as they are nor converted. When it is full, their points are refused.",
		field: func(c *Config) any { return &c.Data.MaxFieldConflictSize }},

	{section: "coordinator", key: "write-timeout", def: "10s", check: durationAtLeast(0),
		doc:   "Time a write may take before it fails with `timeout`. `0s` is no limit.",
		field: func(c *Config) any { return &c.Coordinator.WriteTimeout }},
	{section: "coordinator", key: "max-future", def: "0s", check: durationAtLeast(0),
		doc:   "Points whose timestamps lie further in the future are refused and counted. `0s` refuses none, as InfluxDB 1.x.",
		field: func(c *Config) any { return &c.Coordinator.MaxFuture }},
	{section: "coordinator", key: "count-future-after", def: "10m", check: durationAtLeast(0),
		doc:   "Points whose timestamps lie further in the future are stored and counted, with an example: often a clock is wrong, or a precision.",
		field: func(c *Config) any { return &c.Coordinator.CountFutureAfter }},
	{section: "coordinator", key: "query-timeout", def: "0s", check: durationAtLeast(0),
		doc:   "Time a query may take before it is killed. `0s` is no limit.",
		field: func(c *Config) any { return &c.Coordinator.QueryTimeout }},
	{section: "coordinator", key: "log-queries-after", def: "0s", check: durationAtLeast(0),
		doc:   "Queries that run longer are logged. `0s` logs none.",
		field: func(c *Config) any { return &c.Coordinator.LogQueriesAfter }},
	{section: "coordinator", key: "max-concurrent-queries", def: "0", check: intAtLeast(0),
		doc:   "Requests with queries at the same time; more wait or are refused. `0` is no limit. SHOW QUERIES and KILL QUERY always run.",
		field: func(c *Config) any { return &c.Coordinator.MaxConcurrentQueries }},
	{section: "coordinator", key: "max-queued-queries", def: "100", check: intAtLeast(0),
		doc:   "Requests that may wait while max-concurrent-queries of them run; more are refused. `0`: none waits, as in InfluxDB 1.x.",
		field: func(c *Config) any { return &c.Coordinator.MaxQueuedQueries }},
	{section: "coordinator", key: "queued-query-timeout", def: "30s", check: durationAtLeast(0),
		doc:   "How long a request waits before it is refused. `0s`: as long as its client.",
		field: func(c *Config) any { return &c.Coordinator.QueuedQueryTimeout }},
	{section: "coordinator", key: "max-select-point", def: "0", check: intAtLeast(0),
		doc:   "Points that one SELECT may read. `0` is no limit.",
		field: func(c *Config) any { return &c.Coordinator.MaxSelectPoint }},
	{section: "coordinator", key: "max-select-series", def: "0", check: intAtLeast(0),
		doc:   "Series that one SELECT may touch. `0` is no limit.",
		field: func(c *Config) any { return &c.Coordinator.MaxSelectSeries }},
	{section: "coordinator", key: "max-select-buckets", def: "0", check: intAtLeast(0),
		doc:   "GROUP BY time() intervals that one SELECT may make. `0` is no limit.",
		field: func(c *Config) any { return &c.Coordinator.MaxSelectBuckets }},
	{section: "coordinator", key: "max-fill-buckets", def: "50000000", check: intAtLeast(0),
		doc:   "GROUP BY time() intervals without a value that one SELECT may fill. `0` is no limit.",
		field: func(c *Config) any { return &c.Coordinator.MaxFillBuckets }},
	{section: "coordinator", key: "max-query-memory", def: "0", check: sizeAtLeast(0),
		doc:   "Memory that one query may take. `0` leaves it to `data.memory-limit`.",
		field: func(c *Config) any { return &c.Coordinator.MaxQueryMemory }},
	{section: "coordinator", key: "max-group-cache", def: "16m", check: sizeAtLeast(0),
		doc:   "Memory in which the series that queries found, sorted and grouped are kept for the next ones, as long as no series come or go; at most a 32nd of `data.memory-limit`. `0` keeps none.",
		field: func(c *Config) any { return &c.Coordinator.MaxGroupCache }},

	{section: "retention", key: "enabled", def: "true",
		doc:   "Remove shards that are older than their retention policy.",
		field: func(c *Config) any { return &c.Retention.Enabled }},
	{section: "retention", key: "check-interval", def: "30m", check: durationAtLeast(time.Second),
		doc:   "How often to look for them.",
		field: func(c *Config) any { return &c.Retention.CheckInterval }},

	{section: "continuous_queries", key: "enabled", def: "true",
		doc:   "Run continuous queries.",
		field: func(c *Config) any { return &c.ContinuousQueries.Enabled }},
	{section: "continuous_queries", key: "log-enabled", def: "true",
		doc:   "Log every run. Those that fail are logged always.",
		field: func(c *Config) any { return &c.ContinuousQueries.LogEnabled }},
	{section: "continuous_queries", key: "run-interval", def: "1s", check: durationBetween(100*time.Millisecond, time.Hour),
		doc:   "How often to look for continuous queries that are due. The shortest RESAMPLE EVERY should not be below.",
		field: func(c *Config) any { return &c.ContinuousQueries.RunInterval }},

	{section: "subscriber", key: "enabled", def: "true",
		doc:   "Send written points to the destinations of subscriptions.",
		field: func(c *Config) any { return &c.Subscriber.Enabled }},
	{section: "subscriber", key: "http-timeout", def: "30s", check: durationAtLeast(time.Millisecond),
		doc:   "Time a destination has to take a batch.",
		field: func(c *Config) any { return &c.Subscriber.HTTPTimeout }},
	{section: "subscriber", key: "write-concurrency", def: "40", check: intAtLeast(1),
		doc:   "Batches of one subscription that are sent at the same time.",
		field: func(c *Config) any { return &c.Subscriber.WriteConcurrency }},
	{section: "subscriber", key: "write-buffer-size", def: "1000", check: intAtLeast(1),
		doc:   "Batches of one subscription that wait; more are dropped and counted.",
		field: func(c *Config) any { return &c.Subscriber.WriteBufferSize }},
	{section: "subscriber", key: "total-buffer-bytes", def: "64m", check: sizeAtLeast(1 << 16),
		doc:   "Bytes that wait in the batches of all subscriptions; what does not fit is dropped and counted.",
		field: func(c *Config) any { return &c.Subscriber.TotalBufferBytes }},

	{section: "monitor", key: "store-enabled", def: "true",
		doc:   "Write the statistics to store-database, where dashboards of InfluxDB 1.x look for them. It is made, with a retention policy `monitor` of 7 days, when it does not exist.",
		field: func(c *Config) any { return &c.Monitor.StoreEnabled }},
	{section: "monitor", key: "store-database", def: "_internal", check: notEmpty,
		doc:   "Database that they are written to.",
		field: func(c *Config) any { return &c.Monitor.StoreDatabase }},
	{section: "monitor", key: "store-interval", def: "10s", check: durationBetween(time.Second, time.Hour),
		doc:   "How often they are written. What cannot be stored at its time is counted and left out.",
		field: func(c *Config) any { return &c.Monitor.StoreInterval }},

	{section: "http", key: "bind-address", def: "127.0.0.1:8086", check: address,
		doc:   "Address to listen on. Port 0 takes a free one, `:8086` listens on all interfaces. An address that others can reach needs auth-enabled with an administrator, or allow-open.",
		field: func(c *Config) any { return &c.HTTP.BindAddress }},
	{section: "http", key: "allow-open", def: "false",
		doc:   "Start although others can reach the address and nothing keeps them from reading and deleting everything.",
		field: func(c *Config) any { return &c.HTTP.AllowOpen }},
	{section: "http", key: "auth-enabled", def: "false",
		doc:   "Ask for user and password, or for a token. Until there is an administrator nothing is allowed but to make one.",
		field: func(c *Config) any { return &c.HTTP.AuthEnabled }},
	{section: "http", key: "shared-secret", def: "", secret: true, check: sharedSecret,
		doc:   "What JSON Web Tokens are signed with (HS256, HS384, HS512), 32 bytes or more. Without it none is accepted.",
		field: func(c *Config) any { return &c.HTTP.SharedSecret }},
	{section: "http", key: "https-enabled", def: "false",
		doc:   "Encrypt connections with TLS. Plain ones are then not taken.",
		field: func(c *Config) any { return &c.HTTP.HTTPSEnabled }},
	{section: "http", key: "https-certificate", def: "/etc/ssl/timberline.pem", check: notEmpty,
		doc:   "PEM file with the server's certificate and those that lead to its authority. It is read again when it changes.",
		field: func(c *Config) any { return &c.HTTP.HTTPSCertificate }},
	{section: "http", key: "https-private-key", def: "",
		doc:   "PEM file with the private key. Without it the key stands in the file of the certificate.",
		field: func(c *Config) any { return &c.HTTP.HTTPSPrivateKey }},
	{section: "http", key: "https-min-version", def: "1.2", check: oneOf("1.2", "1.3"),
		doc:   "Oldest version of TLS that is spoken: `1.2` or `1.3`.",
		field: func(c *Config) any { return &c.HTTP.HTTPSMinVersion }},
	{section: "http", key: "https-client-ca", def: "",
		doc:   "PEM file with the authorities whose client certificates are taken. A certificate lets a client connect; who it is, its credentials say.",
		field: func(c *Config) any { return &c.HTTP.HTTPSClientCA }},
	{section: "http", key: "https-client-auth", def: "request", check: oneOf("request", "require"),
		doc:   "With https-client-ca: `require` a certificate of every client, or `request` one and verify it if it is sent.",
		field: func(c *Config) any { return &c.HTTP.HTTPSClientAuth }},
	{section: "http", key: "https-reload-interval", def: "10s", check: durationAtLeast(time.Second),
		doc:   "How often to look whether the files of certificates and keys have changed.",
		field: func(c *Config) any { return &c.HTTP.HTTPSReloadInterval }},
	{section: "http", key: "ping-auth-enabled", def: "false",
		doc:   "With auth-enabled: ask for a user at /ping, /status, /health and /ready, too.",
		field: func(c *Config) any { return &c.HTTP.PingAuthEnabled }},
	{section: "http", key: "metrics-auth-enabled", def: "true",
		doc:   "With auth-enabled: ask for an administrator at /metrics and /debug. `false` leaves them open, as InfluxDB 1.x does.",
		field: func(c *Config) any { return &c.HTTP.MetricsAuthEnabled }},
	{section: "http", key: "pprof-auth-enabled", def: "false",
		doc:   "With auth-enabled and without metrics-auth-enabled: ask for an administrator at /debug/pprof all the same.",
		field: func(c *Config) any { return &c.HTTP.PprofAuthEnabled }},
	{section: "http", key: "check-organization", def: "false",
		doc:   "Refuse requests below /api/v2 that name another organization than there is. Otherwise the name does not matter.",
		field: func(c *Config) any { return &c.HTTP.CheckOrganization }},
	{section: "http", key: "log-enabled", def: "false",
		doc:   "Log every request.",
		field: func(c *Config) any { return &c.HTTP.LogEnabled }},
	{section: "http", key: "pprof-enabled", def: "true",
		doc:   "Serve Go profiles under /debug/pprof.",
		field: func(c *Config) any { return &c.HTTP.PprofEnabled }},
	{section: "http", key: "version", def: "1.8.10", check: clientVersion,
		doc:   "Version that clients are told in X-Influxdb-Version. They choose their dialect by it.",
		field: func(c *Config) any { return &c.HTTP.Version }},
	{section: "http", key: "max-body-size", def: "25000000", check: sizeAtLeast(0),
		doc:   "Size of a request's body as it is sent; larger ones get 413. `0` is no limit.",
		field: func(c *Config) any { return &c.HTTP.MaxBodySize }},
	{section: "http", key: "max-inflated-body-size", def: "250000000", check: sizeAtLeast(0),
		doc:   "Size of a body after decompression. `0` is no limit.",
		field: func(c *Config) any { return &c.HTTP.MaxInflatedBodySize }},
	{section: "http", key: "max-inflate-ratio", def: "200", check: intAtLeast(0),
		doc:   "How many times larger a body above 1 MiB may become by decompression. `0` is no limit.",
		field: func(c *Config) any { return &c.HTTP.MaxInflateRatio }},
	{section: "http", key: "max-points-per-request", def: "5000000", check: intAtLeast(0),
		doc:   "Points that one write may have, in any protocol over HTTP; more get 413, and none of them is stored. `0` is no limit.",
		field: func(c *Config) any { return &c.HTTP.MaxPointsPerRequest }},
	{section: "http", key: "max-row-limit", def: "0", check: intAtLeast(0),
		doc:   "Rows of an answer that is not chunked; the rest is cut off. `0` is no limit.",
		field: func(c *Config) any { return &c.HTTP.MaxRowLimit }},
	{section: "http", key: "max-connection-limit", def: "0", check: intAtLeast(0),
		doc:   "Connections at the same time; more are closed at once. `0` is no limit.",
		field: func(c *Config) any { return &c.HTTP.MaxConnectionLimit }},
	{section: "http", key: "max-concurrent-write-limit", def: "0", check: intAtLeast(0),
		doc:   "Writes at the same time. `0` is no limit.",
		field: func(c *Config) any { return &c.HTTP.MaxConcurrentWrites }},
	{section: "http", key: "max-enqueued-write-limit", def: "0", check: intAtLeast(0),
		doc:   "Writes that may wait while max-concurrent-write-limit of them run; more get 503.",
		field: func(c *Config) any { return &c.HTTP.MaxEnqueuedWrites }},
	{section: "http", key: "enqueued-write-timeout", def: "30s", check: durationAtLeast(0),
		doc:   "How long a write waits before it gets 503. `0s` is no limit.",
		field: func(c *Config) any { return &c.HTTP.EnqueuedWriteTimeout }},
	{section: "http", key: "max-header-size", def: "1m", check: sizeAtLeast(4096),
		doc:   "Size of a request's header, the URL with its query included.",
		field: func(c *Config) any { return &c.HTTP.MaxHeaderSize }},
	{section: "http", key: "read-header-timeout", def: "10s", check: durationAtLeast(time.Second),
		doc:   "Time a client has to send its header.",
		field: func(c *Config) any { return &c.HTTP.ReadHeaderTimeout }},
	{section: "http", key: "idle-timeout", def: "120s", check: durationAtLeast(time.Second),
		doc:   "How long a connection may wait for its next request.",
		field: func(c *Config) any { return &c.HTTP.IdleTimeout }},
	{section: "http", key: "body-idle-timeout", def: "60s", check: durationAtLeast(time.Second),
		doc:   "A body must bring its next bytes in this time.",
		field: func(c *Config) any { return &c.HTTP.BodyIdleTimeout }},
	{section: "http", key: "min-body-rate", def: "100", check: intAtLeast(0),
		doc:   "Bytes a second that a body must bring on average when it takes longer than body-idle-timeout. `0` is no limit.",
		field: func(c *Config) any { return &c.HTTP.MinBodyRate }},
	{section: "http", key: "response-idle-timeout", def: "60s", check: durationAtLeast(time.Second),
		doc:   "A client must take the next piece of an answer in this time.",
		field: func(c *Config) any { return &c.HTTP.ResponseIdleTimeout }},
	{section: "http", key: "max-msgpack-memory", def: "256m", check: sizeAtLeast(1 << 16),
		doc:   "Size of an answer in MessagePack, which has to be complete in memory before it is sent.",
		field: func(c *Config) any { return &c.HTTP.MaxMessagePackMemory }},
	{section: "http", key: "shutdown-timeout", def: "10s", check: durationAtLeast(0),
		doc:   "How long a server that ends waits for running requests.",
		field: func(c *Config) any { return &c.HTTP.ShutdownTimeout }},
	{section: "http", key: "otlp-database", def: "",
		doc:   "Database of OpenTelemetry metrics whose request does not name one with the parameter `db`. Empty refuses them.",
		field: func(c *Config) any { return &c.HTTP.OTLPDatabase }},
	{section: "http", key: "otlp-retention-policy", def: "",
		doc:   "Retention policy of such metrics. Empty is the default one of the database.",
		field: func(c *Config) any { return &c.HTTP.OTLPRetentionPolicy }},

	{section: "audit", key: "enabled", def: "true",
		doc:   "Keep the trail.",
		field: func(c *Config) any { return &c.Audit.Enabled }},
	{section: "audit", key: "path", def: "",
		doc:   "File that it is appended to, a JSON object a line. Without it its lines go to the log.",
		field: func(c *Config) any { return &c.Audit.Path }},
	{section: "audit", key: "max-size", def: "64m", check: sizeAtLeast(1 << 16),
		doc:   "Size at which the file is renamed to the path with `.1`, the one before to `.2`, and so on.",
		field: func(c *Config) any { return &c.Audit.MaxSize }},
	{section: "audit", key: "max-files", def: "5", check: intAtLeast(0),
		doc:   "Renamed files that are kept.",
		field: func(c *Config) any { return &c.Audit.MaxFiles }},

	{section: "logging", key: "level", def: "info", check: oneOf("debug", "info", "warn", "error"),
		doc:   "The least important lines to log: `debug`, `info`, `warn` or `error`.",
		field: func(c *Config) any { return &c.Logging.Level }},
	{section: "logging", key: "format", def: "text", check: oneOf("text", "json"),
		doc:   "Form of the lines: `text` or `json`.",
		field: func(c *Config) any { return &c.Logging.Format }},
}

// The checks below get the value in the type of its field.

func notEmpty(v any) error {
	if v.(string) == "" {
		return fmt.Errorf("want a value")
	}
	return nil
}

func oneOf(words ...string) func(any) error {
	return func(v any) error {
		for _, w := range words {
			if v.(string) == w {
				return nil
			}
		}
		return fmt.Errorf("want %s", strings.Join(words, " or "))
	}
}

func intAtLeast(least int) func(any) error {
	return func(v any) error {
		if v.(int) < least {
			return fmt.Errorf("want %d or more", least)
		}
		return nil
	}
}

func sizeAtLeast(least Size) func(any) error {
	return func(v any) error {
		if v.(Size) < least {
			return fmt.Errorf("want %s or more", least)
		}
		return nil
	}
}

func durationAtLeast(least time.Duration) func(any) error {
	return func(v any) error {
		if v.(time.Duration) < least {
			return fmt.Errorf("want %s or more", FormatDuration(least))
		}
		return nil
	}
}

func durationBetween(least, most time.Duration) func(any) error {
	return func(v any) error {
		if d := v.(time.Duration); d < least || d > most {
			return fmt.Errorf("want %s to %s", FormatDuration(least), FormatDuration(most))
		}
		return nil
	}
}

func address(v any) error {
	if _, _, err := net.SplitHostPort(v.(string)); err != nil {
		return fmt.Errorf("want host:port or :port")
	}
	return nil
}

func sharedSecret(v any) error {
	if n := len(v.(string)); n > 0 && n < 32 {
		return fmt.Errorf("it has %d bytes, want 32 or more", n)
	}
	return nil
}

func clientVersion(v any) error {
	s := v.(string)
	known := strings.HasPrefix(s, "1.") || strings.HasPrefix(s, "2.") || strings.HasPrefix(s, "3.")
	if !known || strings.Contains(s, "-c") || strings.Contains(s, "relay") {
		return fmt.Errorf("want a version that begins with 1., 2. or 3. and contains neither -c nor relay, which clients take for other products")
	}
	return nil
}
