package check_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/researchflow/researchflow/internal/fhirpath/check"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// TestGolden checks the expressions in testdata/*.txtar. A file of an archive holds expressions, one a line; its
// name is the type of the input, followed by the FHIR version where that is not R4. The file after it, named
// "want", shows what the checker makes of each. Lines that begin with # are comments.
func TestGolden(t *testing.T) {
	names, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			content, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := txtar.Parse(content)
			var files []txtar.File
			for _, f := range got.Files {
				if f.Name != "want" {
					files = append(files, f, txtar.File{Name: "want", Data: golden(t, f)})
				}
			}
			got.Files = files
			if *update {
				if err := os.WriteFile(name, txtar.Format(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(content), string(txtar.Format(got))); diff != "" {
				t.Errorf("%s (-want +got; run go test -update and read the difference):\n%s", name, diff)
			}
		})
	}
}

// golden writes what the checker makes of the expressions in f.
func golden(t *testing.T, f txtar.File) []byte {
	input, release, _ := strings.Cut(f.Name, " ")
	if release == "" {
		release = "R4"
	}
	o := check.Options{Variables: map[string]check.Type{"limit": check.OfSystem(check.Integer), "thing": check.Any()}}
	if release != "none" {
		v, ok := model.ParseVersion(release)
		if !ok {
			t.Fatalf("%s: no such FHIR version", f.Name)
		}
		o.Model = model.Load(v)
		o.Input = check.OfFHIR(o.Model, input)
		if !o.Input.Known && input != "any" {
			t.Fatalf("%s: no such type", f.Name)
		}
	}
	o.Ordered = strings.HasPrefix(string(f.Data), "# ordered\n")
	var b strings.Builder
	for line := range strings.Lines(string(f.Data)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		e, err := syntax.Parse(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		r := check.Check(e, o)
		fmt.Fprintf(&b, "%s\n", line)
		for _, fault := range r.Faults {
			fmt.Fprintf(&b, "%*s %s: %s\n", fault.Offset+1, "^", fault.Level, fault.Msg)
		}
		fmt.Fprintf(&b, "    = %s\n", describe(o.Model, r.Type))
	}
	return []byte(b.String())
}

func describe(m *model.Model, t check.Type) string {
	s := strings.Join(t.Names(m), " | ")
	switch {
	case !t.Known:
		s = "anything"
	case s == "":
		return "{}"
	}
	if !t.Single {
		s = "many of " + s
	}
	if t.Least > 0 {
		s += fmt.Sprintf(", at least %d", t.Least)
	}
	return s
}
