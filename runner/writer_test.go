package runner

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// oneColumn is a view of one text column, whose values are the family names.
const oneColumn = `{"resource":"Patient","select":[{"forEachOrNull":"name","column":[{"name":"f","path":"family"},{"name":"g","path":"given","collection":true}]}]}`

func names(t *testing.T, families ...string) Resources {
	t.Helper()
	type name struct {
		Family string `json:"family"`
	}
	var list []name
	for _, f := range families {
		list = append(list, name{f})
	}
	text, err := json.Marshal(map[string]any{"resourceType": "Patient", "id": "p", "name": list})
	if err != nil {
		t.Fatal(err)
	}
	return Resources{text}
}

// written runs a view into a writer, and checks that encoding in the workers and writing row by row give the same.
func written(t *testing.T, v *View, src Source, make func(io.Writer) Writer) string {
	t.Helper()
	var whole, single bytes.Buffer
	if _, err := v.Write(context.Background(), src, make(&whole), Parallel(1)); err != nil {
		t.Fatal(err)
	}
	w := make(&single)
	if err := w.Begin(v.Columns()); err != nil {
		t.Fatal(err)
	}
	for row, err := range v.Rows(context.Background(), src) {
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if whole.String() != single.String() {
		t.Errorf("by block\n%s\nby row\n%s", whole.String(), single.String())
	}
	return whole.String()
}

func TestCSV(t *testing.T) {
	t.Parallel()
	v := mustView(t, oneColumn)
	src := names(t, "plain", "a,b", `say "x"`, "two\nlines", "", " padded ", "=1+2", "+1", "-1", "-1.5e3", "+x", "-x", "@a", "\ttab", "\rcr", "é\u2028", `"`, `=a"b`)
	got := written(t, v, src, func(w io.Writer) Writer { return NewCSVWriter(w) })
	want := "f,g\r\n" + strings.Join([]string{
		"plain,[]", `"a,b",[]`, `"say ""x""",[]`, "\"two\nlines\",[]", `"",[]`, `" padded ",[]`, `"'=1+2",[]`, "+1,[]", "-1,[]", "-1.5e3,[]",
		`"'+x",[]`, `"'-x",[]`, `"'@a",[]`, "\"'\ttab\",[]", "\"'\rcr\",[]", "é\u2028,[]", `"""",[]`, `"'=a""b",[]`,
	}, "\r\n") + "\r\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("CSV (-want +got):\n%s", diff)
	}
	got = written(t, v, names(t, "=1"), func(w io.Writer) Writer {
		return NewCSVWriter(w, CSVHeader(false), CSVGuard(false), CSVLineEnd("\n"))
	})
	if want := "=1,[]\n"; got != want {
		t.Errorf("with options: %q, want %q", got, want)
	}
	records, err := csv.NewReader(strings.NewReader(written(t, v, src, func(w io.Writer) Writer { return NewCSVWriter(w, CSVGuard(false)) }))).ReadAll()
	if err != nil || len(records) != 19 || records[3][0] != `say "x"` || records[4][0] != "two\nlines" {
		t.Errorf("another reader sees %q, %v", records, err)
	}
}

func TestCSVValues(t *testing.T) {
	t.Parallel()
	v := mustView(t, `{"resource":"Patient","select":[{"column":[{"name":"a","path":"active"},{"name":"d","path":"extension.value"},{"name":"n","path":"photo"},{"name":"g","path":"name.given","collection":true},{"name":"m","path":"maritalStatus"},{"name":"i","path":"1 - 2"}]}]}`)
	src := resources(`{"resourceType":"Patient","active":true,"extension":[{"url":"x","valueDecimal":6.50}],"name":[{"given":["a","\"b\""]}],"maritalStatus":{"text":"x, y"}}`)
	got := written(t, v, src, func(w io.Writer) Writer { return NewCSVWriter(w, CSVHeader(false)) })
	if want := `true,6.50,,"[""a"",""\""b\""""]","{""text"":""x, y""}",-1` + "\r\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	// A null in the only column does not give an empty line.
	one := mustView(t, `{"resource":"Patient","select":[{"column":[{"name":"a","path":"active"}]}]}`)
	if got := written(t, one, resources(patient("x")), func(w io.Writer) Writer { return NewCSVWriter(w) }); got != "a\r\n\"\"\r\n" {
		t.Errorf("one null: %q", got)
	}
}

func TestJSONWriters(t *testing.T) {
	t.Parallel()
	v := mustView(t, oneColumn)
	ndjson := func(w io.Writer) Writer { return NewNDJSONWriter(w) }
	array := func(w io.Writer) Writer { return NewJSONWriter(w) }
	src := names(t, "a", "q\"\\\n\u0001é")
	if got, want := written(t, v, src, ndjson), `{"f":"a","g":[]}`+"\n"+`{"f":"q\"\\\n\u0001é","g":[]}`+"\n"; got != want {
		t.Errorf("NDJSON\n%s\nwant\n%s", got, want)
	}
	if got, want := written(t, v, src, array), "[\n"+`{"f":"a","g":[]}`+",\n"+`{"f":"q\"\\\n\u0001é","g":[]}`+"\n]\n"; got != want {
		t.Errorf("JSON\n%s\nwant\n%s", got, want)
	}
	none := resources(`{"resourceType":"Group"}`)
	if got := written(t, v, none, ndjson); got != "" {
		t.Errorf("NDJSON without rows: %q", got)
	}
	if got := written(t, v, none, array); got != "[]\n" {
		t.Errorf("JSON without rows: %q", got)
	}
	if got := written(t, v, none, func(w io.Writer) Writer { return NewCSVWriter(w) }); got != "f,g\r\n" {
		t.Errorf("CSV without rows: %q", got)
	}
	// Many blocks.
	data, rows := manyPatients(400)
	var out bytes.Buffer
	many := mustView(t, namesView)
	if _, err := many.Write(context.Background(), Reader("x", bytes.NewReader(data)), NewJSONWriter(&out), Parallel(3)); err != nil {
		t.Fatal(err)
	}
	var decodedRows []json.RawMessage
	if err := json.Unmarshal(out.Bytes(), &decodedRows); err != nil || len(decodedRows) != len(rows) {
		t.Errorf("%d rows, %v, want %d", len(decodedRows), err, len(rows))
	}
}

// failing is a writer that fails after some bytes.
type failing struct{ left int }

var errFull = errors.New("disk full")

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestWriteErrors(t *testing.T) {
	t.Parallel()
	data, _ := manyPatients(20000)
	v := mustView(t, namesView)
	for name, make := range map[string]func(io.Writer) Writer{
		"csv":    func(w io.Writer) Writer { return NewCSVWriter(w) },
		"ndjson": func(w io.Writer) Writer { return NewNDJSONWriter(w) },
		"json":   func(w io.Writer) Writer { return NewJSONWriter(w) },
	} {
		for _, left := range []int{0, 1000, 200_000} {
			for _, workers := range []int{1, 4} {
				_, err := v.Write(context.Background(), Reader("x", bytes.NewReader(data)), make(&failing{left}), Parallel(workers))
				if !errors.Is(err, errFull) {
					t.Errorf("%s after %d bytes, %d workers: %v, want errFull", name, left, workers, err)
				}
			}
		}
	}
}

// FuzzCSV writes any text and reads it back with encoding/csv. Formulas must be guarded.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{"", "a", "a,b", `"`, "=1", "-1", "\r\n", " x", "'=", "\t", "+1e5", "--1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, guard := range []bool{false, true} {
			w := NewCSVWriter(io.Discard, CSVGuard(guard))
			cell := w.quote([]byte(s), 0)
			r := csv.NewReader(strings.NewReader(string(cell) + ",end\r\n"))
			record, err := r.Read()
			if err != nil || len(record) != 2 || record[1] != "end" {
				t.Fatalf("%q became %q, read as %q, %v", s, cell, record, err)
			}
			got := record[0]
			if guard && s != "" && isFormula([]byte(s)) {
				if got == "" || got[0] != '\'' {
					t.Fatalf("%q became %q: no guard", s, got)
				}
				got = got[1:]
			}
			// encoding/csv reads CR LF as LF.
			if got != strings.ReplaceAll(s, "\r\n", "\n") {
				t.Fatalf("%q became %q, read as %q", s, cell, record[0])
			}
		}
	})
}

func TestValues(t *testing.T) {
	t.Parallel()
	v := mustView(t, `{"resource":"Patient","select":[{"column":[{"name":"b","path":"active"},{"name":"i","path":"multipleBirth"},{"name":"d","path":"extension.value"},{"name":"s","path":"gender"},{"name":"n","path":"birthDate"},{"name":"o","path":"maritalStatus"},{"name":"l","path":"name.given","collection":true}]}]}`)
	const text = `{"resourceType":"Patient","active":true,"multipleBirthInteger":2,"extension":[{"url":"x","valueDecimal":6.50}],"gender":"a\tb","maritalStatus":{"text":"x"},"name":[{"given":["g1","g2"]}]}`
	for row, err := range v.Rows(context.Background(), resources(text)) {
		if err != nil {
			t.Fatal(err)
		}
		kinds := []Kind{KindBoolean, KindInteger, KindDecimal, KindString, KindNull, KindObject, KindList}
		for i, want := range kinds {
			if got := row.Value(i).Kind(); got != want {
				t.Errorf("%s: kind %s, want %s", row.Columns()[i].Name, got, want)
			}
		}
		want := map[string]any{
			"b": true, "i": int64(2), "d": json.Number("6.50"), "s": "a\tb", "n": nil, "o": json.RawMessage(`{"text":"x"}`), "l": []any{"g1", "g2"},
		}
		if diff := cmp.Diff(want, row.Map()); diff != "" {
			t.Errorf("Map (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want, row.Clone().Map()); diff != "" {
			t.Errorf("Clone().Map (-want +got):\n%s", diff)
		}
		texts := []string{"true", "2", "6.50", "a\tb", "", `{"text":"x"}`, `["g1","g2"]`}
		for i, want := range texts {
			if got := row.Value(i).String(); got != want {
				t.Errorf("%s: text %q, want %q", row.Columns()[i].Name, got, want)
			}
		}
		if n, ok := row.Value(1).Int(); n != 2 || !ok {
			t.Errorf("Int = %d, %t", n, ok)
		}
		if x, ok := row.Value(2).Float(); x != 6.5 || !ok {
			t.Errorf("Float = %g, %t", x, ok)
		}
		if b, ok := row.Value(0).Bool(); !b || !ok {
			t.Errorf("Bool = %t, %t", b, ok)
		}
		if _, ok := row.Value(3).Int(); ok {
			t.Error("a string is an integer")
		}
		if v, ok := row.Get("s"); !ok || v.String() != "a\tb" {
			t.Errorf("Get = %q, %t", v.String(), ok)
		}
		if _, ok := row.Get("zzz"); ok {
			t.Error("Get finds a column that is not there")
		}
		list := row.Value(6)
		if list.Len() != 2 || list.Index(1).String() != "g2" {
			t.Errorf("list %d %s", list.Len(), list)
		}
		var s struct {
			B bool        `json:"b"`
			D json.Number `json:"d"`
			S string      `json:"s"`
			L []string    `json:"l"`
		}
		if err := row.Scan(&s); err != nil || !s.B || s.D != "6.50" || s.S != "a\tb" || len(s.L) != 2 {
			t.Errorf("Scan: %+v, %v", s, err)
		}
	}
	if (Row{}).Len() != 0 || !(Value{}).IsNull() || (Value{}).String() != "" {
		t.Error("zero values are not empty")
	}
}

// TestIndexOfNoList: Index panics for values that are not lists.
func TestIndexOfNoList(t *testing.T) {
	t.Parallel()
	v := mustView(t, `{"resource":"Patient","select":[{"column":[{"name":"s","path":"gender"},{"name":"l","path":"name.given","collection":true}]}]}`)
	for row, err := range v.Rows(t.Context(), resources(`{"resourceType":"Patient","gender":"m","name":[{"given":["","",""]}]}`)) {
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]Value{"text": row.Value(0), "zero Value": {}} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("Index of a %s gives a value", name)
					}
				}()
				value.Index(0)
			}()
		}
	}
}

// TestIntegersAsText: a string in place of an integer becomes one only if JSON would accept its digits.
func TestIntegersAsText(t *testing.T) {
	t.Parallel()
	v := mustView(t, `{"resource":"Observation","fhirVersion":["5.0.0"],"select":[{"column":[{"name":"n","path":"extension.value.ofType(integer64)"}]}]}`)
	for _, tt := range []struct{ text, want string }{
		{"12", `{"n":12}`},
		{"-12", `{"n":-12}`},
		{"0", `{"n":0}`},
		{"007", `{"n":"007"}`},
		{"-01", `{"n":"-01"}`},
		{"-", `{"n":"-"}`},
	} {
		src := resources(`{"resourceType":"Observation","extension":[{"url":"x","valueInteger64":"` + tt.text + `"}]}`)
		if got := written(t, v, src, func(w io.Writer) Writer { return NewNDJSONWriter(w) }); got != tt.want+"\n" || !json.Valid([]byte(got)) {
			t.Errorf("%s: %s, want %s", tt.text, got, tt.want)
		}
	}
}
