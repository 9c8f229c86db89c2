package runner

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

const idView = `{"resource":"Patient","name":"ids","select":[{"column":[{"name":"id","path":"id"}]}]}`

func patient(id string) string { return `{"resourceType":"Patient","id":"` + id + `"}` }

func ids(list ...string) []string {
	rows := make([]string, len(list))
	for i, id := range list {
		rows[i] = `{"id":"` + id + `"}`
	}
	return rows
}

// write writes a file of a test directory.
func write(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func gzipped(t *testing.T, parts ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, part := range parts { // one member each
		w := gzip.NewWriter(&b)
		if _, err := w.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func TestDir(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "Patient.000.ndjson", []byte(patient("a")+"\n\n"+patient("b")))
	write(t, dir, "Patient-1.ndjson.gz", gzipped(t, patient("c")+"\r\n", patient("d")+"\n"))
	write(t, dir, "Patient_2.ndjson.zst", enc.EncodeAll([]byte("\ufeff"+patient("e")+"\n"), nil))
	write(t, dir, "patient-f.json", []byte("{\n \"resourceType\": \"Patient\",\n \"id\": \"f\"\n}\n"))
	write(t, dir, "export.json", []byte("["+patient("g")+",\n"+`{"resourceType":"Group","id":"x"},`+patient("h")+"]"))
	write(t, dir, "Bundle-1.json", []byte(`{"resourceType":"Bundle","type":"searchset","entry":[{"fullUrl":"x","resource":`+patient("i")+`},
		{"request":{"method":"GET"}},{"resource":{"resourceType":"OperationOutcome"},"search":{"mode":"outcome"}},{"resource":`+patient("j")+`,"search":{"mode":"match"}}]}`))
	write(t, dir, "mixed.ndjson", []byte(patient("k")+"\n"+`{"resourceType":"Observation","id":"o"}`+"\n"))
	write(t, dir, "lines.json", []byte(patient("l")+"\n"+patient("m")+"\n"))
	write(t, dir, "Bundle-2.json.gz", gzipped(t, `{"resourceType":"Bundle","entry":[{"resource":`+patient("n")+`}]}`))
	// Not read: another type (which is not even JSON), other endings, directories.
	write(t, dir, "Observation.ndjson", []byte("broken"))
	write(t, dir, "Patient.txt", []byte("broken"))
	write(t, dir, ".hidden.ndjson", []byte("broken"))
	if err := os.Mkdir(filepath.Join(dir, "Patient.ndjson"), 0o700); err != nil {
		t.Fatal(err)
	}
	v := mustView(t, idView)
	// By name: Bundle-1, Bundle-2, Patient-1, Patient.000, Patient_2, export, lines, mixed, patient-f.
	wantRows(t, v, Dir(dir), ids("i", "j", "n", "c", "d", "a", "b", "e", "g", "h", "l", "m", "k", "f"))
	for _, size := range []int{1, 64, 8 << 20} {
		wantRows(t, v, Dir(dir), ids("i", "j", "n", "c", "d", "a", "b", "e", "g", "h", "l", "m", "k", "f"), BlockSize(size))
	}
	wantRows(t, v, Files(filepath.Join(dir, "mixed.ndjson"), filepath.Join(dir, "export.json")), ids("k", "g", "h"))
}

// TestSingleResources: sources that yield blocks also yield single resources.
func TestSingleResources(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bundle := `{"resourceType":"Bundle","entry":[{"resource":` + patient("a") + `},{"resource":` + patient("b") + `}]}`
	write(t, dir, "Bundle.json", []byte(bundle))
	write(t, dir, "Patient.ndjson", []byte(patient("c")+"\n"+patient("d")+"\n"))
	for name, tt := range map[string]struct {
		src  Source
		want []string
	}{
		"files":     {Files(filepath.Join(dir, "Bundle.json"), filepath.Join(dir, "Patient.ndjson")), []string{"a", "b", "c", "d"}},
		"bundle":    {Bundle([]byte(bundle)), []string{"a", "b"}},
		"reader":    {Reader("x", strings.NewReader(patient("e")+"\n"+patient("f"))), []string{"e", "f"}},
		"resources": {Resources{[]byte(patient("g"))}, []string{"g"}},
	} {
		var want, got []string
		for _, id := range tt.want {
			want = append(want, patient(id))
		}
		for raw, err := range tt.src.Resources(t.Context(), "Patient", nil) {
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got = append(got, string(raw))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		for _, err := range tt.src.Resources(t.Context(), "Patient", url.Values{"gender": {"male"}}) {
			if !errors.Is(err, ErrSearch) {
				t.Errorf("%s: error %v, want ErrSearch", name, err)
			}
		}
	}
}

// TestDirReadsFilesOnce: a symbolic link to a file that is read does not give its rows again.
func TestDirReadsFilesOnce(t *testing.T) {
	t.Parallel()
	dir, outside := t.TempDir(), t.TempDir()
	write(t, dir, "Patient-2.ndjson", []byte(patient("a")))
	write(t, dir, "Observation.ndjson", []byte(patient("o")))
	write(t, outside, "data", []byte(patient("b")))
	for link, target := range map[string]string{
		"Patient-1.ndjson": "Patient-2.ndjson", "Patient-latest.ndjson": filepath.Join(dir, "Patient-2.ndjson"),
		"Patient-3.ndjson": filepath.Join(outside, "data"), "x.ndjson": filepath.Join(outside, "data"),
		"Patient-4.ndjson": "Observation.ndjson", // which is not read under its own name
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Skipf("SKIPPED: no symbolic links: %v", err)
		}
	}
	linked := filepath.Join(t.TempDir(), "linked")
	if err := os.Symlink(dir, linked); err != nil {
		t.Fatal(err)
	}
	v := mustView(t, idView)
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	relative, err := filepath.Rel(here, dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, linked, dir + "/.", relative} {
		wantRows(t, v, Dir(path), ids("a", "b", "o"))
	}
	wantRows(t, v, Files(filepath.Join(dir, "Patient-1.ndjson"), filepath.Join(dir, "Patient-2.ndjson")), ids("a", "a"))
	if err := os.Symlink("none", filepath.Join(dir, "Patient-5.ndjson")); err != nil {
		t.Fatal(err)
	}
	if _, err := rowTexts(v, Dir(dir)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a link to nothing: %v", err)
	}
}

func TestMayHold(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		want bool
	}{
		{"Patient.ndjson", true},
		{"Patient.000.ndjson", true},
		{"Patient-1.ndjson.gz", true},
		{"Patient_all.json", true},
		{"Patient2.ndjson", true},
		{"Observation.ndjson", false},
		{"Group-1.json", false},
		{"Bundle.json", true},
		{"patients.ndjson", true},
		{"PatientExtra.ndjson", true},
		{"0001.ndjson", true},
		{"export-Observation.ndjson", true},
		{"SubscriptionStatus.ndjson", false}, // R5
		{"HumanName.ndjson", true},           // a type, but not of resources
		{"Resource.ndjson", true},            // abstract: no resource is of this type alone
		{"DomainResource-1.json", true},
	}
	for _, tt := range tests {
		if got := mayHold(tt.name, "Patient"); got != tt.want {
			t.Errorf("mayHold(%s) = %t, want %t", tt.name, got, tt.want)
		}
	}
}

func TestBundle(t *testing.T) {
	t.Parallel()
	v := mustView(t, idView)
	wantRows(t, v, Bundle([]byte(`{"resourceType":"Bundle","entry":[{"resource":`+patient("a")+`},{"resource":`+patient("b")+`}]}`)), ids("a", "b"))
	wantRows(t, v, Bundle([]byte(`{"resourceType":"Bund\u006ce","entry":[{"resource":`+patient("a")+`},{"search":{"mode":"outc\u006fme"},"resource":`+patient("b")+`}]}`)), ids("a"))
	wantRows(t, v, Bundle([]byte(`{"resourceType":"Bundle"}`)), nil)
	wantRows(t, v, Bundle([]byte("["+patient("a")+"]")), ids("a"))
	wantRows(t, v, Bundle([]byte(patient("a"))), ids("a"))
	wantRows(t, v, Bundle([]byte(`[]`)), nil)
	// More than one block.
	var many []string
	var want []string
	for i := range 3 * documentBlockResources {
		id := string(rune('a'+i%26)) + strings.Repeat("x", i%5)
		many, want = append(many, patient(id)), append(want, id)
	}
	wantRows(t, v, Bundle([]byte("["+strings.Join(many, ",")+"]")), ids(want...))
}

// TestPlaces says where a fault is, for each form of source.
func TestPlaces(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bad := `{"resourceType":"Patient","id":"x",}`
	write(t, dir, "Patient.ndjson", []byte(patient("a")+"\r\n\n"+bad+"\n"+patient("b")+"\n"))
	write(t, dir, "Patient.ndjson.gz", gzipped(t, patient("a")+"\n"+bad))
	write(t, dir, "array.json", []byte("[\n"+patient("a")+",\n{\"id\":1},\n"+patient("b")+"]"))
	write(t, dir, "bundle.json", []byte("{\"resourceType\":\"Bundle\",\n\"entry\":[\n{\"resource\":3}]}"))
	write(t, dir, "broken.json", []byte("{\n\"resourceType\": \"Patient\",\n}"))
	write(t, dir, "empty.json", nil)
	write(t, dir, "scalar.json", []byte("3"))
	v := mustView(t, idView)
	in := func(name string) *FileSource { return Files(filepath.Join(dir, name)) }
	tests := []struct {
		name string
		src  Source
		want string // after the directory
	}{
		{"NDJSON", in("Patient.ndjson"), "Patient.ndjson:3: not a FHIR resource: "},
		{"compressed", in("Patient.ndjson.gz"), "Patient.ndjson.gz:2: not a FHIR resource: "},
		{"array", in("array.json"), "array.json:3: not a FHIR resource: it has no resourceType"},
		{"Bundle", in("bundle.json"), "bundle.json:3: not a FHIR resource"},
		{"broken JSON", in("broken.json"), "broken.json:3: not a FHIR resource: "},
		{"empty JSON", in("empty.json"), "empty.json:1: not a FHIR resource: "},
		{"scalar", in("scalar.json"), "scalar.json:1: not a FHIR resource"},
		{"stream", Reader("stdin", strings.NewReader(patient("a")+"\n"+bad)), "stdin:2: not a FHIR resource: "},
		{"in memory", resources(patient("a"), bad), "resource 2: not a FHIR resource: "},
		{"Bundle in memory", Bundle([]byte("[" + patient("a") + ",\n7]")), "line 2: not a FHIR resource"},
		{"entry that is no list", Bundle([]byte("{\"resourceType\":\"Bundle\",\n\"entry\":{\"resource\":" + patient("a") + "}}")), "line 2: not a FHIR resource: entry is not a list of objects"},
		{"entry of texts", Bundle([]byte("{\"resourceType\":\"Bundle\",\"entry\":[{},\n\"Patient/a\"]}")), "line 2: not a FHIR resource: entry is not a list of objects"},
		{"no such file", in("none.ndjson"), "none.ndjson: no such file or directory"},
		{"directory without a name", Dir(""), "no such file or directory"},
		{"no such directory", Dir(filepath.Join(dir, "none")), "none: no such file or directory"},
		{"directory without data", Dir(t.TempDir()), ": the directory holds no *.ndjson or *.json files"},
		{"cut gzip", Files(cutFile(t, dir)), "cut.ndjson.gz:2: unexpected EOF"},
	}
	for _, tt := range tests {
		_, err := rowTexts(v, tt.src, Parallel(1))
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "runner: ") || strings.Count(err.Error(), "\n") > 0 {
			t.Errorf("%s: error %v, want it to hold %q", tt.name, err, tt.want)
		}
		if err != nil && strings.Count(err.Error(), "runner:") > 1 {
			t.Errorf("%s: error %v names the package twice", tt.name, err)
		}
	}
}

// cutFile writes a gzip file that ends too early, after one whole line.
func cutFile(t *testing.T, dir string) string {
	t.Helper()
	var text strings.Builder
	text.WriteString(patient("a") + "\n")
	for i := range 20000 { // long enough that the first line is out before the cut
		text.WriteString(string(rune('a' + i*7%26)))
	}
	data := gzipped(t, text.String())
	write(t, dir, "cut.ndjson.gz", data[:len(data)-20])
	return filepath.Join(dir, "cut.ndjson.gz")
}

func TestSearchNeedsAServer(t *testing.T) {
	t.Parallel()
	v := mustView(t, idView)
	dir := t.TempDir()
	write(t, dir, "Patient.ndjson", []byte(patient("a")))
	for _, src := range []Source{Dir(dir), Bundle([]byte("[]")), Reader("r", strings.NewReader("")), Resources{}} {
		if _, err := rowTexts(v, src, Search("gender", "female")); !errors.Is(err, ErrSearch) {
			t.Errorf("%T: %v, want ErrSearch", src, err)
		}
	}
	server := &recorded{list: []json.RawMessage{json.RawMessage(patient("a"))}}
	wantRows(t, v, server, ids("a"), Search("gender", "female"), Search("_sort", "x"))
	if got := server.params.Encode(); got != "_sort=x&gender=female" || server.resource != "Patient" {
		t.Errorf("the source was asked for %s %q", server.resource, got)
	}
}

// recorded is a source as a client would be: it reuses its buffer, and may fail at the end.
type recorded struct {
	list     []json.RawMessage
	err      error
	resource string
	params   url.Values
	stopped  bool
}

func (s *recorded) Resources(ctx context.Context, resource string, params url.Values) iter.Seq2[json.RawMessage, error] {
	s.resource, s.params = resource, params
	return func(yield func(json.RawMessage, error) bool) {
		var buf []byte
		for _, raw := range s.list {
			if ctx.Err() != nil {
				s.stopped = true
				yield(nil, ctx.Err())
				return
			}
			buf = append(buf[:0], raw...)
			if !yield(buf, nil) {
				s.stopped = true
				return
			}
		}
		if s.err != nil {
			yield(nil, s.err)
		}
	}
}

func TestSourceErrors(t *testing.T) {
	t.Parallel()
	v := mustView(t, idView)
	boom := errors.New("boom")
	for _, workers := range []int{1, 4} {
		rows, err := rowTexts(v, &recorded{list: []json.RawMessage{json.RawMessage(patient("a"))}, err: boom}, Parallel(workers), OnError(Skip))
		if !errors.Is(err, boom) || err.Error() != "runner: boom" {
			t.Errorf("%d workers: %v, want boom", workers, err)
		}
		if diff := cmp.Diff(ids("a"), rows); diff != "" {
			t.Errorf("%d workers: rows before the error (-want +got):\n%s", workers, diff)
		}
	}
	if _, err := rowTexts(v, nil); err == nil {
		t.Error("a nil source gives no error")
	}
}

// breaking is a source that breaks after one resource.
type breaking func()

func (f breaking) Resources(context.Context, string, url.Values) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		if yield(json.RawMessage(patient("a")), nil) {
			f()
		}
	}
}

// TestBrokenSources: a source that panics or ends its goroutine gives the run an error. It does not crash the program.
func TestBrokenSources(t *testing.T) {
	t.Parallel()
	v := mustView(t, idView)
	for _, tt := range []struct {
		name string
		src  breaking
		want string
	}{
		{"panic", func() { panic("CANARY") }, "runner: the source: internal error: panic with a string"},
		{"runtime error", func() { _ = []int{}[len(idView)] }, "runner: the source: internal error: runtime error: index out of range"},
		{"Goexit", runtime.Goexit, "runner: the source ended the goroutine that reads it"},
	} {
		for _, workers := range []int{1, 3} {
			rows, err := rowTexts(v, tt.src, Parallel(workers))
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) || len(rows) > 1 {
				t.Errorf("%s, %d workers: %q, error %v, want %s", tt.name, workers, rows, err, tt.want)
			}
		}
	}
}

// TestFeedEndsWithItsError: after a file that cannot be read, no other file is read, for any number of workers.
func TestFeedEndsWithItsError(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "a.ndjson", []byte(patient("a")))
	write(t, dir, "b.ndjson.gz", []byte("\x1f\x8b"))
	write(t, dir, "b.json", []byte("{"))
	write(t, dir, "c.ndjson", []byte(patient("c")))
	for _, middle := range []string{"b.ndjson.gz", "b.json", "none.ndjson", "none.json"} {
		src := Files(filepath.Join(dir, "a.ndjson"), filepath.Join(dir, middle), filepath.Join(dir, "c.ndjson"))
		f, err := src.feed(t.Context(), "Patient", newRunConfig(nil))
		if err != nil {
			t.Fatal(err)
		}
		if b, err := f.next(t.Context()); err != nil || string(b.data) != patient("a") {
			t.Fatalf("%s: the first block: %v", middle, err)
		}
		if _, err := f.next(t.Context()); err == nil || err == io.EOF {
			t.Errorf("%s: error %v, want that of the file", middle, err)
		}
		if b, err := f.next(t.Context()); err != io.EOF {
			t.Errorf("%s: behind the error: %v, %v, want io.EOF", middle, b, err)
		}
		f.close()
	}
}

func TestReaderRunsOnce(t *testing.T) {
	t.Parallel()
	v := mustView(t, idView)
	src := Reader("x", bytes.NewReader(gzipped(t, patient("a"))))
	if rows, err := rowTexts(v, src); err != nil || len(rows) != 1 {
		t.Errorf("first run: %q, %v", rows, err)
	}
	if _, err := rowTexts(v, src); err == nil {
		t.Error("the second run gives no error")
	}
}

// TestSourceLimits: text that is too large or too deep has another error than text that is not a resource.
func TestSourceLimits(t *testing.T) {
	t.Parallel()
	v := mustView(t, idView)
	dir := t.TempDir()
	deep := `{"resourceType":"Patient","x":` + strings.Repeat("[", 600) + strings.Repeat("]", 600) + "}"
	write(t, dir, "deep.json", []byte(deep))
	write(t, dir, "deep.ndjson", []byte(deep))
	long := io.MultiReader(strings.NewReader(`{"resourceType":"Patient","x":"`), io.LimitReader(endless{}, 70<<20), strings.NewReader(`"}`))
	for _, tt := range []struct {
		name string
		src  Source
	}{
		{"deep JSON", Files(filepath.Join(dir, "deep.json"))},
		{"deep NDJSON", Files(filepath.Join(dir, "deep.ndjson"))},
		{"long line", Reader("stdin", long)},
	} {
		if _, err := rowTexts(v, tt.src); !errors.Is(err, ErrLimit) || errors.Is(err, ErrNotResource) {
			t.Errorf("%s: %v, want ErrLimit", tt.name, err)
		}
	}
}

// endless is text without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "Patient.ndjson", []byte(patient("a")))
	first, ok := Dir(dir).Identity()
	if !ok {
		t.Fatal("a directory has no identity")
	}
	if again, _ := Dir(dir).Identity(); again != first {
		t.Error("the identity changes by itself")
	}
	write(t, dir, "Patient.ndjson", []byte(patient("ab")))
	if other, _ := Dir(dir).Identity(); other == first {
		t.Error("the identity does not change with the file")
	}
	// A directory leaves files of other types out by their names, a list of files does not.
	if other, _ := Dir(dir).Identity(); other == identity(t, Files(filepath.Join(dir, "Patient.ndjson"))) {
		t.Error("a directory and its files have the same identity")
	}
	if _, ok := Files(filepath.Join(dir, "none")).Identity(); ok {
		t.Error("a missing file has an identity")
	}
}

func identity(t *testing.T, src IdentifiedSource) string {
	t.Helper()
	text, ok := src.Identity()
	if !ok {
		t.Errorf("%T has no identity", src)
	}
	return text
}
