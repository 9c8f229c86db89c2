package steps

import (
	"errors"
	"fmt"
	"strings"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
	"github.com/researchflow/researchflow/runner"
)

// patientColumn is the only column of a criterion's view and the first one of an availability view: the patient's id
// or a reference to the patient.
const patientColumn = "researchflow_patient"

// compileCriterion turns a criterion into a view with one row, the patient, for each matching resource.
// The error is a *faultError that names the member of the criterion.
func compileCriterion(c orchestrator.Criterion) (*runner.View, error) {
	s, ok := shapeOf(c.Resource)
	if !ok {
		return nil, faultf("resource", "%s is not a resource type that criteria support", c.Resource)
	}
	def := &runner.ViewDefinition{
		Name: "criterion", Status: "active", Resource: c.Resource,
		Select: []runner.Select{{Column: []runner.ColumnDefinition{{Name: patientColumn, Path: s.patient}}}},
	}
	member := "resource"
	switch {
	case c.Condition != "":
		member = "condition"
		def.Where = append(def.Where, runner.Where{Path: c.Condition})
	case len(c.Codes) > 0:
		member = "codes"
		if s.code == "" {
			return nil, faultf("codes", "%s has no code; use a condition", c.Resource)
		}
		def.Where = append(def.Where, runner.Where{Path: codesCondition(def, s.code, c.Codes)})
	}
	if c.Period != nil {
		if len(s.when) == 0 {
			return nil, faultf("period", "%s has no date; use a condition", c.Resource)
		}
		if within := s.within(c.Period); within != "" {
			def.Where = append(def.Where, runner.Where{Path: within})
		}
	}
	v, err := runner.Compile(def)
	if err != nil {
		return nil, faultf(member, "%s", compileMessage(err))
	}
	return v, nil
}

// codesCondition returns the condition that one of the codes is among a resource's codings. The codes become constants
// of the view, so that no text of a request is parsed as FHIRPath.
func codesCondition(def *runner.ViewDefinition, path string, codes []orchestrator.Coding) string {
	constant := func(kind string, i int, value string) string {
		name := fmt.Sprintf("%s%d", kind, i)
		def.Constant = append(def.Constant, runner.Constant{Name: name, Type: "string", Value: value})
		return "%" + name
	}
	parts := make([]string, len(codes))
	for i, c := range codes {
		parts[i] = "code = " + constant("code", i, c.Code)
		if c.System != "" {
			parts[i] = "(system = " + constant("system", i, c.System) + " and " + parts[i] + ")"
		}
	}
	return path + ".coding.where(" + strings.Join(parts, " or ") + ").exists()"
}

// dataView returns a requested view, restricted to the period.
func dataView(v *runner.View, p *orchestrator.Period) (*runner.View, error) {
	def := *v.Definition()
	s, ok := shapeOf(def.Resource)
	if !ok {
		return nil, fmt.Errorf("steps: view %s: %s is not a supported resource type with a patient", v.Name(), def.Resource)
	}
	within := s.within(p)
	if within == "" {
		return v, nil
	}
	def.Where = append(def.Where[:len(def.Where):len(def.Where)], runner.Where{Path: within, Description: "the request's period"})
	return compileDerived(v, &def)
}

// availabilityView returns a dataView with the patient as its first column, so that rows can be counted per patient.
func availabilityView(v *runner.View, p *orchestrator.Period) (*runner.View, error) {
	data, err := dataView(v, p)
	if err != nil {
		return nil, err
	}
	def := *data.Definition()
	s, _ := shapeOf(def.Resource) // dataView has checked that there is one
	key := runner.Select{Column: []runner.ColumnDefinition{{Name: patientColumn, Path: s.patient}}}
	def.Select = append([]runner.Select{key}, def.Select...)
	return compileDerived(v, &def)
}

func compileDerived(v *runner.View, def *runner.ViewDefinition) (*runner.View, error) {
	derived, err := runner.Compile(def)
	if err != nil {
		return nil, fmt.Errorf("steps: view %s: %s", v.Name(), compileMessage(err))
	}
	return derived, nil
}

// faultError is a fault of a request, with the path of the member.
type faultError struct{ workflow.Fault }

func (e *faultError) Error() string { return e.Path + " " + e.Message }

func faultf(path, format string, args ...any) error {
	return &faultError{workflow.Fault{Path: path, Message: fmt.Sprintf(format, args...)}}
}

// faultOf makes a Fault of an error, its path below prefix.
func faultOf(prefix string, err error) workflow.Fault {
	var f *faultError
	if errors.As(err, &f) {
		return workflow.Fault{Path: prefix + "." + f.Path, Message: f.Message}
	}
	return workflow.Fault{Path: prefix, Message: err.Error()}
}

// compileMessage returns the first fault of a compilation in one line, with its position in the expression.
func compileMessage(err error) string {
	var faults runner.CompileErrors
	if !errors.As(err, &faults) || len(faults) == 0 {
		return err.Error()
	}
	if f := faults[0]; f.Line > 0 {
		return fmt.Sprintf("%s (line %d, column %d)", f.Msg, f.Line, f.Column)
	}
	return faults[0].Msg
}
