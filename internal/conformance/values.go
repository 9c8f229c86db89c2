package conformance

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/researchflow/researchflow/internal/fhirpath/system"
)

// EqualNumber compares two numbers by value: 1.50 is 1.5. ok is false unless both texts are numbers.
func equalNumber(a, b string) (equal, ok bool) {
	x, errX := system.ParseDecimal(a)
	y, errY := system.ParseDecimal(b)
	if errX != nil || errY != nil {
		return false, false
	}
	return x.Equal(y), true
}

// EqualJSON compares two JSON texts: numbers by value, objects ignoring the order of their members. Texts
// that are not JSON are not equal to anything.
func equalJSON(a, b []byte) bool {
	x, errX := decode(a)
	y, errY := decode(b)
	return errX == nil && errY == nil && equalValue(x, y)
}

func decode(raw []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, io.ErrUnexpectedEOF
	}
	return v, nil
}

func equalValue(a, b any) bool {
	switch x := a.(type) {
	case json.Number:
		y, ok := b.(json.Number)
		if !ok {
			return false
		}
		equal, ok := equalNumber(x.String(), y.String())
		return ok && equal
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !equalValue(x[i], y[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for k, v := range x {
			w, ok := y[k]
			if !ok || !equalValue(v, w) {
				return false
			}
		}
		return true
	}
	return a == b
}
