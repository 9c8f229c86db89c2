package runner

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/researchflow/researchflow/internal/rows"
	"github.com/researchflow/researchflow/internal/testdata"
)

// TestDocumentedLimits checks that docs/fhirpath.md has the limits of views that the code has.
func TestDocumentedLimits(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join(testdata.Root(t), "docs", "fhirpath.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, limits, _ := strings.Cut(string(raw), "| limit of a view |")
	limits, _, _ = strings.Cut(limits, "\n\n")
	for _, row := range []string{
		fmt.Sprintf("nesting | %d MiB, %s, %d |", maxDefinitionBytes>>20, grouped(maxDefinitionNodes), maxDefinitionDepth),
		"branches of unions | " + grouped(maxColumns), "nesting of selects | " + grouped(maxSelectDepth),
		fmt.Sprintf("paths | %d KiB", maxPathBytes>>10), "depth of repeat | " + grouped(rows.MaxRepeatDepth),
		"steps of repeat of one resource | " + grouped(rows.DefaultMaxRows),
		fmt.Sprintf("rows of one resource | %s, %d more for each JSON value of it, %d", grouped(rows.MaxCells), rows.CellsPerNode, rows.CellsPerRow),
		fmt.Sprintf("selects for one resource | %s, and %s more", grouped(rows.MaxVisits), grouped(rows.VisitsPerNode)),
	} {
		if !strings.Contains(limits, row) {
			t.Errorf("docs/fhirpath.md has no %q", row)
		}
	}
}

// grouped writes a number with thousands separators.
func grouped(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s,%03d", grouped(n/1000), n%1000)
}
