package fhir_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/fhir"
	"github.com/researchflow/researchflow/internal/fhirtest"
)

// bulk is a client, a server with 25 patients and 10 conditions, and a directory.
type bulk struct {
	*fhirtest.Pipe
	client *fhir.Client
	cfg    fhir.ExportConfig
}

func inBulk(t *testing.T, clientCfg fhir.Config, behaviour fhirtest.ExportBehaviour, f func(t *testing.T, b *bulk)) {
	t.Helper()
	var conditions []json.RawMessage
	for i := range 10 {
		conditions = append(conditions, json.RawMessage(fmt.Sprintf(`{"resourceType":"Condition","id":"c%d","subject":{"reference":"Patient/p%d"}}`, i, i+1)))
	}
	dir := t.TempDir()
	piped(t, clientCfg, func(t *testing.T, s *fhirtest.Pipe, c *fhir.Client) {
		s.Configure(func(b *fhirtest.Behaviour) { b.Export = behaviour })
		f(t, &bulk{s, c, fhir.ExportConfig{Dir: dir}})
	}, fhirtest.Patients(25), fhirtest.Resources(conditions...))
}

// count counts the requests whose path begins with prefix.
func (b *bulk) count(method, prefix string) (n int) {
	for _, r := range b.Requests() {
		if r.Method == method && strings.HasPrefix(r.Path, prefix) {
			n++
		}
	}
	return n
}

func (b *bulk) state(t *testing.T) fhir.ExportState {
	t.Helper()
	state, err := fhir.FileExportStore(filepath.Join(b.cfg.Dir, "export.json")).Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// wantExport checks that the result holds everything once, and that its files are what it says.
func (b *bulk) wantExport(t *testing.T, r *fhir.ExportResult, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("Export: %v", err)
	}
	for typ, want := range map[string]int{"Patient": 25, "Condition": 10, "Observation": 0} {
		ids, err := patients(t, r.Resources(t.Context(), typ, nil))
		slices.Sort(ids)
		if err != nil || len(slices.Compact(ids)) != want || len(ids) != want {
			t.Errorf("%s: %v, %v, want %d", typ, ids, err, want)
		}
	}
	for _, f := range r.Files {
		content, err := os.ReadFile(r.Path(f))
		if err != nil {
			t.Error(err)
			continue
		}
		sum := sha256.Sum256(content)
		if hex.EncodeToString(sum[:]) != f.SHA256 || int64(len(content)) != f.Bytes || int64(bytes.Count(content, []byte("\n"))) != f.Lines {
			t.Errorf("%s is not what the result says", f.Name)
		}
	}
	parts, err := filepath.Glob(filepath.Join(b.cfg.Dir, "*", ".part-*"))
	if err != nil || len(parts) > 0 {
		t.Errorf("left behind: %v", parts)
	}
	if state := b.state(t); state.StatusURL != "" || !state.Watermark.Equal(r.TransactionTime) {
		t.Errorf("state afterwards: %+v", state)
	}
	if got := b.Exports(); got != 0 {
		t.Errorf("%d exports left on the server", got)
	}
}

func TestExport(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		behaviour fhirtest.ExportBehaviour
		next      []fhirtest.Answer
		polls     int
	}{
		{"done at once", fhirtest.ExportBehaviour{}, nil, 1},
		{"many small files", fhirtest.ExportBehaviour{FileLines: 1}, nil, 1},
		{"after some polls", fhirtest.ExportBehaviour{Polls: 5}, nil, 6},
		{"no counts", fhirtest.ExportBehaviour{NoCounts: true}, nil, 1},
		{"duplicates", fhirtest.ExportBehaviour{Twice: true, FileLines: 3}, nil, 1},
		{"manifest in pages", fhirtest.ExportBehaviour{Pages: true, FileLines: 5}, nil, 7},
		{"manifest expires", fhirtest.ExportBehaviour{FileLines: 5, ExpireFiles: 3}, nil, 2},
		{"manifest expires, and the next has another order", fhirtest.ExportBehaviour{FileLines: 5, ExpireFiles: 3, Reorder: true}, nil, 2},
		{"the same, and files differ in the query only", fhirtest.ExportBehaviour{FileLines: 5, ExpireFiles: 3, Reorder: true, FilesByQuery: true}, nil, 2},
		{"forgotten export starts again", fhirtest.ExportBehaviour{Forget: true}, nil, 2},
		{"kick-off throttled", fhirtest.ExportBehaviour{}, []fhirtest.Answer{fhirtest.Throttled("3").For("$export")}, 1},
		{"poll throttled", fhirtest.ExportBehaviour{}, []fhirtest.Answer{fhirtest.Throttled("3").For("bulkstatus").Repeat(30)}, 31},
		{"poll meets a transient outcome", fhirtest.ExportBehaviour{}, []fhirtest.Answer{fhirtest.Outcome(500, "transient", "").For("bulkstatus").Repeat(20)}, 21},
		{"poll 200 with a transient outcome", fhirtest.ExportBehaviour{}, []fhirtest.Answer{fhirtest.Outcome(200, "transient", "").For("bulkstatus").Repeat(9)}, 10},
		{"manifest cut", fhirtest.ExportBehaviour{}, []fhirtest.Answer{fhirtest.CutSilently(99).For("bulkstatus")}, 2},
		{"files throttled", fhirtest.ExportBehaviour{FileLines: 2}, []fhirtest.Answer{fhirtest.Throttled("2").For("bulkfile").Repeat(12)}, 1},
		{"file cut, silently, within a line", fhirtest.ExportBehaviour{NoCounts: true}, []fhirtest.Answer{fhirtest.CutSilently(150).For("bulkfile")}, 1},
		{"file cut, silently, after a line", fhirtest.ExportBehaviour{FileLines: 25}, []fhirtest.Answer{fhirtest.CutSilently(77 * 2).For("bulkfile/export-1/1")}, 1},
		{"file with a byte order mark", fhirtest.ExportBehaviour{FileLines: 25}, []fhirtest.Answer{fhirtest.ByteOrderMark().For("bulkfile").Repeat(2)}, 1},
		{"polls 202 without a body, labelled gzip", fhirtest.ExportBehaviour{}, []fhirtest.Answer{
			fhirtest.Answer{Status: 202, Header: http.Header{"Content-Encoding": {"gzip"}, "Content-Length": {"0"}}}.For("bulkstatus").Repeat(8),
		}, 9},
		{"file cut", fhirtest.ExportBehaviour{}, []fhirtest.Answer{fhirtest.Cut(150).For("bulkfile").Repeat(3)}, 1},
		{"file stalls", fhirtest.ExportBehaviour{}, []fhirtest.Answer{fhirtest.StallBody(150).For("bulkfile").Repeat(3)}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			inBulk(t, fhir.Config{}, tt.behaviour, func(t *testing.T, b *bulk) {
				b.Next(tt.next...)
				if tt.behaviour.Reorder {
					b.cfg.MaxConcurrent = 1 // so that the same files expire each time
				}
				r, err := b.client.Export(t.Context(), b.cfg)
				b.wantExport(t, r, err)
				if got := b.count("GET", "bulkstatus"); got != tt.polls {
					t.Errorf("%d polls, want %d", got, tt.polls)
				}
				if got := b.count("DELETE", "bulkstatus"); got != 1 {
					t.Errorf("%d deletions, want 1", got)
				}
			})
		})
	}
}

func TestExportThatFails(t *testing.T) {
	t.Parallel()
	elsewhere := func(url string) string { return strings.Replace(url, "pipe.test", "evil.example", 1) }
	tests := []struct {
		name      string
		cfg       fhir.Config
		behaviour fhirtest.ExportBehaviour
		always    fhirtest.Answer
		want      error
	}{
		{"not asynchronous", fhir.Config{}, fhirtest.ExportBehaviour{}, fhirtest.JSON(`{"resourceType":"Bundle"}`).For("$export"), fhir.ErrNotFHIR},
		{"refused", fhir.Config{}, fhirtest.ExportBehaviour{}, fhirtest.Outcome(400, "not-supported", "").For("$export"), fhir.ErrRejected},
		{"kick-off without a place", fhir.Config{}, fhirtest.ExportBehaviour{}, fhirtest.Status(202).For("$export"), fhir.ErrNotFHIR},
		{"kick-off answer lost", fhir.Config{}, fhirtest.ExportBehaviour{}, fhirtest.Reset().For("$export"), fhir.ErrConnection},
		{"status URL elsewhere", fhir.Config{}, fhirtest.ExportBehaviour{StatusURL: elsewhere}, fhirtest.Status(200).For("none"), fhir.ErrForeignOrigin},
		{"failed", fhir.Config{}, fhirtest.ExportBehaviour{}, fhirtest.Outcome(400, "too-costly", "").For("bulkstatus"), fhir.ErrExport},
		{"transient for ever", fhir.Config{MaxRetries: -1}, fhirtest.ExportBehaviour{}, fhirtest.Outcome(503, "transient", "").For("bulkstatus"), fhir.ErrUnavailable},
		{"forgotten for ever", fhir.Config{}, fhirtest.ExportBehaviour{}, fhirtest.Status(404).For("bulkstatus"), fhir.ErrExpired},
		{"files gone for ever", fhir.Config{}, fhirtest.ExportBehaviour{}, fhirtest.Status(410).For("bulkfile"), fhir.ErrExpired},
		{"a wrong count", fhir.Config{}, fhirtest.ExportBehaviour{ExtraCount: 1}, fhirtest.Status(200).For("none"), fhir.ErrTruncated},
		{"files elsewhere", fhir.Config{}, fhirtest.ExportBehaviour{FileURL: elsewhere}, fhirtest.Status(200).For("none"), fhir.ErrForeignOrigin},
		{"file is HTML", fhir.Config{}, fhirtest.ExportBehaviour{}, fhirtest.HTML(200).For("bulkfile"), fhir.ErrNotFHIR},
		{"file of another type", fhir.Config{}, fhirtest.ExportBehaviour{}, fhirtest.JSON("{\"resourceType\":\"Person\"}\n").For("bulkfile"), fhir.ErrNotFHIR},
		{"bomb", fhir.Config{}, fhirtest.ExportBehaviour{}, fhirtest.Bomb(1 << 26).For("bulkfile"), fhir.ErrTooLarge},
		{"manifest without output", fhir.Config{}, fhirtest.ExportBehaviour{}, fhirtest.JSON(`{"transactionTime":"2026-01-01T00:00:00Z"}`).For("bulkstatus"), fhir.ErrNotFHIR},
		{"manifest without time", fhir.Config{}, fhirtest.ExportBehaviour{}, fhirtest.JSON(`{"output":[]}`).For("bulkstatus"), fhir.ErrNotFHIR},
		{"manifest's next is itself", fhir.Config{}, fhirtest.ExportBehaviour{}, fhirtest.JSON(`{"transactionTime":"2026-01-01T00:00:00Z","output":[],"link":[{"relation":"next","url":"/fhir/bulkstatus/x"}]}`).For("bulkstatus"), fhir.ErrPagingLoop},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			inBulk(t, tt.cfg, tt.behaviour, func(t *testing.T, b *bulk) {
				b.Always(tt.always)
				r, err := b.client.Export(t.Context(), b.cfg)
				if !errors.Is(err, tt.want) || r != nil {
					t.Errorf("Export: %v, %v, want %v", r, err, tt.want)
				}
				if state := b.state(t); !state.Watermark.IsZero() {
					t.Errorf("the watermark moved: %v", state.Watermark)
				}
				if tt.want == fhir.ErrConnection && b.count("GET", "$export") != 1 {
					t.Errorf("a kick-off whose answer was lost was sent %d times", b.count("GET", "$export"))
				}
			})
		})
	}
}

// crashing is a store that fails at the n-th Save, as a process that dies there.
type crashing struct {
	fhir.ExportStore
	left int
}

var errCrash = errors.New("crash")

func (s *crashing) Save(ctx context.Context, state fhir.ExportState) error {
	if s.left--; s.left < 0 {
		return errCrash
	}
	return s.ExportStore.Save(ctx, state)
}

func TestExportGoesOnAfterACrash(t *testing.T) {
	t.Parallel()
	for crash := range 11 { // kick-off, manifest, eight files, end
		t.Run(fmt.Sprint("at save ", crash), func(t *testing.T) {
			t.Parallel()
			inBulk(t, fhir.Config{}, fhirtest.ExportBehaviour{FileLines: 5, Polls: 2}, func(t *testing.T, b *bulk) {
				store := fhir.FileExportStore(filepath.Join(b.cfg.Dir, "export.json"))
				cfg := b.cfg
				cfg.Store, cfg.MaxConcurrent = &crashing{store, crash}, 1
				if _, err := b.client.Export(t.Context(), cfg); (crash < 10) != errors.Is(err, errCrash) {
					t.Fatalf("Export: %v", err)
				}
				if crash >= 10 {
					last, err := fhir.LastExport(t.Context(), b.cfg.Dir, store)
					b.wantExport(t, last, err)
					return
				}
				downloads := b.count("GET", "bulkfile")
				r, err := b.client.Export(t.Context(), b.cfg)
				if crash > 0 { // a crash before the status URL is stored leaves an export behind, nothing can be done
					b.wantExport(t, r, err)
				}
				if kickOffs, want := b.count("GET", "$export"), 1; crash > 0 && kickOffs != want {
					t.Errorf("%d kick-offs, want %d", kickOffs, want)
				}
				done := min(max(crash-2, 0), 7)
				if got := b.count("GET", "bulkfile") - downloads; crash > 0 && got != 7-done {
					t.Errorf("%d files downloaded again or at last, want %d", got, 7-done)
				}
			})
		})
	}
}

func TestStatusURLIsStoredBeforeTheFirstPoll(t *testing.T) {
	t.Parallel()
	inBulk(t, fhir.Config{}, fhirtest.ExportBehaviour{Polls: 1000, RetryAfter: "60"}, func(t *testing.T, b *bulk) {
		ctx, cancel := contextWithTimeout(t, time.Hour)
		defer cancel()
		if _, err := b.client.Export(ctx, b.cfg); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Export: %v", err)
		}
		if got := b.count("GET", "bulkstatus"); got < 55 || got > 61 {
			t.Errorf("%d polls in an hour with Retry-After: 60", got)
		}
		if b.state(t).StatusURL == "" || b.Exports() != 1 {
			t.Error("the end of the context must leave the export to be gone on with")
		}
		other := b.cfg
		other.Types = []string{"Patient"}
		if _, err := b.client.Export(t.Context(), other); !errors.Is(err, fhir.ErrRejected) {
			t.Errorf("another export in the same store: %v, want ErrRejected", err)
		}
		store := fhir.FileExportStore(filepath.Join(b.cfg.Dir, "export.json"))
		for range 2 {
			if err := b.client.CancelExport(t.Context(), store); err != nil {
				t.Errorf("CancelExport: %v", err)
			}
		}
		if b.state(t).StatusURL != "" || b.Exports() != 0 || b.count("DELETE", "bulkstatus") != 1 {
			t.Error("CancelExport must delete the export from server and store")
		}
	})
}

func TestThrottledPollWaitsAsLongAsItIsTold(t *testing.T) {
	t.Parallel()
	for told, want := range map[string]time.Duration{"3": 3 * time.Second, "500": 500 * time.Second, "86400": 10 * time.Minute} {
		inBulk(t, fhir.Config{}, fhirtest.ExportBehaviour{}, func(t *testing.T, b *bulk) {
			b.Next(fhirtest.Throttled(told).For("bulkstatus"))
			start := time.Now()
			r, err := b.client.Export(t.Context(), b.cfg)
			b.wantExport(t, r, err)
			if got := time.Since(start); got < want || got > want+want/4+time.Second {
				t.Errorf("Retry-After: %s: waited %v, want %v", told, got, want)
			}
		})
	}
}

func TestCancelWhereTheServerCannot(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]bool{405: false, 501: false, 404: false, 403: true} {
		inBulk(t, fhir.Config{}, fhirtest.ExportBehaviour{Polls: 1000}, func(t *testing.T, b *bulk) {
			ctx, cancel := contextWithTimeout(t, time.Minute)
			defer cancel()
			if _, err := b.client.Export(ctx, b.cfg); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Export: %v", err)
			}
			b.Next(fhirtest.Status(status).For("bulkstatus"))
			err := b.client.CancelExport(t.Context(), fhir.FileExportStore(filepath.Join(b.cfg.Dir, "export.json")))
			if kept := b.state(t).StatusURL != ""; kept != want || (err != nil) != kept {
				t.Errorf("DELETE answered with %d: %v, export kept in the store: %v", status, err, kept)
			}
		})
	}
}

func TestManifestIsNotFetchedTwiceWhenUnchanged(t *testing.T) {
	t.Parallel()
	inBulk(t, fhir.Config{MaxRetries: -1}, fhirtest.ExportBehaviour{}, func(t *testing.T, b *bulk) {
		b.Next(fhirtest.Status(500).For("bulkfile"))
		if _, err := b.client.Export(t.Context(), b.cfg); !errors.Is(err, fhir.ErrUnavailable) {
			t.Fatalf("Export: %v", err)
		}
		r, err := b.client.Export(t.Context(), b.cfg)
		b.wantExport(t, r, err)
		var asked []string
		for _, req := range b.Requests() {
			if req.Method == http.MethodGet && strings.HasPrefix(req.Path, "bulkstatus") {
				asked = append(asked, req.Header.Get("If-None-Match"))
			}
		}
		if diff := cmp.Diff([]string{"", `W/"export-1-1"`}, asked); diff != "" {
			t.Errorf("If-None-Match (-want +got):\n%s", diff)
		}
	})
}

func TestPartialSuccessIsNoSuccess(t *testing.T) {
	t.Parallel()
	const issue = `{"resourceType":"OperationOutcome","issue":[{"severity":%q,"code":"exception","diagnostics":"CANARY"}]}`
	for severity, wantErr := range map[string]bool{"error": true, "fatal": true, "warning": false, "information": false} {
		t.Run(severity, func(t *testing.T) {
			t.Parallel()
			behaviour := fhirtest.ExportBehaviour{Errors: []string{fmt.Sprintf(issue, severity)}}
			inBulk(t, fhir.Config{}, behaviour, func(t *testing.T, b *bulk) {
				r, err := b.client.Export(t.Context(), b.cfg)
				if errors.Is(err, fhir.ErrExport) != wantErr || r == nil || len(r.Outcomes) != 1 {
					t.Fatalf("Export: %v, %v", r, err)
				}
				if err != nil && strings.Contains(err.Error(), "CANARY") {
					t.Errorf("the error quotes the server: %v", err)
				}
				if moved := !b.state(t).Watermark.IsZero(); moved == wantErr {
					t.Errorf("the watermark moved: %v", moved)
				}
			})
		})
	}
}

func TestDeletedAndWatermark(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 5, 6, 7, 8, 9, 123e6, time.UTC)
	behaviour := fhirtest.ExportBehaviour{Deleted: []string{"Patient/p77", "Condition/c88"}, TransactionTime: at}
	inBulk(t, fhir.Config{}, behaviour, func(t *testing.T, b *bulk) {
		b.cfg.Incremental = true
		r, err := b.client.Export(t.Context(), b.cfg)
		b.wantExport(t, r, err)
		var deleted []string
		for ref, err := range r.Deleted(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			deleted = append(deleted, ref)
		}
		if diff := cmp.Diff([]string{"Patient/p77", "Condition/c88"}, deleted); diff != "" {
			t.Errorf("Deleted (-want +got):\n%s", diff)
		}
		b.Configure(func(b *fhirtest.Behaviour) { b.Export.TransactionTime = at.Add(time.Hour); b.Export.Deleted = nil })
		b.Put(json.RawMessage(`{"resourceType":"Patient","id":"new","meta":{"lastUpdated":"2026-05-06T07:30:00Z"}}`))
		if r, err = b.client.Export(t.Context(), b.cfg); err != nil {
			t.Fatal(err)
		}
		ids, err := patients(t, r.Resources(t.Context(), "Patient", nil))
		if diff := cmp.Diff([]string{"new"}, ids); diff != "" || err != nil {
			t.Errorf("the second export: %v (-want +got):\n%s", err, diff)
		}
		var since []string
		for _, req := range b.Requests() {
			if req.Path == "$export" {
				since = append(since, req.Query.Get("_since"))
			}
		}
		if diff := cmp.Diff([]string{"", "2026-05-06T07:08:09.123Z"}, since); diff != "" {
			t.Errorf("_since (-want +got):\n%s", diff)
		}
	})
}

func TestExportSaysNothingOfData(t *testing.T) {
	t.Parallel()
	const canary = "CANARY"
	var log bytes.Buffer
	cfg := fhir.Config{MaxRetries: 1, Logger: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	inBulk(t, cfg, fhirtest.ExportBehaviour{}, func(t *testing.T, b *bulk) {
		b.cfg.TypeFilters = []string{"Patient?name=" + canary}
		for _, fault := range []fhirtest.Answer{
			fhirtest.Outcome(400, canary, canary).For("$export"),
			fhirtest.Answer{Status: 202, Header: http.Header{"Content-Location": {"http://" + canary + ".invalid/" + canary}}}.For("$export"),
			fhirtest.JSON(`{"transactionTime":"` + canary + `"}`).For("bulkstatus"),
			fhirtest.JSON(`{"transactionTime":"2026-01-01T00:00:00Z","output":[{"type":"` + canary + `1","url":"x"}]}`).For("bulkstatus"),
			fhirtest.JSON(`{"resourceType":"Patient","name":"` + canary).For("bulkfile"),
			fhirtest.JSON(`{"resourceType":"` + canary + `"}`).For("bulkfile"),
			fhirtest.HTML(403).For("bulkfile"),
		} {
			b.Always(fault)
			_, err := b.client.Export(t.Context(), b.cfg)
			if err == nil || strings.Contains(err.Error(), canary) {
				t.Errorf("Export: %v", err)
			}
		}
		synctest.Wait()
		if strings.Contains(log.String(), canary) || strings.Contains(log.String(), "pipe.test") {
			t.Errorf("the log holds data or an address:\n%s", &log)
		}
	})
}
