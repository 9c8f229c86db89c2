package synth

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// source is a random stream of integers. Floating point would give other bytes on processors that fuse a multiplication
// and an addition.
type source struct{ r *rand.Rand }

func newSource(seed, stream uint64) source {
	return source{rand.New(rand.NewPCG(seed, stream))}
}

// below returns a number from 0 to n-1.
func (s source) below(n int) int { return s.r.IntN(n) }

// between returns a number from lo to hi, both included.
func (s source) between(lo, hi int) int { return lo + s.r.IntN(hi-lo+1) }

// permille is true in n of 1000 cases.
func (s source) permille(n int) bool { return s.r.IntN(1000) < n }

// around returns a number near mean, bell-shaped, never further away than three times spread.
func (s source) around(mean, spread int) int {
	sum := 0
	for range 6 {
		sum += s.r.IntN(2*spread + 1)
	}
	return mean + (sum-6*spread)/2
}

// id returns a logical id in the form of a random (version 4) UUID.
func (s source) id() string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], s.r.Uint64())
	binary.BigEndian.PutUint64(b[8:], s.r.Uint64())
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func pick[T any](s source, list []T) T { return list[s.below(len(list))] }

// date and instant are the texts of FHIR date and dateTime.
func date(t time.Time) string    { return t.Format("2006-01-02") }
func instant(t time.Time) string { return t.Format("2006-01-02T15:04:05Z") }

// appendTenths writes 65 as 6.5 and 60 as 6.0: the measurement's precision stays visible. Whole numbers
// such as counts are written by their own fields.
func appendTenths(dst []byte, n int) []byte {
	if n < 0 {
		dst, n = append(dst, '-'), -n
	}
	dst = strconv.AppendInt(dst, int64(n/10), 10)
	return append(dst, '.', byte('0'+n%10))
}
