package runner

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// mustView compiles a view from JSON text.
func mustView(t testing.TB, text string, opts ...CompileOption) *View {
	t.Helper()
	v, err := CompileJSON([]byte(text), opts...)
	if err != nil {
		t.Fatalf("CompileJSON: %v", err)
	}
	return v
}

// resources makes a source of JSON texts.
func resources(texts ...string) Resources {
	var list Resources
	for _, text := range texts {
		list = append(list, json.RawMessage(text))
	}
	return list
}

// rowTexts runs a view and returns its rows as JSON.
func rowTexts(v *View, src Source, opts ...RunOption) ([]string, error) {
	var list []string
	for row, err := range v.Rows(context.Background(), src, opts...) {
		if err != nil {
			return list, err
		}
		list = append(list, string(row.AppendJSON(nil)))
	}
	return list, nil
}

// wantRows checks the rows of a view, with one worker and with several.
func wantRows(t *testing.T, v *View, src Source, want []string, opts ...RunOption) {
	t.Helper()
	for _, workers := range []int{1, 3} {
		got, err := rowTexts(v, src, append(opts, Parallel(workers))...)
		if err != nil {
			t.Errorf("%d workers: %v", workers, err)
			return
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d workers: rows (-want +got):\n%s", workers, diff)
			return
		}
	}
}

// lines splits text at its line ends, without blank lines and indentation.
func lines(text string) []string {
	var list []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}

func contains(s, part string) bool { return strings.Contains(s, part) }
