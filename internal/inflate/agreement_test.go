package inflate

import (
	"bytes"
	"compress/flate"
	stdgzip "compress/gzip"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// agree fails the test when Decoder and compress/gzip unpack src differently, or
// only one of them refuses it. Decoder is given output of several sizes.
func agree(t testing.TB, d *Decoder, src []byte, rooms ...int) {
	t.Helper()
	want, wantErr := standard(src)
	for _, room := range rooms {
		got, err := d.Gzip(make([]byte, room), src, slack{step: 1 + room})
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%d bytes %.80x, room for %d: %v; compress/gzip says %v", len(src), src, room, err, wantErr)
		}
		if err == nil && !bytes.Equal(got, want) {
			t.Fatalf("%d bytes %.80x, room for %d: %d bytes differ from the %d of compress/gzip", len(src), src, room, len(got), len(want))
		}
		if kind(err) != kind(wantErr) {
			t.Fatalf("%d bytes %.80x, room for %d: %v; compress/gzip says %v", len(src), src, room, err, wantErr)
		}
	}
}

// kind is what a client learns from an error. A stream that is both broken and
// short may be called either.
func kind(err error) string {
	var own *CorruptError
	var other flate.CorruptInputError
	switch {
	case errors.As(err, &own), errors.As(err, &other), errors.Is(err, io.ErrUnexpectedEOF):
		return "corrupt or short"
	case err != nil:
		return err.Error()
	}
	return ""
}

func standard(src []byte) ([]byte, error) {
	z, err := stdgzip.NewReader(bytes.NewReader(src))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

func randomSeed(t testing.TB) uint64 {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("TIMBERLINE_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("TIMBERLINE_SEED=%d", seed)
	return seed
}

// randomText returns text with repetitions near and far, and now and then noise.
func randomText(r *rand.Rand, size int) []byte {
	text := make([]byte, 0, size+300)
	alphabet := 1 + r.IntN(256)
	skew := 1 + r.IntN(40)
	for len(text) < size {
		switch n := 1 + r.IntN(300); {
		case len(text) > 0 && r.IntN(3) == 0:
			from := len(text) - 1 - r.IntN(min(len(text), 1+r.IntN(40000)))
			for range n {
				text = append(text, text[from])
				from++
			}
		default:
			for range n / 4 {
				c := r.IntN(alphabet)
				for range r.IntN(skew) / 8 {
					c = r.IntN(c + 1)
				}
				text = append(text, byte(c))
			}
		}
	}
	return text
}

// TestRandomTexts packs texts at all levels and unpacks them into buffers that
// are too small, right and too large.
func TestRandomTexts(t *testing.T) {
	r := rand.New(rand.NewPCG(randomSeed(t), 0))
	var d Decoder
	for i := range 300 {
		size := r.IntN(3000)
		if i%10 == 0 {
			size = r.IntN(200_000)
		}
		text := randomText(r, size)
		packed := pack(t, r.IntN(12)-2, text)
		agree(t, &d, packed, 0, r.IntN(size+1), len(text), len(text)+fastOut, len(text)+1000)
		got, err := d.Gzip(nil, packed, slack{step: 1 + r.IntN(5000)})
		if err != nil || !bytes.Equal(got, text) {
			t.Fatalf("%d bytes: %d, %v", len(text), len(got), err)
		}
	}
}

// TestDamage changes bits of packed texts, cuts them and adds to them.
func TestDamage(t *testing.T) {
	r := rand.New(rand.NewPCG(randomSeed(t), 1))
	var d Decoder
	for range 100 {
		text := randomText(r, r.IntN(4000))
		whole := pack(t, r.IntN(12)-2, text)
		for range 30 {
			packed := bytes.Clone(whole)
			switch r.IntN(4) {
			case 0:
				packed = packed[:r.IntN(len(packed)+1)]
			case 1:
				packed = append(packed, randomText(r, r.IntN(30))...)
			case 2:
				packed = append(packed, whole[:r.IntN(len(whole)+1)]...)
			}
			for r.IntN(3) > 0 && len(packed) > 0 {
				at := r.IntN(len(packed))
				if r.IntN(2) == 0 {
					at = r.IntN(min(len(packed), 120)) // the codes
				}
				packed[at] ^= 1 << r.IntN(8)
			}
			agree(t, &d, packed, 0, len(text)+1000)
			if len(packed) > 18 {
				agree(t, &d, mended(packed[10:]), 0, len(text)+1000)
			}
		}
	}
}

// TestEveryCut cuts a body with two members at each byte.
func TestEveryCut(t *testing.T) {
	text := lines(40)
	packed := append(pack(t, 6, text), pack(t, -2, text[:500])...)
	var d Decoder
	for n := range packed {
		agree(t, &d, packed[:n], 2*len(text))
	}
}

// headered returns an empty member whose header has the given flags and rest.
func headered(flags byte, rest string) []byte {
	member := []byte{0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 0xff}
	member = append(member, rest...)
	return append(member, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0)
}

func TestHeaders(t *testing.T) {
	long := string(bytes.Repeat([]byte("n"), 511)) + "\x00"
	var d Decoder
	for _, member := range [][]byte{
		{}, {0x1f}, headered(0, ""), headered(1, ""), headered(4, "\x03\x00abc"), headered(4, "\xff\xffabc"), headered(8, "name\x00"),
		headered(16, "comment\x00"), headered(28, "\x01\x00xname\x00comment\x00"), headered(2, "\x00\x00"), headered(8, "name"),
		headered(8, long), headered(8, "n"+long), headered(16, long), headered(16, "n"+long), headered(8, "\xe4\x00"), headered(0xe0, ""),
		append(headered(0, ""), 0), append(headered(0, ""), "0123456789"...), append(headered(0, ""), headered(0, "")...),
		{0x1f, 0x8b, 9, 0, 0, 0, 0, 0, 0, 0xff, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 3, 0, 0, 0, 0, 0, 1, 0, 0, 0},
	} {
		agree(t, &d, member, 0, 100)
	}
	var named bytes.Buffer
	z := stdgzip.NewWriter(&named)
	z.Name, z.Comment, z.Extra = "body", "of a write", []byte("xy")
	z.Write([]byte("m f=1\n"))
	z.Close()
	agree(t, &d, named.Bytes(), 0, 100)
}

// TestRoom: a refusal of the buffer is what the caller gets, and no more is
// written than it gave.
func TestRoom(t *testing.T) {
	packed := pack(t, 6, make([]byte, 1<<20))
	var d Decoder
	if _, err := d.Gzip(nil, packed, slack{step: 1000, limit: 5000}); !errors.Is(err, errFull) {
		t.Fatal(err)
	}
}

// TestDistanceStopsAtMember: a match may not reach into the member before.
func TestDistanceStopsAtMember(t *testing.T) {
	// A fixed block: length 3, distance 1, and its end.
	match := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 0x03, 0x02, 0x00, 0, 0, 0, 0, 0, 0, 0, 0}
	var d Decoder
	two := append(pack(t, 6, []byte("aaaa")), match...)
	agree(t, &d, two, 0, 1000)
	if _, err := d.Gzip(nil, two, slack{step: 1000}); !errors.As(err, new(*CorruptError)) {
		t.Fatal(err)
	}
}

// mended makes a member of a deflate stream and what follows it, with the right
// checksum when the stream has one.
func mended(stream []byte) []byte {
	member := append([]byte{}, headered(0, "")[:10]...)
	rest := bytes.NewReader(stream)
	text, err := io.ReadAll(io.LimitReader(flate.NewReader(rest), 1<<21))
	if err != nil {
		return append(member, stream...)
	}
	member = append(member, stream[:len(stream)-rest.Len()]...)
	member = binary.LittleEndian.AppendUint32(member, crc32.ChecksumIEEE(text))
	return binary.LittleEndian.AppendUint32(member, uint32(len(text)))
}

func FuzzGzip(f *testing.F) {
	for _, level := range []int{-2, 0, 1, 6, 9} {
		f.Add(pack(f, level, lines(20)), uint16(100), true)
		f.Add(append(pack(f, level, []byte("m f=1\n")), pack(f, level, nil)...), uint16(5000), false)
	}
	f.Add(headered(28, "\x01\x00xname\x00comment\x00"), uint16(0), false)
	f.Fuzz(func(t *testing.T, src []byte, room uint16, mend bool) {
		if mend && len(src) > 10 {
			src = mended(src[10:])
		}
		if z, err := stdgzip.NewReader(bytes.NewReader(src)); err == nil {
			if n, _ := io.CopyN(io.Discard, z, 1<<18); n == 1<<18 {
				return
			}
		}
		var d Decoder
		agree(t, &d, src, int(room), 1<<16)
	})
}

func TestAllocations(t *testing.T) {
	text := lines(500)
	packed, out := pack(t, 6, text), make([]byte, len(text)+fastOut)
	d := new(Decoder)
	if n := testing.AllocsPerRun(10, func() {
		if _, err := d.Gzip(out, packed, slack{}); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
