package lint

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/testdata"
)

var update = flag.Bool("update", false, "write the table of imports into CONTRIBUTING.md")

// TestTableOfImports: CONTRIBUTING.md has the table that is enforced. go test ./internal/lint -update writes it.
func TestTableOfImports(t *testing.T) {
	t.Parallel()
	const begin, end = "<!-- table of imports: begin -->\n", "<!-- table of imports: end -->\n"
	path := filepath.Join(testdata.Root(t), "CONTRIBUTING.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(text), begin)
	got, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatal("CONTRIBUTING.md has no marks for the table of imports")
	}
	if *update {
		if err := os.WriteFile(path, []byte(before+begin+Table()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(Table(), got); diff != "" {
		t.Errorf("the table in CONTRIBUTING.md is not that of internal/lint/imports.go; go test ./internal/lint -update (-want +got):\n%s", diff)
	}
}
