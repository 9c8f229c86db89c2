package check_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/fhirpath/check"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
	"github.com/researchflow/researchflow/internal/testdata"
)

// selection is what matters here of a ViewDefinition and of each select in it.
type selection struct {
	Resource      string
	Constant      []map[string]any
	Where         []struct{ Path string }
	Column        []struct{ Name, Path, Type string }
	ForEach       any
	ForEachOrNull any
	Repeat        []string
	Select        []selection
	UnionAll      []selection
}

// viewWalker checks every expression of views, each against the type that the one around it gives.
type viewWalker struct {
	options     check.Options
	faults      map[string][]string
	expressions int
	differ      []string
	typed, same int // columns with a declared type, and with that same type inferred
}

func (w *viewWalker) check(text string, input check.Type) check.Type {
	e, err := syntax.Parse(text)
	if err != nil {
		w.faults[text] = append(w.faults[text], "syntax error")
		return check.Any()
	}
	w.expressions++
	o := w.options
	o.Input = input
	r := check.Check(e, o)
	for _, f := range r.Faults {
		if f.Level >= check.Strict {
			w.faults[text] = append(w.faults[text], f.Msg)
		}
	}
	return r.Type
}

func (w *viewWalker) walk(s *selection, input check.Type) {
	for _, each := range []any{s.ForEach, s.ForEachOrNull} {
		if text, ok := each.(string); ok {
			input = w.check(text, input)
			input.Single = true
		}
	}
	for _, text := range s.Repeat {
		// What repeat reaches has the paths of every level; they are checked together, as one expression.
		paths := strings.Join(s.Repeat, " | ")
		t := w.check("repeat("+paths+")", input)
		if text == s.Repeat[len(s.Repeat)-1] {
			input = t
			input.Single = true
		}
	}
	for _, c := range s.Column {
		t := w.check(c.Path, input)
		if c.Type == "" || !t.Known {
			continue
		}
		w.typed++
		declared := strings.TrimPrefix(c.Type, "http://hl7.org/fhir/StructureDefinition/")
		for _, name := range t.Names(w.options.Model) {
			if _, name, _ = strings.Cut(name, "."); strings.EqualFold(name, declared) {
				w.same++
				declared = ""
				break
			}
		}
		if declared != "" {
			w.differ = append(w.differ, c.Path+": "+declared+", not "+strings.Join(t.Names(w.options.Model), " "))
		}
	}
	for i := range s.Select {
		w.walk(&s.Select[i], input)
	}
	for i := range s.UnionAll {
		w.walk(&s.UnionAll[i], input)
	}
}

func (w *viewWalker) view(m *model.Model, v *selection) {
	input := check.OfFHIR(m, v.Resource)
	w.options = check.Options{Model: m, Resource: input, Variables: map[string]check.Type{"rowIndex": check.OfSystem(check.Integer)}}
	for _, c := range v.Constant {
		if name, ok := c["name"].(string); ok {
			w.options.Variables[name] = check.Any()
		}
	}
	for _, c := range v.Where {
		w.check(c.Path, input)
	}
	w.walk(v, input)
}

// TestExpressionsOfViews checks every expression in the views of the conformance suites.
func TestExpressionsOfViews(t *testing.T) {
	m := model.Load(model.R4)
	w := &viewWalker{faults: map[string][]string{}}
	for _, folder := range []string{"sql-on-fhir", "golden"} {
		names, err := filepath.Glob(filepath.Join(testdata.Shared(t, "conformance", folder), "*.json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			content, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var file struct {
				View  *selection
				Tests []struct{ View selection }
			}
			if err := json.Unmarshal(content, &file); err != nil {
				if !strings.Contains(err.Error(), "cannot unmarshal") { // views that are wrong on purpose
					t.Fatalf("%s: %v", name, err)
				}
			}
			if file.View != nil {
				w.view(m, file.View)
			}
			for _, test := range file.Tests {
				w.view(m, &test.View)
			}
		}
	}
	want := map[string][]string{
		// Wrong on purpose.
		"@@":                            {"syntax error"},
		"name.where(use = %wrong_name)": {"undefined variable %wrong_name"},
		"repeat(jurisdiction)":          {`no element "jurisdiction" in QuestionnaireResponse`},
		// Published like this: they need an evaluator that is not strict.
		"effectiveDateTime": {`no element "effectiveDateTime" in Observation; use effective.ofType(dateTime)`},
		"recorded":          {`no element "recorded" in Procedure; did you mean recorder`},
	}
	for text, msgs := range w.faults {
		w.faults[text] = slices.Compact(msgs)
	}
	if diff := cmp.Diff(want, w.faults); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	if w.expressions < 500 || w.same < w.typed-5 {
		t.Errorf("few expressions, or inferred types differ from the declared ones: %d of %d", w.typed-w.same, w.typed)
	}
	t.Logf("%d expressions; %d columns with a declared and an inferred type, the same for %d; others %q", w.expressions, w.typed, w.same, w.differ)
}
