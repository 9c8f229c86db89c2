package conformance

import (
	"encoding/json"

	"github.com/researchflow/researchflow/internal/fhirpath/system"
)

// equalNumber compares two numbers by value: 1.50 is 1.5. ok is false unless both texts are numbers.
func equalNumber(a, b string) (equal, ok bool) {
	x, errX := system.ParseDecimal(a)
	y, errY := system.ParseDecimal(b)
	if errX != nil || errY != nil {
		return false, false
	}
	return x.Equal(y), true
}

// equalJSON compares two JSON texts: numbers by value, objects ignoring the order of their members. Texts
// that are not JSON are not equal to anything.
func equalJSON(a, b []byte) bool {
	var x, y any
	return decodeJSON(a, &x) == nil && decodeJSON(b, &y) == nil && equalValue(x, y)
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
