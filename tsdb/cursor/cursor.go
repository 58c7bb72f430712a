package cursor

import (
	"context"

	"github.com/timberlinedb/timberline/model"
)

// View is what a reader sees of one retention policy: the shards that overlap
// the time range it was opened with, as they were at that moment, with what the
// cache holds. Its methods may be called concurrently. Close releases the files.
type View interface {
	// Range returns the time range the view was opened with.
	Range() model.TimeRange

	// Measurements returns the names of the measurements that have series in
	// the view, sorted.
	Measurements() ([]string, error)

	// Fields returns the fields of a measurement, sorted by name. Where shards
	// differ in the type of a field, the type of the best Precedence is given.
	Fields(measurement string) ([]Field, error)

	// TagKeys returns the tag keys of the series that filter selects, sorted.
	TagKeys(measurement string, filter *model.TagFilter) ([]string, error)

	// TagValues returns the distinct non-empty values of a tag key among the
	// series that filter selects, sorted.
	TagValues(measurement, key string, filter *model.TagFilter) ([]string, error)

	// Series returns the series of the view that filter selects, sorted by
	// tag set: compared tag by tag, key first, then value.
	Series(measurement string, filter *model.TagFilter) (SeriesSet, error)

	// FirstSeries returns the first n of Series, or all when there are fewer.
	FirstSeries(measurement string, filter *model.TagFilter, n int) (SeriesSet, error)

	// SeriesIDs returns the ids of the series that filter selects, ascending. The
	// measurement "" without a filter stands for all series. Views of one database
	// number their series alike. The caller owns the list.
	SeriesIDs(measurement string, filter *model.TagFilter) ([]model.SeriesID, error)

	// Cardinality returns the number of series that filter selects, which is the
	// length of SeriesIDs.
	Cardinality(measurement string, filter *model.TagFilter) (int64, error)

	// CountTagValues returns how many distinct non-empty values some tag keys have
	// together among the series that filter selects.
	CountTagValues(measurement string, keys []string, filter *model.TagFilter) (int64, error)

	// EstimateTagValues is CountTagValues without a filter, within a few percent
	// where the exact number is expensive.
	EstimateTagValues(measurement string, keys []string) (int64, error)

	// Read opens a cursor. The cursor must be closed.
	Read(ctx context.Context, req Request) (Cursor, error)

	// Close releases the view. Cursors must be closed before.
	Close() error
}

// SeriesSet is a list of series with their tags on demand.
type SeriesSet interface {
	// Len returns the number of series.
	Len() int
	// ID returns the id of series i.
	ID(i int) model.SeriesID
	// Tags appends the tags of series i to dst[:0]. Keys and values are valid as
	// long as the view is open and must not be changed.
	Tags(i int, dst model.Tags) model.Tags
	// Only says, before Tags is called, that none but the tags with these keys will
	// be looked at. Tags may then leave out others.
	Only(keys []string)
}

// Field is a field of a measurement.
type Field struct {
	Name string
	Type model.FieldType
}

// Request asks for the values of some fields of some series.
type Request struct {
	Measurement string
	Series      []model.SeriesID // in the order in which they are wanted
	// Fields to read. Numeric fields that a shard stores as another numeric
	// type are converted to the type asked for; other types than the one asked
	// for read as absent.
	Fields     []Field
	Range      model.TimeRange
	Descending bool // newest first

	// First, if not 0, says that the reader will mostly be content with so many
	// rows of each series. Storage may make its first batches that small; all rows
	// come if they are asked for.
	First int

	// Offer, if set, is called by Next instead of returning rows that storage can
	// sum up. When it answers Accept or Enough, these rows will not come. Storage
	// need not offer anything. The summary is valid during the call, which must not
	// use the cursor.
	Offer func(*Summary) Reply

	// Interval and Offset, in nanoseconds, tell with an Offer how the reader cuts
	// time: it has no use for a summary that reaches over the edges at every
	// Interval since the epoch, moved by Offset. Interval 0: it does not cut.
	Interval, Offset int64
}

// Cursor walks the series of a request in their order and the rows of each in
// time order. A row is a timestamp at which at least one of the fields has a
// value; there is one row per timestamp.
type Cursor interface {
	// NextSeries moves to the next series of the request that has rows and
	// returns its index in Request.Series; false at the end or after an error. All
	// of the rows may yet go into summaries.
	NextSeries() (index int, ok bool)
	// Next returns the next rows of the current series, or nil when it has no
	// more. The batch is valid until the next call of the cursor.
	Next() *Batch
	// Err returns the error that ended the walk, if any. It matches
	// ErrCorrupt when rows could not be read because of damaged data.
	Err() error
	// Close releases what the cursor holds.
	Close() error
}

// Batch holds rows of one series as columns, in the order of Request.Fields.
type Batch struct {
	Times   []int64 // nanoseconds since the epoch; ascending, or descending if asked for
	Columns []Column
}

// Column holds the values of one field for the rows of a batch. Only the slice
// of its type is set, with one entry per row; entries of rows without a value
// are undefined.
type Column struct {
	Type model.FieldType

	// Present has bit i set (bit i%64 of word i/64) when row i has a value. Nil
	// means that all have, or that none has when Absent is set.
	Present []uint64
	Absent  bool

	Floats    []float64
	Integers  []int64
	Unsigneds []uint64
	Booleans  []bool
	Strings   [][]byte
}

// Has reports whether row i has a value.
func (c *Column) Has(i int) bool {
	if c.Present == nil {
		return !c.Absent
	}
	return c.Present[i>>6]&(1<<(i&63)) != 0
}
