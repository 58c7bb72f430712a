package listen

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"collectd.org/api"
	"collectd.org/network"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/lineproto"
	"github.com/timberlinedb/timberline/model"
)

// CollectdOptions are those of a collectd listener.
type CollectdOptions struct {
	Options
	FS            vfs.FS // nil: the machine's
	TypesDB       string // file, or directory of files, that says what the types of values are
	SecurityLevel string // "none", "sign" or "encrypt": what packets must be at least; empty: none
	AuthFile      string // users and their passwords, for packets that are signed or encrypted
	Join          bool   // the values of a list are fields of one point, not points of their own
}

// Collectd listens for collectd's binary network protocol.
//
// Split, a value is a point of the measurement <plugin>_<data source> with the
// field "value"; joined, a list of values is a point of the measurement <plugin>
// with a field per data source.
func Collectd(ctx context.Context, opt CollectdOptions) (*Listener, error) {
	parse, err := opt.parseOptions()
	if err != nil {
		return nil, fmt.Errorf("collectd: %w", err)
	}
	types, err := loadTypes(opt.FS, opt.TypesDB)
	if err != nil {
		return nil, fmt.Errorf("collectd: %w", err)
	}
	c := &collectd{listener: newListener("collectd", opt.Options), parse: parse, types: types, join: opt.Join}
	return c.listener, c.listener.listenPackets(ctx, c.take)
}

func (o *CollectdOptions) parseOptions() (p network.ParseOpts, err error) {
	if o.FS == nil {
		o.FS = vfs.OS()
	}
	switch o.SecurityLevel {
	case "", "none":
		p.SecurityLevel = network.None
	case "sign":
		p.SecurityLevel = network.Sign
	case "encrypt":
		p.SecurityLevel = network.Encrypt
	default:
		return p, fmt.Errorf("security level %q is none of none, sign and encrypt", o.SecurityLevel)
	}
	if p.SecurityLevel != network.None {
		if _, err := o.FS.Stat(o.AuthFile); err != nil {
			return p, fmt.Errorf("auth-file: %w", err)
		}
		p.PasswordLookup = network.NewAuthFile(o.AuthFile)
	}
	return p, nil
}

// maxTypesBytes bounds a file of types.
const maxTypesBytes = 4 << 20

// loadTypes reads a file of types, or those below a directory.
func loadTypes(fsys vfs.FS, path string) (*api.TypesDB, error) {
	all, err := api.NewTypesDB(strings.NewReader(""))
	if err != nil {
		return nil, err
	}
	names := []string{path}
	if entries, err := fsys.List(path); err == nil {
		names = names[:0]
		for _, e := range entries {
			names = append(names, filepath.Join(path, e))
		}
	}
	for _, name := range names {
		text, err := vfs.ReadFile(fsys, name, maxTypesBytes)
		if err != nil {
			return nil, fmt.Errorf("typesdb: %w", err)
		}
		types, err := api.NewTypesDB(strings.NewReader(string(text)))
		if err != nil {
			return nil, fmt.Errorf("typesdb: %s: %w", name, err)
		}
		all.Merge(types)
	}
	return all, nil
}

type collectd struct {
	listener *Listener
	parse    network.ParseOpts // without types: what they do not fit would be left out in silence
	types    *api.TypesDB
	join     bool
}

func (c *collectd) take(packet []byte, from netip.Addr) {
	lists, err := network.Parse(packet, c.parse)
	if err != nil {
		c.listener.counters.refuse(fmt.Sprintf("packet of %d bytes: %v", len(packet), err), from)
	}
	for _, list := range lists {
		if err := c.resolve(list); err != nil {
			c.listener.counters.refuse(err.Error(), from)
			continue
		}
		if c.join {
			c.takeJoined(list, from)
		} else {
			c.takeSplit(list, from)
		}
	}
}

// resolve gives the values of a list their names and kinds.
func (c *collectd) resolve(list *api.ValueList) error {
	set, ok := c.types.DataSet(list.Type)
	if !ok {
		return fmt.Errorf("type %q of plugin %q is not in the types database", list.Type, list.Plugin)
	}
	raw := make([]any, len(list.Values))
	for i, v := range list.Values {
		raw[i] = v
	}
	values, err := set.Values(raw...)
	if err != nil {
		return fmt.Errorf("values of type %q of plugin %q: %w", list.Type, list.Plugin, err)
	}
	list.Values, list.DSNames = values, set.Names()
	return nil
}

// number returns a value as a float; ok is false when it is none.
func number(v api.Value) (f float64, ok bool) {
	switch v := v.(type) {
	case api.Gauge:
		f = float64(v)
	case api.Derive:
		f = float64(v)
	case api.Counter:
		f = float64(v)
	default:
		return 0, false
	}
	return f, !math.IsNaN(f) && !math.IsInf(f, 0)
}

func (c *collectd) takeSplit(list *api.ValueList, from netip.Addr) {
	for i, v := range list.Values {
		f, ok := number(v)
		if !ok {
			c.listener.counters.notNumbers.Add(1)
			continue
		}
		c.listener.take(&point{
			measurement: list.Plugin + "_" + list.DSName(i),
			tags:        c.tags(list), time: c.time(list),
			fields: []lineproto.Field{floatField("value", f)},
		}, from, false)
	}
}

func (c *collectd) takeJoined(list *api.ValueList, from netip.Addr) {
	p := point{measurement: list.Plugin, tags: c.tags(list), time: c.time(list)}
	for i, v := range list.Values {
		f, ok := number(v)
		if !ok {
			c.listener.counters.notNumbers.Add(1)
			continue
		}
		p.fields = append(p.fields, floatField(list.DSName(i), f))
	}
	if len(p.fields) > 0 {
		c.listener.take(&p, from, false)
	}
}

// time returns the time of a list; collectd has a resolution of about a
// nanosecond, and none when a packet says nothing.
func (c *collectd) time(list *api.ValueList) int64 {
	if list.Time.IsZero() {
		return c.listener.opt.Clock.Now().UnixNano()
	}
	return list.Time.Round(time.Microsecond).UnixNano()
}

func (c *collectd) tags(list *api.ValueList) model.Tags {
	var tags model.Tags
	for _, t := range [...]struct{ key, value string }{
		{"host", list.Host}, {"instance", list.PluginInstance}, {"type", list.Type}, {"type_instance", list.TypeInstance},
	} {
		if t.value != "" {
			tags = append(tags, model.Tag{Key: []byte(t.key), Value: []byte(t.value)})
		}
	}
	return tags
}
