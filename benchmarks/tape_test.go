package benchmarks

import (
	"testing"
	"time"
)

// BenchmarkTape compares our tape with sonic.Valid.
func BenchmarkTape(b *testing.B) {
	for _, resourceType := range resourceTypes {
		b.Run(resourceType, func(b *testing.B) {
			all := lines(largeFile(b, resourceType))
			byTurns(b, all, newTapeParser(), sonicValid)
		})
	}
}

// byTurns measures ours and sonic by turns on the same pieces of about a megabyte, each as often first as
// second, and counts the best time of each piece: so other load on the machine and warm caches serve both
// alike. "of-sonic" is the ratio of the speeds: 1 is as fast, 0.5 half as fast.
func byTurns(b *testing.B, all [][]byte, ours, theirs func([]byte) error) {
	pieces := cut(all, 1<<20)
	our, their := make([]time.Duration, len(pieces)), make([]time.Duration, len(pieces))
	timed := func(best *time.Duration, piece [][]byte, do func([]byte) error) {
		begin := time.Now()
		for _, line := range piece {
			if err := do(line); err != nil {
				b.Fatal(err)
			}
		}
		if d := time.Since(begin); *best == 0 || d < *best {
			*best = d
		}
	}
	turn := 0
	for b.Loop() {
		for i, piece := range pieces {
			if turn++; turn%2 == 0 {
				timed(&our[i], piece, ours)
				timed(&their[i], piece, theirs)
			} else {
				timed(&their[i], piece, theirs)
				timed(&our[i], piece, ours)
			}
		}
		turn++
	}
	ourTime, theirTime := total(our), total(their)
	b.ReportMetric(0, "ns/op") // of both together: says nothing
	b.ReportMetric(float64(size(all))/ourTime/1e6, "MB/s")
	b.ReportMetric(float64(size(all))/theirTime/1e6, "sonic-MB/s")
	b.ReportMetric(float64(len(all))/ourTime, "resources/s")
	b.ReportMetric(theirTime/ourTime, "of-sonic")
}

// total returns the sum of times in seconds.
func total(times []time.Duration) (sum float64) {
	for _, d := range times {
		sum += d.Seconds()
	}
	return sum
}

// cut splits lines into runs of at least the given number of bytes, except for the last.
func cut(all [][]byte, bytes int) (pieces [][][]byte) {
	begin, n := 0, 0
	for i, line := range all {
		if n += len(line); n >= bytes || i == len(all)-1 {
			pieces = append(pieces, all[begin:i+1])
			begin, n = i+1, 0
		}
	}
	return pieces
}
