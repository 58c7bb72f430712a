package tsdb

import (
	"context"
	"errors"
	"fmt"

	"github.com/timberlinedb/timberline/model"
)

// FieldChange says what becomes of a field of a measurement. Values are stored under the number of their field, so that
// a change costs a frame of the log for each shard, whatever the number of values.
type FieldChange struct {
	Database    uint32
	Shards      []uint64 // those that do not exist are skipped
	Measurement string
	Field       string

	// NewName is what the field is called from now on; "" drops it: its values are seen no more, and the space they
	// take comes back with the next merge of their files. A field of that name must not exist in a shard that has the old one.
	NewName string

	// Replace, if it is a type, is that of a new and empty field under the old name. Shards whose field is of that type
	// are left as they are.
	Replace model.FieldType
}

// ErrFieldExists says that a field cannot get a name, because there is one of that name.
var ErrFieldExists = errors.New("field already exists")

// ChangeField changes a field in every shard that has it and reports in how many that was. When it returns nil, the
// change is durable; after an error or a crash some shards may have it, and the same request goes on with the others.
// A measurement that is left without fields in a shard leaves it.
func (s *Store) ChangeField(ctx context.Context, c FieldChange) (changed int, err error) {
	d, err := s.database(c.Database)
	if err != nil {
		return 0, err
	}
	var shards []*shard
	for _, id := range c.Shards {
		sh, err := d.awaken(id)
		if err != nil {
			return 0, err
		}
		if sh == nil {
			if err := d.failures([]uint64{id}, model.AllTime); err != nil {
				return 0, err
			}
			continue
		}
		def, ok := sh.fields.lookup([]byte(c.Measurement), []byte(c.Field))
		if !ok || c.Replace.Valid() && def.Type == c.Replace {
			continue
		}
		if c.NewName != "" && sh.hasField(c.Measurement, c.NewName) {
			return 0, fmt.Errorf("shard %d: %w: %s", id, ErrFieldExists, c.NewName)
		}
		shards = append(shards, sh)
	}
	for _, sh := range shards {
		did, err := sh.changeField(ctx, c)
		if err != nil {
			return changed, fmt.Errorf("change a field in shard %d: %w", sh.spec.ID, err)
		}
		if did {
			changed++
		}
	}
	return changed, nil
}

func (sh *shard) hasField(measurement, name string) bool {
	_, ok := sh.fields.lookup([]byte(measurement), []byte(name))
	return ok
}

func (sh *shard) changeField(ctx context.Context, c FieldChange) (changed bool, err error) {
	lsn, err := sh.logFieldChange(c)
	if err != nil || lsn == 0 {
		return false, err
	}
	if err := sh.store.Commit(ctx, lsn); err != nil {
		return false, err
	}
	if len(sh.fields.fields(c.Measurement)) > 0 {
		return true, nil
	}
	whole := DeleteRequest{Database: c.Database, Measurement: c.Measurement}
	return true, sh.delete(ctx, &shardDelete{span: model.AllTime, forget: c.Measurement, empty: true}, whole)
}

// logFieldChange appends the frame of a change and makes it count. The frame defines the number of the field anew.
func (sh *shard) logFieldChange(c FieldChange) (lsn uint64, err error) {
	sh.writeMu.Lock()
	defer sh.writeMu.Unlock()
	if sh.gone() {
		return 0, ErrShardNotFound
	}
	def, ok := sh.fields.lookup([]byte(c.Measurement), []byte(c.Field))
	switch {
	case !ok || c.Replace.Valid() && def.Type == c.Replace:
		return 0, nil
	case c.NewName != "" && sh.hasField(c.Measurement, c.NewName):
		return 0, fmt.Errorf("%w: %s", ErrFieldExists, c.NewName)
	}
	def.Name = c.NewName
	defs := []fieldDef{def}
	if c.Replace.Valid() {
		next := sh.fields.reserve()
		if next+1 < next {
			return 0, errors.New("field numbers of the shard are used up")
		}
		defs = append(defs, fieldDef{Number: next, Type: c.Replace, Measurement: c.Measurement, Name: c.Field})
	}
	if lsn, err = sh.store.appendFields(sh, defs); err != nil {
		return 0, err
	}
	sh.fieldsPin = olderLSN(sh.fieldsPin, lsn)
	sh.fields.define(lsn, defs)
	return lsn, nil
}
