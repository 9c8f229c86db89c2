package parquet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	pq "github.com/parquet-go/parquet-go"

	"github.com/researchflow/researchflow/internal/testdata"
	"github.com/researchflow/researchflow/runner"
	"github.com/researchflow/researchflow/runner/parquet"
	"github.com/researchflow/researchflow/runner/views"
)

// resources writes resources of one type to a file.
func resources(tb testing.TB, resourceType string, lines ...string) runner.Source {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), resourceType+".ndjson")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		tb.Fatal(err)
	}
	return runner.Files(file)
}

// write runs a view into a Parquet file.
func write(view string, src runner.Source, opts ...parquet.Option) (*pq.File, error) {
	v, err := runner.CompileJSON([]byte(view))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if _, err := v.Write(context.Background(), src, parquet.NewWriter(&out, opts...)); err != nil {
		return nil, err
	}
	return pq.OpenFile(bytes.NewReader(out.Bytes()), int64(out.Len()))
}

// read returns the rows of a file, each as text.
func read(tb testing.TB, f *pq.File) []string {
	tb.Helper()
	rows := pq.NewReader(f)
	defer rows.Close()
	var list []string
	for {
		buf := make([]pq.Row, 1)
		n, err := rows.ReadRows(buf)
		if n == 1 {
			list = append(list, format(buf[0]))
		}
		if err == io.EOF {
			return list
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
}

// format writes the values of a row with their columns and definition levels: nulls as -, 16 bytes as a number.
func format(row pq.Row) string {
	var cells []string
	for _, v := range row {
		text := v.String()
		switch {
		case v.IsNull():
			text = "-"
		case v.Kind() == pq.FixedLenByteArray:
			n := new(big.Int).SetBytes(v.ByteArray())
			if v.ByteArray()[0]&0x80 != 0 {
				n.Sub(n, new(big.Int).Lsh(big.NewInt(1), 128))
			}
			text = n.String()
		}
		cells = append(cells, fmt.Sprintf("%d/%d:%s", v.Column(), v.DefinitionLevel(), text))
	}
	return strings.Join(cells, " ")
}

const allTypes = `{"resource":"Observation","constant":[{"name":"big","valueInteger64":"9007199254740993"}],"select":[{"column":[
	{"name":"z","path":"id","type":"id"},
	{"name":"flag","path":"value.ofType(boolean)","type":"boolean"},
	{"name":"count","path":"value.ofType(integer)","type":"integer"},
	{"name":"amount","path":"value.ofType(Quantity).value","type":"decimal"},
	{"name":"money","path":"value.ofType(Quantity).value","type":"decimal","tag":[{"name":"ansi/type","value":"DECIMAL(8,2)"}]},
	{"name":"wide","path":"value.ofType(Quantity).value","type":"decimal","tag":[{"name":"ansi/type","value":"decimal( 18 , 4 )"}]},
	{"name":"issued","path":"issued","type":"instant"},
	{"name":"day","path":"effective.ofType(dateTime)","type":"dateTime","tag":[{"name":"ansi/type","value":"DATE"}]},
	{"name":"clock","path":"value.ofType(time)","type":"time","tag":[{"name":"ansi/type","value":"TIME"}]},
	{"name":"words","path":"note.text","type":"markdown","collection":true},
	{"name":"code","path":"code"},
	{"name":"a","path":"status","type":"code"},
	{"name":"big","path":"%big","type":"integer64"},
	{"name":"local","path":"extension.value.ofType(dateTime)","type":"dateTime","tag":[{"name":"ansi/type","value":"TIMESTAMP"}]}]}]}`

func TestTypes(t *testing.T) {
	t.Parallel()
	src := resources(t, "Observation",
		`{"resourceType":"Observation","id":"1","status":"final","issued":"2020-02-03T04:05:06.789+01:00","effectiveDateTime":"1969-12-31","valueQuantity":{"value":-6.50},"note":[{"text":"x"},{"text":"y,\"z\""}],"code":{"text":"c"}}`,
		`{"resourceType":"Observation","id":"2","valueBoolean":false}`,
		`{"resourceType":"Observation","id":"3","valueInteger":-7}`,
		`{"resourceType":"Observation","id":"4","valueTime":"01:02:03.5","note":[{"text":"only"}]}`,
		`{"resourceType":"Observation","id":"5","extension":[{"url":"x","valueDateTime":"1970-01-01T00:00:01.5"}],"valueQuantity":{"value":1.2e3}}`,
	)
	f, err := write(allTypes, src)
	if err != nil {
		t.Fatal(err)
	}
	wantSchema := `message view {
	optional binary z (STRING);
	optional boolean flag;
	optional int32 count (INT(32,true));
	optional fixed_len_byte_array(16) amount (DECIMAL(38,18));
	optional int32 money (DECIMAL(8,2));
	optional int64 wide (DECIMAL(18,4));
	optional int64 issued (TIMESTAMP(isAdjustedToUTC=true,unit=MICROS));
	optional int32 day (DATE);
	optional int64 clock (TIME(isAdjustedToUTC=false,unit=MICROS));
	optional group words (LIST) {
		repeated group list {
			optional binary element (STRING);
		}
	}
	optional binary code (STRING);
	optional binary a (STRING);
	optional int64 big (INT(64,true));
	optional int64 local (TIMESTAMP(isAdjustedToUTC=false,unit=MICROS));
}`
	if diff := cmp.Diff(wantSchema, f.Schema().String()); diff != "" {
		t.Errorf("schema (-want +got):\n%s", diff)
	}
	want := []string{
		`0/1:1 1/0:- 2/0:- 3/1:-6500000000000000000 4/1:-650 5/1:-65000 6/1:1580699106789000 7/1:-1 8/0:- 9/3:x 9/3:y,"z" 10/1:{"text":"c"} 11/1:final 12/1:9007199254740993 13/0:-`,
		`0/1:2 1/1:false 2/0:- 3/0:- 4/0:- 5/0:- 6/0:- 7/0:- 8/0:- 9/1:- 10/0:- 11/0:- 12/1:9007199254740993 13/0:-`,
		`0/1:3 1/0:- 2/1:-7 3/0:- 4/0:- 5/0:- 6/0:- 7/0:- 8/0:- 9/1:- 10/0:- 11/0:- 12/1:9007199254740993 13/0:-`,
		`0/1:4 1/0:- 2/0:- 3/0:- 4/0:- 5/0:- 6/0:- 7/0:- 8/1:3723500000 9/3:only 10/0:- 11/0:- 12/1:9007199254740993 13/0:-`,
		`0/1:5 1/0:- 2/0:- 3/1:1200000000000000000000 4/1:120000 5/1:12000000 6/0:- 7/0:- 8/0:- 9/1:- 10/0:- 11/0:- 12/1:9007199254740993 13/1:1500000`,
	}
	if diff := cmp.Diff(want, read(t, f)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestValuesThatDoNotFit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, column, resource, want string }{
		{"a date without a day", `{"name":"d","path":"birthDate","type":"date"}`, `"birthDate":"1970-06"`, "column d of type DATE"},
		{"too many digits behind the point", `{"name":"d","path":"extension.value.ofType(decimal)","type":"decimal","tag":[{"name":"ansi/type","value":"DECIMAL(4,1)"}]}`, `"extension":[{"url":"x","valueDecimal":1.25}]`, "column d of type DECIMAL(4,1)"},
		{"too many digits before the point", `{"name":"d","path":"extension.value.ofType(decimal)","type":"decimal","tag":[{"name":"ansi/type","value":"DECIMAL(4,1)"}]}`, `"extension":[{"url":"x","valueDecimal":12345}]`, "column d of type DECIMAL(4,1)"},
		{"an integer beyond its type", `{"name":"d","path":"multipleBirth.ofType(integer)","type":"integer"}`, `"multipleBirthInteger":2147483648`, "column d of type INT(32,true)"},
	} {
		_, err := write(`{"resource":"Patient","select":[{"column":[`+tt.column+`]}]}`,
			resources(t, "Patient", `{"resourceType":"Patient","id":"a",`+tt.resource+`}`))
		if !errors.Is(err, parquet.ErrValue) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one with %q", tt.name, err, tt.want)
		}
	}
}

func TestDatesAsText(t *testing.T) {
	t.Parallel()
	f, err := write(`{"resource":"Patient","select":[{"column":[{"name":"d","path":"birthDate","type":"date"}]}]}`,
		resources(t, "Patient", `{"resourceType":"Patient","birthDate":"1970-06"}`), parquet.DatesAsText())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := read(t, f)[0], "0/1:1970-06"; got != want {
		t.Errorf("row = %s, want %s", got, want)
	}
}

// TestTextTags: a tag with a text type takes precedence over the FHIR type.
func TestTextTags(t *testing.T) {
	t.Parallel()
	for _, tag := range []string{"CHARACTER VARYING", "character varying(10)", "VARCHAR(10)", "varchar", "CHARACTER(10)", "CHAR(10)", "NATIONAL CHARACTER VARYING(10)", "TEXT", "STRING", "CLOB"} {
		f, err := write(`{"resource":"Patient","select":[{"column":[{"name":"d","path":"birthDate","type":"date","tag":[{"name":"ansi/type","value":"`+tag+`"}]}]}]}`,
			resources(t, "Patient", `{"resourceType":"Patient","birthDate":"1970-06"}`))
		if err != nil {
			t.Errorf("%s: %v", tag, err)
			continue
		}
		if got, want := read(t, f)[0], "0/1:1970-06"; got != want {
			t.Errorf("%s: row = %s, want %s", tag, got, want)
		}
	}
}

// TestRowGroups writes real data in small row groups: every row is there, in order.
func TestRowGroups(t *testing.T) {
	t.Parallel()
	v, err := views.Compile("observation_labs")
	if err != nil {
		t.Fatal(err)
	}
	src := runner.Dir(testdata.Shared(t, "data", "small"))
	var out, text bytes.Buffer
	stats, err := v.Write(context.Background(), src, parquet.NewWriter(&out, parquet.RowGroup(100, 0)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Write(context.Background(), src, runner.NewNDJSONWriter(&text)); err != nil {
		t.Fatal(err)
	}
	f, err := pq.OpenFile(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if got := f.NumRows(); got != stats.Rows {
		t.Errorf("rows = %d, want %d", got, stats.Rows)
	}
	for i, g := range f.RowGroups() {
		if g.NumRows() > 100 {
			t.Errorf("row group %d has %d rows, want 100 at most", i, g.NumRows())
		}
	}
	lines := strings.Split(strings.TrimSpace(text.String()), "\n")
	for i, row := range read(t, f) {
		first, _, _ := strings.Cut(row, " ")
		_, id, ok := strings.Cut(first, ":")
		if !ok || !strings.Contains(lines[i], `"`+id+`"`) {
			t.Fatalf("row %d is not the row that NDJSON has there", i)
		}
	}
}

func TestNoColumns(t *testing.T) {
	t.Parallel()
	if err := parquet.NewWriter(io.Discard).Begin(nil); err == nil {
		t.Error("Begin without columns succeeded")
	}
}

func TestCloseTwice(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	w := parquet.NewWriter(&out)
	if err := w.Begin([]runner.Column{{Name: "a"}}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	f, err := pq.OpenFile(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil || f.NumRows() != 0 {
		t.Errorf("an empty view: %v rows, error %v", f.NumRows(), err)
	}
}
