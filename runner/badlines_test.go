package runner

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/researchflow/researchflow/internal/synth"
)

const labView = `{"resource":"Observation","name":"labs","select":[{"column":[{"name":"id","path":"id"},
	{"name":"code","path":"code.coding.first().code"},{"name":"who","path":"subject.getReferenceKey(Patient)"},
	{"name":"when","path":"effective.ofType(dateTime)"},{"name":"value","path":"value.ofType(Quantity).value"}]}]}`

// observations returns a few thousand lines of a synthetic population, and the rows of labView for them.
func observations(t *testing.T, v *View) (all [][]byte, rows []string) {
	t.Helper()
	for r, err := range synth.Resources(synth.Config{Seed: 4, Patients: 50}) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Type == "Observation" {
			all = append(all, bytes.Clone(r.JSON))
		}
	}
	list := make(Resources, len(all))
	for i := range all {
		list[i] = all[i]
	}
	rows, err := rowTexts(v.plainly(), list, Parallel(1))
	if err != nil || len(rows) != len(all) || len(all) < 2000 {
		t.Fatalf("%d rows of %d observations, %v", len(rows), len(all), err)
	}
	return all, rows
}

// ndjsonFile writes lines with a line end and returns the file's path.
func ndjsonFile(t *testing.T, all [][]byte, lineEnd string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "Observation.ndjson")
	text := append(bytes.Join(all, []byte(lineEnd)), lineEnd...)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// faultyLines are lines without a resource. No error may hold the text "secret" in them.
func faultyLines(sound []byte) map[string][]byte {
	return map[string][]byte{
		"truncated":           sound[:len(sound)*2/3],
		"not JSON":            []byte("secret <html>"),
		"number":              []byte("4711"),
		"array":               []byte(`[{"resourceType":"Observation","id":"secret"}]`),
		"resource type":       []byte(`{"resourceType":["Observation"],"id":"secret"}`),
		"column of many":      []byte(`{"resourceType":"Observation","id":["secret","b"]}`),
		"NUL line":            []byte("\x00\x00\x00"),
		"NUL in text":         bytes.Replace(sound, []byte(`"id":"`), []byte("\"id\":\"secret\x00"), 1),
		"NUL after":           append(bytes.Clone(sound), 0),
		"invalid UTF-8":       bytes.Replace(sound, []byte(`"id":"`), []byte("\"id\":\"secret\xc3("), 1),
		"mark within a file":  append([]byte("\ufeff"), sound...),
		"carriage return":     bytes.Replace(sound, []byte(`"id":"`), []byte("\"id\":\"secret\r"), 1),
		"two on a line":       append(bytes.Clone(sound), sound...),
		"comma after the end": append(bytes.Clone(sound), ','),
	}
}

// TestBadLinesInTheMiddle puts a bad line in the middle of a file of thousands: it is named by file and line, and
// every other row is there, for any number of workers, size of blocks and way of ending lines.
func TestBadLinesInTheMiddle(t *testing.T) {
	t.Parallel()
	v := mustView(t, labView)
	all, rows := observations(t, v)
	middle := len(all) / 2
	for name, line := range faultyLines(all[middle]) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lineEnd := "\n"
			if strings.Contains(name, "NUL") || name == "truncated" {
				lineEnd = "\r\n"
			}
			path := ndjsonFile(t, slices.Insert(slices.Clone(all), middle, line), lineEnd)
			wantBadLine(t, v, path, middle, rows)
		})
	}
}

// wantBadLine checks that all lines of a file but the one at index bad give the rows.
func wantBadLine(t *testing.T, v *View, path string, bad int, rows []string) {
	t.Helper()
	for _, workers := range []int{1, 2, 16} {
		for _, size := range []int{1 << 10, 256 << 10, 8 << 20} {
			src, at := Files(path), fmt.Sprintf("%d workers, blocks of %d", workers, size)
			got, err := rowTexts(v, src, BlockSize(size), Parallel(workers))
			var run *RunError
			if !errors.As(err, &run) || run.Place.File != path || run.Place.Line != int64(bad)+1 {
				t.Errorf("%s: error %v, want one at %s:%d", at, err, path, bad+1)
			} else if text := err.Error(); strings.Contains(text, "secret") || !strings.Contains(text, run.Place.String()) {
				t.Errorf("%s: error %s", at, text)
			}
			if !slices.Equal(got, rows[:bad]) {
				t.Errorf("%s: %d rows before the error, want %d", at, len(got), bad)
			}
			var stats Stats
			got, err = rowTexts(v, src, BlockSize(size), Parallel(workers), OnError(Skip), CollectStats(&stats))
			if err != nil || !slices.Equal(got, rows) {
				t.Errorf("%s, skip: %d rows, %v, want %d", at, len(got), err, len(rows))
			}
			if stats.Skipped != 1 || len(stats.Skips) != 1 || stats.Skips[0].Place != (Place{File: path, Line: int64(bad) + 1, Index: -1}) {
				t.Errorf("%s, skip: stats %+v", at, stats)
			}
		}
	}
}

// TestAllBadLines has all of them in one file, spread out, and a byte order mark at its start.
func TestAllBadLines(t *testing.T) {
	t.Parallel()
	v := mustView(t, labView)
	all, rows := observations(t, v)
	faulty := faultyLines(all[0])
	step := len(all) / (len(faulty) + 1)
	var mixed [][]byte
	var wantLines []int64
	names := make([]string, 0, len(faulty))
	for name := range faulty {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, line := range all {
		if n := i/step - 1; i%step == 0 && n >= 0 && n < len(names) {
			mixed = append(mixed, faulty[names[n]])
			wantLines = append(wantLines, int64(len(mixed)))
		}
		mixed = append(mixed, line)
	}
	mixed[0] = append([]byte("\ufeff"), mixed[0]...)
	path := ndjsonFile(t, mixed, "\r\n")
	for _, workers := range []int{1, 2, 16} {
		for _, size := range []int{1 << 10, 256 << 10, 8 << 20} {
			var stats Stats
			got, err := rowTexts(v, Files(path), BlockSize(size), Parallel(workers), OnError(Skip), CollectStats(&stats))
			if err != nil || !slices.Equal(got, rows) || stats.Skipped != int64(len(faulty)) {
				t.Errorf("%d workers, blocks of %d: %d rows, %d skipped, %v, want %d and %d", workers, size, len(got), stats.Skipped, err, len(rows), len(faulty))
			}
			var lines []int64
			for _, skip := range stats.Skips {
				lines = append(lines, skip.Place.Line)
			}
			if !slices.Equal(lines, wantLines) {
				t.Errorf("%d workers, blocks of %d: skipped lines %d, want %d", workers, size, lines, wantLines)
			}
		}
	}
}

// TestSoundLineEnds: CRLF, a leading byte order mark, and a last line without a line end are not faults.
func TestSoundLineEnds(t *testing.T) {
	t.Parallel()
	v := mustView(t, labView)
	all, rows := observations(t, v)
	marked := slices.Clone(all)
	marked[0] = append([]byte("\ufeff"), marked[0]...)
	unended := bytes.TrimSuffix(bytes.Join(marked, []byte("\r\n")), []byte("\r\n"))
	for name, path := range map[string]string{
		"CRLF":        ndjsonFile(t, all, "\r\n"),
		"blank lines": ndjsonFile(t, all, "\n\r\n\n"),
		"mark":        ndjsonFile(t, marked, "\n"),
		"no end":      ndjsonFile(t, [][]byte{unended}, ""),
	} {
		for _, workers := range []int{1, 2, 16} {
			for _, size := range []int{1 << 10, 256 << 10, 8 << 20} {
				got, err := rowTexts(v, Files(path), BlockSize(size), Parallel(workers))
				if err != nil || !slices.Equal(got, rows) {
					t.Errorf("%s, %d workers, blocks of %d: %d rows, %v, want %d", name, workers, size, len(got), err, len(rows))
				}
			}
		}
	}
}

// TestLineOfHundredMegabytes: a line over the limit of 64 MiB is handled like any other bad line.
func TestLineOfHundredMegabytes(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("SKIPPED: the file has 100 MB")
	}
	v := mustView(t, labView)
	all, rows := observations(t, v)
	middle := len(all) / 2
	long := append([]byte(`{"resourceType":"Observation","id":"secret`), bytes.Repeat([]byte("x"), 100e6)...)
	path := ndjsonFile(t, slices.Insert(slices.Clone(all), middle, append(long, `"}`...)), "\n")
	wantBadLine(t, v, path, middle, rows)
}
