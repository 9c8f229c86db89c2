package fhirjson_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/fhirjson"
)

// split makes paths of "a.b c": two paths, of the names a and b, and of the name c.
func split(text string) (paths [][]string) {
	for _, path := range strings.Fields(text) {
		if path == "." {
			paths = append(paths, []string{})
		} else {
			paths = append(paths, strings.Split(path, "."))
		}
	}
	return paths
}

// project is what ParseProjected does, on decoded values. Names that are not in keys are all the same.
func project(v any, keys *fhirjson.KeySet, paths [][]string) any {
	for _, path := range paths {
		if len(path) == 0 {
			return v
		}
	}
	switch v := v.(type) {
	case []any:
		kept := []any{}
		for _, element := range v {
			kept = append(kept, project(element, keys, paths))
		}
		return kept
	case map[string]any:
		kept := map[string]any{}
		for name, member := range v {
			var below [][]string
			for _, path := range paths {
				if keys.ID(path[0]) == 0 && keys.ID(name) == 0 {
					below = append(below, nil)
				} else if path[0] == name {
					below = append(below, path[1:])
				}
			}
			if below != nil {
				kept[name] = project(member, keys, below)
			}
		}
		return kept
	}
	return v
}

func TestParseProjected(t *testing.T) {
	t.Parallel()
	keys := fhirjson.NewKeySet("a", "b", "c", "d", "effectiveDateTime", "medicationCodeableConcept")
	sources := []string{
		`{"a":1,"b":2}`, `[{"a":1},{"b":2},3]`, `1`, `"x"`, `[]`, `{}`,
		`{"a":{"b":{"c":1,"d":[1,2,{"a":3}]},"c":"x"},"b":[{"c":1},{"d":"y"},[{"c":[]}]],"x":{"a":1},"c":null}`,
		`{"x":[{"a":[{"b":"c"},[],{}]},"s","t",1.5,-2e3,true,false,null],"a":"\u0061","\u0061b":{"a":1},"y":"` + "\u00e9" + `"}`,
		" {\n \"x\" : [ 1 , { } , { \"a\" : [ ] } ] ,\r\n\t\"a\" : { \"x\" : 1 , \"b\" : 2 } } ",
		`{"effectiveDateTime":{"a":1},"medicationCodeableConcept":{"b":1,"a":2},"medicationCodeableConcepX":[1],"a":{}}`,
		`{"x":"` + strings.Repeat("long ", 5000) + `","a":"` + strings.Repeat("long\\n", 5000) + `","b":{"x":1}}`,
	}
	for _, text := range []string{
		"", ".", "a", "a.b", "a.b.c", "a.c b", "b.c", "b.d b", "x", "a.x", "c d", "a.b.d.a", "medicationCodeableConcept.a",
		"effectiveDateTime", "a a.b", "a.b a", ". a.b", "a.b .",
	} {
		paths := split(text)
		projection := fhirjson.NewProjection(keys, paths...)
		for _, src := range sources {
			full, err := decode([]byte(src))
			if err != nil {
				t.Fatal(err)
			}
			var tape fhirjson.Tape
			if err := tape.ParseProjected([]byte(src), projection, fhirjson.Limits{}); err != nil {
				t.Errorf("%q of %.60s: %v", text, src, err)
				continue
			}
			checkInvariants(t, &tape, keys)
			if diff := cmp.Diff(project(full, keys, paths), value(&tape, 0)); diff != "" {
				t.Errorf("%q of %.60s (-want +got)\n%s", text, src, diff)
			}
		}
	}
}

func TestParseProjectedChecksWhatItPasses(t *testing.T) {
	t.Parallel()
	projection := fhirjson.NewProjection(fhirjson.NewKeySet("a"), []string{"a"})
	tests := []struct {
		src    string
		kind   fhirjson.ErrorKind
		offset int
	}{
		{`{"x":[1,2}`, fhirjson.Unexpected, 9},
		{`{"x":{"y":01}}`, fhirjson.InvalidNumber, 11},
		{`{"x":{"y":tru}}`, fhirjson.InvalidLiteral, 13},
		{`{"x":["\ud800"]}`, fhirjson.LoneSurrogate, 7},
		{`{"x":{"` + "\xff" + `":1}}`, fhirjson.InvalidUTF8, 7},
		{`{"x":{"y":1,}}`, fhirjson.Unexpected, 12},
		{`{"x":{"y" 1}}`, fhirjson.Unexpected, 10},
		{`{"x":"` + "\t" + `"}`, fhirjson.ControlCharacter, 6},
		{`{"x":{}`, fhirjson.Truncated, 7},
		{`{"x":1}}`, fhirjson.TrailingData, 7},
		{`{"a":1,"x":2,"a":3}`, fhirjson.DuplicateKey, 14},
		{`{"x":{},"a":1,"\u0061":3}`, fhirjson.DuplicateKey, 15},
	}
	for _, tt := range tests {
		var tape fhirjson.Tape
		err := tape.ParseProjected([]byte(tt.src), projection, fhirjson.Limits{})
		var got *fhirjson.SyntaxError
		if !errors.As(err, &got) || got.Kind != tt.kind || got.Offset != tt.offset {
			t.Errorf("%s: %v, want %v at %d", tt.src, err, tt.kind, tt.offset)
		}
	}
	deep := `{"x":` + strings.Repeat("[", 600) + strings.Repeat("]", 600) + `}`
	if err := (&fhirjson.Tape{}).ParseProjected([]byte(deep), projection, fhirjson.Limits{}); !errors.Is(err, fhirjson.ErrLimit) {
		t.Errorf("600 levels: %v, want ErrLimit", err)
	}
	for _, src := range []string{`{"x":1,"x":2,"a":3}`, `{"x":{"y":1,"y":2}}`} {
		if err := (&fhirjson.Tape{}).ParseProjected([]byte(src), projection, fhirjson.Limits{}); err != nil {
			t.Errorf("%s: %v, but nobody reads what is there twice", src, err)
		}
	}
}

// FuzzParseProjected checks that a projection changes nothing but what is on the tape.
func FuzzParseProjected(f *testing.F) {
	for _, src := range []string{
		`{"a":{"b":[1,{"c":2}]},"x":[{"a":1},"\n",1.5]}`, ` [ {"x" : {} } , {"a":{"x":null,"b":"é"}} ] `, `{"x":1,"x":2}`, `{"a":`,
		`{"\u0061":1,"x\n":{"a":1},"code":[{"system":"s"}]}`,
	} {
		f.Add([]byte(src), "a.b code.system")
	}
	keys := fhirjson.NewKeySet("a", "b", "c", "code", "system")
	var full, part fhirjson.Tape
	f.Fuzz(func(t *testing.T, src []byte, text string) {
		paths := split(text)
		err := full.Parse(src, keys, fhirjson.Limits{})
		partErr := part.ParseProjected(src, fhirjson.NewProjection(keys, paths...), fhirjson.Limits{})
		var syntax *fhirjson.SyntaxError
		if errors.As(err, &syntax) && syntax.Kind == fhirjson.DuplicateKey {
			return // the part may have none
		}
		if diff := cmp.Diff(err, partErr); diff != "" {
			t.Fatalf("error (-Parse +ParseProjected)\n%s", diff)
		}
		if err != nil {
			return
		}
		checkInvariants(t, &part, keys)
		if diff := cmp.Diff(project(value(&full, 0), keys, paths), value(&part, 0)); diff != "" {
			t.Fatalf("paths %q (-want +got)\n%s", text, diff)
		}
	})
}
