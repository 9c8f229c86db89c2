package researchflow_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/testdata"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

var update = flag.Bool("update", false, "rewrite the drawing in README.md")

// TestReadmeDrawing compares README.md's drawing of the default definition with the code.
func TestReadmeDrawing(t *testing.T) {
	path := filepath.Join(testdata.Root(t), "README.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- drawing: workflow.Default().Mermaid() -->\n```mermaid\n", "```\n"
	before, rest, ok := strings.Cut(string(text), begin)
	drawing, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("README.md has no drawing")
	}
	want := workflow.Default().Mermaid()
	if *update && drawing != want {
		if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, drawing); diff != "" {
		t.Errorf("README.md's drawing (rewrite with go test . -run TestReadmeDrawing -update):\n%s", diff)
	}
}

// TestReadmeProgramsCompile builds each Go program of README.md as it stands there, inside this module.
func TestReadmeProgramsCompile(t *testing.T) {
	t.Parallel()
	root := testdata.Root(t)
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	programs := regexp.MustCompile("(?s)<!-- program: ([a-z]+) -->\n```go\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if got, want := len(programs), strings.Count(string(text), "```go"); got != want || got == 0 {
		t.Fatalf("%d of %d Go blocks are marked as programs", got, want)
	}
	for _, p := range programs {
		name, source := p[1], p[2]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "main.go")
			if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), "go", "build", "-o", os.DevNull, file)
			cmd.Dir = root
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			gofmt := exec.CommandContext(t.Context(), "gofmt", "-l", file)
			if out, err := gofmt.CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("gofmt: %v %s", err, out)
			}
		})
	}
}
