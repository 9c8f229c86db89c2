package runner

import (
	"context"
	"fmt"
	"strings"

	"github.com/researchflow/researchflow/internal/fhirpath"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/rows"
)

// patientElements are the elements that say which patient a resource is about, in order of preference: the first one
// that the type has as a Reference counts. They follow the patient compartment
// (http://hl7.org/fhir/compartmentdefinition-patient.html), without elements for patients who took part in something
// about somebody else, such as Observation.performer.
var patientElements = []string{
	"patient", "subject", "beneficiary", "candidate", "individual", "for", "deliverTo", "actor", "target",
}

// patientPaths are the paths for types that do not have the reference in one of patientElements.
var patientPaths = map[string]string{
	"Patient":     "id",
	"Appointment": "participant.actor.reference",
	"AuditEvent":  "(agent.who | entity.what).reference",
	"Group":       "member.entity.reference",
	"Person":      "link.target.reference",
	"Schedule":    "actor.reference",
	"Provenance":  "target.reference",
}

// patientFilter keeps the resources of some patients. It never changes.
type patientFilter struct {
	ids  map[string]bool
	prog *fhirpath.Program // gives the references to patients, or a Patient's own id
}

// newPatientFilter returns the filter of a run, and nil if the run is not restricted to patients.
func newPatientFilter(v *View, cfg *runConfig) (*patientFilter, error) {
	if !cfg.byPatient {
		return nil, nil
	}
	f := &patientFilter{ids: make(map[string]bool, len(cfg.patients))}
	for _, id := range cfg.patients {
		f.ids[id] = true
	}
	path, ok := patientPath(v.model, v.resource)
	if !ok {
		return nil, fmt.Errorf("runner: %s: %w", v.resource, ErrNoPatient)
	}

	p, err := fhirpath.Compile(path, fhirpath.WithModel(v.model), fhirpath.WithInput(v.resource))
	if err != nil {
		return nil, fmt.Errorf("runner: %s: %w: %w", v.resource, ErrNoPatient, err)
	}
	f.prog = p
	return f, nil
}

// patientPath returns the path to the references of a resource type, or to the id of a Patient.
func patientPath(version model.Version, resourceType string) (path string, ok bool) {
	if path, ok := patientPaths[resourceType]; ok {
		return path, true
	}
	m := model.Load(version)
	t, ok := m.Type(resourceType)
	if !ok {
		return "", false
	}
	reference, _ := m.Type("Reference")
	for _, name := range patientElements {
		el, ok := m.Element(t, name)
		if !ok {
			continue
		}
		for _, typ := range el.Types {
			if typ != reference {
				continue
			}
			if el.Choice {
				return name + ".ofType(Reference).reference", true
			}
			return name + ".reference", true
		}
	}
	return "", false
}

// match reports whether the loaded resource belongs to one of the patients.
func (f *patientFilter) match(ctx context.Context, ev *fhirpath.Evaluator) (bool, error) {
	result, err := ev.Eval(ctx, f.prog, ev.Root(), nil)
	if err != nil {
		return false, rows.EvalError(err)
	}
	for _, v := range result {
		text, ok := v.Text()
		if !ok {
			continue
		}
		if f.prog.String() == "id" {
			return f.ids[text], nil
		}
		if id, ok := patientID(text); ok && f.ids[id] {
			return true, nil
		}
	}
	return false, nil
}

// patientID returns the id of a reference to a Patient: Patient/1, http://host/fhir/Patient/1, Patient/1/_history/2.
func patientID(reference string) (id string, ok bool) {
	reference, _, _ = strings.Cut(reference, "/_history/")
	i := strings.LastIndexByte(reference, '/') + 1
	address, id := "/"+reference[:i], reference[i:]
	return id, id != "" && strings.HasSuffix(address, "/Patient/")
}
