package config

import "time"

// Config is the configuration of a server.
type Config struct {
	Data        Data
	Coordinator Coordinator
	Retention   Retention

	ContinuousQueries ContinuousQueries
	Subscriber        Subscriber
	Monitor           Monitor

	HTTP    HTTP
	Audit   Audit
	Logging Logging

	// Sections that may stand several times.
	Graphite []Graphite
	Collectd []Collectd
	OpenTSDB []OpenTSDB
	UDP      []UDP
}

// Data is the section of storage.
type Data struct {
	Dir             string
	WALSync         string // "durable" or "interval"
	WALSyncInterval time.Duration
	MemoryLimit     MemoryLimit

	CacheMaxMemorySize             Size
	CacheSnapshotMemorySize        Size
	CacheSnapshotWriteColdDuration time.Duration
	CompactFullWriteColdDuration   time.Duration
	CompactThroughput              Size
	CompactThroughputBurst         Size
	MaxConcurrentCompactions       int
	MaxFieldConflictSize           Size
	MaxSeriesPerDatabase           int
	MaxValuesPerTag                int
	OverflowTagValues              bool
}

// Coordinator is the section of writes and queries on their way.
type Coordinator struct {
	WriteTimeout         time.Duration
	MaxFuture            time.Duration
	CountFutureAfter     time.Duration
	QueryTimeout         time.Duration
	LogQueriesAfter      time.Duration
	MaxConcurrentQueries int
	MaxQueuedQueries     int
	QueuedQueryTimeout   time.Duration
	MaxSelectPoint       int
	MaxSelectSeries      int
	MaxSelectBuckets     int
	MaxFillBuckets       int
	MaxQueryMemory       Size
	MaxGroupCache        Size
}

// Retention is the section of the job that removes what is too old.
type Retention struct {
	Enabled       bool
	CheckInterval time.Duration
}

// ContinuousQueries is the section of the job that runs continuous queries.
type ContinuousQueries struct {
	Enabled     bool
	LogEnabled  bool
	RunInterval time.Duration
}

// Subscriber is the section of what sends written points on.
type Subscriber struct {
	Enabled          bool
	HTTPTimeout      time.Duration
	WriteConcurrency int
	WriteBufferSize  int
	TotalBufferBytes Size
}

// Monitor is the section of the server's own statistics.
type Monitor struct {
	StoreEnabled  bool
	StoreDatabase string
	StoreInterval time.Duration
}

// HTTP is the section of the HTTP listener.
type HTTP struct {
	BindAddress          string
	AllowOpen            bool
	AuthEnabled          bool
	SharedSecret         string
	HTTPSEnabled         bool
	HTTPSCertificate     string
	HTTPSPrivateKey      string
	HTTPSMinVersion      string
	HTTPSClientCA        string
	HTTPSClientAuth      string
	HTTPSReloadInterval  time.Duration
	PingAuthEnabled      bool
	PprofAuthEnabled     bool
	MetricsAuthEnabled   bool
	CheckOrganization    bool
	LogEnabled           bool
	PprofEnabled         bool
	Version              string
	MaxBodySize          Size
	MaxInflatedBodySize  Size
	MaxInflateRatio      int
	MaxPointsPerRequest  int
	MaxRowLimit          int
	MaxConnectionLimit   int
	MaxConcurrentWrites  int
	MaxEnqueuedWrites    int
	EnqueuedWriteTimeout time.Duration
	MaxHeaderSize        Size
	ReadHeaderTimeout    time.Duration
	IdleTimeout          time.Duration
	MaxMessagePackMemory Size
	BodyIdleTimeout      time.Duration
	MinBodyRate          int
	ResponseIdleTimeout  time.Duration
	ShutdownTimeout      time.Duration
	OTLPDatabase         string
	OTLPRetentionPolicy  string
}

// Audit is the section of the trail of what matters for security.
type Audit struct {
	Enabled  bool
	Path     string // empty: the log
	MaxSize  Size
	MaxFiles int
}

// Logging is the section of the server's log.
type Logging struct {
	Level  string
	Format string
}
