package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/researchflow/researchflow/internal/fhirtest"
	"github.com/researchflow/researchflow/internal/pgtest"
	"github.com/researchflow/researchflow/internal/synth"
	"github.com/researchflow/researchflow/internal/testdata"
	"github.com/researchflow/researchflow/orchestrator/steps"
)

// With asMain in its environment, the test program is the command, for runs that die. With asScopeChange, which holds a
// request's id, it asks for a scope change of that request in the database that its argument names.
const (
	asMain        = "RESEARCHFLOW_QUICKSTART_MAIN"
	asScopeChange = "RESEARCHFLOW_QUICKSTART_SCOPE_CHANGE"
)

func TestMain(m *testing.M) {
	if os.Getenv(asMain) != "" {
		main()
		return
	}
	if id := os.Getenv(asScopeChange); id != "" {
		fmt.Fprintln(os.Stderr, askForScopeChange(context.Background(), id, os.Args[1]))
		os.Exit(1)
	}
	flag.Parse()
	// The tests mostly wait for the leases of dead hosts.
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(withPostgres{m})
}

var postgres pgtest.Pool

// withPostgres stops the server after the tests, before goroutines are counted.
type withPostgres struct{ m *testing.M }

func (w withPostgres) Run() int { return postgres.Main(w.m) }

// quickstart runs the command in this process.
func quickstart(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(stdin), &out, &err)
	return code, out.String(), err.String()
}

// fewPatients writes enough synthetic data for every step, and little enough for the race detector.
func fewPatients(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := synth.WriteDir(dir, synth.Config{Patients: 12}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// succeed fails the test unless the exit code is 0, and returns standard output.
func succeed(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	code, stdout, stderr := quickstart(t, stdin, args...)
	if code != 0 || stderr != "" {
		t.Fatalf("quickstart %v: exit %d\n%s\n%s", args, code, stdout, stderr)
	}
	return stdout
}

// delivered returns the only package in a folder.
func delivered(t *testing.T, out string) (string, steps.Manifest) {
	t.Helper()
	entries, err := os.ReadDir(out)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%s holds %v, %v; want one package", out, entries, err)
	}
	dir := filepath.Join(out, entries[0].Name())
	text, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var m steps.Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return dir, m
}

// straightPath is the history of a request that is approved at every gate.
var straightPath = []string{
	"new_request", "requirements_gathering", "requirements_complete", "requirements_review", "feasibility_validation", "feasible",
	"phenotype_review", "schedule_kickoff", "kickoff_complete", "extraction_approval", "data_extraction", "extraction_complete",
	"qa_validation", "qa_passed", "qa_review", "data_delivery", "delivered", "complete",
}

var historyLine = regexp.MustCompile(`(?m)^  +(\d+)  \S+Z  (\w+) +on `)

// checkHistory fails the test unless the history in the report is the straight path.
func checkHistory(t *testing.T, stdout string) {
	t.Helper()
	lines := historyLine.FindAllStringSubmatch(stdout, -1)
	if len(lines) != len(straightPath) {
		t.Fatalf("the history has %d rows, want %d:\n%s", len(lines), len(straightPath), stdout)
	}
	for i, l := range lines {
		if l[2] != straightPath[i] {
			t.Errorf("history row %d is %s, want %s", i+1, l[2], straightPath[i])
		}
	}
}

func TestWithoutFlags(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	stdout := succeed(t, "", "-out", out)
	checkHistory(t, stdout)
	dir, m := delivered(t, out)
	if m.Cohort < 10 || len(m.Files) != 8 {
		t.Errorf("cohort of %d patients in %d files", m.Cohort, len(m.Files))
	}
	for _, f := range m.Files {
		if f.Rows != nil && *f.Rows == 0 {
			t.Errorf("%s has no rows", f.Name)
		}
	}
	for _, want := range []string{
		"package " + dir, "all 8 hashes match the manifest", "approved by Ines Falk (informatician)",
		"approved by David Okoro (data_steward)", "approved by Quinn Sato (quality_reviewer)", "audit trail verified: ",
		"cache: ", `/health       {"status":"healthy"`, `"database":{"status":"healthy","active_requests":0}`,
		`"fhir_server":{"status":"healthy","version":"4.0.1"}`, `"hit_rate_percent":`,
		`/health/live  {"status":"alive"}`, `/health/ready {"status":"ready","components":{"database":"ready","fhir_server":"ready"}}`,
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("standard output does not have %q:\n%s", want, stdout)
		}
	}
}

// TestRowsAgreeWithGolden runs every view over the small data set, where the cohort is everybody.
func TestRowsAgreeWithGolden(t *testing.T) {
	t.Parallel()
	data := testdata.Shared(t, "data", "small")
	out := filepath.Join(t.TempDir(), "out")
	checkHistory(t, succeed(t, "", "-data", data, "-out", out))
	_, m := delivered(t, out)
	rows := map[string]int64{}
	for _, f := range m.Files {
		if f.Rows != nil {
			rows[strings.TrimSuffix(filepath.Base(f.Name), ".csv")] = *f.Rows
		}
	}
	if m.Cohort != 15 || len(rows) != 6 {
		t.Errorf("cohort of %d patients, %d views; want 15 and 6", m.Cohort, len(rows))
	}
	for _, view := range []string{"patient_demographics", "medication_requests", "procedure_history"} {
		golden, err := os.ReadFile(testdata.Shared(t, "conformance", "golden", "small__researchflow_"+view+".ndjson"))
		if err != nil {
			t.Fatal(err)
		}
		if want := int64(bytes.Count(golden, []byte("\n"))); rows[view] != want {
			t.Errorf("%s: %d rows, golden has %d", view, rows[view], want)
		}
	}
}

// TestServer runs every view over a FHIR server that holds the synthetic data of some patients.
func TestServer(t *testing.T) {
	t.Parallel()
	server := fhirtest.New(t, fhirtest.Dir(fewPatients(t)))
	out := filepath.Join(t.TempDir(), "out")
	stdout := succeed(t, "", "-fhir", server.URL(), "-out", out)
	checkHistory(t, stdout)
	if _, m := delivered(t, out); m.Cohort != 12 || len(m.Files) != 9 {
		t.Errorf("cohort of %d patients in %d files, want 12 and 9", m.Cohort, len(m.Files))
	}
	if _, health, _ := strings.Cut(stdout, "/health "); strings.Contains(health, server.Host()) {
		t.Errorf("the health bodies name the server:\n%s", stdout)
	}
}

func TestPostgreSQL(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	checkHistory(t, succeed(t, "", "-db", postgres.URL(t), "-data", fewPatients(t), "-out", out))
	delivered(t, out)
	crashAndResume(t, postgres.URL(t), crash{state: "data_extraction"})
}

func TestGatesAsk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	args := []string{"-gates", "ask", "-data", fewPatients(t), "-db", "sqlite://" + filepath.Join(dir, "rf.db"), "-out", filepath.Join(dir, "out")}
	// A rejected phenotype goes back to feasibility; then the user quits.
	code, stdout, stderr := quickstart(t, "a\nwhat?\nr\ncount the controls too\na\nq\n", args...)
	id := regexp.MustCompile(`continue with go run \./examples/quickstart .* -resume (REQ-\S+)\n`).FindStringSubmatch(stderr)
	if code != 1 || id == nil || !strings.Contains(stdout, "rejected by Ines Falk") {
		t.Fatalf("exit %d\n%s\n%s", code, stdout, stderr)
	}
	stdout = succeed(t, "a\na\n", append(args, "-resume", id[1])...)
	if n := len(historyLine.FindAllString(stdout, -1)); n != len(straightPath)+3 {
		t.Errorf("the history has %d rows, want %d:\n%s", n, len(straightPath)+3, stdout)
	}
	code, _, stderr = quickstart(t, "a\n", append(args[:len(args)-1], filepath.Join(dir, "other"))...)
	if code != 1 || stderr != "quickstart: the input ended before the question was answered\n" {
		t.Errorf("end of input: exit %d, %q", code, stderr)
	}
}

// TestQuitSaysHowToResume runs the command that is printed when the user quits, without a -db of their own.
func TestQuitSaysHowToResume(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	code, stdout, stderr := quickstart(t, "a\na\na\nq\n", "-gates", "ask", "-data", fewPatients(t), "-out", out)
	_, command, ok := strings.Cut(stderr, " waits at qa_review: continue with go run ./examples/quickstart ")
	if code != 1 || !ok {
		t.Fatalf("exit %d\n%s\n%s", code, stdout, stderr)
	}
	args := strings.Fields(strings.ReplaceAll(command, "'", ""))
	t.Cleanup(func() { os.RemoveAll(filepath.Dir(strings.TrimPrefix(args[1], "sqlite://"))) })
	succeed(t, "a\n", args...)
	if _, m := delivered(t, out); m.Cohort != 12 {
		t.Errorf("cohort of %d patients, want the 12 of the first run's data", m.Cohort)
	}
}

// TestNothingStaysWithoutDatabase: data extracted for a request that nobody can resume is removed.
func TestNothingStaysWithoutDatabase(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, input, want string }{
		{"end of input", "a\na\na\n", "the input ended before the question was answered"},
		{"rejected, then end of input", "a\na\na\nr\nagain\n", "the input ended before the question was answered"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(t.TempDir(), "out")
			code, _, stderr := quickstart(t, tt.input, "-gates", "ask", "-data", fewPatients(t), "-out", out)
			if code != 1 || !strings.Contains(stderr, tt.want) {
				t.Fatalf("exit %d, %q; want exit 1 and %q", code, stderr, tt.want)
			}
			if left, _ := filepath.Glob(filepath.Join(out, ".work*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestFaultsAreOneLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	broken := filepath.Dir(write("broken/Patient.ndjson", `{"resourceType":"Patient","id":"a"}`+"\n"+`{"resourceType":"Patient","id":`+"\n"))
	few := fewPatients(t)
	edited := func(name, old, new string) []string {
		text := strings.Replace(string(everybodyRequest), old, new, 1)
		if text == string(everybodyRequest) {
			t.Fatalf("everybody.json does not hold %q", old)
		}
		return []string{"-data", few, "-request", write(name, text)}
	}
	const patients = `"resource": "Patient"`
	tests := []struct {
		name string
		args []string
		code int
		want string // in the line
	}{
		{"unknown flag", []string{"-nonsense"}, 2, "-nonsense"},
		{"argument", []string{"x"}, 2, `unexpected argument "x"`},
		{"gates", []string{"-gates", "never"}, 2, "want auto or ask"},
		{"crash state", []string{"-crash-after", "lunch"}, 2, `unknown state "lunch"; the states are new_request, `},
		{"resume without database", []string{"-resume", "REQ-20260101-00000000"}, 2, "-resume needs the -db"},
		{"two sources", []string{"-data", "a", "-fhir", "b"}, 2, "cannot be used together"},
		{"unknown request", []string{"-db", "sqlite://" + filepath.Join(dir, "a.db"), "-resume", "REQ-20260101-00000000"}, 1, "not found"},
		{"database URL", []string{"-db", "mysql://x"}, 1, "the database URL does not parse"},
		{"database folder", []string{"-db", "sqlite://" + filepath.Join(dir, "nowhere", "rf.db")}, 1, "store: "},
		{"no folder", []string{"-data", filepath.Join(dir, "nowhere")}, 1, "nowhere: no such file or directory"},
		{"empty folder", []string{"-data", t.TempDir()}, 1, "the directory holds no *.ndjson or *.json files"},
		{"broken line", []string{"-data", broken}, 1, "Patient.ndjson:2"},
		{"no server", []string{"-fhir", "http://127.0.0.1:1/fhir"}, 1, "fhir"},
		{"server URL", []string{"-fhir", "fhir.example.org"}, 1, "not an absolute http or https URL"},
		{"no request file", []string{"-request", filepath.Join(dir, "nowhere.json")}, 1, "nowhere.json: no such file"},
		{"request is no JSON", []string{"-request", write("text.json", "hello")}, 1, "text.json: orchestrator: request: line 1: not JSON"},
		{"fields are missing", []string{"-request", write("empty.json", "{}")}, 1, "researcher.email is missing"},
		{"unknown view", edited("view.json", "patient_simple", "patient_complicated"), 1, "dataElements[1]"},
		{"bad condition", edited("condition.json", patients, patients+`, "condition": "birthDate <="`), 1, "inclusion[0].condition"},
		{"nobody", edited("nobody.json", patients, patients+`, "condition": "birthDate < @1807-12-31"`), 1, "ended in not_feasible: no patient satisfies the criteria"},
		{"names at level limited", edited("names.json", `"identified"`, `"limited"`), 1, "ended in qa_failed: identifiers: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(t.TempDir(), "out")
			code, _, stderr := quickstart(t, "", append([]string{"-out", out}, tt.args...)...)
			if code != tt.code || !strings.Contains(stderr, tt.want) || strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "quickstart: ") {
				t.Errorf("exit %d, %q; want exit %d and one line with %q", code, stderr, tt.code, tt.want)
			}
			if entries, _ := filepath.Glob(filepath.Join(out, "*")); len(entries) > 0 {
				t.Errorf("left behind: %v", entries)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	code, _, stderr := quickstart(t, "", "-help")
	for _, name := range []string{"-data", "-fhir", "-db", "-out", "-request", "-gates", "-crash-after", "-resume"} {
		if !strings.Contains(stderr, "  "+name+" ") {
			t.Errorf("-help does not name %s:\n%s", name, stderr)
		}
	}
	if code != 0 {
		t.Errorf("exit %d, want 0", code)
	}
}

func TestInterrupt(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, stderr bytes.Buffer
	code := run(ctx, []string{"-out", filepath.Join(t.TempDir(), "out")}, bufio.NewReader(strings.NewReader("")), &out, &stderr)
	if code != 1 || strings.Count(stderr.String(), "\n") != 1 {
		t.Errorf("exit %d, %q", code, stderr.String())
	}
}
