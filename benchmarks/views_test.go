package benchmarks

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/researchflow/researchflow/internal/testdata"
	"github.com/researchflow/researchflow/runner"
)

// views returns the shared views by name.
func views(tb testing.TB) map[string]*runner.View {
	tb.Helper()
	names, err := filepath.Glob(filepath.Join(testdata.Shared(tb, "views"), "*.json"))
	if err != nil || len(names) == 0 {
		tb.Fatalf("no views: %v", err)
	}
	all := map[string]*runner.View{}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		view, err := runner.CompileJSON(data)
		if err != nil {
			tb.Fatalf("%s: %v", name, err)
		}
		all[strings.TrimSuffix(filepath.Base(name), ".json")] = view
	}
	return all
}

// oneCore keeps the benchmark to one core.
func oneCore(b *testing.B) {
	before := runtime.GOMAXPROCS(1)
	b.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// BenchmarkViews runs each shared view over the file of its resource type to CSV that is thrown away, on one
// core, by turns with sonic.Valid on the lines of the same file. "of-sonic" is the ratio of the speeds, of
// which each is the best of all runs, in processor time: on a machine with other work, time on the clock says
// little. Reading the file and collecting garbage count for us, and not for sonic.
func BenchmarkViews(b *testing.B) {
	for name, view := range views(b) {
		b.Run(name, func(b *testing.B) {
			oneCore(b)
			path := filepath.Join(largeDir(b), view.Resource()+".ndjson")
			data := largeFile(b, view.Resource())
			all := lines(data)
			var stats runner.Stats
			var ours, theirs time.Duration
			var before, after runtime.MemStats
			allocs := uint64(0)
			runs := 0
			for b.Loop() {
				runtime.ReadMemStats(&before)
				begin := processorTime(b)
				var err error
				stats, err = view.Write(b.Context(), runner.Files(path), runner.NewCSVWriter(io.Discard), runner.Parallel(1))
				if err != nil {
					b.Fatal(err)
				}
				ours = least(ours, processorTime(b)-begin)
				runtime.ReadMemStats(&after)
				if n := after.Mallocs - before.Mallocs; runs == 0 || n < allocs {
					allocs = n
				}
				begin = processorTime(b)
				for _, line := range all {
					if err := sonicValid(line); err != nil {
						b.Fatal(err)
					}
				}
				theirs = least(theirs, processorTime(b)-begin)
				runs++
			}
			b.ReportMetric(0, "ns/op") // of both together: says nothing
			b.ReportMetric(float64(len(data))/ours.Seconds()/1e6, "MB/s")
			b.ReportMetric(float64(len(data))/theirs.Seconds()/1e6, "sonic-MB/s")
			b.ReportMetric(float64(stats.Resources)/ours.Seconds(), "resources/s")
			b.ReportMetric(float64(stats.Rows), "rows")
			b.ReportMetric(float64(allocs)/float64(stats.Resources), "allocs/resource")
			b.ReportMetric(theirs.Seconds()/ours.Seconds(), "of-sonic")
		})
	}
}

// least returns the shorter of the least time so far, 0 for none, and another.
func least(so, other time.Duration) time.Duration {
	if so == 0 || other < so {
		return other
	}
	return so
}

// processorTime returns how long this process has had a processor.
func processorTime(tb testing.TB) time.Duration {
	tb.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkScaling runs each shared view with one worker and with two, by turns with sonic.Valid on the same lines in
// one goroutine and in two. "scaling" is the ratio of our speeds, "machine" that of sonic.Valid's: two processors
// that share a core, or a host with other guests, give less than 2 to anybody. Each speed is the best of all runs.
func BenchmarkScaling(b *testing.B) {
	if runtime.GOMAXPROCS(0) < 2 {
		b.Skip("SKIPPED: one core")
	}
	for name, view := range views(b) {
		b.Run(name, func(b *testing.B) {
			path := filepath.Join(largeDir(b), view.Resource()+".ndjson")
			all := lines(largeFile(b, view.Resource()))
			var ours, theirs [2]time.Duration
			for b.Loop() {
				for i := range ours {
					begin := time.Now()
					if _, err := view.Write(b.Context(), runner.Files(path), runner.NewCSVWriter(io.Discard), runner.Parallel(i+1)); err != nil {
						b.Fatal(err)
					}
					ours[i] = least(ours[i], time.Since(begin))
					begin = time.Now()
					validate(b, all, i+1)
					theirs[i] = least(theirs[i], time.Since(begin))
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(ours[0].Seconds()/ours[1].Seconds(), "scaling")
			b.ReportMetric(theirs[0].Seconds()/theirs[1].Seconds(), "machine")
		})
	}
}

// validate checks all lines in so many goroutines.
func validate(b *testing.B, all [][]byte, goroutines int) {
	b.Helper()
	var group sync.WaitGroup
	for part := range slices.Chunk(all, (len(all)+goroutines-1)/goroutines) {
		group.Go(func() {
			for _, line := range part {
				if err := sonicValid(line); err != nil {
					b.Error(err)
				}
			}
		})
	}
	group.Wait()
}
