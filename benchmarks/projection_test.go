package benchmarks

import (
	"strings"
	"testing"

	"github.com/researchflow/researchflow/internal/fhirjson"
)

// viewPaths are the members that the shared views read, as paths from the resource.
var viewPaths = []struct{ view, resourceType, paths string }{
	{
		"lab_observation", "Observation", "id category.coding.system category.coding.code encounter.reference code.coding.code " +
			"code.coding.display status effectiveDateTime issued subject.reference valueQuantity.value valueQuantity.unit",
	},
	{
		"us_core_blood_pressures", "Observation", "id subject.reference effectiveDateTime code.coding.system code.coding.code " +
			"component.code.coding.system component.code.coding.code component.valueQuantity",
	},
	{
		"condition_flat", "Condition", "id subject.reference encounter.reference onsetDateTime code.coding.system " +
			"code.coding.code category.coding.code clinicalStatus.coding.code verificationStatus.coding.code",
	},
	{
		"encounter_flat", "Encounter", "id status subject.reference serviceProvider.reference period.start period.end " +
			"type.coding.system type.coding.code participant.individual.reference location.location.reference reasonCode.coding.code",
	},
	{"patient_demographics", "Patient", "id gender name.use name.given name.family"},
	{"patient_addresses", "Patient", "id address.line address.use address.city address.postalCode"},
}

// BenchmarkProjection compares the tape of the members that a view reads with sonic.Valid.
func BenchmarkProjection(b *testing.B) {
	for _, v := range viewPaths {
		b.Run(v.view, func(b *testing.B) {
			var names []string
			var paths [][]string
			for _, path := range strings.Fields(v.paths + " resourceType") {
				paths = append(paths, strings.Split(path, "."))
				names = append(names, paths[len(paths)-1]...)
			}
			projection := fhirjson.NewProjection(fhirjson.NewKeySet(names...), paths...)
			var tape fhirjson.Tape
			byTurns(b, lines(largeFile(b, v.resourceType)), func(line []byte) error {
				return tape.ParseProjected(line, projection, fhirjson.Limits{})
			}, sonicValid)
		})
	}
}
