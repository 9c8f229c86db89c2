package parquet

import (
	"encoding/binary"
	"math"
	"math/bits"
	"time"

	pq "github.com/parquet-go/parquet-go"

	"github.com/researchflow/researchflow/runner"
)

// The methods below convert values to Parquet. They return false if the type cannot hold the value exactly.

// text stores any value as text. The bytes stay in the arena until flush.
func (w *Writer) text(v runner.Value) (pq.Value, bool) {
	start := len(w.arena)
	w.arena = v.AppendText(w.arena)
	return pq.ByteArrayValue(w.arena[start:len(w.arena):len(w.arena)]), true
}

func (w *Writer) boolean(v runner.Value) (pq.Value, bool) {
	b, ok := v.Bool()
	return pq.BooleanValue(b), ok
}

func (w *Writer) int32(v runner.Value) (pq.Value, bool) {
	n, ok := v.Int()
	return pq.Int32Value(int32(n)), ok && n >= math.MinInt32 && n <= math.MaxInt32
}

func (w *Writer) int64(v runner.Value) (pq.Value, bool) {
	n, ok := v.Int()
	return pq.Int64Value(n), ok
}

// scratchText returns the text of a value. It is valid until the next call.
func (w *Writer) scratchText(v runner.Value) []byte {
	w.scratch = v.AppendText(w.scratch[:0])
	return w.scratch
}

func (w *Writer) decimal(v runner.Value, precision, scale int) (pq.Value, bool) {
	if k := v.Kind(); k != runner.KindDecimal && k != runner.KindInteger {
		return pq.Value{}, false
	}
	high, low, negative, ok := unscaled(w.scratchText(v), precision, scale)
	if !ok {
		return pq.Value{}, false
	}
	if negative {
		var carry uint64
		low, carry = bits.Add64(^low, 1, 0)
		high, _ = bits.Add64(^high, 0, carry)
	}
	switch {
	case precision <= 9:
		return pq.Int32Value(int32(low)), true
	case precision <= 18:
		return pq.Int64Value(int64(low)), true
	}
	start := len(w.arena)
	w.arena = binary.BigEndian.AppendUint64(w.arena, high)
	w.arena = binary.BigEndian.AppendUint64(w.arena, low)
	return pq.FixedLenByteArrayValue(w.arena[start:len(w.arena):len(w.arena)]), true
}

// unscaled returns the magnitude of a JSON number times ten to the power of scale. It returns false if that is not a
// whole number or has more digits than precision.
func unscaled(text []byte, precision, scale int) (high, low uint64, negative, ok bool) {
	i := 0
	if i < len(text) && text[i] == '-' {
		negative = true
		i++
	}
	digits, zeros, fraction := 0, 0, 0 // significant digits; pending trailing zeros; digits after the point
	point := false
	for ; i < len(text); i++ {
		c := text[i]
		if c == '.' && !point {
			point = true
			continue
		}
		if c-'0' > 9 {
			break
		}
		if point {
			fraction++
		}
		if c == '0' {
			if digits > 0 {
				zeros++
			}
			continue
		}
		if digits += zeros + 1; digits > 38 {
			return 0, 0, false, false
		}
		high, low = times10(high, low, zeros+1)
		zeros = 0
		var carry uint64
		low, carry = bits.Add64(low, uint64(c-'0'), 0)
		high += carry
	}
	exponent := 0
	if i < len(text) && text[i]|0x20 == 'e' {
		i++
		sign := 1
		if i < len(text) && (text[i] == '+' || text[i] == '-') {
			if text[i] == '-' {
				sign = -1
			}
			i++
		}
		for ; i < len(text) && text[i]-'0' <= 9; i++ {
			if exponent = exponent*10 + int(text[i]-'0'); exponent > 1000 {
				return 0, 0, false, false
			}
		}
		exponent *= sign
	}
	if i != len(text) {
		return 0, 0, false, false
	}
	if digits == 0 {
		return 0, 0, false, true
	}
	shift := scale + exponent - fraction + zeros
	if shift < 0 || digits+shift > precision {
		return 0, 0, false, false
	}
	high, low = times10(high, low, shift)
	return high, low, negative, true
}

// times10 multiplies by ten to the power of n. The product must fit in 128 bits.
func times10(high, low uint64, n int) (uint64, uint64) {
	for range n {
		carry, l := bits.Mul64(low, 10)
		high, low = high*10+carry, l
	}
	return high, low
}

func (w *Writer) date(v runner.Value) (pq.Value, bool) {
	text := w.scratchText(v)
	if len(text) != len("2006-01-02") {
		return pq.Value{}, false
	}
	t, err := time.Parse(time.DateOnly, string(text))
	return pq.Int32Value(int32(t.Unix() / 86400)), err == nil
}

// instant stores a date and time with a time zone as microseconds since 1970 in UTC.
func (w *Writer) instant(v runner.Value) (pq.Value, bool) {
	t, err := time.Parse(time.RFC3339Nano, string(w.scratchText(v)))
	return pq.Int64Value(t.UnixMicro()), err == nil && t.Nanosecond()%1000 == 0
}

// localTime stores a date and time without a time zone. It refuses one that has a time zone.
func (w *Writer) localTime(v runner.Value) (pq.Value, bool) {
	t, err := time.Parse("2006-01-02T15:04:05.999999999", string(w.scratchText(v)))
	return pq.Int64Value(t.UnixMicro()), err == nil && t.Nanosecond()%1000 == 0
}

func (w *Writer) time(v runner.Value) (pq.Value, bool) {
	t, err := time.Parse("15:04:05.999999999", string(w.scratchText(v)))
	midnight := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	return pq.Int64Value(t.Sub(midnight).Microseconds()), err == nil && t.Nanosecond()%1000 == 0
}
