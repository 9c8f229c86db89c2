package fhirpath_test

import (
	"context"
	"fmt"

	"github.com/researchflow/researchflow/internal/fhirpath"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
)

func ExampleCompile() {
	p, err := fhirpath.Compile("name.where(use = 'official').given.first()",
		fhirpath.WithModel(model.R4), fhirpath.WithInput("Patient"), fhirpath.Strict(true))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Result().Types, p.Result().Single)

	_, err = fhirpath.Compile("name.where(use = 'official').gvien",
		fhirpath.WithModel(model.R4), fhirpath.WithInput("Patient"), fhirpath.Strict(true))
	fmt.Println(err)
	// Output:
	// [FHIR.string] true
	// fhirpath: 1:30: semantic error: no element "gvien" in HumanName; did you mean given
	// name.where(use = 'official').gvien
	//                              ^
}

func ExampleEvaluator() {
	p, err := fhirpath.Compile("name.select(given.join(' ') & ' ' & family)", fhirpath.WithModel(model.R4))
	if err != nil {
		fmt.Println(err)
		return
	}
	e := fhirpath.NewEvaluator(fhirpath.EvalConfig{})
	for _, resource := range []string{
		`{"resourceType":"Patient","name":[{"given":["Ann","B."],"family":"Doe"},{"family":"Roe"}]}`,
		`{"resourceType":"Patient"}`,
	} {
		if err := e.Load([]byte(resource)); err != nil {
			fmt.Println(err)
			return
		}
		names, err := e.Eval(context.Background(), p, e.Root(), nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, name := range names {
			fmt.Printf("%s ", name.AppendJSON(nil))
		}
		fmt.Println(len(names))
	}
	// Output:
	// "Ann B. Doe" " Roe" 2
	// 0
}

func ExampleEnv() {
	p, err := fhirpath.Compile("name.count() > %least",
		fhirpath.WithModel(model.R4), fhirpath.WithVariable("least", "System.Integer"))
	if err != nil {
		fmt.Println(err)
		return
	}
	e := fhirpath.NewEvaluator(fhirpath.EvalConfig{})
	if err := e.Load([]byte(`{"resourceType":"Patient","name":[{"family":"Doe"}]}`)); err != nil {
		fmt.Println(err)
		return
	}
	var env fhirpath.Env
	for n := range int32(2) {
		env.Set("least", fhirpath.NewInteger(n))
		result, err := e.Eval(context.Background(), p, e.Root(), &env)
		if err != nil {
			fmt.Println(err)
			return
		}
		more, _ := result[0].Bool()
		fmt.Println(n, more)
	}
	// Output:
	// 0 true
	// 1 false
}
