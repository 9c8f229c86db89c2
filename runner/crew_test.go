package runner

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// slowSource yields a block of resources every second.
type slowSource int

func (s slowSource) Resources(context.Context, string, url.Values) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		for range int(s) {
			<-time.After(time.Second)
			for range seqBlockResources {
				if !yield(json.RawMessage(`{"resourceType":"Patient","id":"p"}`), nil) {
					return
				}
			}
		}
	}
}

// TestCrew: there is at most one worker more than the source keeps busy.
func TestCrew(t *testing.T) {
	t.Parallel()
	v, err := CompileJSON([]byte(`{"resource":"Patient",` + columnID + `}`))
	if err != nil {
		t.Fatal(err)
	}
	t.Run("slow source", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var stats Stats
			if _, err := v.Write(t.Context(), slowSource(20), NewCSVWriter(io.Discard), Parallel(8), CollectStats(&stats)); err != nil {
				t.Fatal(err)
			}
			if stats.Workers != 2 || stats.Rows != 20*seqBlockResources {
				t.Errorf("%d workers, want 2; %d rows", stats.Workers, stats.Rows)
			}
		})
	})
	data := strings.Repeat(`{"resourceType":"Patient","id":"p"}`+"\n", 20_000)
	file := filepath.Join(t.TempDir(), "Patient.ndjson")
	if err := os.WriteFile(file, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name      string
		blockSize int
		min, max  int
	}{
		{"one block", 8 << 20, 1, 2},
		{"many blocks", 1 << 10, 2, 4},
	} {
		var stats Stats
		if _, err := v.Write(t.Context(), Files(file), NewCSVWriter(io.Discard), BlockSize(tt.blockSize), Parallel(4), CollectStats(&stats)); err != nil {
			t.Fatal(err)
		}
		if stats.Workers < tt.min || stats.Workers > tt.max || stats.Rows != 20_000 {
			t.Errorf("%s: %d workers, want %d to %d; %d rows", tt.name, stats.Workers, tt.min, tt.max, stats.Rows)
		}
	}
}

// TestCallbacksAreTheCallers: the progress function and the writer are called in the goroutine that called the run,
// even if there are several workers. So the caller can recover from their panics.
func TestCallbacksAreTheCallers(t *testing.T) {
	t.Parallel()
	v := mustView(t, `{"resource":"Patient",`+columnID+`}`)
	file := filepath.Join(t.TempDir(), "Patient.ndjson")
	if err := os.WriteFile(file, []byte(strings.Repeat(`{"resourceType":"Patient","id":"p"}`+"\n", 5_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, run := range map[string]func() error{
		"progress": func() error {
			_, err := v.Write(t.Context(), Files(file), NewCSVWriter(io.Discard), BlockSize(1<<10), Parallel(4), Progress(func(Stats) { panic("mine") }))
			return err
		},
		"writer": func() error {
			_, err := v.Write(t.Context(), Files(file), NewCSVWriter(panicking{}), BlockSize(1<<10), Parallel(4))
			return err
		},
	} {
		got := func() (r any) {
			defer func() { r = recover() }()
			return run()
		}()
		if got != "mine" {
			t.Errorf("%s: recovered %v, want the panic", name, got)
		}
	}
}

// panicking is a writer that panics.
type panicking struct{}

func (panicking) Write([]byte) (int, error) { panic("mine") }
