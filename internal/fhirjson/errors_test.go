package fhirjson_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/fhirjson"
)

func TestSyntaxErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		src    string
		kind   fhirjson.ErrorKind
		offset int
	}{
		// RFC 8259 section 2: one value, white space around it.
		{``, fhirjson.Truncated, 0},
		{" \t\r\n", fhirjson.Truncated, 4},
		{`1 2`, fhirjson.TrailingData, 2},
		{`{}x`, fhirjson.TrailingData, 2},
		{`{} {}`, fhirjson.TrailingData, 3},
		{`"a""b"`, fhirjson.TrailingData, 3},
		{"1\x00", fhirjson.TrailingData, 1},
		{"[1]\v", fhirjson.TrailingData, 3},
		{"\ufeff{}", fhirjson.Unexpected, 0},
		{"\u00a01", fhirjson.Unexpected, 0},
		{"\f1", fhirjson.Unexpected, 0},
		{"\x001", fhirjson.Unexpected, 0},
		{`]`, fhirjson.Unexpected, 0},
		{`}`, fhirjson.Unexpected, 0},
		{`,`, fhirjson.Unexpected, 0},
		{`:`, fhirjson.Unexpected, 0},
		{`'a'`, fhirjson.Unexpected, 0},
		{`/**/1`, fhirjson.Unexpected, 0},
		{`NaN`, fhirjson.Unexpected, 0},
		{`Infinity`, fhirjson.Unexpected, 0},

		// Section 3: literals in lower case.
		{`tru`, fhirjson.Truncated, 3},
		{`trux`, fhirjson.InvalidLiteral, 3},
		{`True`, fhirjson.Unexpected, 0},
		{`[nul]`, fhirjson.InvalidLiteral, 4},
		{`[nan]`, fhirjson.InvalidLiteral, 2},
		{`fals`, fhirjson.Truncated, 4},
		{`falsy`, fhirjson.InvalidLiteral, 4},
		{`truefalse`, fhirjson.TrailingData, 4},
		{`[truee]`, fhirjson.Unexpected, 5},

		// Section 4: objects.
		{`{`, fhirjson.Truncated, 1},
		{`{ `, fhirjson.Truncated, 2},
		{`{a:1}`, fhirjson.Unexpected, 1},
		{`{1:1}`, fhirjson.Unexpected, 1},
		{`{,}`, fhirjson.Unexpected, 1},
		{`{"a"}`, fhirjson.Unexpected, 4},
		{`{"a"`, fhirjson.Truncated, 4},
		{`{"a" `, fhirjson.Truncated, 5},
		{`{"a" 1}`, fhirjson.Unexpected, 5},
		{`{"a":`, fhirjson.Truncated, 5},
		{`{"a":}`, fhirjson.Unexpected, 5},
		{`{"a"::1}`, fhirjson.Unexpected, 5},
		{`{"a":1`, fhirjson.Truncated, 6},
		{`{"a":1,`, fhirjson.Truncated, 7},
		{`{"a":1,}`, fhirjson.Unexpected, 7},
		{`{"a":1,,"b":2}`, fhirjson.Unexpected, 7},
		{`{"a":1 "b":2}`, fhirjson.Unexpected, 7},
		{`{"a":1]`, fhirjson.Unexpected, 6},
		{`{"a":[1}`, fhirjson.Unexpected, 7},
		{"{\"a\":1\x01}", fhirjson.Unexpected, 6},

		// Section 5: arrays.
		{`[`, fhirjson.Truncated, 1},
		{`[ `, fhirjson.Truncated, 2},
		{`[,1]`, fhirjson.Unexpected, 1},
		{`[1,]`, fhirjson.Unexpected, 3},
		{`[1,,2]`, fhirjson.Unexpected, 3},
		{`[1`, fhirjson.Truncated, 2},
		{`[1,`, fhirjson.Truncated, 3},
		{`[1 2]`, fhirjson.Unexpected, 3},
		{`["a":1]`, fhirjson.Unexpected, 4},
		{`[1}`, fhirjson.Unexpected, 2},
		{`[[]`, fhirjson.Truncated, 3},

		// Section 6: numbers.
		{`-`, fhirjson.Truncated, 1},
		{`-a`, fhirjson.InvalidNumber, 1},
		{`+1`, fhirjson.Unexpected, 0},
		{`.5`, fhirjson.Unexpected, 0},
		{`01`, fhirjson.InvalidNumber, 1},
		{`-01`, fhirjson.InvalidNumber, 2},
		{`00`, fhirjson.InvalidNumber, 1},
		{`1.`, fhirjson.Truncated, 2},
		{`[1.]`, fhirjson.InvalidNumber, 3},
		{`1.e5`, fhirjson.InvalidNumber, 2},
		{`1e`, fhirjson.Truncated, 2},
		{`[1e]`, fhirjson.InvalidNumber, 3},
		{`1e+`, fhirjson.Truncated, 3},
		{`[1E-]`, fhirjson.InvalidNumber, 4},
		{`1e5.5`, fhirjson.TrailingData, 3},
		{`1.2.3`, fhirjson.TrailingData, 3},
		{`0x1F`, fhirjson.TrailingData, 1},
		{`1_000`, fhirjson.TrailingData, 1},
		{`--1`, fhirjson.InvalidNumber, 1},
		{`12345678901234567890.`, fhirjson.Truncated, 21},

		// Section 7: strings.
		{`"`, fhirjson.Truncated, 1},
		{`"abc`, fhirjson.Truncated, 4},
		{`"abcdefgh`, fhirjson.Truncated, 9},
		{`"abcdefghijklmnopqrstuvwxyz`, fhirjson.Truncated, 27},
		{`"a\`, fhirjson.Truncated, 3},
		{`"a\"`, fhirjson.Truncated, 4},
		{`"a\x"`, fhirjson.InvalidEscape, 2},
		{`"a\'"`, fhirjson.InvalidEscape, 2},
		{`"\U0041"`, fhirjson.InvalidEscape, 1},
		{`"\u"`, fhirjson.InvalidEscape, 1},
		{`"\u12"`, fhirjson.InvalidEscape, 1},
		{`"\u123g"`, fhirjson.InvalidEscape, 1},
		{`"\u+123"`, fhirjson.InvalidEscape, 1},
		{`"\u123`, fhirjson.InvalidEscape, 1},
		{"\"\\\x00\"", fhirjson.InvalidEscape, 1},
		{"\"\\\u00e9\"", fhirjson.InvalidEscape, 1},
		{"\"a\nb\"", fhirjson.ControlCharacter, 2},
		{"\"\t\"", fhirjson.ControlCharacter, 1},
		{"\"a\x00\"", fhirjson.ControlCharacter, 2},
		{"\"abcdefghijk\x1f\"", fhirjson.ControlCharacter, 12},
		{"{\"a\nb\":1}", fhirjson.ControlCharacter, 3},

		// Section 8.2: surrogates come in pairs, the high one first.
		{`"\ud800"`, fhirjson.LoneSurrogate, 1},
		{`"\udc00"`, fhirjson.LoneSurrogate, 1},
		{`"abc\uD834"`, fhirjson.LoneSurrogate, 4},
		{`"\ud834\ud834"`, fhirjson.LoneSurrogate, 1},
		{`"\udd1e\ud834"`, fhirjson.LoneSurrogate, 1},
		{`"\ud834\n"`, fhirjson.LoneSurrogate, 1},
		{`"\ud834\u0041"`, fhirjson.LoneSurrogate, 1},
		{`"\ud834\udd1e\udd1e"`, fhirjson.LoneSurrogate, 13},
		{`"\ud834 \udd1e"`, fhirjson.LoneSurrogate, 1},
		{`{"\ud834":1}`, fhirjson.LoneSurrogate, 2},

		// Section 8.1: UTF-8.
		{"\"\x80\"", fhirjson.InvalidUTF8, 1},
		{"\"abc\xff\"", fhirjson.InvalidUTF8, 4},
		{"\"abcdefghij\xff\"", fhirjson.InvalidUTF8, 11},
		{"\"\u00e9abcdefghij\xc3\"", fhirjson.InvalidUTF8, 13},
		{"\"\xc3(\"", fhirjson.InvalidUTF8, 1},
		{"\"\xc0\xaf\"", fhirjson.InvalidUTF8, 1},                 // longer than needed
		{"\"\xe0\x80\xaf\"", fhirjson.InvalidUTF8, 1},             // longer than needed
		{"\"\xed\xa0\x80\"", fhirjson.InvalidUTF8, 1},             // a surrogate
		{"\"\xf4\x90\x80\x80\"", fhirjson.InvalidUTF8, 1},         // past U+10FFFF
		{"\"\xf0\x9d\x84\"", fhirjson.InvalidUTF8, 1},             // cut short
		{"{\"\xe9\":1}", fhirjson.InvalidUTF8, 2},                 // Latin-1
		{"\"\xe9\\n\"", fhirjson.InvalidUTF8, 1},                  // before an escape
		{"\"\\n\xe9\"", fhirjson.InvalidUTF8, 3},                  // behind an escape
		{"\"\xe9\\x\"", fhirjson.InvalidUTF8, 1},                  // the first of two faults
		{"\"\xe9\n\"", fhirjson.InvalidUTF8, 1},                   // the first of two faults
		{"\"\xe9", fhirjson.InvalidUTF8, 1},                       // the first of two faults
		{"[1,\xff]", fhirjson.Unexpected, 3},                      // outside of a string
		{"\"0123456789abcde\xf0\x9f\"", fhirjson.InvalidUTF8, 16}, // across a word

		// Section 4 and RFC 7493 section 2.3: names are unique.
		{`{"a":1,"a":2}`, fhirjson.DuplicateKey, 8},
		{`{"a":1,"b":2,"a":3}`, fhirjson.DuplicateKey, 14},
		{`{"":1,"":2}`, fhirjson.DuplicateKey, 7},
		{`{"a":{"a":1},"a":2}`, fhirjson.DuplicateKey, 14},
		{`[{"a":1},{"b":[{"c":1,"c":2}]}]`, fhirjson.DuplicateKey, 23},
		{`{"a":1,"\u0061":2}`, fhirjson.DuplicateKey, 8},
		{`{"\u0061":1,"a":2}`, fhirjson.DuplicateKey, 13},
		{`{"\u0061":1,"\u0061":2}`, fhirjson.DuplicateKey, 13},
		{`{"medicationCodeableConcept":1,"medicationCodeableConcept":2}`, fhirjson.DuplicateKey, 32},
		{manyMembers(40, 39), fhirjson.DuplicateKey, strings.LastIndex(manyMembers(40, 39), `"key`) + 1},
		{manyMembers(5000, 17), fhirjson.DuplicateKey, strings.LastIndex(manyMembers(5000, 17), `"key`) + 1},
	}
	for _, tt := range tests {
		// Behind more text in the same buffer, the result must be the same.
		for _, src := range [][]byte{[]byte(tt.src), []byte(tt.src + `","","","",""""""""""`)[:len(tt.src)]} {
			for name, tape := range tapes(t) {
				err := tape.Parse(src, benchKeys, fhirjson.Limits{})
				var got *fhirjson.SyntaxError
				if !errors.As(err, &got) {
					t.Errorf("%s: Parse(%.60q) = %v, want a SyntaxError", name, tt.src, err)
					continue
				}
				if got.Kind != tt.kind || got.Offset != tt.offset {
					t.Errorf("%s: Parse(%.60q) = %v at %d, want %v at %d", name, tt.src, got.Kind, got.Offset, tt.kind, tt.offset)
				}
				if tape.Len() != 0 {
					t.Errorf("%s: Parse(%.60q) left %d nodes behind", name, tt.src, tape.Len())
				}
			}
		}
	}
}

// tapes returns a tape that was not used before, which does not index a small text, and one that was.
func tapes(tb testing.TB) map[string]*fhirjson.Tape {
	tb.Helper()
	used := &fhirjson.Tape{}
	for range 2 {
		if err := used.Parse([]byte(`{}`), nil, fhirjson.Limits{}); err != nil {
			tb.Fatal(err)
		}
	}
	return map[string]*fhirjson.Tape{"fresh": {}, "used": used}
}

// manyMembers returns an object with the members key0 to key<n-1> and then key<again>.
func manyMembers(n, again int) string {
	var b strings.Builder
	b.WriteByte('{')
	for i := range n {
		fmt.Fprintf(&b, `"key%d":%d,`, i, i)
	}
	fmt.Fprintf(&b, `"key%d":[]}`, again)
	return b.String()
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	tests := []struct{ src, want string }{
		{`{"secret" 1}`, "fhirjson: unexpected byte at offset 10: colon expected"},
		{`"Doe`, "fhirjson: truncated at offset 4: string without closing quote"},
		{`{"a":1,"a":2}`, "fhirjson: duplicate member name at offset 8"},
	}
	for _, tt := range tests {
		var tape fhirjson.Tape
		err := tape.Parse([]byte(tt.src), nil, fhirjson.Limits{})
		if err == nil {
			t.Errorf("Parse(%q) succeeded", tt.src)
		} else if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
			t.Errorf("Parse(%q) (-want +got)\n%s", tt.src, diff)
		}
	}
	for k := fhirjson.Truncated; k <= fhirjson.TrailingData; k++ {
		if s := k.String(); s == "" || strings.HasPrefix(s, "ErrorKind") {
			t.Errorf("kind %d has no name", k)
		}
	}
	if got, want := fhirjson.ErrorKind(99).String(), "ErrorKind(99)"; got != want {
		t.Errorf("String = %q, want %q", got, want)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	tests := []struct {
		name   string
		src    string
		limits fhirjson.Limits
		want   *fhirjson.LimitError // nil: accepted
	}{
		{"default depth", nested(500), fhirjson.Limits{}, nil},
		{"default depth", nested(501), fhirjson.Limits{}, &fhirjson.LimitError{Offset: 500, Limit: "depth", Max: 500}},
		{"depth 2", `{"a":{"b":1}}`, fhirjson.Limits{MaxDepth: 2}, nil},
		{"depth 1", `{"a":{"b":1}}`, fhirjson.Limits{MaxDepth: 1}, &fhirjson.LimitError{Offset: 5, Limit: "depth", Max: 1}},
		{"depth is of open containers", `[[],[],[[]]]`, fhirjson.Limits{MaxDepth: 3}, nil},
		{"nodes 3", `[1,2]`, fhirjson.Limits{MaxNodes: 3}, nil},
		{"nodes 2", `[1,2]`, fhirjson.Limits{MaxNodes: 2}, &fhirjson.LimitError{Offset: 3, Limit: "nodes", Max: 2}},
		{"bytes 5", `[1,2]`, fhirjson.Limits{MaxBytes: 5}, nil},
		{"bytes 4", `[1,2]`, fhirjson.Limits{MaxBytes: 4}, &fhirjson.LimitError{Offset: 4, Limit: "bytes", Max: 4}},
		{"negative means default", `[1,2]`, fhirjson.Limits{MaxDepth: -1, MaxNodes: -1, MaxBytes: -1}, nil},
	}
	for _, tt := range tests {
		var tape fhirjson.Tape
		err := tape.Parse([]byte(tt.src), nil, tt.limits)
		if tt.want == nil {
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		var got *fhirjson.LimitError
		if !errors.As(err, &got) || !errors.Is(err, fhirjson.ErrLimit) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
			continue
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.name, diff)
		}
	}
	err := (&fhirjson.Tape{}).Parse([]byte(`[[1]]`), nil, fhirjson.Limits{MaxDepth: 1})
	if got, want := err.Error(), "fhirjson: more than 1 levels of nesting at offset 1"; got != want {
		t.Errorf("Error = %q, want %q", got, want)
	}
}

func TestLimitErrorsAfterARaisedLimit(t *testing.T) {
	t.Parallel()
	// A tape that has grown under a high limit keeps to a low one.
	var tape fhirjson.Tape
	src := []byte("[" + strings.Repeat("1,", 5000) + "1]")
	if err := tape.Parse(src, nil, fhirjson.Limits{}); err != nil {
		t.Fatal(err)
	}
	if err := tape.Parse(src, nil, fhirjson.Limits{MaxNodes: 10}); !errors.Is(err, fhirjson.ErrLimit) {
		t.Errorf("Parse = %v, want ErrLimit", err)
	}
}

func TestDeepInput(t *testing.T) {
	t.Parallel()
	const depth = 10_000
	for _, src := range []string{
		strings.Repeat("[", depth) + strings.Repeat("]", depth),
		strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth),
		strings.Repeat(`[{"extension":`, depth/2) + "[]" + strings.Repeat("}]", depth/2),
	} {
		var tape fhirjson.Tape
		if err := tape.Parse([]byte(src), nil, fhirjson.Limits{}); !errors.Is(err, fhirjson.ErrLimit) {
			t.Errorf("default limit: %v, want ErrLimit", err)
		}
		if err := tape.Parse([]byte(src), nil, fhirjson.Limits{MaxDepth: depth + 1}); err != nil {
			t.Errorf("raised limit: %v", err)
		}
		if got := int(tape.Node(0).Next); got != tape.Len() {
			t.Errorf("root ends at node %d of %d", got, tape.Len())
		}
		var syntax *fhirjson.SyntaxError
		if err := tape.Parse([]byte(src[:len(src)/2]), nil, fhirjson.Limits{MaxDepth: depth + 1}); !errors.As(err, &syntax) ||
			syntax.Kind != fhirjson.Truncated {
			t.Errorf("cut in the middle: %v, want Truncated", err)
		}
	}
}
