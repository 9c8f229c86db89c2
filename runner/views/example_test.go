package views_test

import (
	"context"
	"fmt"

	"github.com/researchflow/researchflow/runner"
	"github.com/researchflow/researchflow/runner/views"
)

var patients = runner.Resources{
	[]byte(`{"resourceType":"Patient","id":"p1","gender":"female","birthDate":"1980-02-29"}`),
	[]byte(`{"resourceType":"Patient","id":"p2","gender":"male","birthDate":"1975-11"}`),
}

func ExampleCompile() {
	view, err := views.Compile("patient_simple")
	if err != nil {
		fmt.Println(err)
		return
	}
	for row, err := range view.Rows(context.Background(), patients) {
		if err != nil {
			fmt.Println(err)
			return
		}
		gender, _ := row.Get("gender")
		birth, _ := row.Get("birth_date")
		fmt.Println(gender, birth)
	}
	// Output:
	// female 1980-02-29
	// male 1975-11
}

// A shipped view with one more condition and fewer columns.
func ExampleLoad() {
	def, err := views.Load("patient_simple")
	if err != nil {
		fmt.Println(err)
		return
	}
	def.Name = "women"
	def.Where = append(def.Where, runner.Where{Path: "gender = 'female'"})
	def.Select = []runner.Select{{Column: []runner.ColumnDefinition{
		{Name: "id", Path: "getResourceKey()"}, {Name: "birth_date", Path: "birthDate"},
	}}}
	view, err := runner.Compile(def)
	if err != nil {
		fmt.Println(err)
		return
	}
	for row, err := range view.Rows(context.Background(), patients) {
		fmt.Println(row.Value(0), row.Value(1), err)
	}
	// Output:
	// p1 1980-02-29 <nil>
}

func ExampleNames() {
	for _, name := range views.Names() {
		fmt.Println(name)
	}
	_, err := views.JSON("patients")
	fmt.Println(err)
	// Output:
	// condition_diagnoses
	// medication_requests
	// observation_labs
	// patient_demographics
	// patient_simple
	// procedure_history
	// views: unknown view "patients", want one of condition_diagnoses, medication_requests, observation_labs, patient_demographics, patient_simple, procedure_history
}
