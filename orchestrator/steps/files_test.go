package steps

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReadCSVAndJSON(t *testing.T) {
	t.Parallel()
	columns := []string{"a", "b"}
	type row struct {
		Values []string
		Null   []bool
	}
	tests := []struct {
		name, text string
		read       func(io.Reader, []string, func([]string, []bool) error) error
		want       []row
		err        string
	}{
		{"csv", "a,b\r\n1,\r\n'=x,\"p,q\"\r\n", readCSV, []row{{[]string{"1", ""}, []bool{false, true}}, {[]string{"=x", "p,q"}, []bool{false, false}}}, ""},
		{"csv, apostrophe in text", "a,b\n'tis,'\n", readCSV, []row{{[]string{"'tis", "'"}, []bool{false, false}}}, ""},
		{"csv, no rows", "a,b\r\n", readCSV, nil, ""},
		{"csv, empty", "", readCSV, nil, "there is no header line"},
		{"csv, other header", "a,c\r\n", readCSV, nil, "the header line does not have the view's columns"},
		{"csv, short row", "a,b\n1,2\n3\n", readCSV, []row{{[]string{"1", "2"}, []bool{false, false}}}, "line 3 is not CSV with the view's columns"},
		{"ndjson", `{"a":1,"b":null}` + "\n" + `{"a":"x\ny","b":[1]}` + "\n", readJSON, []row{{[]string{"1", "null"}, []bool{false, true}}, {[]string{"x\ny", "[1]"}, []bool{false, false}}}, ""},
		{"ndjson, empty", "", readJSON, nil, ""},
		{"json", `[{"a":true,"b":6.50}]`, readJSON, []row{{[]string{"true", "6.50"}, []bool{false, false}}}, ""},
		{"json, no rows", "[]", readJSON, nil, ""},
		{"json, other column", `[{"a":1,"c":2}]`, readJSON, nil, "row 1 has no b"},
		{"json, more columns", `[{"a":1,"b":2,"c":3}]`, readJSON, nil, "row 1 is not an object with the view's columns"},
		{"json, broken", `[{"a":1,`, readJSON, nil, "row 1 is not an object with the view's columns"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []row
			err := tt.read(strings.NewReader(tt.text), columns, func(values []string, null []bool) error {
				got = append(got, row{append([]string(nil), values...), append([]bool(nil), null...)})
				return nil
			})
			if text := errorText(err); text != tt.err {
				t.Errorf("error %q, want %q", text, tt.err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestWriteFileIsWholeOrNotThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	broken := errors.New("broken")
	if _, _, err := writeFile(path, 0o600, func(w io.Writer) error {
		_, _ = io.WriteString(w, "half")
		return broken
	}); !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("a failed write leaves %v", entries)
	}
	size, sum, err := writeFile(path, 0o600, func(w io.Writer) error { _, err := io.WriteString(w, "abc"); return err })
	if err != nil || size != 3 || sum != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Errorf("writeFile = %d, %s, %v", size, sum, err)
	}
	if again, err := sumIn(os.DirFS(filepath.Dir(path)), filepath.Base(path)); err != nil || again != sum {
		t.Errorf("sumIn = %s, %v", again, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode: %v, %v", info.Mode(), err)
	}
}

func TestAttemptBefore(t *testing.T) {
	t.Parallel()
	tests := []struct {
		a, b string
		want bool
	}{
		{"visit-9-token-3", "visit-11-token-1", true},
		{"visit-11-token-1", "visit-9-token-3", false},
		{"visit-9-token-3", "visit-9-token-4", true},
		{"visit-9-token-4", "visit-9-token-4", false},
		{"visit-9-token-5", "visit-9-token-4", false},
		{"other", "visit-9-token-4", false},
		{"visit-9-token-4", "other", false},
	}
	for _, tt := range tests {
		if got := attemptBefore(tt.a, tt.b); got != tt.want {
			t.Errorf("attemptBefore(%s, %s) = %v, want %v", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestWorkingDay(t *testing.T) {
	t.Parallel()
	tests := []struct{ from, want string }{
		{"2026-11-23T14:00:00Z", "2026-11-25T10:00:00Z"}, // Monday to Wednesday
		{"2026-11-26T23:59:00Z", "2026-11-30T10:00:00Z"}, // Thursday to Monday
		{"2026-11-27T00:00:00Z", "2026-12-01T10:00:00Z"}, // Friday to Tuesday
		{"2026-11-28T08:00:00Z", "2026-12-01T10:00:00Z"}, // Saturday to Tuesday
	}
	for _, tt := range tests {
		from, err := time.Parse(time.RFC3339, tt.from)
		if err != nil {
			t.Fatal(err)
		}
		if got := workingDay(from, 2).Format(time.RFC3339); got != tt.want {
			t.Errorf("workingDay(%s, 2) = %s, want %s", tt.from, got, tt.want)
		}
	}
}

func TestPatientID(t *testing.T) {
	t.Parallel()
	tests := []struct {
		reference, want string
		ok              bool
	}{
		{"p1", "p1", true},
		{"Patient/p1", "p1", true},
		{"https://example.org/fhir/Patient/p1", "p1", true},
		{"Patient/p1/_history/3", "p1", true},
		{"https://example.org/fhir/Patient/p1/_history/3", "p1", true},
		{"Group/p1", "", false},
		{"NotPatient/p1", "", false},
		{"Patient/", "", false},
		{"#p1", "", false}, // contained
		{"urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0", "", false},
		{"urn:oid:1.2.3", "", false},
		{"Patient?identifier=12345", "", false}, // conditional
		{"Patient?identifier=http://example.org|12345", "", false},
		{"", "", false},
	}
	for _, tt := range tests {
		if got, ok := patientID(tt.reference); ok != tt.ok || ok && got != tt.want {
			t.Errorf("patientID(%q) = %q, %v; want %q, %v", tt.reference, got, ok, tt.want, tt.ok)
		}
	}
}
