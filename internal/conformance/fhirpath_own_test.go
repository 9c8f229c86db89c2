package conformance

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/researchflow/researchflow/internal/testdata"
)

// TestFHIRPathOwn runs the cases of testdata/fhirpath, written from the examples and rules of the specification. A
// line without indentation begins a group; an indented one is "expression => result", where the result is a list of
// literals, {} for empty, error for any failure, or syntax for one that Compile finds in the text.
//
// A group may name its input after an @, one of those of HL7's suite, and modes after it: strict, ordered, none (no
// model).
func TestFHIRPathOwn(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "fhirpath", "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no case files: %v", err)
	}
	for _, file := range files {
		suite := &FHIRPathSuite{Cases: readOwn(t, file)}
		for _, c := range suite.Cases {
			if c.InputFile != "" && suite.Dirs == nil {
				suite.Dirs = []string{testdata.Shared(t, "conformance", "fhirpath", "inputs-r4")}
			}
		}
		results, err := RunFHIRPath(t.Context(), suite)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			if r.Reason != "" {
				t.Errorf("%s: %s: %s", r.Case.ID, r.Case.Expression, r.Reason)
			}
		}
	}
}

func readOwn(t *testing.T, file string) []FHIRPathCase {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	var cases []FHIRPathCase
	group, settings := "", ""
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		text, isCase := strings.CutPrefix(line, "\t")
		switch {
		case strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#"):
			continue
		case !isCase:
			group, settings, _ = strings.Cut(line, " @")
			continue
		}
		i := strings.LastIndex(text, " => ")
		if i < 0 {
			t.Fatalf("%s:%d: no result", file, n)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".txt") + "/" + group
		c := FHIRPathCase{ID: name, Group: group, Expression: text[:i], Model: Optional{Set: true, Text: "r4"}}
		c.set(strings.Fields(settings))
		switch want := text[i+len(" => "):]; want {
		case "{}":
		case "error":
			c.Invalid = "execution"
		case "syntax", "semantic":
			c.Invalid = Flag(want)
		default:
			c.Outputs = literals(t, want)
		}
		cases = append(cases, c)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return cases
}

// set applies the settings of a group.
func (c *FHIRPathCase) set(settings []string) {
	for i, s := range settings {
		switch {
		case i == 0:
			c.InputFile = s
		case s == "none":
			c.Model = Optional{Set: true}
		case s == "ordered":
			c.CheckOrdered = "true"
		default:
			c.Mode = s
		}
	}
}

// literals reads a list of literals. Strings contain no ", '".
func literals(t *testing.T, list string) []FHIRPathOutput {
	t.Helper()
	var outputs []FHIRPathOutput
	for text := range strings.SplitSeq(list, ", ") {
		name, value := "", text
		switch {
		case text == "true" || text == "false":
			name = "boolean"
		case strings.HasPrefix(text, "'"):
			name = "string"
			value = strings.NewReplacer(`\\`, `\`, `\'`, `'`, `\n`, "\n", `\t`, "\t", `\r`, "\r", `\f`, "\f", "\\`", "`").
				Replace(text[1 : len(text)-1])
		case strings.HasPrefix(text, "@T"):
			name = "time"
		case strings.HasPrefix(text, "@"):
			name = "date"
			if strings.Contains(text, "T") {
				name, value = "dateTime", strings.TrimSuffix(text, "T")
			}
		case strings.Contains(text, " "):
			name = "Quantity"
		}
		o := FHIRPathOutput{Value: OutputText(value)}
		if name != "" {
			o.Type = &name
		}
		outputs = append(outputs, o)
	}
	return outputs
}
