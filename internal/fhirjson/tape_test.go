package fhirjson_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/fhirjson"
)

// value builds what encoding/json makes of node i with UseNumber.
func value(t *fhirjson.Tape, i int) any {
	n := t.Node(i)
	switch n.Kind {
	case fhirjson.Object:
		m := map[string]any{}
		for j := i + 1; j < int(n.Next); j = int(t.Node(j).Next) {
			m[string(t.KeyText(j))] = value(t, j)
		}
		return m
	case fhirjson.Array:
		a := []any{}
		for j := i + 1; j < int(n.Next); j = int(t.Node(j).Next) {
			a = append(a, value(t, j))
		}
		return a
	case fhirjson.String:
		return string(t.AppendString(nil, i))
	case fhirjson.Number:
		return json.Number(t.Raw(i))
	case fhirjson.True:
		return true
	case fhirjson.False:
		return false
	case fhirjson.Null:
		return nil
	}
	return fmt.Errorf("node %d has kind %v", i, n.Kind)
}

func decode(src []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(src))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}

func TestParseEqualsEncodingJSONOnTheDataSets(t *testing.T) {
	for _, folder := range []string{"small", "edge"} {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			var tape fhirjson.Tape
			for _, line := range dirLines(t, folder) {
				want, err := decode(line)
				if err != nil {
					t.Fatal(err)
				}
				if err := tape.Parse(line, nil, fhirjson.Limits{}); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, value(&tape, 0)); diff != "" {
					t.Fatalf("(-encoding/json +tape)\n%s", diff)
				}
			}
		})
	}
}
