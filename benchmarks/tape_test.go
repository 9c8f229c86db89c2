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
// second, so that other load on the machine and warm caches serve both alike. The benchmark's own time is
// that of ours; "of-sonic" is the ratio of the speeds: 1 is as fast, 0.5 half as fast.
func byTurns(b *testing.B, all [][]byte, ours, theirs func([]byte) error) {
	pieces := cut(all, 1<<20)
	timed := func(piece [][]byte, do func([]byte) error) time.Duration {
		begin := time.Now()
		for _, line := range piece {
			if err := do(line); err != nil {
				b.Fatal(err)
			}
		}
		return time.Since(begin)
	}
	var our, their time.Duration
	turn := 0
	for b.Loop() {
		for _, piece := range pieces {
			if turn++; turn%2 == 0 {
				our += timed(piece, ours)
				their += timed(piece, theirs)
			} else {
				their += timed(piece, theirs)
				our += timed(piece, ours)
			}
		}
	}
	bytes := float64(size(all)) * float64(b.N)
	b.ReportMetric(bytes/our.Seconds()/1e6, "MB/s")
	b.ReportMetric(bytes/their.Seconds()/1e6, "sonic-MB/s")
	b.ReportMetric(float64(len(all))*float64(b.N)/our.Seconds(), "resources/s")
	b.ReportMetric(their.Seconds()/our.Seconds(), "of-sonic")
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
