package fhirjson_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/fhirjson"
)

// value builds what encoding/json makes of node i with UseNumber.
func value(t *fhirjson.Tape, i int) any {
	n := t.Node(i)
	switch n.Kind {
	case fhirjson.Object:
		m := map[string]any{}
		for j := i + 1; j < int(n.Next); j = int(t.Node(j).Next) {
			m[string(t.KeyText(j))] = value(t, j)
		}
		return m
	case fhirjson.Array:
		a := []any{}
		for j := i + 1; j < int(n.Next); j = int(t.Node(j).Next) {
			a = append(a, value(t, j))
		}
		return a
	case fhirjson.String:
		return string(t.AppendString(nil, i))
	case fhirjson.Number:
		return json.Number(t.Raw(i))
	case fhirjson.True:
		return true
	case fhirjson.False:
		return false
	case fhirjson.Null:
		return nil
	}
	return fmt.Errorf("node %d has kind %v", i, n.Kind)
}

func decode(src []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(src))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}

func TestParseEqualsEncodingJSONOnTheDataSets(t *testing.T) {
	for _, folder := range []string{"small", "edge"} {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			var tape fhirjson.Tape
			for _, line := range dirLines(t, folder) {
				want, err := decode(line)
				if err != nil {
					t.Fatal(err)
				}
				if err := tape.Parse(line, nil, fhirjson.Limits{}); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, value(&tape, 0)); diff != "" {
					t.Fatalf("(-encoding/json +tape)\n%s", diff)
				}
			}
		})
	}
}

func TestAccepted(t *testing.T) {
	t.Parallel()
	for _, src := range []string{
		// RFC 8259 section 2 and 3.
		`true`, `false`, `null`, ` null `, "\t\r\n [ ] \n", "{ }", "{}", "[]", `[ [ ] , { } ]`, "[\n1\t,\r2 ]",
		// Section 4.
		`{"a":1}`, `{ "a" : 1 , "b" : 2 }`, `{"":0}`, `{"a":{"a":{"a":1}}}`, `{"A":1,"a":2}`, `{"\n":1}`,
		`{"ab":1,"ba":2,"abc":3}`, `{"12345678":1,"123456789":2}`, `{"key\u0000":1,"key":2}`,
		`{"valueCodeableConceptA_____x":1,"valueCodeableConceptB_____x":2}`, manyMembers(1000, 1000),
		`{"\u00e9":1,"e\u0301":2}`, "{\"\u00e9\":1,\"e\u0301\":2}",
		// Section 6.
		`0`, `-0`, `0.0`, `-0.00`, `0e0`, `1E5`, `1e+5`, `1.5e-10`, `123456789012345678901234567890`, `[0,1]`, `1e999`,
		// Section 7.
		`""`, `"a"`, `"\"\\\/\b\f\n\r\t"`, `"\u0041\u00e9\u20AC"`, `"\ud834\udd1e"`, `"\uD834\uDD1Ex"`, `"\u0000"`,
		"\"\x7f\"", "\"\u0080\u07ff\u0800\uffff\U00010000\U0010ffff\"", `"abcdefg"`, `"abcdefgh"`, `"abcdefghi"`,
		"\"abcdefg\u00e9\"", "\"\u00e9abcdefgh\\n\u00e9\"", `"/\u002f\/"`, "\"\u2028\u2029\"", `"\\"`, `"\\\\"`, `"\\\""`,
	} {
		want, err := decode([]byte(src))
		if err != nil {
			t.Fatalf("encoding/json refuses %.60q: %v", src, err)
		}
		for name, tape := range tapes(t) {
			if err := tape.Parse([]byte(src), benchKeys, fhirjson.Limits{}); err != nil {
				t.Errorf("%s: Parse(%.60q): %v", name, src, err)
				continue
			}
			checkInvariants(t, tape, benchKeys)
			if diff := cmp.Diff(want, value(tape, 0)); diff != "" {
				t.Errorf("%s: Parse(%.60q) (-encoding/json +tape)\n%s", name, src, diff)
			}
		}
	}
}

func TestNodes(t *testing.T) {
	t.Parallel()
	src := ` {"id":"x\ty", "na\u006de":[-1.0,42,{}] ,"z":null}`
	keys := fhirjson.NewKeySet("name", "id", "name", "other")
	var tape fhirjson.Tape
	if err := tape.Parse([]byte(src), keys, fhirjson.Limits{}); err != nil {
		t.Fatal(err)
	}
	want := []fhirjson.Node{
		{Kind: fhirjson.Object, Start: 1, End: 50, Next: 7},
		{Key: 2, Kind: fhirjson.String, Flags: fhirjson.Escaped, KeyStart: 3, KeyEnd: 5, Start: 8, End: 12, Next: 2},
		{Key: 1, Kind: fhirjson.Array, Flags: fhirjson.KeyEscaped, KeyStart: 16, KeyEnd: 25, Start: 27, End: 39, Next: 6},
		{Kind: fhirjson.Number, Start: 28, End: 32, Next: 4},
		{Kind: fhirjson.Number, Flags: fhirjson.Integer, Start: 33, End: 35, Next: 5},
		{Kind: fhirjson.Object, Start: 36, End: 38, Next: 6},
		{Kind: fhirjson.Null, KeyStart: 42, KeyEnd: 43, Start: 45, End: 49, Next: 7},
	}
	if diff := cmp.Diff(want, tape.Nodes()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got, want := string(tape.Raw(2)), "[-1.0,42,{}]"; got != want {
		t.Errorf("Raw(2) = %q, want %q", got, want)
	}
	if got, want := string(tape.KeyText(2)), "name"; got != want {
		t.Errorf("KeyText(2) = %q, want %q", got, want)
	}
	if got := tape.KeyText(0); len(got) != 0 {
		t.Errorf("KeyText(0) = %q, want nothing", got)
	}
	if got, want := string(tape.AppendString([]byte("<"), 1)), "<x\ty"; got != want {
		t.Errorf("AppendString(1) = %q, want %q", got, want)
	}
	if got, want := string(tape.AppendString(nil, 3)), "-1.0"; got != want {
		t.Errorf("AppendString(3) = %q, want %q", got, want)
	}
	for _, tt := range []struct {
		obj  int
		name string
		want int
		ok   bool
	}{{0, "id", 1, true}, {0, "name", 2, true}, {0, "z", 6, true}, {0, "x", 0, false}, {2, "id", 0, false}, {5, "id", 0, false}} {
		if got, ok := tape.Field(tt.obj, tt.name); got != tt.want || ok != tt.ok {
			t.Errorf("Field(%d, %q) = %d, %t, want %d, %t", tt.obj, tt.name, got, ok, tt.want, tt.ok)
		}
	}
	if tape.Keys() != keys || string(tape.Source()) != src {
		t.Error("Keys or Source is not what was parsed")
	}
}

func TestAppendUnescapedOfNonsense(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ raw, want string }{
		{`a\`, `a\`}, {`\q.`, "\ufffd."}, {`\u12`, "\ufffd"}, {`\ud800x`, "\ufffdx"}, {`\ud800\u0041`, "\ufffdA"},
	} {
		if got := string(fhirjson.AppendUnescaped(nil, []byte(tt.raw))); got != tt.want {
			t.Errorf("AppendUnescaped(%q) = %q, want %q", tt.raw, got, tt.want)
		}
	}
}

func TestParseDoesNotAllocateOnceWarm(t *testing.T) {
	odd := []byte(`{"\u0061":"\ud834\udd1e","b":"` + "\u00e9" + `"}`)
	lines := append(dirLines(t, "edge"), odd, []byte(manyMembers(500, 500)))
	var tape fhirjson.Tape
	text := make([]byte, 0, 1<<16)
	run := func() {
		for _, line := range lines {
			if err := tape.Parse(line, benchKeys, fhirjson.Limits{}); err != nil {
				t.Fatal(err)
			}
			for i, n := range tape.Nodes() {
				if n.Kind == fhirjson.String {
					text = tape.AppendString(text[:0], i)
				}
			}
		}
	}
	run()
	if got := testing.AllocsPerRun(5, run); got != 0 {
		t.Errorf("%v allocations for %d resources, want 0", got, len(lines))
	}
}
