package researchflow_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/researchflow/researchflow"
	"github.com/researchflow/researchflow/internal/fhirtest"
	"github.com/researchflow/researchflow/internal/synth"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/audit"
	"github.com/researchflow/researchflow/orchestrator/steps"
	"github.com/researchflow/researchflow/orchestrator/workflow"
	"github.com/researchflow/researchflow/runner"
	"github.com/researchflow/researchflow/runner/views"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// config returns a configuration with every file below a folder of the test.
func config(t *testing.T) researchflow.Config {
	t.Helper()
	dir := t.TempDir()
	return researchflow.Config{
		DatabaseURL: "sqlite://" + filepath.Join(dir, "rf.db"), WorkDir: filepath.Join(dir, "work"), OutDir: filepath.Join(dir, "out"),
	}
}

func data(t *testing.T, patients int) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := synth.WriteDir(dir, synth.Config{Seed: 5, Patients: patients}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func open(t *testing.T, cfg researchflow.Config) *researchflow.Flow {
	t.Helper()
	flow, err := researchflow.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 2 { // the second call does nothing
			if err := flow.Close(context.Background()); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
	})
	return flow
}

func newRequest(elements ...string) orchestrator.NewRequest {
	return orchestrator.NewRequest{
		Title: "Everybody", Description: "Every patient.", Protocol: "IRB-1",
		Researcher: orchestrator.Researcher{Name: "Mara Lindholm", Email: "mara@example.org", Department: "Endocrinology"},
		Requirements: orchestrator.Requirements{
			Inclusion:    []orchestrator.Criterion{{Resource: "Patient"}},
			DataElements: elements, PHILevel: orchestrator.LimitedDataSet, MinimumCohort: 1,
		},
	}
}

// complete submits a request, approves every gate, and returns its id once it is complete.
func complete(t *testing.T, flow *researchflow.Flow, n orchestrator.NewRequest) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	id, err := flow.Orchestrator.Submit(ctx, n)
	if err != nil {
		t.Fatal(err)
	}
	state := ""
	for change, err := range flow.Orchestrator.Watch(ctx, id, 0) {
		if err != nil {
			t.Fatal(err)
		}
		state = change.To
		r, err := flow.Orchestrator.Status(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if r.Gate == nil || r.Gate.Visit != change.Seq {
			continue
		}
		if state == workflow.StateHumanReview {
			t.Fatalf("the request waits for an administrator: %s", change.Reason)
		}
		d := orchestrator.Decision{
			Gate: r.Gate.ID, By: orchestrator.Actor{ID: "reviewer", Roles: r.Gate.Roles}, Verdict: orchestrator.Approve,
		}
		if err := flow.Orchestrator.Decide(ctx, d); err != nil {
			t.Fatal(err)
		}
	}
	if state != workflow.StateComplete {
		t.Fatalf("the request ended in %q", state)
	}
	return id
}

func TestRequestFromAFHIRServer(t *testing.T) {
	t.Parallel()
	dir := data(t, 15)
	server := fhirtest.New(t, fhirtest.Dir(dir))
	server.Configure(func(b *fhirtest.Behaviour) { b.RelativeNext = true })
	cfg := config(t)
	cfg.FHIRBaseURL = server.URL()
	cfg.Zip = true
	flow := open(t, cfg)
	id := complete(t, flow, newRequest("patient_simple", "condition_diagnoses", "procedure_history"))

	deliveries, err := flow.Store.Deliveries(t.Context(), id)
	if err != nil || len(deliveries) != 1 || deliveries[0].Location != filepath.Join(cfg.OutDir, id+".zip") {
		t.Fatalf("deliveries %+v, %v", deliveries, err)
	}
	for _, f := range deliveries[0].Files {
		view, ok := strings.CutPrefix(strings.TrimSuffix(f.Name, ".csv"), "data/")
		if !ok {
			continue
		}
		if want := countRows(t, view, runner.Dir(dir)); f.Rows != want || want == 0 {
			t.Errorf("%s: %d rows, the files have %d", f.Name, f.Rows, want)
		}
	}
	// Criteria run through the cache: the extraction finds the cohort without asking the server again.
	if s := flow.Cache.Stats(); s.Hits != 1 || s.Misses != 1 {
		t.Errorf("cache: %d hits, %d misses; want 1 and 1", s.Hits, s.Misses)
	}
	if _, err := flow.Orchestrator.VerifyAudit(t.Context(), id); err != nil {
		t.Error(err)
	}
	for e, err := range flow.Orchestrator.AuditEntries(t.Context(), id) {
		if err != nil {
			t.Fatal(err)
		}
		entry, err := e.Entry()
		if err != nil {
			t.Fatal(err)
		}
		if entry.Type == audit.ViewRun && entry.Where.FHIRBase != server.URL() {
			t.Errorf("view.run %d: FHIR base %q, want %q", entry.Seq, entry.Where.FHIRBase, server.URL())
		}
	}
}

func countRows(t *testing.T, view string, src runner.Source) (n int64) {
	t.Helper()
	v, err := views.Compile(view)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range v.Rows(t.Context(), src) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// TestRunsAreAudited checks that each run of a view has an audit entry before it and one after it, on the chain of its
// request or the system's.
func TestRunsAreAudited(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.DataPath = data(t, 10)
	flow := open(t, cfg)
	v, err := flow.View("patient_simple")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := flow.Runner.Run(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"requested 0 miss", "completed 10 miss", "requested 0 miss", "completed 10 hit",
	}
	if got := runs(t, flow, audit.SystemChain); strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("system chain: %q, want %q", got, want)
	}
	id := complete(t, flow, newRequest("patient_simple"))
	// The cohort and the availability, the cohort again (from the cache), the extraction.
	want = []string{
		"requested 0 miss", "completed 10 miss", "requested 0 miss", "completed 10 miss",
		"requested 0 miss", "completed 10 hit", "requested 0 miss", "completed 10 miss",
	}
	if got := runs(t, flow, id); strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("chain of the request: %q, want %q", got, want)
	}
	if got := runs(t, flow, audit.SystemChain); len(got) != 4 {
		t.Errorf("the request's runs are on the system's chain: %q", got)
	}
}

// runs describes the view.run entries of a chain.
func runs(t *testing.T, flow *researchflow.Flow, chain string) (list []string) {
	t.Helper()
	for e, err := range flow.Store.AuditEntries(t.Context(), chain, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Type != audit.ViewRun {
			continue
		}
		entry, err := e.Entry()
		if err != nil {
			t.Fatal(err)
		}
		phase, rows, cache := "", int64(0), "miss"
		for _, x := range entry.Entity {
			switch x.Kind {
			case "phase":
				phase = x.Ref
			case "view":
				rows = x.Count
			case "cache":
				cache = x.Ref
			}
		}
		list = append(list, strings.Join([]string{phase, itoa(rows), cache}, " "))
	}
	return list
}

func itoa(n int64) string {
	b, _ := json.Marshal(n) // cannot fail for a number
	return string(b)
}

func TestSyntheticDataIsASource(t *testing.T) {
	t.Parallel()
	flow := open(t, config(t))
	v, err := flow.View("patient_simple")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		res, err := flow.Runner.Run(t.Context(), v)
		if err != nil || res.Len() != synth.DefaultPatients {
			t.Fatalf("rows: %d, %v; want %d", res.Len(), err, synth.DefaultPatients)
		}
	}
	if s := flow.Cache.Stats(); s.Hits != 1 {
		t.Errorf("%d hits, want 1", s.Hits)
	}
	if _, err := flow.Runner.Run(t.Context(), v, runner.Search("gender", "female")); !errors.Is(err, runner.ErrSearch) {
		t.Errorf("a search: %v, want %v", err, runner.ErrSearch)
	}
	n := 0
	for range flow.Runner.Stream(t.Context(), v) {
		if n++; n == 3 {
			break
		}
	}
}

// TestNoAuditNoData checks that no view runs if the audit trail cannot be written.
func TestNoAuditNoData(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.DataPath = data(t, 3)
	flow, err := researchflow.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	v, err := flow.View("patient_simple")
	if err != nil {
		t.Fatal(err)
	}
	if err := flow.Close(t.Context()); err != nil { // the database is closed with the rest
		t.Fatal(err)
	}
	for row, err := range flow.Runner.Stream(t.Context(), v) {
		if err == nil {
			t.Fatalf("a row of %d values was read without an audit entry", row.Len())
		}
	}
	if res, err := flow.Runner.Run(t.Context(), v); err == nil {
		t.Errorf("%d rows were read without an audit entry", res.Len())
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	server := fhirtest.New(t, fhirtest.Patients(1))
	cfg := config(t)
	cfg.FHIRBaseURL = server.URL()
	cfg.FHIR.MaxRetries = -1
	flow := open(t, cfg)
	if err := flow.Health.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	flow.Health.Routes(mux)
	get := func(path string) (int, map[string]any) {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		var body map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		return w.Code, body
	}
	if code, body := get("/health/ready"); code != http.StatusOK || body["status"] != "ready" {
		t.Errorf("/health/ready: %d %v", code, body)
	}
	code, body := get("/health")
	fhirServer, _ := body["components"].(map[string]any)["fhir_server"].(map[string]any)
	if code != http.StatusOK || body["status"] != "healthy" || fhirServer["version"] != "4.0.1" {
		t.Errorf("/health: %d %v", code, body)
	}
	server.Close()
	if err := flow.Health.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code, body := get("/health"); code != http.StatusOK || body["status"] != "degraded" {
		t.Errorf("/health without the FHIR server: %d %v", code, body)
	}
	if code, _ := get("/health/ready"); code != http.StatusOK {
		t.Errorf("/health/ready without the FHIR server: %d, want 200", code)
	}
}

func TestPassiveLeavesStepsToOthers(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.DataPath = data(t, 3)
	active := cfg
	cfg.Passive = true
	flow := open(t, cfg)
	id, err := flow.Orchestrator.Submit(t.Context(), newRequest("patient_simple"))
	if err != nil {
		t.Fatal(err)
	}
	if r, err := flow.Orchestrator.Status(t.Context(), id); err != nil || r.State != workflow.StateRequirementsGathering {
		t.Fatalf("status %+v, %v", r, err)
	}
	open(t, active)
	for change, err := range flow.Orchestrator.Watch(t.Context(), id, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if change.To == workflow.StateRequirementsReview {
			break
		}
	}
}

func TestHostsViewsStepsAndSource(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.Source = runner.Resources{json.RawMessage(`{"resourceType":"Patient","id":"p1","gender":"female"}`)}
	cfg.Views = func(name string) (*runner.View, error) {
		if name != "genders" {
			return nil, errors.New("there is no such view")
		}
		return runner.CompileJSON([]byte(`{"resourceType":"ViewDefinition","name":"genders","resource":"Patient","status":"active",
			"select":[{"column":[{"name":"gender","path":"gender"}]}]}`))
	}
	announced := make(chan string, 1)
	cfg.Steps = func(s *steps.Config) {
		s.Announce = func(_ context.Context, _ string, k steps.Kickoff) error { announced <- k.Request; return nil }
	}
	cfg.DisableCache = true
	flow := open(t, cfg)
	if flow.Cache != nil || flow.FHIR != nil {
		t.Errorf("cache %v, FHIR client %v; want none", flow.Cache, flow.FHIR)
	}
	var invalid *orchestrator.ValidationError
	if _, err := flow.Orchestrator.Submit(t.Context(), newRequest("patient_simple")); !errors.As(err, &invalid) {
		t.Errorf("a request for a view that the host does not have: %v", err)
	}
	id := complete(t, flow, newRequest("genders"))
	if got := <-announced; got != id {
		t.Errorf("announced %s, want %s", got, id)
	}
	text, err := os.ReadFile(filepath.Join(cfg.OutDir, id, "data", "genders.csv"))
	if err != nil || string(text) != "gender\r\nfemale\r\n" {
		t.Errorf("genders.csv: %q, %v", text, err)
	}
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		change func(*researchflow.Config)
		want   string
	}{
		{"database URL", func(c *researchflow.Config) { c.DatabaseURL = "oracle://x" }, "the database URL does not parse"},
		{"database in a file's place", func(c *researchflow.Config) { c.DatabaseURL = "sqlite://" + filepath.Join(file, "rf.db") }, "store: "},
		{"no data", func(c *researchflow.Config) { c.DataPath = filepath.Join(file, "data") }, "researchflow: data: "},
		{"FHIR URL", func(c *researchflow.Config) { c.FHIRBaseURL = "fhir.example.org" }, "fhir: base URL"},
		{"limit", func(c *researchflow.Config) { c.MaxParallel = -3 }, "MaxParallel"},
		{"lease", func(c *researchflow.Config) {
			c.Orchestrator = []orchestrator.Option{orchestrator.WithLease(1)}
		}, "lease"},
	}
	for _, tt := range tests {
		cfg := config(t)
		cfg.DataPath = data(t, 1)
		if tt.name == "FHIR URL" {
			cfg.DataPath = ""
		}
		tt.change(&cfg)
		flow, err := researchflow.Open(t.Context(), cfg)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want a line with %q", tt.name, err, tt.want)
		}
		if flow != nil {
			t.Errorf("%s: a Flow beside an error", tt.name)
		}
	}
}
