package runner

import (
	"bytes"
	"hash/maphash"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/researchflow/researchflow/internal/rows"
	"github.com/researchflow/researchflow/internal/testdata"
)

// lineHashes is a writer that keeps a hash of each line.
type lineHashes struct {
	seed  maphash.Seed
	rest  []byte
	lines []uint64
}

func (h *lineHashes) Write(p []byte) (int, error) {
	n := len(p)
	for {
		line, more, found := bytes.Cut(p, []byte{'\n'})
		if !found {
			h.rest = append(h.rest, p...)
			return n, nil
		}
		h.rest = append(h.rest, line...)
		h.lines = append(h.lines, maphash.Bytes(h.seed, h.rest))
		h.rest, p = h.rest[:0], more
	}
}

// largeViews are the shared and the shipped views, by file.
func largeViews(t *testing.T) map[string]*View {
	t.Helper()
	list := make(map[string]*View)
	for from, dir := range map[string]string{"shared": testdata.Shared(t, "views"), "shipped": "views"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.json"))
		if err != nil || len(files) != 6 {
			t.Fatalf("%s: %d views, %v, want 6", dir, len(files), err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			list[from+" "+strings.TrimSuffix(filepath.Base(file), ".json")] = mustView(t, string(text))
		}
	}
	return list
}

// TestLargeAgreesWithPlain runs the shared and the shipped views over the large data set the fast way, to CSV and to
// NDJSON, and holds every line against the rows of the plain evaluator, each of which is written by itself.
func TestLargeAgreesWithPlain(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("SKIPPED: the large data set takes long")
	}
	dir := testdata.Shared(t, "data", "large")
	for name, v := range largeViews(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := maphash.MakeSeed()
			written := func(v *View, w func(*lineHashes) Writer) ([]uint64, Stats) {
				t.Helper()
				out := &lineHashes{seed: seed}
				stats, err := v.Write(t.Context(), Dir(dir), w(out))
				if err != nil || len(out.rest) > 0 {
					t.Fatalf("%d bytes after the last line, %v", len(out.rest), err)
				}
				return out.lines, stats
			}
			wantCSV, wantJSON := &lineHashes{seed: seed}, &lineHashes{seed: seed}
			csv := NewCSVWriter(wantCSV)
			if err := csv.Begin(v.Columns()); err != nil {
				t.Fatal(err)
			}
			var text []byte
			for row, err := range v.plainly().Rows(t.Context(), Dir(dir)) {
				if err != nil {
					t.Fatal(err)
				}
				if err := csv.Write(row); err != nil {
					t.Fatal(err)
				}
				text = append(row.AppendJSON(text[:0]), '\n')
				if _, err := wantJSON.Write(text); err != nil {
					t.Fatal(err)
				}
			}
			if err := csv.Close(); err != nil {
				t.Fatal(err)
			}
			gotCSV, stats := written(v, func(w *lineHashes) Writer { return NewCSVWriter(w) })
			gotJSON, _ := written(v, func(w *lineHashes) Writer { return NewNDJSONWriter(w) })
			for _, tt := range []struct {
				format    string
				got, want []uint64
			}{{"CSV", gotCSV, wantCSV.lines}, {"NDJSON", gotJSON, wantJSON.lines}} {
				for i := range min(len(tt.got), len(tt.want)) {
					if tt.got[i] != tt.want[i] {
						t.Errorf("%s: line %d is another one than with the plain evaluator", tt.format, i+1)
						break
					}
				}
				if !slices.Equal(tt.got, tt.want) {
					t.Errorf("%s: %d lines, want the %d of the plain evaluator", tt.format, len(tt.got), len(tt.want))
				}
			}
			empty := strings.Contains(name, "us_core_blood_pressures") // the data set has no resource of that profile
			if int(stats.Rows) != len(gotJSON) || (stats.Rows == 0) != empty || stats.Skipped != 0 {
				t.Errorf("stats %+v for %d rows", stats, len(gotJSON))
			}
			t.Logf("%d resources, %d rows, fused %t", stats.Resources, stats.Rows, v.plan.Way() != rows.ByPlain)
		})
	}
}
