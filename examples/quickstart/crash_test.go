package main

import (
	"cmp"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
	"github.com/researchflow/researchflow/store"
	"github.com/researchflow/researchflow/store/storetest"
)

// crash is a run that dies after a state, and a second run that resumes it.
type crash struct {
	state string
	// until is set if the run cannot reach the state by itself: it dies after until, and then another process requests
	// the state, and dies too.
	until string
	// before and after are the additional flags of the two runs, with their answers at gates.
	before, after           []string
	beforeInput, afterInput string
	// path is the final history; nil means the straight path. If it does not lead to complete, end is in the last line
	// on standard error.
	path []string
	end  string
}

// detour returns a history that begins with n states of the straight path and continues with others.
func detour(n int, then ...string) []string { return append(slices.Clone(straightPath[:n]), then...) }

// crashes returns a crash for every state, on the straight path and off it.
func crashes(t *testing.T) []crash {
	t.Helper()
	edit := func(name, old, new string) string {
		text := strings.Replace(string(everybodyRequest), old, new, 1)
		if text == string(everybodyRequest) {
			t.Fatalf("everybody.json does not hold %q", old)
		}
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var all []crash
	for _, state := range straightPath {
		all = append(all, crash{state: state})
	}
	ask := []string{"-gates", "ask"}
	stuck := detour(10, "human_review") // the data steward rejects
	return append(
		all,
		crash{
			state: "not_feasible", before: []string{"-request", edit("nobody.json", `"resource": "Patient"`, `"resource": "Patient", "condition": "birthDate < @1807-12-31"`)},
			path: detour(5, "not_feasible"), end: "ended in not_feasible: ",
		},
		crash{
			state: "qa_failed", before: []string{"-request", edit("names.json", `"identified"`, `"limited"`)},
			path: detour(13, "qa_failed"), end: "ended in qa_failed: ",
		},
		crash{
			state: "scope_change", until: "requirements_review",
			path: append(detour(4, "scope_change"), straightPath[1:]...),
		},
		crash{
			state: "human_review", before: ask, beforeInput: "a\na\nr\nask the board\n", after: ask, afterInput: "a\na\na\n",
			path: append(stuck, straightPath[9:]...),
		},
		crash{
			state: "failed", before: ask, beforeInput: "a\na\nr\nask the board\nr\nthe board says no\n",
			path: append(slices.Clone(stuck), "failed"), end: "ended in failed: ",
		},
	)
}

// TestCrashAndResume kills the command after each state, and resumes the request with a second run.
func TestCrashAndResume(t *testing.T) {
	t.Parallel()
	all := crashes(t)
	for _, s := range workflow.Default().States {
		if !slices.ContainsFunc(all, func(c crash) bool { return c.state == s.Name }) {
			t.Errorf("no run dies after %s", s.Name)
		}
	}
	for _, c := range all {
		t.Run(c.state, func(t *testing.T) {
			t.Parallel()
			crashAndResume(t, "sqlite://"+filepath.Join(t.TempDir(), "rf.db"), c)
		})
	}
}

// dies runs a process of this program that must be killed, and returns what it prints.
func dies(t *testing.T, stdin, env string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), env, "TMPDIR="+t.TempDir())
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.Exited() {
		t.Fatalf("the run was not killed: %v\n%s", err, out)
	}
	return out
}

// askForScopeChange requests a scope change on behalf of the researcher, as a host's process would, and dies once it is
// committed. The command itself never does this.
func askForScopeChange(ctx context.Context, id, db string) error {
	s, err := store.Open(ctx, db)
	if err != nil {
		return err
	}
	after := crasher{opt: options{crashAfter: workflow.StateScopeChange, db: db}, out: newConsole(os.Stdout)}.after
	o, err := orchestrator.New(s, orchestrator.WithOnStateChange(after))
	if err != nil {
		return err
	}
	r, err := o.Status(ctx, id)
	if err != nil {
		return err
	}
	return o.RequestScopeChange(ctx, orchestrator.ScopeChange{
		Request: id, By: r.Researcher.Actor(), Reason: "two patients are enough", Patch: []byte(`{"minimumCohort":2}`),
	})
}

func crashAndResume(t *testing.T, db string, c crash) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	args := []string{"-db", db, "-out", out, "-data", fewPatients(t)}
	first := dies(t, c.beforeInput, asMain+"=1", slices.Concat(args, c.before, []string{"-crash-after", cmp.Or(c.until, c.state)})...)
	found := regexp.MustCompile(`-resume (REQ-\d{8}-[0-9A-F]{8})\n`).FindSubmatch(first)
	if found == nil {
		t.Fatalf("the first run does not say how to continue:\n%s", first)
	}
	id := string(found[1])
	if c.until != "" {
		dies(t, "", asScopeChange+"="+id, db)
	}
	resume := slices.Concat(args, c.after, []string{"-resume", id})
	code, stdout, stderr := quickstart(t, c.afterInput, resume...)
	if want := c.end; (code == 0) != (want == "") || !strings.Contains(stderr, want) || want == "" && stderr != "" {
		t.Fatalf("the second run: exit %d, %q, want %q\n%s", code, stderr, want, stdout)
	}
	checkStored(t, db, id, c)
	if c.end != "" {
		return
	}
	if !strings.Contains(stdout, "audit trail verified: ") {
		t.Errorf("the audit trail was not verified:\n%s", stdout)
	}
	if c.path == nil {
		checkHistory(t, stdout)
	}
	delivered(t, out)
	// Resuming a complete request only reports.
	if again := succeed(t, "", resume...); historyOf(again) != historyOf(stdout) {
		t.Errorf("a third run changes the history:\n%s\nwas\n%s", historyOf(again), historyOf(stdout))
	}
}

// checkStored fails the test unless the history is the expected path, and history, audit trail, gates, attempts and
// deliveries agree.
func checkStored(t *testing.T, db, id string, c crash) {
	t.Helper()
	s, err := store.Open(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	history, err := s.History(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, h := range history {
		got = append(got, h.To)
	}
	want := c.path
	if want == nil {
		want = straightPath
	}
	if !slices.Equal(got, want) {
		t.Errorf("history: got %v, want %v", got, want)
	}
	if err := storetest.Check(t.Context(), s, workflow.Default(), id); err != nil {
		t.Error(err)
	}
	deliveries, err := s.Deliveries(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(deliveries); n != 1 && c.end == "" || n != 0 && c.end != "" {
		t.Errorf("%d deliveries", n)
	}
}

func historyOf(stdout string) string {
	return strings.Join(historyLine.FindAllString(stdout, -1), "\n")
}
