package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	pq "github.com/parquet-go/parquet-go"

	"github.com/researchflow/researchflow/internal/testdata"
	"github.com/researchflow/researchflow/runner/views"
)

const idView = `{"resource":"Patient","name":"ids","select":[{"column":[{"name":"id","path":"id"}]}]}`

func file(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func viewrun(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestFormats(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	view := file(t, dir, "ids.view.json", idView)
	data := file(t, dir, "Patient.ndjson", `{"resourceType":"Patient","id":"a"}`+"\n"+`{"resourceType":"Patient","id":"b"}`+"\n")
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "id\r\na\r\nb\r\n"},
		{[]string{"-format", "ndjson"}, `{"id":"a"}` + "\n" + `{"id":"b"}` + "\n"},
		{[]string{"-format", "json", "-parallel", "1"}, "[\n" + `{"id":"a"}` + ",\n" + `{"id":"b"}` + "\n]\n"},
		{[]string{"-limit", "1", "-format", "ndjson"}, `{"id":"a"}` + "\n"},
	} {
		code, stdout, stderr := viewrun(t, append([]string{"-view", view, "-source", data}, tt.args...)...)
		if code != 0 || stdout != tt.want {
			t.Errorf("%q: exit %d, %q, want %q; stderr %s", tt.args, code, stdout, tt.want, stderr)
		}
		if limited := strings.Contains(stderr, "stopped at the limit of 1 rows"); limited != (len(tt.args) == 4 && tt.args[0] == "-limit") {
			t.Errorf("%q: stderr %s", tt.args, stderr)
		}
	}
}

func TestParquet(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out := filepath.Join(dir, "patients.parquet")
	code, stdout, stderr := viewrun(t, "-view", "patient_demographics", "-source", testdata.Shared(t, "data", "small"), "-format", "parquet", "-out", out)
	if code != 0 || stdout != "" {
		t.Fatalf("exit %d, stdout %q, stderr %s", code, stdout, stderr)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	f, err := pq.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := f.NumRows(), int64(15); got != want {
		t.Errorf("%d rows, want %d", got, want)
	}
	var names []string
	for _, field := range f.Schema().Fields() {
		names = append(names, field.Name())
	}
	view, err := views.Compile("patient_demographics")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, c := range view.Columns() {
		want = append(want, c.Name)
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
}

// TestCSVGuard: text that a spreadsheet would run as a formula is written unchanged only if the guard is off.
func TestCSVGuard(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	view := file(t, dir, "family.view.json", `{"resource":"Patient","select":[{"column":[{"name":"family","path":"name.family"}]}]}`)
	data := file(t, dir, "Patient.ndjson", `{"resourceType":"Patient","id":"a","name":[{"family":"=1+1"}]}`+"\n")
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "family\r\n\"'=1+1\"\r\n"},
		{[]string{"-csv-guard"}, "family\r\n\"'=1+1\"\r\n"},
		{[]string{"-csv-guard=false"}, "family\r\n=1+1\r\n"},
	} {
		code, stdout, stderr := viewrun(t, append([]string{"-view", view, "-source", data}, tt.args...)...)
		if code != 0 || stdout != tt.want {
			t.Errorf("%q: exit %d, %q, want %q; stderr %s", tt.args, code, stdout, tt.want, stderr)
		}
	}
}

func TestStats(t *testing.T) {
	t.Parallel()
	code, _, stderr := viewrun(t, "-view", "patient_simple", "-source", testdata.Shared(t, "data", "small"), "-stats", "-parallel", "1")
	var got struct {
		View                            string
		Resources, Bytes, Rows, Skipped int64
		Seconds                         float64
		Workers                         int
	}
	if err := json.Unmarshal([]byte(stderr), &got); err != nil || code != 0 || strings.Count(stderr, "\n") != 1 {
		t.Fatalf("exit %d, stderr %q, %v", code, stderr, err)
	}
	if got.View != "patient_simple" || got.Resources != 15 || got.Rows != 15 || got.Bytes != 50137 || got.Workers != 1 || got.Seconds <= 0 {
		t.Errorf("stats %+v", got)
	}
}

// TestSharedViews runs every view of the shared folder and compares with its golden rows, if it has any.
func TestSharedViews(t *testing.T) {
	t.Parallel()
	views, err := filepath.Glob(filepath.Join(testdata.Shared(t, "views"), "*.json"))
	if err != nil || len(views) != 6 {
		t.Fatalf("%d views, %v", len(views), err)
	}
	golden := map[string]string{
		"lab_observation": "helios_LabObservationView", "patient_addresses": "ig_PatientAddresses", "patient_demographics": "ig_PatientDemographics",
	}
	for _, view := range views {
		code, stdout, stderr := viewrun(t, "-view", view, "-source", testdata.Shared(t, "data", "small"), "-format", "ndjson")
		if code != 0 || stderr != "" {
			t.Errorf("%s: exit %d, %s", view, code, stderr)
		}
		name, ok := golden[strings.TrimSuffix(filepath.Base(view), ".json")]
		if !ok {
			continue
		}
		want, err := os.ReadFile(testdata.Shared(t, "conformance", "golden", "small__"+name+".ndjson"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(rows(t, string(want)), rows(t, stdout)); diff != "" {
			t.Errorf("%s: rows (-golden +got):\n%s", view, diff)
		}
	}
}

// rows decodes NDJSON.
func rows(t *testing.T, text string) []map[string]any {
	t.Helper()
	var list []map[string]any
	for line := range strings.Lines(text) {
		var row map[string]any
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		list = append(list, row)
	}
	return list
}

// TestBadInput: each input gives a one-line error that says where, and leaves nothing where -out points.
func TestBadInput(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	view := file(t, dir, "ids.view.json", idView)
	good := file(t, dir, "Patient.ndjson", `{"resourceType":"Patient","id":"a"}`+"\n")
	bad := file(t, dir, "bad.ndjson", `{"resourceType":"Patient","id":"a"}`+"\n{\n")
	noJSON := file(t, dir, "no.view.json", "{\n\"resource\": oops\n}")
	noPath := file(t, dir, "path.view.json", `{"resource":"Patient","select":[{"column":[{"name":"a","path":"name.where("}]}]}`)
	noPath2 := file(t, dir, "path2.view.json", `{"resource":"Patient","select":[{"column":[{"name":"a"},{"path":"id"}]}]}`)
	server := httptest.NewServer(http.NotFoundHandler())
	gone := server.URL
	server.Close()
	tests := []struct {
		name string
		args []string
		code int
		want string
		more bool // a line with a caret follows
	}{
		{"no flags", nil, 2, "-view is missing", false},
		{"no source", []string{"-view", view}, 2, "-source is missing", false},
		{"unknown flag", []string{"-nope"}, 2, "flag provided but not defined: -nope", false},
		{"argument", []string{"-view", view, "-source", good, "x"}, 2, `unexpected argument "x"`, false},
		{"format", []string{"-view", view, "-source", good, "-format", "xml"}, 2, `-format "xml": expected csv, ndjson, json or parquet`, false},
		{"policy", []string{"-view", view, "-source", good, "-on-error", "ignore"}, 2, `-on-error "ignore"`, false},
		{"limit", []string{"-view", view, "-source", good, "-limit", "-1"}, 2, "-limit -1", false},
		{"parallel", []string{"-view", view, "-source", good, "-parallel", "x"}, 2, `invalid value "x" for flag -parallel`, false},
		{"unknown view", []string{"-view", "patients", "-source", good}, 2, `unknown view "patients", want one of condition_diagnoses, `, false},
		{"no view file", []string{"-view", dir + "/none.json", "-source", good}, 2, dir + "/none.json: no such file or directory", false},
		{"view is no JSON", []string{"-view", noJSON, "-source", good}, 2, noJSON + ": the view is not JSON: ", true},
		{"view with a syntax error", []string{"-view", noPath, "-source", good}, 2, noPath + ": select[0].column[0].path: ", true},
		{"view with two faults", []string{"-view", noPath2, "-source", good}, 2, noPath2 + ": the view has 2 faults", true},
		{"no source directory", []string{"-view", view, "-source", dir + "/none"}, 2, dir + "/none: no such file or directory", false},
		{"empty directory", []string{"-view", view, "-source", t.TempDir()}, 2, "the directory holds no *.ndjson or *.json files", false},
		{"broken line", []string{"-view", view, "-source", bad}, 1, "ids: " + bad + ":2: not a FHIR resource: ", false},
		{"server that is not there", []string{"-view", view, "-source", gone}, 1, "", false},
		{"no server address", []string{"-view", view, "-source", "http://"}, 2, "", false},
		{"no output directory", []string{"-view", view, "-source", good, "-out", dir + "/none/x.csv"}, 2, "viewrun: " + dir + "/none/x.csv: no such file or directory\n", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(t.TempDir(), "out.csv")
			args := tt.args
			if len(args) >= 4 && !strings.Contains(strings.Join(args, " "), "-out") && len(args)%2 == 0 {
				args = append(args, "-out", out)
			}
			code, stdout, stderr := viewrun(t, args...)
			if code != tt.code || stdout != "" {
				t.Errorf("exit %d, want %d; stdout %q", code, tt.code, stdout)
			}
			if !strings.HasPrefix(stderr, "viewrun: ") || !strings.Contains(stderr, tt.want) || strings.Contains(stderr, "runner:") {
				t.Errorf("stderr %q, want it to hold %q", stderr, tt.want)
			}
			if lines := strings.Count(stderr, "\n"); lines != 1 && !tt.more || strings.Contains(stderr, "goroutine") {
				t.Errorf("stderr has %d lines: %s", lines, stderr)
			}
			if entries, err := os.ReadDir(filepath.Dir(out)); err != nil || len(entries) != 0 {
				t.Errorf("left behind: %v, %v", entries, err)
			}
		})
	}
}

func TestOut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	view := file(t, dir, "ids.view.json", idView)
	bad := file(t, dir, "bad.ndjson", `{"resourceType":"Patient","id":"a"}`+"\nbad\n"+`{"resourceType":"Patient","id":"b"}`+"\n")
	out := file(t, dir, "out.csv", "old")
	if code, _, _ := viewrun(t, "-view", view, "-source", bad, "-out", out); code != 1 {
		t.Errorf("exit %d, want 1", code)
	}
	if text, err := os.ReadFile(out); err != nil || string(text) != "old" {
		t.Errorf("a failed run changed the file to %q, %v", text, err)
	}
	code, stdout, stderr := viewrun(t, "-view", view, "-source", bad, "-out", out, "-on-error", "skip")
	if text, err := os.ReadFile(out); err != nil || string(text) != "id\r\na\r\nb\r\n" || code != 0 || stdout != "" {
		t.Errorf("exit %d, file %q, %v", code, text, err)
	}
	if !strings.Contains(stderr, "viewrun: 1 of 3 resources were skipped\n") || !strings.Contains(stderr, "bad.ndjson:2: ") {
		t.Errorf("stderr %s", stderr)
	}
	if info, err := os.Stat(out); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode changed to %v, %v", info.Mode(), err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 3 {
		t.Errorf("the directory holds %v, %v", entries, err)
	}
	if code, _, stderr := viewrun(t, "-view", view, "-source", bad, "-out", os.DevNull, "-on-error", "skip"); code != 0 {
		t.Errorf("to the null device: exit %d, %s", code, stderr)
	}
	if code, _, stderr := viewrun(t, "-view", view, "-source", bad, "-out", dir); code != 2 || !strings.Contains(stderr, "is a directory") {
		t.Errorf("to a directory: exit %d, %s", code, stderr)
	}
}

// TestOutKeepsMode: a replaced file keeps its mode, whatever the mode of new files is.
func TestOutKeepsMode(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	view := file(t, dir, "ids.view.json", idView)
	data := file(t, dir, "Patient.ndjson", `{"resourceType":"Patient","id":"a"}`+"\n")
	out := file(t, dir, "out.csv", "old")
	const want = os.FileMode(0o666)
	if err := os.Chmod(out, want); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := viewrun(t, "-view", view, "-source", data, "-out", out); code != 0 {
		t.Fatalf("exit %d, %s", code, stderr)
	}
	if info, err := os.Stat(out); err != nil || info.Mode().Perm() != want {
		t.Errorf("mode %v, %v, want %v", info.Mode(), err, want)
	}
}

func TestServer(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/fhir+json")
		if !strings.HasSuffix(r.URL.Path, "/Patient") {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(`{"resourceType":"Bundle","type":"searchset","entry":[{"resource":{"resourceType":"Patient","id":"s"}}]}`))
	}))
	t.Cleanup(server.Close)
	view := file(t, t.TempDir(), "ids.view.json", idView)
	code, stdout, stderr := viewrun(t, "-view", view, "-source", server.URL, "-format", "ndjson")
	if code != 0 || stdout != `{"id":"s"}`+"\n" {
		t.Errorf("exit %d, %q, %s", code, stdout, stderr)
	}
}

// TestFaultOnAPage: a faulty resource on a server's page is reported, or skipped and counted.
func TestFaultOnAPage(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/fhir+json")
		_, _ = w.Write([]byte(`{"resourceType":"Bundle","type":"searchset","entry":[{"resource":{"resourceType":"Patient","id":"a"}},` +
			`{"resource":{"id":"b"}},{"resource":{"resourceType":"Patient","id":["c"]}},{"resource":{"resourceType":"Patient","id":"d"}}]}`))
	}))
	t.Cleanup(server.Close)
	view := file(t, t.TempDir(), "ids.view.json", idView)
	code, stdout, stderr := viewrun(t, "-view", view, "-source", server.URL, "-format", "ndjson")
	if code != 1 || !strings.Contains(stderr, "resource 2: not a FHIR resource: it has no resourceType") {
		t.Errorf("fail: exit %d, %q, %s", code, stdout, stderr)
	}
	code, stdout, stderr = viewrun(t, "-view", view, "-source", server.URL, "-format", "ndjson", "-on-error", "skip")
	if want := `{"id":"a"}` + "\n" + `{"id":"c"}` + "\n" + `{"id":"d"}` + "\n"; code != 0 || stdout != want || !strings.Contains(stderr, "1 of 4 resources were skipped") {
		t.Errorf("skip: exit %d, %q, %s", code, stdout, stderr)
	}
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	view := file(t, dir, "ids.view.json", idView)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	target := filepath.Join(dir, "out.csv")
	if code := run(ctx, []string{"-view", view, "-source", view, "-out", target}, &out, &errs); code != 1 || errs.String() != "viewrun: interrupted\n" {
		t.Errorf("exit %d, %s", code, errs.String())
	}
	if _, err := os.Stat(target); err == nil {
		t.Error("an interrupted run left its output")
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := viewrun(t, "-h")
	for _, name := range []string{"-view", "-source", "-format", "-out", "-limit", "-parallel", "-on-error", "-csv-guard", "-stats"} {
		if !strings.Contains(stderr, "  "+name+" ") && !strings.Contains(stderr, "  "+name+"\n") {
			t.Errorf("the help does not name %s:\n%s", name, stderr)
		}
	}
	if code != 0 || stdout != "" {
		t.Errorf("exit %d, stdout %q", code, stdout)
	}
}
