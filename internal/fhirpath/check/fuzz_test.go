package check_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/fhirpath/check"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
	"github.com/researchflow/researchflow/internal/testdata"
)

// FuzzCheck holds that any tree can be checked against any type of any version: no panic, the same answer each
// time, faults in order and within the text.
func FuzzCheck(f *testing.F) {
	var suite struct{ Tests []struct{ Expression string } }
	readJSON(f, filepath.Join(testdata.Shared(f, "conformance", "fhirpath"), "tests-fhir-r4.visible.json"), &suite)
	for i, tt := range suite.Tests {
		f.Add(tt.Expression, uint16(i), uint8(i))
	}
	for _, text := range []string{
		"repeat(repeat(repeat(children() | item)))", "aggregate($total.combine($this).repeat($this))", "{}.repeat({}).a",
		"defineVariable('a', %a).select(%a)", "is(A.B.C)", "ofType(1)", "where()", "iif()", "sort(-a desc, b)", "$this.$index.$total",
	} {
		f.Add(text, uint16(1), uint8(0))
	}
	f.Fuzz(func(t *testing.T, text string, typ uint16, version uint8) {
		e, err := syntax.Parse(text)
		if err != nil {
			t.Skip()
		}
		o := check.Options{Ordered: version&64 != 0}
		if m := model.Load(model.Version(version % 4)); m != nil {
			o.Model = m
			if id := model.TypeID(typ); id != 0 && int(id) <= m.Len() {
				o.Input = check.Of(check.Ref{FHIR: id})
			}
		}
		r := check.Check(e, o)
		if again := check.Check(e, o); !cmp.Equal(r.Faults, again.Faults) || !cmp.Equal(r.Type, again.Type) {
			t.Errorf("%s: checked twice, first %v, %v, then %v, %v", text, r.Type, r.Faults, again.Type, again.Faults)
		}
		last := 0
		for _, fault := range r.Faults {
			if fault.Offset < last || fault.Offset > len(text) || fault.Msg == "" || fault.Level == 0 {
				t.Errorf("%s: fault %+v is out of order or outside the text", text, fault)
			}
			last = fault.Offset
		}
		if r.Type.Single && r.Type.Least > 1 {
			t.Errorf("%s: single, but at least %d", text, r.Type.Least)
		}
	})
}
