package workflow

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (rewrite with -update):\n%s", name, diff)
	}
}

func TestDrawings(t *testing.T) {
	t.Parallel()
	d := Default()
	path := []Move{
		{To: "new_request", Event: EventSubmit},
		{From: "new_request", To: "requirements_gathering", Event: EventNext},
		{From: "requirements_gathering", To: "scope_change", Event: EventScopeChange},
		{From: "scope_change", To: "requirements_gathering", Event: EventReject},
	}
	golden(t, "default.mmd", d.Mermaid())
	golden(t, "default.dot", d.DOT())
	golden(t, "path.mmd", d.Mermaid(path...))
	golden(t, "path.dot", d.DOT(path...))
}

// TestDrawingsEscape: names that mean something else in the languages of the drawings, and texts that would end a
// label.
func TestDrawingsEscape(t *testing.T) {
	t.Parallel()
	b := Define(`"quick" \ dirty`, "start")
	b.Pass("start", "state")
	b.Gate("state", GateRule{Roles: []string{`lead "data" #1`, "a\\b\nc"}}).
		On(EventApprove, "node").On(EventReject, "default").On(EventModify, "node")
	b.Terminal("node").Terminal("default")
	b.Anywhere(EventWithdraw, "node")
	d, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "escape.mmd", d.Mermaid(Move{To: "start"}, Move{From: "start", To: "state", Event: EventNext}))
	golden(t, "escape.dot", d.DOT())
}

// TestPathNumbersTheEventTaken: where several events lead the same way, the numbers stand at the one that was taken.
func TestPathNumbersTheEventTaken(t *testing.T) {
	t.Parallel()
	b := Define("path", "work")
	b.Step("work", "do").On("done", "review", Condition{Path: "/priority", Op: "eq", Value: json.RawMessage(`"stat"`)}).
		On("done", "end").On(EventStepFailed, "end")
	b.Gate("review", GateRule{Roles: []string{"lead"}}).On(EventApprove, "work").On(EventReject, "end").On(EventModify, "work")
	b.Terminal("end")
	d, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	path := []Move{{To: "work", Event: EventSubmit}}
	for _, h := range [][3]string{{"work", "done", "review"}, {"review", EventApprove, "work"}, {"work", "done", "review"}, {"review", EventModify, "work"}, {"work", "done", "review"}, {"review", EventApprove, "work"}} {
		path = append(path, Move{From: h[0], Event: h[1], To: h[2]})
	}
	var got []string
	for line := range strings.Lines(d.DOT(path...)) {
		if from, rest, ok := strings.Cut(strings.TrimSpace(line), ` [label="`); ok && strings.Contains(from, "->") {
			label, _, _ := strings.Cut(rest, `"`)
			got = append(got, from+": "+label)
		}
	}
	want := []string{
		"work -> review: done (if) #2 #4 #6", "work -> end: done, step_failed", "review -> work: approve #3 #7, modify #5", "review -> end: reject",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
