package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/rows"
	"github.com/researchflow/researchflow/internal/testdata"
)

// plainly returns the view for the plain evaluator alone.
func (v *View) plainly() *View { return v.limited(rows.ByPlain) }

// limited returns the view without the ways that are faster than the given one.
func (v *View) limited(way rows.Way) *View {
	slower := *v
	slower.plan = v.plan.Limit(way)
	return &slower
}

// rowsOf returns the rows of a view, and the error of the run, as text.
func rowsOf(v *View, src Source, opts ...RunOption) (rows, fault string) {
	var out bytes.Buffer
	if _, err := v.Write(context.Background(), src, NewNDJSONWriter(&out), opts...); err != nil {
		fault = err.Error()
	}
	return out.String(), fault
}

// realViews returns the views of the benchmarks and of the golden cases.
func realViews(t *testing.T) map[string]*View {
	t.Helper()
	list := make(map[string]*View)
	files, err := filepath.Glob(filepath.Join(testdata.Shared(t, "views"), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	golden, err := filepath.Glob(filepath.Join(testdata.Shared(t, "conformance", "golden"), "small__*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, golden...) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var wrapped struct{ View json.RawMessage }
		if json.Unmarshal(text, &wrapped) == nil && wrapped.View != nil {
			text = wrapped.View
		}
		v, err := CompileJSON(text)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		list[filepath.Base(file)] = v
	}
	return list
}

// again returns the resources of a type, each three times: as it is, with texts that compare in another way, and as
// it is. So most of them have the shape of one that came before.
func again(t *testing.T, set, resource string) Source {
	t.Helper()
	name := filepath.Join(testdata.Shared(t, "data", set), resource+".ndjson")
	data, err := os.ReadFile(name)
	if err != nil {
		return Files() // the set has none
	}
	other := data
	for _, text := range []string{`"official"`, `"home"`, `"http://loinc.org"`, `"laboratory"`, `"Patient/`, `"active"`} {
		other = bytes.ReplaceAll(other, []byte(text), []byte(text[:2]+"-"+text[2:]))
	}
	changed := filepath.Join(t.TempDir(), resource+".ndjson")
	if err := os.WriteFile(changed, other, 0o600); err != nil {
		t.Fatal(err)
	}
	return Files(name, changed, name)
}

// TestFusedAgreesWithPlain runs real views over real data both ways.
func TestFusedAgreesWithPlain(t *testing.T) {
	t.Parallel()
	fusedViews := 0
	views := realViews(t)
	for name, v := range views {
		if v.plan.Way() == rows.ByPlain {
			continue
		}
		fusedViews++
		for _, set := range []string{"small", "edge"} {
			src := again(t, set, v.Resource())
			got, gotFault := rowsOf(v, src, Parallel(1))
			want, wantFault := rowsOf(v.plainly(), src)
			if got != want || gotFault != wantFault {
				t.Errorf("%s over %s (-plain +fused):\n%s%s", name, set,
					cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")), cmp.Diff(wantFault, gotFault))
			}
		}
	}
	if fusedViews < len(views)*3/4 {
		t.Errorf("%d of %d real views have a fused way", fusedViews, len(views))
	}
}

// fusedSemantics are views whose every part the fused way takes on.
var fusedSemantics = []string{
	`[{"column":[{"name":"id","path":"id"},{"name":"k","path":"getResourceKey()"},{"name":"active","path":"active"},{"name":"born","path":"birthDate"},{"name":"has","path":"name.exists()"}]}]`,
	`[{"column":[{"name":"given","path":"name.given","collection":true},{"name":"one","path":"id","collection":true},{"name":"none","path":"photo.title","collection":true},{"name":"is","path":"active = true","collection":true}]}]`,
	`[{"column":[{"name":"joined","path":"name.given.join('-')"},{"name":"size","path":"photo.size"},{"name":"rank","path":"telecom.rank"}]}]`,
	`[{"column":[{"name":"id","path":"id"}],"select":[{"forEach":"name","column":[{"name":"f","path":"family"},{"name":"i","path":"%rowIndex"}],"select":[{"forEachOrNull":"given","column":[{"name":"g","path":"$this"},{"name":"j","path":"%rowIndex"}]}]}]}]`,
	`[{"forEachOrNull":"contact","column":[{"name":"c","path":"name.family"}],"unionAll":[{"forEach":"telecom","column":[{"name":"t","path":"value"}]},{"column":[{"name":"t","path":"gender"}]}]},{"forEach":"address","column":[{"name":"a","path":"line.first()"}]}]`,
	`[{"forEach":"name.where(use = 'official').first()","column":[{"name":"f","path":"family"},{"name":"n","path":"given.count()"},{"name":"low","path":"family.lower()"}]}]`,
	`[{"column":[{"name":"many","path":"name.family"}]}]`,
	`[{"column":[{"name":"org","path":"managingOrganization.getReferenceKey(Organization)"},{"name":"any","path":"generalPractitioner.getReferenceKey()"},{"name":"o","path":"managingOrganization"}]}]`,
	`[{"column":[{"name":"dead","path":"deceased.ofType(boolean)"},{"name":"when","path":"deceased.ofType(dateTime)"},{"name":"twin","path":"multipleBirth.ofType(integer)"}]}]`,
}

// fusedResources are what the fused way meets, ordinary and odd.
const fusedResources = `{"resourceType":"Patient","id":"a","active":true,"birthDate":"1970-01","name":[{"use":"official","family":"A","given":["x","y"]},{"family":"B"}],"address":[{"line":["1","2"]},{"line":["3"]}],"contact":[{"name":{"family":"C"},"telecom":[{"value":"1"},{"value":"2"}]},{"gender":"male"}],"photo":[{"size":12}]}
{"resourceType":"Patient","id":"b","name":[{"use":"official","given":["quo\"te","\u00e9"]}],"address":[{}],"managingOrganization":{"reference":"Organization/1"},"generalPractitioner":[{"reference":"Practitioner/1/_history/2"}]}
{"resourceType":"Patient","id":"c","_birthDate":{"extension":[{"url":"x","valueString":"y"}]},"active":false,"deceasedBoolean":true,"multipleBirthInteger":2,"telecom":[{"rank":1}]}
{"resourceType":"Patient","id":"d","name":[{"given":["a",null],"_given":[null,{"id":"z"}]}],"managingOrganization":{"reference":"https://example.org/fhir/Organization/9"},"generalPractitioner":[{"reference":"#p"}]}
{"resourceType":"Patient","id":"e","name":{"family":"single","given":"one"},"deceasedDateTime":"2020-01-01T00:00:00Z"}
{"resourceType":"Patient","id":"f","active":"yes","photo":[{"size":1.5}],"telecom":[{"rank":"1"}]}
{"resourceType":"Patient","id":"g","name":[],"address":[null],"managingOrganization":"Organization/1"}
{"resourceType":"Observation","id":"h"}
{"resourceType":"Patient","id":"i","name":["text"],"active":null}
`

// TestFusedSemantics runs both ways over resources made to part them.
func TestFusedSemantics(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "Patient.ndjson")
	if err := os.WriteFile(file, []byte(strings.Repeat(fusedResources, 3)), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, selects := range slices.Concat(fusedSemantics, fusedSemantics) {
		v, err := CompileJSON([]byte(`{"resource":"Patient","where":[{"path":"id != 'nobody'"}],"select":`+selects+`}`), WithEmptyJoin(i < len(fusedSemantics)))
		if err != nil {
			t.Fatalf("%s: %v", selects, err)
		}
		if v.plan.Way() != rows.ByTemplate {
			t.Errorf("%s has no fused way", selects)
			continue
		}
		for _, policy := range []ErrorPolicy{Fail, Skip} {
			got, gotFault := rowsOf(v, Files(file), OnError(policy))
			want, wantFault := rowsOf(v.plainly(), Files(file), OnError(policy))
			if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" || gotFault != wantFault {
				t.Errorf("%s (-plain +fused):\n%s%s", selects, diff, cmp.Diff(wantFault, gotFault))
			}
		}
	}
}

// TestJoinOfNothing: join() of nothing is null, or the empty text where a host asks for it, on every way through a
// view.
func TestJoinOfNothing(t *testing.T) {
	t.Parallel()
	const selects = `[{"column":[{"name":"one","path":"name.given.join('-')"},{"name":"all","path":"name.given.join()","collection":true}]}]`
	const patients = `{"resourceType":"Patient","id":"a"}
{"resourceType":"Patient","id":"b","name":[{"family":"B"}]}
{"resourceType":"Patient","id":"c","name":[{"family":"B"}]}
`
	for _, tt := range []struct {
		name string
		opts []CompileOption
		want string
	}{
		{"default", nil, `{"one":null,"all":[]}`},
		{"empty text", []CompileOption{WithEmptyJoin(true)}, `{"one":"","all":[""]}`},
		{"null", []CompileOption{WithEmptyJoin(true), WithEmptyJoin(false)}, `{"one":null,"all":[]}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v, err := CompileJSON([]byte(`{"resource":"Patient","select":`+selects+`}`), tt.opts...)
			if err != nil {
				t.Fatal(err)
			}
			if v.plan.Way() == rows.ByPlain {
				t.Error("the view has no fused way")
			}
			file := filepath.Join(t.TempDir(), "Patient.ndjson")
			if err := os.WriteFile(file, []byte(patients), 0o600); err != nil {
				t.Fatal(err)
			}
			want := strings.Repeat(tt.want+"\n", 3)
			for _, v := range []*View{v, v.plainly()} {
				got, fault := rowsOf(v, Files(file), Parallel(1))
				if diff := cmp.Diff(want, got); diff != "" || fault != "" {
					t.Errorf("fused %t: %s (-want +got):\n%s", v.plan.Way() != rows.ByPlain, fault, diff)
				}
			}
		})
	}
}

// TestTemplatesAreUsed: of resources whose like were there before, nearly all are filled in from a template.
func TestTemplatesAreUsed(t *testing.T) {
	t.Parallel()
	views := realViews(t)
	used := 0
	for name, v := range views {
		data, err := os.ReadFile(filepath.Join(testdata.Shared(t, "data", "small"), v.Resource()+".ndjson"))
		if err != nil || v.plan.Way() != rows.ByTemplate {
			continue
		}
		used++
		w := newWorker(v, newRunConfig(nil), nil)
		for range 2 {
			w.engine.Made = [rows.ByTemplate + 1]int64{} // the first round records, the second one counts
			for line := range bytes.Lines(data) {
				b := &batch{view: v}
				w.block(t.Context(), &block{data: line, line: 1}, b)
				if b.err != nil {
					t.Fatalf("%s: %v", name, b.err)
				}
			}
		}
		if made := w.engine.Made; made[rows.ByTemplate] < 9*(made[rows.ByTape]+made[rows.ByPlain]) {
			t.Errorf("%s: resources made by the plain evaluator, on the tape, by template: %d", name, made)
		}
	}
	if used < len(views)/2 {
		t.Errorf("%d of %d real views have templates", used, len(views))
	}
}

// TestTemplatesKeepTheLimit: what a run without a limit has learnt does not lead a later one over its limit.
func TestTemplatesKeepTheLimit(t *testing.T) {
	t.Parallel()
	v, err := CompileJSON([]byte(`{"resource":"Patient","select":[{"column":[{"name":"id","path":"id"}]},{"forEach":"name","column":[{"name":"f","path":"family"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "Patient.ndjson")
	const patient = `{"resourceType":"Patient","id":"a","name":[{"family":"A"},{"family":"B"},{"family":"C"}]}` + "\n"
	if err := os.WriteFile(file, []byte(strings.Repeat(patient, 3)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, most := range []int{0, 2, 0, 5, 6, 2} {
		opts := []RunOption{Parallel(1), MaxRowsPerResource(most)}
		got, gotFault := rowsOf(v, Files(file), opts...)
		want, wantFault := rowsOf(v.plainly(), Files(file), opts...)
		if got != want || gotFault != wantFault {
			t.Errorf("at most %d rows (-plain +fused):\n%s%s", most, cmp.Diff(want, got), cmp.Diff(wantFault, gotFault))
		}
	}
}
