package benchmarks

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/researchflow/researchflow/internal/testdata"
	"github.com/researchflow/researchflow/runner"
	"github.com/researchflow/researchflow/runner/parquet"
)

// BenchmarkCompile compiles each shared view from its JSON text. "cpu-ms" is the mean in processor time, garbage
// collection included, "best-ms" the shortest on the clock.
func BenchmarkCompile(b *testing.B) {
	names, err := filepath.Glob(filepath.Join(testdata.Shared(b, "views"), "*.json"))
	if err != nil || len(names) == 0 {
		b.Fatalf("no views: %v", err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(strings.TrimSuffix(filepath.Base(name), ".json"), func(b *testing.B) {
			oneCore(b)
			if _, err := runner.CompileJSON(text); err != nil { // the model of the FHIR version is loaded once for all
				b.Fatal(err)
			}
			best := time.Duration(0)
			b.ReportAllocs()
			start := processorTime(b)
			for b.Loop() {
				begin := time.Now()
				if _, err := runner.CompileJSON(text); err != nil {
					b.Fatal(err)
				}
				best = least(best, time.Since(begin))
			}
			b.ReportMetric((processorTime(b)-start).Seconds()*1e3/float64(b.N), "cpu-ms")
			b.ReportMetric(best.Seconds()*1e3, "best-ms")
		})
	}
}

// discard is a writer that takes rows and writes nothing.
type discard struct{}

func (discard) Begin([]runner.Column) error { return nil }
func (discard) Write(runner.Row) error      { return nil }
func (discard) Close() error                { return nil }

// BenchmarkWriters runs one view to each writer, by turns with the same view to a writer that throws rows away.
// "of-discard" is the ratio of the speeds, in processor time on one core, of which each is the best of all runs. It
// may be over 1: text writers take the view's cells without making rows of them.
func BenchmarkWriters(b *testing.B) {
	view := views(b)["lab_observation"]
	for _, format := range []struct {
		name string
		open func() runner.Writer
	}{
		{"csv", func() runner.Writer { return runner.NewCSVWriter(io.Discard) }},
		{"ndjson", func() runner.Writer { return runner.NewNDJSONWriter(io.Discard) }},
		{"json", func() runner.Writer { return runner.NewJSONWriter(io.Discard) }},
		{"parquet", func() runner.Writer { return parquet.NewWriter(io.Discard) }},
	} {
		b.Run(format.name, func(b *testing.B) {
			oneCore(b)
			path := filepath.Join(largeDir(b), view.Resource()+".ndjson")
			run := func(w runner.Writer) (runner.Stats, time.Duration) {
				runtime.GC()
				begin := processorTime(b)
				stats, err := view.Write(b.Context(), runner.Files(path), w, runner.Parallel(1))
				if err != nil {
					b.Fatal(err)
				}
				return stats, processorTime(b) - begin
			}
			var stats runner.Stats
			var written, discarded time.Duration
			for b.Loop() {
				var took time.Duration
				stats, took = run(format.open())
				written = least(written, took)
				_, took = run(discard{})
				discarded = least(discarded, took)
			}
			b.ReportMetric(0, "ns/op") // of both together: says nothing
			b.ReportMetric(float64(stats.Bytes)/written.Seconds()/1e6, "MB/s")
			b.ReportMetric(float64(stats.Rows)/written.Seconds(), "rows/s")
			b.ReportMetric(discarded.Seconds()/written.Seconds(), "of-discard")
		})
	}
}
