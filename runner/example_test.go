package runner_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/researchflow/researchflow/runner"
)

const labs = `{
  "resourceType": "ViewDefinition",
  "name": "labs",
  "resource": "Observation",
  "constant": [{"name": "loinc", "valueUri": "http://loinc.org"}],
  "where": [{"path": "status = 'final'"}],
  "select": [
    {"column": [{"name": "id", "path": "id"}, {"name": "patient", "path": "subject.getReferenceKey(Patient)"}]},
    {"forEach": "code.coding.where(system = %loinc)", "column": [{"name": "code", "path": "code"}]},
    {"column": [{"name": "value", "path": "value.ofType(Quantity).value"}]}
  ]
}`

const observations = `{"resourceType":"Observation","id":"o1","status":"final","subject":{"reference":"Patient/p1"},"code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]},"valueQuantity":{"value":70.50,"unit":"kg"}}
{"resourceType":"Observation","id":"o2","status":"cancelled","subject":{"reference":"Patient/p1"},"code":{"coding":[{"system":"http://loinc.org","code":"8302-2"}]}}
{"resourceType":"Observation","id":"o3","status":"final","subject":{"reference":"Patient/p2"},"code":{"coding":[{"system":"http://loinc.org","code":"8302-2"}]},"valueQuantity":{"value":180,"unit":"cm"}}
`

// A view is compiled once and run over any source; its columns are known before there is data.
func Example() {
	view, err := runner.CompileJSON([]byte(labs))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range view.Columns() {
		fmt.Println(c.Name, c.FHIRType, c.ANSIType)
	}
	src := runner.Reader("observations.ndjson", strings.NewReader(observations))
	for row, err := range view.Rows(context.Background(), src) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(row.Value(0), row.Value(1), row.Value(2), row.Value(3))
	}
	// Output:
	// id id CHARACTER VARYING
	// patient System.String CHARACTER VARYING
	// code code CHARACTER VARYING
	// value decimal CHARACTER VARYING
	// o1 p1 29463-7 70.50
	// o3 p2 8302-2 180
}

func ExampleView_Write() {
	view := runner.MustCompile([]byte(labs))
	src := runner.Reader("observations.ndjson", strings.NewReader(observations))
	stats, err := view.Write(context.Background(), src, runner.NewCSVWriter(os.Stdout, runner.CSVLineEnd("\n")))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(stats.Resources, "resources,", stats.Rows, "rows")
	// Output:
	// id,patient,code,value
	// o1,p1,29463-7,70.50
	// o3,p2,8302-2,180
	// 3 resources, 2 rows
}

// A Runner collects results, restricts them to patients, and would cache them.
func ExampleRunner_Run() {
	src := runner.Bundle([]byte(`{"resourceType":"Bundle","entry":[
		{"resource":{"resourceType":"Observation","id":"o1","status":"final","subject":{"reference":"Patient/p1"},"code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]}}},
		{"resource":{"resourceType":"Observation","id":"o2","status":"final","subject":{"reference":"Patient/p2"},"code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]}}}]}`))
	r, err := runner.New(src, runner.WithMaxParallel(2))
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := r.Run(context.Background(), runner.MustCompile([]byte(labs)), runner.Patients("p2"))
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := res.WriteNDJSON(os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// {"id":"o2","patient":"p2","code":"29463-7","value":null}
}

// The audit hook is told of a run before anything is read, and again when the run has ended.
func ExampleRunner_Stream() {
	audit := func(_ context.Context, e runner.AuditEvent) error {
		fmt.Println("audit:", e.View, "patients:", e.Patients, "done:", e.Done, "rows:", e.Stats.Rows)
		return nil
	}
	src := runner.Reader("observations.ndjson", strings.NewReader(observations))
	r, err := runner.New(src, runner.WithAudit(audit))
	if err != nil {
		fmt.Println(err)
		return
	}
	for row, err := range r.Stream(context.Background(), runner.MustCompile([]byte(labs)), runner.Patients("p1")) {
		if err != nil {
			fmt.Println(err)
			return
		}
		text, _ := json.Marshal(row)
		value, _ := row.Get("value")
		number, _ := json.Marshal(value)
		fmt.Println(string(text), string(number))
	}
	// Output:
	// audit: labs patients: 1 done: false rows: 0
	// {"id":"o1","patient":"p1","code":"29463-7","value":70.50} 70.50
	// audit: labs patients: 1 done: true rows: 1
}

// A definition is plain data: it can be read by encoding/json, changed, and written again.
func ExampleCompile() {
	var def runner.ViewDefinition
	if err := json.Unmarshal([]byte(labs), &def); err != nil {
		fmt.Println(err)
		return
	}
	def.Name = "body_weight"
	def.Select = def.Select[2:]
	def.Constant, def.Where = nil, append(def.Where, runner.Where{Path: "code.coding.exists(code = '29463-7')"})
	view, err := runner.Compile(&def)
	if err != nil {
		fmt.Println(err)
		return
	}
	for row, err := range view.Rows(context.Background(), runner.Reader("x", strings.NewReader(observations))) {
		fmt.Println(row.Value(0), err)
	}
	text, err := json.Marshal(view.Definition())
	fmt.Println(string(text), err)
	// Output:
	// 70.50 <nil>
	// {"resourceType":"ViewDefinition","name":"body_weight","resource":"Observation","where":[{"path":"status = 'final'"},{"path":"code.coding.exists(code = '29463-7')"}],"select":[{"column":[{"name":"value","path":"value.ofType(Quantity).value"}]}]} <nil>
}

// Only files that may hold resources of the view's type are read: here Observation.ndjson.
func ExampleDir() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	for name, text := range map[string]string{"Observation.ndjson": observations, "Patient.ndjson": "not read\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			fmt.Println(err)
			return
		}
	}
	stats, err := runner.MustCompile([]byte(labs)).Write(context.Background(), runner.Dir(dir), runner.NewJSONWriter(os.Stdout),
		runner.MaxRows(1))
	fmt.Println(stats.Rows, "row, more:", stats.Truncated, err)
	// Output:
	// [
	// {"id":"o1","patient":"p1","code":"29463-7","value":70.50}
	// ]
	// 1 row, more: true <nil>
}

// All faults of a view are reported at once, each with its place.
func ExampleCompile_errors() {
	_, err := runner.CompileJSON([]byte(`{"resource": "Patient", "select": [{"column": [
		{"name": "id", "path": "id"}, {"name": "id", "path": "name.where(use = %use).family"}]}]}`))
	var list runner.CompileErrors
	if errors.As(err, &list) {
		for _, e := range list {
			fmt.Println(e.Element, e.Kind, e.Line, e.Column)
		}
	}
	// Output:
	// select[0].column[1].path semantic 1 18
	// select[0].column[1] validate 0 0
}

// With OnError(Skip) a resource that cannot be turned into rows is left out, counted and named.
func ExampleOnError() {
	view := runner.MustCompile([]byte(`{"resource": "Patient", "name": "ids", "select": [{"column": [{"name": "id", "path": "id"}]}]}`))
	data := "{\"resourceType\":\"Patient\",\"id\":\"a\"}\n{\"resourceType\":\"Pat\n{\"resourceType\":\"Patient\",\"id\":\"b\"}\n"
	var stats runner.Stats
	for row, err := range view.Rows(context.Background(), runner.Reader("patients.ndjson", strings.NewReader(data)),
		runner.OnError(runner.Skip), runner.CollectStats(&stats)) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(row.Value(0))
	}
	fmt.Println(stats.Skipped, "skipped:", stats.Skips[0].Place)
	// Output:
	// a
	// b
	// 1 skipped: patients.ndjson:2
}

func ExampleCollect() {
	type lab struct {
		ID    string  `json:"id"`
		Value float64 `json:"value"`
	}
	view := runner.MustCompile([]byte(labs))
	rows, err := runner.Collect[lab](view.Rows(context.Background(), runner.Reader("x", strings.NewReader(observations))))
	fmt.Println(rows, err)
	// Output:
	// [{o1 70.5} {o3 180}] <nil>
}

func ExampleValidate() {
	def, err := runner.Decode([]byte(labs))
	if err != nil {
		fmt.Println(err)
		return
	}
	var list runner.CompileErrors
	if errors.As(runner.Validate(def, runner.ShareableViewDefinition), &list) {
		for _, e := range list {
			fmt.Println(e.Element, e.Msg)
		}
	}
	// Output:
	// url ShareableViewDefinition requires it
	// fhirVersion ShareableViewDefinition requires it
	// select[0].column[0].type ShareableViewDefinition requires it
	// select[0].column[1].type ShareableViewDefinition requires it
	// select[1].column[0].type ShareableViewDefinition requires it
	// select[2].column[0].type ShareableViewDefinition requires it
}
