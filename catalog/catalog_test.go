package catalog

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

func open(t *testing.T, dir string) *Catalog {
	t.Helper()
	c, err := Open(dir, Options{FS: vfs.OS(), PasswordCost: 4})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func ptr[T any](v T) *T { return &v }

func TestCreateDatabase(t *testing.T) {
	c := open(t, t.TempDir())
	for _, s := range []struct {
		name string
		spec *PolicySpec
		err  error
	}{
		{"db0", nil, nil},
		{"db0", nil, nil},
		{"", nil, ErrInvalidName},
		{"a/b", nil, ErrInvalidName},
		{"..", nil, ErrInvalidName},
		{"x\ny", nil, ErrInvalidName},
		{strings.Repeat("n", 256), nil, ErrNameTooLong},
		{"db1", &PolicySpec{Name: "."}, ErrInvalidName},
		{"db1", &PolicySpec{Name: "x", Duration: ptr(72 * time.Hour), ReplicaN: ptr(2), ShardDuration: ptr(time.Hour)}, nil},
		{"db1", &PolicySpec{Name: "x", Duration: ptr(72 * time.Hour), ReplicaN: ptr(2), ShardDuration: ptr(time.Hour)}, nil},
		{"db1", &PolicySpec{Duration: ptr(24 * time.Hour)}, ErrPolicyConflict},
		{"db2", &PolicySpec{Duration: ptr(time.Minute)}, ErrPolicyDurationTooLow},
		{"db2", &PolicySpec{ReplicaN: ptr(0)}, ErrReplicationTooLow},
		{"db2", &PolicySpec{Duration: ptr(time.Hour), ShardDuration: ptr(2 * time.Hour)}, ErrIncompatibleDurations},
	} {
		if _, err := c.CreateDatabase(s.name, s.spec); !errors.Is(err, s.err) {
			t.Errorf("create %.20q %+v: %v, want %v", s.name, s.spec, err, s.err)
		}
	}
	got := c.Snapshot()
	if len(got.Databases) != 2 || got.Database("db2") != nil {
		t.Fatalf("databases: %+v", got.Databases)
	}
	p := got.Database("db1").Policy("")
	if p.Name != "x" || p.ReplicaN != 2 || p.ShardDuration != time.Hour {
		t.Errorf("policy of db1: %+v", p)
	}
	if p := got.Database("db0").Policy(""); p.Name != "autogen" || p.ShardDuration != 7*24*time.Hour {
		t.Errorf("policy of db0: %+v", p)
	}
}

func TestPolicies(t *testing.T) {
	c := open(t, t.TempDir())
	c.CreateDatabase("db", nil)
	create := func(spec PolicySpec, def bool, want error) {
		t.Helper()
		if err := c.CreatePolicy("db", spec, def); !errors.Is(err, want) {
			t.Errorf("create %+v: %v, want %v", spec, err, want)
		}
	}
	create(PolicySpec{Name: "a", Duration: ptr(2 * time.Hour)}, false, nil)
	create(PolicySpec{Name: "a", Duration: ptr(2 * time.Hour)}, false, nil)
	create(PolicySpec{Name: "a", Duration: ptr(2 * time.Hour)}, true, ErrPolicyConflict)
	create(PolicySpec{Name: "a", Duration: ptr(3 * time.Hour)}, false, ErrPolicyExists)
	create(PolicySpec{Name: "b", Duration: ptr(1440 * time.Hour), ShardDuration: ptr(48 * time.Hour)}, true, nil)
	create(PolicySpec{Name: "d", Duration: ptr(168 * time.Hour), ShardDuration: ptr(time.Minute)}, false, nil)
	if err := c.CreatePolicy("no", PolicySpec{Name: "a"}, false); err == nil || err.Error() != "database not found: no" {
		t.Errorf("no database: %v", err)
	}
	if err := c.AlterPolicy("db", "nope", PolicyUpdate{}); err == nil || err.Error() != "retention policy not found: nope" {
		t.Errorf("no policy: %v", err)
	}
	if err := c.AlterPolicy("db", "b", PolicyUpdate{ShardDuration: ptr(100 * 168 * time.Hour)}); !errors.Is(err, ErrIncompatibleDurations) {
		t.Errorf("shard above duration: %v", err)
	}
	if err := c.AlterPolicy("db", "a", PolicyUpdate{MakeDefault: true, ReplicaN: ptr(3)}); err != nil {
		t.Error(err)
	}
	d := c.Snapshot().Database("db")
	if d.DefaultPolicy != "a" || d.Policy("").ReplicaN != 3 || d.Policy("d").ShardDuration != time.Hour || d.Policy("b").ShardDuration != 48*time.Hour {
		t.Errorf("after changes: %+v", d)
	}
	if p, err := c.DropPolicy("db", "a"); err != nil || p == nil || c.Snapshot().Database("db").Policy("") != nil {
		t.Errorf("drop: %v, %v", p, err)
	}
	if p, err := c.DropPolicy("db", "a"); err != nil || p != nil {
		t.Errorf("second drop: %v, %v", p, err)
	}
}

func TestGroups(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir)
	c.CreateDatabase("db", nil)
	at := time.Date(2020, 1, 1, 12, 0, 0, 0, time.UTC).UnixNano()
	g, err := c.GroupFor("db", "", at)
	if err != nil {
		t.Fatal(err)
	}
	if want := time.Date(2019, 12, 30, 0, 0, 0, 0, time.UTC).UnixNano(); g.Range.Min != want || g.Range.Max != want+7*24*int64(time.Hour)-1 {
		t.Errorf("range %+v", g.Range)
	}
	if again, _ := c.GroupFor("db", "autogen", at+1); again != g {
		t.Errorf("second time %+v", again)
	}
	// A shorter duration later: the new group ends where the old one begins.
	c.AlterPolicy("db", "autogen", PolicyUpdate{ShardDuration: ptr(30 * 24 * time.Hour)})
	before, _ := c.GroupFor("db", "", g.Range.Min-1)
	if before.Range.Max != g.Range.Min-1 || before.ID == g.ID {
		t.Errorf("neighbour %+v of %+v", before, g)
	}
	for _, edge := range []int64{model.MinTime, model.MaxTime} {
		if g, err := c.GroupFor("db", "", edge); err != nil || !g.Range.Contains(edge) {
			t.Errorf("edge %d: %+v, %v", edge, g, err)
		}
	}
	if got := open(t, dir).Snapshot(); !reflect.DeepEqual(got, c.Snapshot()) {
		t.Errorf("reopened: %+v, want %+v", got, c.Snapshot())
	}
	if db, rp, ok, err := c.DropShard(g.Shard); db != "db" || rp != "autogen" || !ok || err != nil {
		t.Errorf("drop shard: %q %q %v %v", db, rp, ok, err)
	}
	if again, _ := c.GroupFor("db", "", at); again.Shard == g.Shard {
		t.Error("a shard id was used twice")
	}
}

func TestExpired(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	p := &Policy{Duration: time.Hour}
	old := ShardGroup{Range: model.TimeRange{Max: now.Add(-time.Hour).UnixNano() - 1}}
	young := ShardGroup{Range: model.TimeRange{Max: now.Add(-time.Hour).UnixNano()}}
	if !p.Expired(old, now) || p.Expired(young, now) || (&Policy{}).Expired(old, now) {
		t.Error("a group expires when its last timestamp is older than the duration")
	}
}

func TestDamagedFile(t *testing.T) {
	good, err := encode(&Snapshot{Databases: []*Database{{ID: 1, Name: "db"}}, LastDatabaseID: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decode(good); err != nil {
		t.Fatal(err)
	}
	for i := range good {
		bad := append([]byte(nil), good...)
		bad[i] ^= 0x40
		if _, err := decode(bad); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("byte %d flipped: %v", i, err)
		}
		if _, err := decode(good[:i]); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
}

func TestCopyStandsInForADamagedFile(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir)
	if _, err := c.CreateDatabase("db", nil); err != nil {
		t.Fatal(err)
	}
	f, err := vfs.OS().OpenReadWrite(c.path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{0xff}, 30); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if got := open(t, dir).Snapshot(); !reflect.DeepEqual(got, c.Snapshot()) {
		t.Errorf("from the copy: %+v, want %+v", got, c.Snapshot())
	}
}
