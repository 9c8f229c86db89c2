package researchflow_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/researchflow/researchflow/internal/testdata"
)

// TestReadmeProgramsCompile builds each Go program of README.md as it stands there, inside of this module.
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
