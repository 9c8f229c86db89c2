package runner

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/researchflow/researchflow/internal/rows"
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
		list[v] = sharedData(tb, dataset, v.Resource())
	}
	return list
}

// sharedData returns the resources of a type, unpacked.
func sharedData(tb testing.TB, dataset, resource string) []byte {
	tb.Helper()
	name := resource + ".ndjson"
	if dataset == "large" {
		name += ".gz"
	}
	file, err := os.Open(testdata.Shared(tb, "data", dataset, name))
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var from io.Reader = file
	if dataset == "large" {
		if from, err = gzip.NewReader(file); err != nil {
			tb.Fatal(err)
		}
	}
	data, err := io.ReadAll(from)
	if err != nil {
		tb.Fatal(err)
	}
	return data
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

// BenchmarkWays runs each shared view over the large data set with the ways through it switched off, the fastest first.
// "of-fastest" is the ratio of the speeds, each the best of all runs by turns.
func BenchmarkWays(b *testing.B) {
	for v, data := range sharedViews(b, "large") {
		b.Run(v.Name(), func(b *testing.B) {
			ways := [...]rows.Way{rows.ByTemplate, rows.ByTape, rows.ByPlain}
			var best [len(ways)]time.Duration
			for b.Loop() {
				for i, way := range ways {
					begin := time.Now()
					if _, err := v.limited(way).Write(b.Context(), Reader("data", bytes.NewReader(data)), NewCSVWriter(io.Discard), Parallel(1)); err != nil {
						b.Fatal(err)
					}
					if took := time.Since(begin); best[i] == 0 || took < best[i] {
						best[i] = took
					}
				}
			}
			b.ReportMetric(0, "ns/op") // of all ways together: says nothing
			b.ReportMetric(best[0].Seconds()/best[1].Seconds(), "tape-of-fastest")
			b.ReportMetric(best[0].Seconds()/best[2].Seconds(), "plain-of-fastest")
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

// TestAllocations holds the steady state to no allocation per resource: reading the same data ten times costs as many
// allocations as reading it once.
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
