package lint

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/researchflow/researchflow/internal/testdata"
)

// codePages are the pages that explain the codes of promises and rules.
var codePages = []string{"docs/promises.md", "docs/rules.md"}

// code is the code of a promise or a rule. R4B, a release of FHIR, does not match.
var code = regexp.MustCompile(`\b[RSVXE][0-9]+\b`)

// aboutRequests are the folders in which R4 and R5 are promises, unless FHIR stands before them. Elsewhere they are
// releases of FHIR, and no promise is named.
var aboutRequests = []string{"orchestrator", "store", "internal/chaos", "internal/lifetest", "internal/lint"}

// TestPromisesNameTheirTests checks that a test is named for each promise, and that it exists in the file named beside
// it.
func TestPromisesNameTheirTests(t *testing.T) {
	t.Parallel()
	root := testdata.Root(t)
	named := regexp.MustCompile("`(\\w+)` in `([^`]+\\.go)`")
	for _, page := range codePages {
		for line := range strings.Lines(readPage(t, page)) {
			tests := named.FindAllStringSubmatch(line, -1)
			if strings.HasPrefix(line, "| R") && !regexp.MustCompile("`(Test|Benchmark)").MatchString(line) {
				t.Errorf("%s: no test is named in %q", page, line)
			}
			for _, m := range tests {
				text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(m[2])))
				if err != nil || !strings.Contains(string(text), "\nfunc "+m[1]+"(") {
					t.Errorf("%s: there is no %s in %s (%v)", page, m[1], m[2], err)
				}
			}
		}
	}
}

// TestCodesAreExplained checks that the pages explain each code once, and explain every code that a comment of a Go
// file or a page of Markdown names.
func TestCodesAreExplained(t *testing.T) {
	t.Parallel()
	explained := map[string]bool{}
	row := regexp.MustCompile(`(?m)^\| ([RSVXE][0-9]+) \|`)
	for _, page := range codePages {
		for _, m := range row.FindAllStringSubmatch(readPage(t, page), -1) {
			if explained[m[1]] {
				t.Errorf("%s explains %s again", page, m[1])
			}
			explained[m[1]] = true
		}
	}
	check := func(where, text string) {
		requests := !strings.Contains(where, ".go") || slices.ContainsFunc(aboutRequests, func(folder string) bool {
			return strings.Contains(filepath.ToSlash(where), folder+"/")
		})
		for _, c := range code.FindAllString(text, -1) {
			switch {
			case c[0] == 'R' && !requests && c != "R4" && c != "R5":
				t.Errorf("%s names the promise %s outside of the packages about requests", where, c)
			case !explained[c]:
				t.Errorf("%s names %s, which is explained in neither of %s", where, c, strings.Join(codePages, ", "))
			}
		}
	}
	sources(t, func(path string, text []byte) {
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, text, parser.ParseComments)
		if err != nil {
			t.Error(err)
			return
		}
		for _, group := range file.Comments {
			for _, comment := range group.List {
				check(files.Position(comment.Pos()).String(), comment.Text)
			}
		}
	})
	pages(t, check)
}

// pages calls visit with every page of Markdown in the repository, its path relative to the root.
func pages(t *testing.T, visit func(path, text string)) {
	t.Helper()
	root := testdata.Root(t)
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".")) {
			return filepath.SkipDir
		}
		if !d.IsDir() && strings.HasSuffix(path, ".md") {
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			visit(rel, readPage(t, rel))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// readPage returns the text of a page whose path is relative to the root.
func readPage(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testdata.Root(t), filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
