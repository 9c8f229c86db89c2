package rows

import (
	"testing"

	"github.com/researchflow/researchflow/internal/fhirpath"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
)

// planOf returns a prepared plan over Patient with one column, and a condition unless where is empty.
func planOf(t *testing.T, column, where string) *Plan {
	t.Helper()
	program := func(expr string) *fhirpath.Program {
		p, err := fhirpath.Compile(expr)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := &Plan{Root: &Part{Columns: []Column{{Program: program(column)}}, Width: 1}}
	if where != "" {
		p.Where = []Condition{{Program: program(where), Path: where}}
	}
	p.Prepare("Patient", model.R4, nil, false)
	return p
}

// TestLimit: a plan knows its fastest way, a limited plan takes no faster one, and the rows are the same on every way.
func TestLimit(t *testing.T) {
	t.Parallel()
	const resource = `{"resourceType":"Patient","id":"p1","gender":"female"}`
	for _, tt := range []struct {
		name, column, where string
		want                Way
	}{
		{"shapes that fused knows", "gender", "gender = 'female'", ByTemplate},
		{"a condition for the plain evaluator", "gender", "gender.matches('^fe')", ByTape},
	} {
		p := planOf(t, tt.column, tt.where)
		if got := p.Way(); got != tt.want {
			t.Errorf("%s: way %d, want %d", tt.name, got, tt.want)
		}
		for way := ByPlain; way <= ByTemplate; way++ {
			limited := p.Limit(way)
			want := min(way, tt.want)
			if got := limited.Way(); got != want {
				t.Errorf("%s, limited to %d: way %d, want %d", tt.name, way, got, want)
			}
			out := &Table{Source: []byte(resource)}
			e := NewEngine(limited, fhirpath.EvalConfig{}, false)
			for range 3 { // a template is recorded from resources of one shape, and used after that
				if _, err := e.Load(out.Source); err != nil {
					t.Fatal(err)
				}
				if err := e.Rows(t.Context(), out, 0); err != nil {
					t.Fatal(err)
				}
			}
			if out.Rows != 3 || e.Made[want] == 0 {
				t.Errorf("%s, limited to %d: %d rows, made by %v; want 3, some of them by %d", tt.name, way, out.Rows, e.Made, want)
			}
			for _, c := range out.Cells {
				if got := string(out.AppendJSON(nil, c)); got != `"female"` {
					t.Errorf("%s, limited to %d: cell %s", tt.name, way, got)
				}
			}
			for faster := want + 1; faster <= ByTemplate; faster++ {
				if e.Made[faster] != 0 {
					t.Errorf("%s, limited to %d: %d resources by way %d", tt.name, way, e.Made[faster], faster)
				}
			}
			e.Release()
		}
		if got := p.Way(); got != tt.want {
			t.Errorf("%s: Limit changed the plan: way %d, want %d", tt.name, got, tt.want)
		}
	}
	literals := &Plan{NullRowLiterals: true, Root: &Part{}}
	literals.Prepare("Patient", model.R4, nil, false)
	if got := literals.Way(); got != ByPlain {
		t.Errorf("with NullRowLiterals: way %d, want %d", got, ByPlain)
	}
}
