package ndjson_test

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/researchflow/researchflow/internal/ndjson"
)

func TestManyGoroutinesTakeBlocks(t *testing.T) {
	t.Parallel()
	var data strings.Builder
	const count = 20_000
	for i := range count {
		fmt.Fprintf(&data, "%d\n", i)
	}
	r := ndjson.NewReader(ndjson.Config{BlockSize: 1 << 10}, ndjson.Stream("x", strings.NewReader(data.String())))
	parts := map[int64]string{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				b, err := r.Next(t.Context())
				if err != nil {
					if err != io.EOF {
						t.Error(err)
					}
					return
				}
				for number, line := range b.Lines() {
					if got, want := string(line), fmt.Sprint(number-1); got != want {
						t.Errorf("line %d is %s, want %s", number, got, want)
					}
				}
				mu.Lock()
				parts[b.Index] = string(b.Data)
				mu.Unlock()
				b.Release()
			}
		})
	}
	wg.Wait()
	var got strings.Builder
	for i := range int64(len(parts)) {
		got.WriteString(parts[i])
	}
	if got.String() != data.String() {
		t.Error("the blocks in the order of their index are not the input")
	}
}

func TestReadingDoesNotAllocateOnceWarm(t *testing.T) {
	data := strings.Repeat(strings.Repeat("x", 300)+"\r\n", 50_000)
	r := ndjson.NewReader(ndjson.Config{BlockSize: 1 << 14}, ndjson.Stream("x", strings.NewReader(data)))
	ctx := t.Context()
	lines := 0
	next := func() {
		b, err := r.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for number, line := range b.Lines() {
			if len(line) != 300 {
				t.Fatalf("line %d has %d bytes", number, len(line))
			}
			lines++
		}
		b.Release()
	}
	for range 10 {
		next()
	}
	if got := testing.AllocsPerRun(500, next); got != 0 {
		t.Errorf("%v allocations a block, want 0 (%d lines)", got, lines)
	}
}

// FuzzLines checks that the lines do not depend on the size of the blocks: they are those that bytes.Split
// finds.
func FuzzLines(f *testing.F) {
	f.Add([]byte("{}\n[]\r\n\n \n1"), uint16(16))
	f.Add([]byte("\ufeff\n\r\n\r\r\n"), uint16(17))
	f.Add([]byte(strings.Repeat("0123456789\n", 20)), uint16(30))
	f.Add([]byte(strings.Repeat("x", 300)+"\n"+strings.Repeat("y", 100)), uint16(64))
	f.Fuzz(func(t *testing.T, data []byte, blockSize uint16) {
		if bytes.HasPrefix(data, []byte{0x1f, 0x8b}) || bytes.HasPrefix(data, []byte{0x28, 0xb5, 0x2f, 0xfd}) ||
			len(data) >= 4 && data[0]>>4 == 5 && bytes.Equal(data[1:4], []byte{0x2a, 0x4d, 0x18}) {
			t.Skip("taken for compressed data")
		}
		var want []string
		for i, line := range bytes.Split(bytes.TrimPrefix(data, []byte("\ufeff")), []byte("\n")) {
			line = bytes.TrimSuffix(line, []byte("\r"))
			if len(bytes.Trim(line, " \t\r")) > 0 {
				want = append(want, fmt.Sprintf("%d:%s", i+1, line))
			}
		}
		var got []string
		r := ndjson.NewReader(ndjson.Config{BlockSize: int(blockSize)}, ndjson.Stream("x", bytes.NewReader(data)))
		for b, err := range r.Blocks(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			for number, line := range b.Lines() {
				got = append(got, fmt.Sprintf("%d:%s", number, line))
			}
		}
		if !slices.Equal(want, got) {
			t.Fatalf("blocks of %d: got %q, want %q", blockSize, got, want)
		}
	})
}
