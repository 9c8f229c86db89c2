package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/fhirpath"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/ndjson"
	"github.com/researchflow/researchflow/internal/testdata"
)

// oracle is a view evaluator that is slow and obviously right: rows are maps, parts are combined as the specification's
// text says, every path is evaluated on its own. It shares the FHIRPath engine with the real one and nothing else.
type oracle struct {
	def   *ViewDefinition
	ev    *fhirpath.Evaluator
	progs map[string]*fhirpath.Program
	err   error

	emptyJoin bool // as WithEmptyJoin has it
}

type oracleRow = map[string]any

func newOracle(def *ViewDefinition) *oracle {
	return &oracle{def: def, ev: fhirpath.NewEvaluator(fhirpath.EvalConfig{}), progs: make(map[string]*fhirpath.Program)}
}

// resource returns the rows of one resource.
func (o *oracle) resource(raw []byte) ([]oracleRow, error) {
	var head struct {
		ResourceType string `json:"resourceType"`
	}
	o.err = nil
	if err := json.Unmarshal(raw, &head); err != nil || head.ResourceType != o.def.Resource {
		return nil, err
	}
	if err := o.ev.Load(raw); err != nil {
		return nil, err
	}
	root := o.ev.Root()
	for _, w := range o.def.Where {
		result := o.eval(w.Path, root, 0)
		if len(result) == 0 {
			return nil, o.err
		}
		if b, ok := result[0].Bool(); !ok || len(result) > 1 {
			return nil, ErrNotBoolean
		} else if !b {
			return nil, nil
		}
	}
	rows := []oracleRow{{}}
	for i := range o.def.Select {
		if len(rows) > 0 { // what cannot have rows any more is not evaluated
			rows = product(rows, o.structure(&o.def.Select[i], root, 0))
		}
	}
	return rows, o.err
}

func (o *oracle) eval(path string, focus fhirpath.Value, index int) fhirpath.Collection {
	p := o.progs[path]
	if p == nil {
		opts := []fhirpath.CompileOption{
			fhirpath.WithModel(model.R4), fhirpath.WithVariable("rowIndex", "System.Integer"), fhirpath.EmptyJoin(o.emptyJoin), fhirpath.ChoiceNames(true),
		}
		for _, k := range o.def.Constant {
			v, err := constantValue(k)
			if err != nil {
				o.err = err
				return nil
			}
			opts = append(opts, fhirpath.WithConstant(k.Name, v))
		}
		var err error
		if p, err = fhirpath.Compile(path, opts...); err != nil {
			o.err = err
			return nil
		}
		o.progs[path] = p
	}
	var env fhirpath.Env
	env.Set("rowIndex", fhirpath.NewInteger(int32(index)))
	result, err := o.ev.Eval(context.Background(), p, focus, &env)
	if err != nil {
		o.err = err
	}
	return result
}

type oracleFocus struct {
	value fhirpath.Value
	index int
}

// structure returns the rows of a select.
func (o *oracle) structure(s *Select, node fhirpath.Value, index int) []oracleRow {
	var foci []oracleFocus
	iterate := func(values fhirpath.Collection) {
		for _, v := range values {
			foci = append(foci, oracleFocus{v, len(foci)})
		}
	}
	switch {
	case s.ForEach != "":
		iterate(o.eval(s.ForEach, node, index))
	case s.ForEachOrNull != "":
		iterate(o.eval(s.ForEachOrNull, node, index))
		if len(foci) == 0 {
			return []oracleRow{nullRow(s)}
		}
	case s.Repeat != nil:
		var descend func(from fhirpath.Value)
		descend = func(from fhirpath.Value) {
			for _, path := range s.Repeat {
				for _, v := range o.eval(path, from, index) {
					foci = append(foci, oracleFocus{v, len(foci)})
					descend(v)
				}
			}
		}
		descend(node)
	default:
		foci = []oracleFocus{{node, index}}
	}
	var rows []oracleRow
	for _, f := range foci {
		parts := []oracleRow{o.columns(s, f)}
		for i := range s.Select {
			if len(parts) > 0 {
				parts = product(parts, o.structure(&s.Select[i], f.value, f.index))
			}
		}
		if s.UnionAll != nil && len(parts) > 0 {
			var union []oracleRow
			for i := range s.UnionAll {
				union = append(union, o.structure(&s.UnionAll[i], f.value, f.index)...)
			}
			parts = product(parts, union)
		}
		rows = append(rows, parts...)
	}
	return rows
}

func (o *oracle) columns(s *Select, f oracleFocus) oracleRow {
	row := oracleRow{}
	for _, c := range s.Column {
		var values []any
		for _, v := range o.eval(c.Path, f.value, f.index) {
			text := v.AppendJSON(nil)
			var decoded any
			dec := json.NewDecoder(bytes.NewReader(text))
			dec.UseNumber()
			if err := dec.Decode(&decoded); err != nil {
				o.err = fmt.Errorf("%s: %w", c.Path, err)
			}
			if decoded != nil {
				values = append(values, decoded)
			}
		}
		switch {
		case c.Collection:
			row[c.Name] = append([]any{}, values...)
		case len(values) == 1:
			row[c.Name] = values[0]
		case len(values) > 1:
			o.err = ErrManyValues
		default:
			row[c.Name] = nil
		}
	}
	return row
}

// nullRow has every column below a select.
func nullRow(s *Select) oracleRow {
	row := oracleRow{}
	for _, c := range s.Column {
		row[c.Name] = nil
		if c.Path == "%rowIndex" {
			row[c.Name] = json.Number("0")
			if c.Collection {
				row[c.Name] = []any{row[c.Name]}
			}
		}
	}
	parts := slices.Clone(s.Select)
	if len(s.UnionAll) > 0 {
		parts = append(parts, s.UnionAll[0])
	}
	for i := range parts {
		for k, v := range nullRow(&parts[i]) {
			row[k] = v
		}
	}
	return row
}

func product(a, b []oracleRow) []oracleRow {
	var rows []oracleRow
	for _, x := range a {
		for _, y := range b {
			row := oracleRow{}
			for k, v := range x {
				row[k] = v
			}
			for k, v := range y {
				row[k] = v
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// oracleView is a view to compare, over the resources of a dataset or over its own.
type oracleView struct {
	name string
	text json.RawMessage
	data [][]byte // nil: those of the datasets
}

// oracleViews are all the views there are: shared, shipped, golden, and those of the official suite with its data.
func oracleViews(t *testing.T) []oracleView {
	var list []oracleView
	for _, pattern := range []string{
		filepath.Join(testdata.Shared(t, "views"), "*.json"), filepath.Join("views", "*.json"),
		filepath.Join(testdata.Shared(t, "conformance", "golden"), "*.json"),
		filepath.Join(testdata.Shared(t, "conformance", "sql-on-fhir"), "*.json"),
	} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: no files, %v", pattern, err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, viewsIn(name, text)...)
		}
	}
	return list
}

// viewsIn finds the views of a file: itself, a golden case's, or those of the suite's tests.
func viewsIn(name string, text []byte) []oracleView {
	var file struct {
		View      json.RawMessage
		Resources []json.RawMessage
		Tests     []struct {
			Title string
			View  json.RawMessage
		}
	}
	if json.Unmarshal(text, &file) != nil {
		return nil // the index of the golden cases
	}
	name = filepath.Base(name)
	switch {
	case file.View != nil:
		return []oracleView{{name: name, text: file.View}}
	case file.Tests == nil:
		return []oracleView{{name: name, text: text}}
	}
	var data [][]byte
	for _, r := range file.Resources {
		data = append(data, r)
	}
	var list []oracleView
	for _, test := range file.Tests {
		list = append(list, oracleView{name: name + " " + test.Title, text: test.View, data: data})
	}
	return list
}

// TestAgainstOracle compares every row of every view with the oracle's, also where there is an error.
func TestAgainstOracle(t *testing.T) {
	t.Parallel()
	resourceRows := 0
	for _, o := range oracleViews(t) {
		v, err := CompileJSON(o.text)
		if err != nil {
			continue // cases that are to fail
		}
		data := o.data
		if data == nil {
			for _, dataset := range []string{"small", "edge"} {
				data = append(data, datasetLines(t, dataset, v.Resource())...)
			}
		}
		plain := newOracle(v.Definition())
		for _, raw := range data {
			want, wantErr := plain.resource(raw)
			got, gotErr := rowTexts(v, Resources{raw}, Parallel(1))
			if (wantErr != nil) != (gotErr != nil) {
				t.Errorf("%s: error %v, the oracle's %v", o.name, gotErr, wantErr)
				continue
			}
			if wantErr != nil {
				continue
			}
			resourceRows += len(want)
			if diff := cmp.Diff(texts(t, want), decoded(t, got)); diff != "" {
				t.Fatalf("%s: rows (-oracle +got):\n%s", o.name, diff)
			}
		}
	}
	if resourceRows < 3000 {
		t.Errorf("only %d rows were compared", resourceRows)
	}
}

// datasetLines returns the resources of a type, none where the dataset has no such file.
func datasetLines(t *testing.T, dataset, resource string) [][]byte {
	data, err := os.ReadFile(filepath.Join(testdata.Shared(t, "data"), dataset, resource+".ndjson"))
	if err != nil {
		return nil
	}
	var list [][]byte
	for _, line := range ndjson.Lines(data, 1) {
		list = append(list, line)
	}
	return list
}

func texts(t *testing.T, rows []oracleRow) []string {
	var list []string
	for _, row := range rows {
		text, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, string(text))
	}
	return list
}

// decoded brings rows to the form of texts: members sorted, strings escaped in one way, numbers as they are.
func decoded(t *testing.T, rows []string) []string {
	var list []oracleRow
	for _, text := range rows {
		var row oracleRow
		dec := json.NewDecoder(strings.NewReader(text))
		dec.UseNumber()
		if err := dec.Decode(&row); err != nil {
			t.Fatalf("row is not JSON: %v", err)
		}
		list = append(list, row)
	}
	return texts(t, list)
}
