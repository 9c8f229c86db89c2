package runner

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// TestErrorTexts compares the texts of errors with the golden files in testdata/errors. Each view in an archive has a
// name that begins with the error's code. It is followed by NDJSON named "data", if the view is to be run, and by
// "want": the error of compiling or running the view.
func TestErrorTexts(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, name := range []string{"compile", "run"} {
		file := filepath.Join("testdata", "errors", name+".txtar")
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		archive := txtar.Parse(content)
		var files []txtar.File
		for i, f := range archive.Files {
			if f.Name == "want" {
				continue
			}
			files = append(files, f)
			if f.Name == "data" {
				continue
			}
			code, _, _ := strings.Cut(f.Name, " ")
			seen[code] = true
			var data []byte
			if i+1 < len(archive.Files) && archive.Files[i+1].Name == "data" {
				data = archive.Files[i+1].Data
				files = append(files, archive.Files[i+1])
			}
			files = append(files, txtar.File{Name: "want", Data: errorText(t, f, data)})
		}
		archive.Files = files[:0]
		for i, f := range files { // data is in the list twice: with its view and by itself
			if f.Name != "data" || files[i-1].Name != "want" {
				archive.Files = append(archive.Files, f)
			}
		}
		got := txtar.Format(archive)
		if *update {
			if err := os.WriteFile(file, got, 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if diff := cmp.Diff(string(content), string(got)); diff != "" {
			t.Errorf("%s (-want +got; run go test -update and read the difference):\n%s", file, diff)
		}
	}
	for _, code := range strings.Fields("V1 V2 V3 V4 V5 V6 V7 V8 V9 V10 V11 X1 X2 X3 X4") {
		if !seen[code] {
			t.Errorf("no case for %s", code)
		}
	}
}

// secret marks the values of resources, which no error may hold.
var secret = regexp.MustCompile(`(?i)secret`)

// errorText compiles a view and, if there is data, runs it, and returns the error's text.
func errorText(t *testing.T, view txtar.File, data []byte) []byte {
	t.Helper()
	v, err := CompileJSON(view.Data)
	if data != nil {
		if err != nil {
			t.Errorf("%s: %v", view.Name, err)
			return nil
		}
		dir := t.TempDir()
		name := filepath.Join(dir, v.Resource()+".ndjson")
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = rowTexts(v, Files(name))
		var run *RunError
		if !errors.As(err, &run) {
			t.Errorf("%s: error %v, want a RunError", view.Name, err)
			return nil
		}
		if secret.MatchString(err.Error()) {
			t.Errorf("%s: the error holds a value: %v", view.Name, err)
		}
		plain := v.plainly()
		if _, other := rowTexts(plain, Files(name)); other == nil || other.Error() != err.Error() {
			t.Errorf("%s: the plain way has the error %v", view.Name, other)
		}
		return []byte(strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), "") + "\n")
	}
	var list CompileErrors
	if !errors.As(err, &list) {
		t.Errorf("%s: error %v, want CompileErrors", view.Name, err)
		return nil
	}
	return []byte(err.Error() + "\n")
}
