package fhirjson_test

import (
	"testing"

	"github.com/researchflow/researchflow/internal/fhirjson"
)

var benchKeys = fhirjson.NewKeySet("resourceType", "id", "meta", "status", "category", "code", "coding", "system",
	"display", "text", "subject", "reference", "encounter", "effectiveDateTime", "issued", "valueQuantity", "value", "unit")

func BenchmarkParse(b *testing.B) {
	for _, resourceType := range []string{"Patient", "Observation", "Encounter", "Condition", "ExplanationOfBenefit"} {
		b.Run(resourceType, func(b *testing.B) {
			lines, size := largeLines(b, resourceType)
			var tape fhirjson.Tape
			nodes := 0
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				nodes = 0
				for _, line := range lines {
					if err := tape.Parse(line, benchKeys, fhirjson.Limits{}); err != nil {
						b.Fatal(err)
					}
					nodes += tape.Len()
				}
			}
			b.ReportMetric(float64(nodes)/float64(len(lines)), "nodes/resource")
		})
	}
}
