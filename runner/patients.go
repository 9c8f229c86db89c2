package runner

import (
	"context"
	"fmt"
	"strings"

	"github.com/researchflow/researchflow/internal/fhirpath"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/rows"
)

// patientElements are the elements by which a resource says which patient it is about, in the order of preference:
// the first that its type has as a Reference counts. They follow the patient compartment
// (http://hl7.org/fhir/compartmentdefinition-patient.html), without those by which a patient took part in something
// about somebody else, such as Observation.performer.
var patientElements = []string{"patient", "subject", "beneficiary", "candidate", "individual", "for", "deliverTo", "actor", "target"}

// patientPaths are the types whose reference is not in an element of their own.
var patientPaths = map[string]string{
	"Patient":     "",
	"Appointment": "participant.actor.reference",
	"AuditEvent":  "(agent.who | entity.what).reference",
	"Group":       "member.entity.reference",
	"Person":      "link.target.reference",
	"Schedule":    "actor.reference",
	"Provenance":  "target.reference",
}

// patientFilter keeps resources of some patients. It never changes.
type patientFilter struct {
	ids  map[string]bool
	prog *fhirpath.Program // nil: the resource's own id
}

// newPatientFilter returns the filter of a run, nil where the run is not restricted.
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
	if path == "" {
		path = "id"
	}
	p, err := fhirpath.Compile(path, fhirpath.WithModel(v.model), fhirpath.WithInput(v.resource))
	if err != nil {
		return nil, fmt.Errorf("runner: %s: %w: %w", v.resource, ErrNoPatient, err)
	}
	f.prog = p
	return f, nil
}

// patientPath returns the path to the references of a resource type, "" for Patient itself.
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

// match reports whether the loaded resource is of one of the patients.
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
	if i := strings.Index(reference, "/_history/"); i >= 0 {
		reference = reference[:i]
	}
	rest, id, ok := cutLast(reference, '/')
	if !ok || id == "" || rest != "Patient" && !strings.HasSuffix(rest, "/Patient") {
		return "", false
	}
	return id, true
}

func cutLast(s string, sep byte) (before, after string, found bool) {
	if i := strings.LastIndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}
