package fhirjson

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// FuzzIndex holds the vector instructions against plain Go.
func FuzzIndex(f *testing.F) {
	f.Add([]byte(`{"a":"b"}`), uint16(0))
	f.Add([]byte(strings.Repeat(`"`, 300)), uint16(7))
	f.Add([]byte(strings.Repeat("\\\x00\x1f\x20\x21\x22\x7f\x80\xff", 30)), uint16(63))
	f.Add([]byte(strings.Repeat(`\`, 130)+strings.Repeat(`"\"\\`, 80)), uint16(3))
	f.Add(bytes.Repeat([]byte(`{"code":"a\"b","é":"`+"\x01"+`"}`), 900), uint16(100))
	f.Fuzz(func(t *testing.T, src []byte, from uint16) { checkIndex(t, src, min(int(from), len(src))) })
}

func TestIndexOfRandomBytes(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	const letters = "\"\"\"\\\\\x00\x1f\x20\x21\x23\x5b\x5d\x7f\x80\xa2\xdc\xffabcdefghijklmnopqrstuvw"
	for i := range 20_000 {
		src := make([]byte, random.IntN(400))
		some := letters[i%8 : len(letters)-i%5]
		for i := range src {
			src[i] = some[random.IntN(len(some))]
		}
		checkIndex(t, src, random.IntN(len(src)+1))
	}
	long := bytes.Repeat([]byte(letters), 3*indexBytes/len(letters))
	for range 50 {
		checkIndex(t, long, random.IntN(len(long)))
	}
	checkIndex(t, bytes.Repeat([]byte(`"`), 2*indexBytes), 5)
}

// checkIndex checks the index of the stretch of src at from.
func checkIndex(t *testing.T, src []byte, from int) {
	t.Helper()
	x := index{used: true}
	x.begin(src)
	x.fill(src, from)
	if want := min(from+indexBytes, len(src)); x.limit != want {
		t.Fatalf("limit is %d, want %d", x.limit, want)
	}
	var want []uint32
	if indexStrings([]byte(strings.Repeat(`""`, 64)), 0, 128, new(closers)) > 0 && len(src) >= blockBytes {
		want = closersOf(src[:x.limit], from)
	}
	want = append(want, noCloser)
	if got := x.closers[:min(len(want), closersLen)]; !slices.Equal(got, want) {
		t.Fatalf("closers of %q from %d are %x, want %x", src, from, got, want)
	}
}

// closersOf is what indexStrings does, in plain Go.
func closersOf(src []byte, from int) (out []uint32) {
	inside, escaped, special := false, false, uint32(0)
	for i := from; i < len(src); i++ {
		c := src[i]
		switch {
		case escaped:
			escaped = false
		case c == '\\':
			escaped = true
		case c == '"':
			if inside {
				out = append(out, uint32(i)|special)
			}
			inside, special = !inside, 0
			continue
		}
		if c < ' ' || c == '\\' || c >= 0x80 {
			special = dirty
		}
		if !inside {
			special = 0
		}
	}
	return out
}
