package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/researchflow/researchflow/cache"
)

func TestRunnerCollects(t *testing.T) {
	t.Parallel()
	data, want := manyPatients(300)
	dir := t.TempDir()
	write(t, dir, "Patient.ndjson", data)
	r, err := New(Dir(dir), WithMaxParallel(3))
	if err != nil {
		t.Fatal(err)
	}
	v := mustView(t, namesView)
	res, err := r.Run(t.Context(), v, BlockSize(1000), Parallel(3))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := res.WriteNDJSON(&out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, strings.Split(strings.TrimSpace(out.String()), "\n")); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if res.Len() != len(want) || res.Stats().Rows != int64(len(want)) || res.Stats().Workers > 3 || res.Cached() || res.Bytes() < int64(len(want)) {
		t.Errorf("Len %d, Bytes %d, Stats %+v", res.Len(), res.Bytes(), res.Stats())
	}
	for _, i := range []int{0, 1, len(want) / 2, len(want) - 1} {
		if got := string(res.Row(i).AppendJSON(nil)); got != want[i] {
			t.Errorf("Row(%d) = %s, want %s", i, got, want[i])
		}
	}
	if maps := res.Maps(); len(maps) != len(want) || maps[0]["id"] != "p1" {
		t.Errorf("Maps: %d, first %v", len(maps), maps[0])
	}
	var csv, array bytes.Buffer
	if err := res.WriteCSV(&csv, CSVHeader(false)); err != nil || strings.Count(csv.String(), "\r\n") != len(want) {
		t.Errorf("WriteCSV: %v", err)
	}
	if err := res.WriteJSON(&array); err != nil || !strings.HasPrefix(array.String(), "[\n"+want[0]+",\n") {
		t.Errorf("WriteJSON: %v", err)
	}
	rows := 0
	for _, err := range r.Stream(t.Context(), v) {
		if err != nil {
			t.Fatal(err)
		}
		rows++
	}
	stats, err := r.Write(t.Context(), v, NewCSVWriter(io.Discard), Parallel(100))
	if err != nil || rows != len(want) || stats.Rows != int64(rows) || stats.Workers > 3 {
		t.Errorf("Stream %d rows, Write %+v, %v", rows, stats, err)
	}
}

func TestRunnerIsBounded(t *testing.T) {
	t.Parallel()
	data, want := manyPatients(300)
	dir := t.TempDir()
	write(t, dir, "Patient.ndjson", data)
	v := mustView(t, namesView)
	for _, tt := range []struct {
		rows  int
		bytes int64
		fails bool
	}{{len(want), 0, false}, {len(want) - 1, 0, true}, {0, 1000, true}, {-1, -1, false}} {
		r, err := New(Dir(dir), WithMaxResult(tt.rows, tt.bytes))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Run(t.Context(), v); errors.Is(err, ErrLimit) != tt.fails {
			t.Errorf("%d rows, %d bytes: %v", tt.rows, tt.bytes, err)
		}
	}
	if _, err := New(nil); err == nil {
		t.Error("New(nil) succeeds")
	}
	r, err := New(Dir(dir), WithLogger(nil), WithClock(nil))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Run(t.Context(), v); err != nil {
		t.Errorf("without a logger and a clock: %v", err)
	}
}

func TestRunnerCaches(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "Patient.ndjson", []byte(patient("a")+"\n"+patient("b")+"\n"))
	c := cache.New(cache.Config{TTL: time.Hour})
	t.Cleanup(func() { c.Close() })
	r, err := New(Dir(dir), WithCache(c))
	if err != nil {
		t.Fatal(err)
	}
	v := mustView(t, idView)
	run := func(cached bool, rows int, opts ...RunOption) {
		t.Helper()
		res, err := r.Run(t.Context(), v, opts...)
		if err != nil {
			t.Fatal(err)
		}
		if res.Cached() != cached || res.Len() != rows || res.Stats().Resources == 0 {
			t.Errorf("cached %t, %d rows, stats %+v, want %t, %d", res.Cached(), res.Len(), res.Stats(), cached, rows)
		}
	}
	run(false, 2)
	run(true, 2)
	run(true, 2, Parallel(1))
	run(false, 1, MaxRows(1))
	run(false, 1, MaxResources(1))
	run(false, 1, Patients("a"))
	run(true, 1, Patients("Patient/a", "a")) // the same patients
	run(false, 1, Patients("b"))
	run(false, 2, OnError(Skip))
	write(t, dir, "Patient.ndjson", []byte(patient("a")+"\n"+patient("b")+"\n"+patient("c")+"\n"))
	run(false, 3)
	want := CacheStats{Hits: 3, Misses: 7, HitRatePercent: 30}
	if diff := cmp.Diff(want, r.CacheStats()); diff != "" {
		t.Errorf("CacheStats (-want +got):\n%s", diff)
	}
	// Errors are not cached, nor are results of a source without identity.
	write(t, dir, "Patient.ndjson", []byte("bad"))
	for range 2 {
		if _, err := r.Run(t.Context(), v); !errors.Is(err, ErrNotResource) {
			t.Errorf("error %v, want ErrNotResource", err)
		}
	}
	anonymous, err := New(resources(patient("a")), WithCache(c))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if res, err := anonymous.Run(t.Context(), v); err != nil || res.Cached() {
			t.Errorf("a source without identity: %v", err)
		}
	}
	if got := anonymous.CacheStats(); got != (CacheStats{}) {
		t.Errorf("a source without identity: %+v", got)
	}
}

func TestRunnerIsShared(t *testing.T) {
	t.Parallel()
	data, want := manyPatients(100)
	dir := t.TempDir()
	write(t, dir, "Patient.ndjson", data)
	c := cache.New(cache.Config{})
	t.Cleanup(func() { c.Close() })
	r, err := New(Dir(dir), WithCache(c))
	if err != nil {
		t.Fatal(err)
	}
	v := mustView(t, namesView)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			res, err := r.Run(t.Context(), v)
			if err != nil || res.Len() != len(want) {
				t.Errorf("Run: %v", err)
				return
			}
			for row := range res.Rows() {
				_ = row.Map()
			}
		})
	}
	group.Wait()
	if s := r.CacheStats(); s.Misses != 1 || s.Hits != 7 {
		t.Errorf("CacheStats = %+v, want one miss", s)
	}
}

func TestAudit(t *testing.T) {
	t.Parallel()
	var events []AuditEvent
	var refuse, lose error
	read := false
	src := &recorded{}
	hook := func(_ context.Context, e AuditEvent) error {
		events = append(events, e)
		if e.Done {
			return lose
		}
		if src.resource != "" {
			read = true
		}
		return refuse
	}
	r, err := New(src, WithAudit(hook))
	if err != nil {
		t.Fatal(err)
	}
	v := mustView(t, idView)
	src.list = resources(patient("a"), patient("b"))
	if _, err := r.Run(t.Context(), v, Patients("a")); err != nil {
		t.Fatal(err)
	}
	want := []AuditEvent{
		{View: "ids", Resource: "Patient", Digest: v.Digest(), Patients: 1},
		{View: "ids", Resource: "Patient", Digest: v.Digest(), Patients: 1, Done: true, Stats: Stats{Resources: 1, Rows: 1}},
	}
	ignore := cmpopts.IgnoreFields(Stats{}, "Bytes", "Duration", "Workers")
	if diff := cmp.Diff(want, events, ignore); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if read {
		t.Error("the source was asked before the hook")
	}

	refuse, events, src.resource = errors.New("no"), nil, ""
	if _, err := r.Run(t.Context(), v); !errors.Is(err, refuse) {
		t.Errorf("Run: %v, want the refusal", err)
	}
	for _, err := range r.Stream(t.Context(), v) {
		if !errors.Is(err, refuse) {
			t.Errorf("Stream: %v, want the refusal", err)
		}
	}
	if _, err := r.Write(t.Context(), v, NewCSVWriter(io.Discard)); !errors.Is(err, refuse) {
		t.Errorf("Write: %v, want the refusal", err)
	}
	if src.resource != "" || len(events) != 3 {
		t.Errorf("a refused run asked the source for %q; %d events", src.resource, len(events))
	}

	refuse, lose = nil, errors.New("lost")
	if _, err := r.Run(t.Context(), v); !errors.Is(err, lose) {
		t.Errorf("Run: %v, want the hook's error", err)
	}
	var last error
	for _, err := range r.Stream(t.Context(), v) {
		last = err
	}
	if !errors.Is(last, lose) {
		t.Errorf("Stream: %v, want the hook's error", last)
	}

	lose, events, src.err = nil, nil, errors.New("server down")
	if _, err := r.Run(t.Context(), v); !errors.Is(err, src.err) {
		t.Errorf("Run: %v", err)
	}
	if len(events) != 2 || !errors.Is(events[1].Err, src.err) || events[1].Stats.Rows != 2 {
		t.Errorf("a failed run: events %+v", events)
	}
}

// TestAbandonedRuns: a run whose caller panics is audited, with the figures it had reached.
func TestAbandonedRuns(t *testing.T) {
	t.Parallel()
	data, _ := manyPatients(100)
	dir := t.TempDir()
	write(t, dir, "Patient.ndjson", data)
	var events []AuditEvent
	r, err := New(Dir(dir), WithAudit(func(_ context.Context, e AuditEvent) error {
		events = append(events, e)
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	v := mustView(t, namesView)
	var stats Stats
	for name, run := range map[string]func(){
		"loop": func() {
			for range r.Stream(t.Context(), v, CollectStats(&stats)) {
				panic("mine")
			}
		},
		"writer": func() { _, _ = r.Write(t.Context(), v, NewCSVWriter(panicking{}), CollectStats(&stats)) },
		"progress": func() {
			_, _ = r.Run(t.Context(), v, Progress(func(Stats) { panic("mine") }), CollectStats(&stats))
		},
	} {
		events, stats = nil, Stats{}
		got := func() (r any) {
			defer func() { r = recover() }()
			run()
			return nil
		}()
		if got != "mine" {
			t.Errorf("%s: recovered %v, want the panic", name, got)
		}
		if len(events) != 2 || !events[1].Done || events[1].Err == nil || events[1].Stats.Rows == 0 || events[1].Stats.Rows != stats.Rows {
			t.Errorf("%s: events %+v, stats %+v", name, events, stats)
		}
	}
}

// staleCache always returns its first value, and stores the load function. If eager, it loads again and drops the
// result.
type staleCache struct {
	value any
	load  func() error
	eager bool
}

func (c *staleCache) GetOrLoad(ctx context.Context, _ string, load func(context.Context) (any, int64, error)) (value any, err error) {
	c.load = func() error {
		_, _, err := load(context.WithoutCancel(ctx))
		return err
	}
	if c.value == nil {
		c.value, _, err = load(ctx)
	} else if c.eager {
		err = c.load()
	}
	return c.value, err
}

// TestStaleResults: a cache may load again after a run has its result; this does not change the run.
func TestStaleResults(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "Patient.ndjson", []byte(patient("a")))
	c := &staleCache{}
	r, err := New(Dir(dir), WithCache(c))
	if err != nil {
		t.Fatal(err)
	}
	v := mustView(t, `{"resource":"Patient","select":[{"column":[{"name":"id","path":"id.trace('t')"}]}]}`)
	for i, eager := range []bool{false, false, true} {
		c.eager = eager
		var stats Stats
		called := 0
		res, err := r.Run(t.Context(), v, CollectStats(&stats), Progress(func(Stats) { called++ }),
			Trace(func(string, []json.RawMessage) { called++ }))
		if err != nil || res.Cached() != (i > 0) || stats.Rows != 1 {
			t.Fatalf("run %d: %v, cached %t, stats %+v", i, err, res.Cached(), stats)
		}
		stats, called = Stats{}, 0
		if err := c.load(); err != nil {
			t.Fatal(err)
		}
		if called != 0 || stats.Rows != 0 {
			t.Errorf("run %d: reading after its end called it %d times, stats %+v", i, called, stats)
		}
	}
	if s := r.CacheStats(); s.Hits != 2 || s.Misses != 1 {
		t.Errorf("CacheStats = %+v, want two hits and one miss", s)
	}
}

// TestCachedView: views that differ only in their names share cached rows, but results have the right view.
func TestCachedView(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "Patient.ndjson", []byte(patient("a")))
	c := cache.New(cache.Config{})
	t.Cleanup(func() { c.Close() })
	r, err := New(Dir(dir), WithCache(c))
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"one", "two"} {
		res, err := r.Run(t.Context(), mustView(t, strings.Replace(idView, "ids", name, 1)))
		if err != nil || res.Cached() != (i > 0) || res.View().Name() != name {
			t.Errorf("%s: %v, cached %t, the result of %s", name, err, res.Cached(), res.View().Name())
		}
	}
}

func TestLogs(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	r, err := New(resources(patient("SECRET")), WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Run(t.Context(), mustView(t, idView)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "view=ids") || !strings.Contains(log.String(), "rows=1") || strings.Contains(log.String(), "SECRET") {
		t.Errorf("log %s", log.String())
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	clock := func() time.Time { return time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC) }
	r, err := New(resources(patient("a")), WithClock(clock))
	if err != nil {
		t.Fatal(err)
	}
	v := mustView(t, `{"resource":"Patient","select":[{"column":[{"name":"t","path":"today()"}]}]}`)
	res, err := r.Run(t.Context(), v)
	if err != nil || res.Row(0).Value(0).String() != "2020-02-03" {
		t.Errorf("today() = %v, %v", res.Maps(), err)
	}
}
