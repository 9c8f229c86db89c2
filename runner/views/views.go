// Package views holds the ViewDefinitions that ship with the library:
//
//	patient_demographics   patients with name, contact and address
//	patient_simple         patients without names and addresses
//	condition_diagnoses    diagnoses with SNOMED CT and ICD-10 codes
//	observation_labs       laboratory results with LOINC codes
//	medication_requests    medication orders with dosage and dispensing
//	procedure_history      procedures with performer, reason and body site
//
// Their text is embedded in the program. A host may load one, change it, and compile it with [runner.Compile].
package views

import (
	"embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/researchflow/researchflow/runner"
)

//go:embed *.json
var files embed.FS

// ErrUnknown is what errors.Is finds where there is no view of the name.
var ErrUnknown = errors.New("views: unknown view")

// Names returns the names of all views, sorted.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // the files are part of the program
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".json"))
	}
	slices.Sort(names)
	return names
}

// JSON returns the text of a view. The error wraps [ErrUnknown].
func JSON(name string) ([]byte, error) {
	if slices.Contains(Names(), name) {
		return files.ReadFile(name + ".json")
	}
	return nil, fmt.Errorf("%w %q: there are %s", ErrUnknown, name, strings.Join(Names(), ", "))
}

// Load returns the definition of a view, a new one at each call. The error wraps [ErrUnknown].
func Load(name string) (*runner.ViewDefinition, error) {
	data, err := JSON(name)
	if err != nil {
		return nil, err
	}
	return runner.Decode(data)
}

// Compile compiles a view. The error wraps [ErrUnknown], or is [runner.CompileErrors] where the options do not
// allow the view.
func Compile(name string, opts ...runner.CompileOption) (*runner.View, error) {
	data, err := JSON(name)
	if err != nil {
		return nil, err
	}
	return runner.CompileJSON(data, opts...)
}
