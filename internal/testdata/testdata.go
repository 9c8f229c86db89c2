// Package testdata finds the data and conformance cases beside the repository.
package testdata

import (
	"os"
	"path/filepath"
	"testing"
)

// Root returns the repository's root: the nearest folder above the working directory with the LICENSE file. It fails
// the test if there is none.
func Root(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatalf("testdata: %v", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "LICENSE")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			tb.Fatal("testdata: no repository root above the working directory")
		}
		dir = parent
	}
}

// Shared returns the path of a file or folder of the shared data, given as path elements below it
// ("data", "small"). The folder is ../shared from the repository's root; for elements that begin with
// "conformance" the environment variable RESEARCHFLOW_CONFORMANCE names another place for that folder.
//
// Where the path is absent the test is skipped, saying how to get it; with CI=true it fails instead.
func Shared(tb testing.TB, elem ...string) string {
	tb.Helper()
	path := filepath.Join(append([]string{Root(tb), "..", "shared"}, elem...)...)
	if dir := os.Getenv("RESEARCHFLOW_CONFORMANCE"); dir != "" && len(elem) > 0 && elem[0] == "conformance" {
		path = filepath.Join(append([]string{dir}, elem[1:]...)...)
	}
	if _, err := os.Stat(path); err != nil {
		const hint = "place the shared data beside the repository, or set RESEARCHFLOW_CONFORMANCE to the conformance folder"
		if os.Getenv("CI") == "true" {
			tb.Fatalf("testdata: %s is absent; %s", filepath.Join(elem...), hint)
		}
		tb.Skipf("SKIPPED: %s is absent; %s", filepath.Join(elem...), hint)
	}
	return path
}
