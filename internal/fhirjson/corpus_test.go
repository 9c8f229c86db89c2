package fhirjson_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/researchflow/researchflow/internal/testdata"
)

// largeLines returns the lines of one NDJSON file of the large data set.
func largeLines(tb testing.TB, resourceType string) (lines [][]byte, size int64) {
	tb.Helper()
	file, err := os.Open(testdata.Shared(tb, "data", "large", resourceType+".ndjson.gz"))
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	zr, err := gzip.NewReader(file)
	if err != nil {
		tb.Fatal(err)
	}
	data, err := io.ReadAll(zr)
	if err != nil {
		tb.Fatal(err)
	}
	return splitLines(data)
}

// dirLines returns all lines of all NDJSON files of a folder of the shared data.
func dirLines(tb testing.TB, folder string) [][]byte {
	tb.Helper()
	names, err := filepath.Glob(filepath.Join(testdata.Shared(tb, "data", folder), "*.ndjson"))
	if err != nil || len(names) == 0 {
		tb.Fatalf("no NDJSON in data/%s: %v", folder, err)
	}
	var all [][]byte
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		lines, _ := splitLines(data)
		all = append(all, lines...)
	}
	return all
}

func splitLines(data []byte) (lines [][]byte, size int64) {
	for line := range bytes.Lines(data) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			lines = append(lines, line)
			size += int64(len(line))
		}
	}
	return lines, size
}
