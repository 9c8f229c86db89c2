package lint

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/researchflow/researchflow/internal/testdata"
)

// maxLines is how long a source file may be; generated files and tests may be longer.
const maxLines = 500

// sources calls visit with every Go file of the repository, its path relative to the root.
func sources(t *testing.T, visit func(path string, text []byte)) {
	t.Helper()
	root := testdata.Root(t)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" && path != filepath.Join(root, "internal", "testdata") || strings.HasPrefix(d.Name(), ".")) && path != root {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		visit(filepath.ToSlash(rel), text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

func TestFilesAreShort(t *testing.T) {
	t.Parallel()
	sources(t, func(path string, text []byte) {
		if strings.HasSuffix(path, "_test.go") || generated.Match(text) {
			return
		}
		if n := bytes.Count(text, []byte("\n")); n > maxLines {
			t.Errorf("%s has %d lines, the limit is %d: split it by subject", path, n, maxLines)
		}
	})
}

func TestEachPackageHasADocFile(t *testing.T) {
	t.Parallel()
	folders, docs := map[string]bool{}, map[string]bool{}
	sources(t, func(path string, text []byte) {
		folder := filepath.Dir(path)
		if strings.HasSuffix(path, "_test.go") || bytes.Contains(text, []byte("\npackage main\n")) || bytes.HasPrefix(text, []byte("package main\n")) {
			return
		}
		folders[folder] = true
		if regexp.MustCompile(`(?m)^// Package \w+ `).Match(text) {
			docs[folder] = true
		}
	})
	for folder := range folders {
		if !docs[folder] {
			t.Errorf("%s has no package comment", folder)
		}
	}
}

// TestNothingSleeps keeps the code and its tests from guessing how long something takes. What waits for a time has a
// timer beside its context; what waits for something to happen is told by a channel, or asks again at each tick of a
// ticker.
func TestNothingSleeps(t *testing.T) {
	t.Parallel()
	sleep := regexp.MustCompile(`\btime\.Sleep\b`)
	sources(t, func(path string, text []byte) {
		if sleep.Match(text) {
			t.Errorf("%s sleeps: use a timer and a context, a ticker or a channel", path)
		}
	})
}
