package fhirjson_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/fhirjson"
)

// FuzzParse holds the parser against encoding/json: it accepts the same texts with the same values, except
// for what encoding/json lets pass: duplicate names, invalid UTF-8 and lone surrogates.
func FuzzParse(f *testing.F) {
	for _, src := range []string{
		``, `null`, ` [true , false,null ] `, `{"a":{"b":[1,-2.50,3e+10]},"c":"d"}`, `{"a":1,"a":2}`,
		`"\u00e9\ud834\udd1e\n\"\\\/"`, `"\ud834"`, "\"\xff\"", "\"\u00e9\"", `{"\u0061":1,"a":2}`, `[[[[]]]]`,
		`{"resourceType":"Patient","id":"p","_birthDate":{"extension":[{"url":"u","valueString":"v"}]}}`,
		`-0.0e-0`, `01`, `"abcdefg`, `{"code":"12345678","display":"1234567"}`, manyMembers(40, 12), manyMembers(33, 41),
	} {
		f.Add([]byte(src))
	}
	keys := fhirjson.NewKeySet("a", "code", "resourceType", "extension", "valueString", "key12")
	var tape fhirjson.Tape
	f.Fuzz(func(t *testing.T, src []byte) {
		err := tape.Parse(src, keys, fhirjson.Limits{})
		checkInvariants(t, &tape, keys)
		var syntax *fhirjson.SyntaxError
		switch {
		case err == nil:
			want, decodeErr := decode(src)
			if decodeErr != nil {
				t.Fatalf("accepted; encoding/json: %v", decodeErr)
			}
			if diff := cmp.Diff(want, value(&tape, 0)); diff != "" {
				t.Fatalf("(-encoding/json +tape)\n%s", diff)
			}
		case errors.As(err, &syntax):
			if syntax.Offset < 0 || syntax.Offset > len(src) {
				t.Fatalf("offset %d of %d bytes", syntax.Offset, len(src))
			}
			switch syntax.Kind {
			case fhirjson.DuplicateKey, fhirjson.InvalidUTF8, fhirjson.LoneSurrogate:
			default:
				if json.Valid(src) {
					t.Fatalf("refused: %v; encoding/json accepts", err)
				}
			}
		case !errors.Is(err, fhirjson.ErrLimit):
			t.Fatalf("unknown error %v", err)
		}
	})
}

// checkInvariants checks what the doc comments promise about any tape.
func checkInvariants(t *testing.T, tape *fhirjson.Tape, keys *fhirjson.KeySet) {
	t.Helper()
	src := tape.Source()
	var walk func(i, end int)
	walk = func(i, end int) {
		n := tape.Node(i)
		if int(n.Next) <= i || int(n.Next) > end || n.Start > n.End || int(n.End) > len(src) || n.KeyStart > n.KeyEnd {
			t.Fatalf("node %d of %d: %+v", i, end, *n)
		}
		if n.KeyStart > 0 && n.Key != keys.ID(string(tape.KeyText(i))) {
			t.Fatalf("node %d has key id %d, want %d", i, n.Key, keys.ID(string(tape.KeyText(i))))
		}
		switch n.Kind {
		case fhirjson.Object, fhirjson.Array:
			if c := src[n.Start]; c != '{' && c != '[' {
				t.Fatalf("node %d does not begin with a brace", i)
			}
			if c := src[n.End-1]; c != '}' && c != ']' {
				t.Fatalf("node %d does not end with a brace", i)
			}
			for j := i + 1; j < int(n.Next); j = int(tape.Node(j).Next) {
				if tape.Node(j).Start < n.Start || tape.Node(j).End > n.End {
					t.Fatalf("node %d reaches out of its parent %d", j, i)
				}
				walk(j, int(n.Next))
			}
		default:
			if int(n.Next) != i+1 {
				t.Fatalf("node %d is no container and has children", i)
			}
		}
	}
	if tape.Len() > 0 {
		walk(0, tape.Len())
		if int(tape.Node(0).Next) != tape.Len() {
			t.Fatalf("root ends at %d of %d nodes", tape.Node(0).Next, tape.Len())
		}
	}
}
