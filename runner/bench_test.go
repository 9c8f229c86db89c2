package runner

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/researchflow/researchflow/internal/testdata"
)

// sharedViews are the views of the shared folder, with their data in memory.
func sharedViews(tb testing.TB, dataset string) map[*View][]byte {
	tb.Helper()
	names, err := filepath.Glob(filepath.Join(testdata.Shared(tb, "views"), "*.json"))
	if err != nil || len(names) == 0 {
		tb.Fatalf("no views: %v", err)
	}
	list := make(map[*View][]byte)
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		v := mustView(tb, string(text))
		data, err := os.ReadFile(testdata.Shared(tb, "data", dataset, v.Resource()+".ndjson"))
		if err != nil {
			tb.Fatal(err)
		}
		list[v] = data
	}
	return list
}

// BenchmarkRows reads resources from memory and discards the rows of each view as CSV, with one worker.
func BenchmarkRows(b *testing.B) {
	for v, data := range sharedViews(b, "small") {
		b.Run(v.Name(), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Write(context.Background(), Reader("data", bytes.NewReader(data)), NewCSVWriter(io.Discard), Parallel(1)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCompile compiles the largest of the shipped views.
func BenchmarkCompile(b *testing.B) {
	text, err := os.ReadFile(filepath.Join("views", "procedure_history.json"))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := CompileJSON(text); err != nil {
			b.Fatal(err)
		}
	}
}

// TestAllocations checks that the steady state allocates nothing per resource: reading the same data ten times takes as
// many allocations as reading it once.
func TestAllocations(t *testing.T) {
	for v, data := range sharedViews(t, "small") {
		cfg := newRunConfig(nil)
		w := newWorker(v, cfg, nil)
		b := &batch{view: v}
		csv := NewCSVWriter(io.Discard)
		blk := &block{data: data, line: 1}
		once := func() {
			b.reset()
			w.block(context.Background(), blk, b)
			if b.err != nil {
				t.Fatal(b.err)
			}
			b.out = csv.encode(b.out[:0], b, 0, b.Rows)
		}
		once()
		resources := len(b.ends)
		if got := testing.AllocsPerRun(10, once); got > 10 {
			t.Errorf("%s: %.0f allocations for %d resources, want those of the block only", v.Name(), got, resources)
		}
	}
}
