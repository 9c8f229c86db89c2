package benchmarks

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/bytedance/sonic"
	"github.com/tidwall/gjson"

	"github.com/researchflow/researchflow/internal/fhirjson"
)

var errInvalid = errors.New("not valid JSON")

// BenchmarkFloors measures ways to walk all bytes of a file.
func BenchmarkFloors(b *testing.B) {
	for _, resourceType := range resourceTypes {
		b.Run(resourceType, func(b *testing.B) {
			data := largeFile(b, resourceType)
			all := lines(data)
			b.Run("lines", func(b *testing.B) {
				b.SetBytes(int64(len(data)))
				for b.Loop() {
					count := 0
					for rest := data; len(rest) > 0; count++ {
						end := bytes.IndexByte(rest, '\n')
						if end < 0 {
							end = len(rest) - 1
						}
						rest = rest[end+1:]
					}
					if count != len(all) {
						b.Fatalf("%d lines, want %d", count, len(all))
					}
				}
			})
			perLine(b, "sonic.Valid", all, sonicValid)
			perLine(b, "gjson.Valid", all, func(line []byte) error {
				if !gjson.ValidBytes(line) {
					return errInvalid
				}
				return nil
			})
			perLine(b, "encoding-json.Valid", all, func(line []byte) error {
				if !json.Valid(line) {
					return errInvalid
				}
				return nil
			})
			perLine(b, "encoding-json.Unmarshal", all, func(line []byte) error {
				var v any
				return json.Unmarshal(line, &v)
			})
			perLine(b, "tape", all, newTapeParser())
		})
	}
}

// perLine measures do on every line.
func perLine(b *testing.B, name string, all [][]byte, do func([]byte) error) {
	b.Run(name, func(b *testing.B) {
		b.SetBytes(size(all))
		for b.Loop() {
			for _, line := range all {
				if err := do(line); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(float64(len(all))*float64(b.N)/b.Elapsed().Seconds(), "resources/s")
	})
}

func size(all [][]byte) (n int64) {
	for _, line := range all {
		n += int64(len(line))
	}
	return n
}

func sonicValid(line []byte) error {
	if !sonic.Valid(line) {
		return errInvalid
	}
	return nil
}

// newTapeParser returns a function that parses one resource into a tape kept for the next.
func newTapeParser() func([]byte) error {
	keys := fhirjson.NewKeySet("resourceType", "id", "status", "category", "code", "coding", "system", "display", "text",
		"subject", "reference", "encounter", "effectiveDateTime", "issued", "valueQuantity", "value", "unit")
	var tape fhirjson.Tape
	return func(line []byte) error { return tape.Parse(line, keys, fhirjson.Limits{}) }
}
