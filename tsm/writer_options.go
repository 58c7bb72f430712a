package tsm

import (
	"cmp"
	"fmt"
	"math"

	"github.com/timberlinedb/timberline/tsm/encoding"
)

// WriterOptions describe a file and how its rows are cut into blocks.
type WriterOptions struct {
	Generation     uint64
	Level          int
	MinLSN, MaxLSN uint64 // of the log frames whose rows the file holds

	// AppliedDeletes is the sequence of the newest delete that the file
	// reflects; see Tombstones.
	AppliedDeletes uint64

	// Fields says what the field numbers mean; it may have more than the file
	// uses. Rows with other numbers are refused.
	Fields []FieldDef

	// BlockRows is the number of rows of a full block; zero means 1000. A block
	// may be a quarter larger, so that a series does not end in a tiny one.
	BlockRows int

	// LongBlockRows is the number of rows of a full block of a series that Expect
	// says to have enough of them; zero means CompactedBlockRows, so that merges
	// copy these blocks, or BlockRows where that is not zero.
	LongBlockRows int

	// SparseRows: series with fewer rows than this share blocks; zero means 64,
	// 1 means that none do.
	SparseRows int

	// CellPercent bounds what aggregate cells may cost: a series has them when they
	// take at most so many percent of the bytes of its blocks. Zero means 20,
	// negative that no series has cells.
	CellPercent int

	// Codecs says how the codecs of pages are chosen; its zero value takes the
	// cheapest ones.
	Codecs CodecChoice
}

// CodecChoice says how the codecs of pages are chosen.
type CodecChoice = encoding.Choice

// CodecTally counts pages by codec.
type CodecTally = encoding.Tally

// LastCodec is the highest number of a codec.
const LastCodec = encoding.LastCodec

// The defaults of WriterOptions, and the rows of the blocks that compactions
// write.
const (
	DefaultBlockRows   = 1000
	DefaultSparseRows  = 64
	CompactedBlockRows = 4096
	DefaultCellPercent = 20
)

// EnsureDefaults replaces zero values.
func (o *WriterOptions) EnsureDefaults() {
	if o.LongBlockRows == 0 {
		o.LongBlockRows = cmp.Or(o.BlockRows, CompactedBlockRows)
	}
	if o.BlockRows == 0 {
		o.BlockRows = DefaultBlockRows
	}
	if o.SparseRows == 0 {
		o.SparseRows = min(DefaultSparseRows, o.BlockRows)
	}
	if o.CellPercent == 0 {
		o.CellPercent = DefaultCellPercent
	}
}

// Validate reports options that cannot work.
func (o *WriterOptions) Validate() error {
	switch {
	case o.BlockRows < 1 || o.BlockRows > MaxBlockRows/2:
		return fmt.Errorf("blocks of %d rows: want 1 to %d", o.BlockRows, MaxBlockRows/2)
	case o.LongBlockRows < o.BlockRows || o.LongBlockRows > MaxBlockRows/2:
		return fmt.Errorf("long series in blocks of %d rows: want %d to %d", o.LongBlockRows, o.BlockRows, MaxBlockRows/2)
	case o.SparseRows < 1 || o.SparseRows > o.BlockRows:
		return fmt.Errorf("sparse series below %d rows: want 1 to the rows of a block, %d", o.SparseRows, o.BlockRows)
	case o.Level < 0 || o.Level > math.MaxInt32:
		return fmt.Errorf("level %d", o.Level)
	case o.Codecs.Codec > LastCodec:
		return fmt.Errorf("codec %d is not known", o.Codecs.Codec)
	case o.MinLSN > o.MaxLSN:
		return fmt.Errorf("LSN range %d to %d is reversed", o.MinLSN, o.MaxLSN)
	}
	for i, f := range o.Fields {
		if f.Number > MaxFieldNumber || !f.Type.Valid() {
			return fmt.Errorf("field %q of %q has number %d and type %d", f.Name, f.Measurement, f.Number, f.Type)
		}
		if i > 0 && o.Fields[i-1].Number == f.Number {
			return fmt.Errorf("field number %d means both %q and %q", f.Number, o.Fields[i-1].Name, f.Name)
		}
	}
	return nil
}
