package orchestrator

import (
	"flag"
	"os"
	"path/filepath"
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
	d := DefaultDefinition()
	history := []StateChange{
		{Seq: 1, To: "new_request", Event: EventSubmit},
		{Seq: 2, From: "new_request", To: "requirements_gathering", Event: EventNext},
		{Seq: 3, From: "requirements_gathering", To: "scope_change", Event: EventScopeChange},
		{Seq: 4, From: "scope_change", To: "requirements_gathering", Event: EventReject},
	}
	golden(t, "default.mmd", d.Mermaid())
	golden(t, "default.dot", d.DOT())
	golden(t, "path.mmd", d.Mermaid(history...))
	golden(t, "path.dot", d.DOT(history...))
}

// TestDrawingsEscape: names that mean something else in the languages of the drawings, and texts that would end a label.
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
	golden(t, "escape.mmd", d.Mermaid(StateChange{Seq: 1, To: "start"}, StateChange{Seq: 2, From: "start", To: "state", Event: EventNext}))
	golden(t, "escape.dot", d.DOT())
}
