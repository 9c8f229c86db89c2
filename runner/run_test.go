package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/researchflow/researchflow/internal/rows"
)

// manyPatients returns NDJSON with n patients of some names each, and the rows of namesView for them.
func manyPatients(n int) (data []byte, rows []string) {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, `{"resourceType":"Patient","id":"p%d","name":[`, i)
		for j := range i % 4 {
			if j > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"family":"f%d"}`, j)
			rows = append(rows, fmt.Sprintf(`{"id":"p%d","f":"f%d"}`, i, j))
		}
		b.WriteString("]}\n")
		if i%10 == 0 {
			b.WriteString(`{"resourceType":"Group","id":"g"}` + "\n")
		}
	}
	return b.Bytes(), rows
}

const namesView = `{"resource":"Patient","name":"names","select":[{"column":[{"name":"id","path":"id"}]},{"forEach":"name","column":[{"name":"f","path":"family"}]}]}`

// TestOrder: any number of workers and any block size give the same rows in the same order.
func TestOrder(t *testing.T) {
	t.Parallel()
	data, want := manyPatients(500)
	dir := t.TempDir()
	write(t, dir, "Patient.ndjson", data)
	v := mustView(t, namesView)
	for _, workers := range []int{1, 2, 16} {
		for _, size := range []int{100, 1 << 10, 8 << 20} {
			src := Dir(dir)
			got, err := rowTexts(v, src, BlockSize(size), Parallel(workers))
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%d workers, blocks of %d: %d rows, %v, want %d in order", workers, size, len(got), err, len(want))
			}
			got, err = rowTexts(v, src, BlockSize(size), Parallel(workers), Unordered())
			slices.Sort(got)
			sorted := slices.Sorted(slices.Values(want))
			if err != nil || !slices.Equal(got, sorted) {
				t.Errorf("%d workers, blocks of %d, unordered: %d rows, %v, want %d", workers, size, len(got), err, len(want))
			}
		}
	}
}

// TestStats counts what was read.
func TestStats(t *testing.T) {
	t.Parallel()
	data, rows := manyPatients(100)
	v := mustView(t, namesView)
	for _, workers := range []int{1, 3} {
		var stats Stats
		var seen []Stats
		_, err := rowTexts(v, Reader("x", bytes.NewReader(data)), Parallel(workers), CollectStats(&stats), Progress(func(s Stats) { seen = append(seen, s) }))
		if err != nil {
			t.Fatal(err)
		}
		if stats.Duration <= 0 {
			t.Errorf("Duration = %v", stats.Duration)
		}
		if stats.Workers < 1 || stats.Workers > workers {
			t.Errorf("%d workers, want 1 to %d", stats.Workers, workers)
		}
		stats.Duration, stats.Workers = 0, 0
		want := Stats{Resources: 100, Bytes: int64(len(data)), Rows: int64(len(rows))}
		if diff := cmp.Diff(want, stats); diff != "" {
			t.Errorf("Stats (-want +got):\n%s", diff)
		}
		if len(seen) == 0 || seen[len(seen)-1].Rows != want.Rows {
			t.Errorf("Progress saw %+v", seen)
		}
	}
}

// TestLimits limits rows and resources, with the same result for any number of workers.
func TestLimits(t *testing.T) {
	t.Parallel()
	data, all := manyPatients(40)
	dir := t.TempDir()
	write(t, dir, "Patient.ndjson", data)
	v := mustView(t, namesView)
	for _, workers := range []int{1, 4} {
		for _, size := range []int{128, 1 << 20} {
			src := Dir(dir)
			for _, n := range []int{1, 2, 7, len(all) - 1, len(all), len(all) + 1} {
				var stats Stats
				got, err := rowTexts(v, src, BlockSize(size), Parallel(workers), MaxRows(n), CollectStats(&stats))
				want := all[:min(n, len(all))]
				if err != nil || !slices.Equal(got, want) || stats.Rows != int64(len(want)) {
					t.Errorf("%d workers, blocks of %d, %d rows: %d rows, stats %+v, %v", workers, size, n, len(got), stats, err)
				}
				if truncated := n < len(all); stats.Truncated != truncated && n != len(all) {
					t.Errorf("%d workers, blocks of %d, %d rows: Truncated = %t", workers, size, n, stats.Truncated)
				}
			}
			for _, n := range []int{1, 5, 39, 40, 41} {
				var stats Stats
				got, err := rowTexts(v, src, BlockSize(size), Parallel(workers), MaxResources(n), CollectStats(&stats))
				var want []string
				for _, row := range all {
					var id int
					if _, err := fmt.Sscanf(row, `{"id":"p%d"`, &id); err != nil {
						t.Fatal(err)
					}
					if id < n {
						want = append(want, row)
					}
				}
				if err != nil || !slices.Equal(got, want) || stats.Resources != int64(min(n, 40)) {
					t.Errorf("%d workers, blocks of %d, %d resources: %d rows, want %d, stats %+v, %v", workers, size, n, len(got), len(want), stats, err)
				}
				if stats.Truncated != (n < 40) {
					t.Errorf("%d workers, blocks of %d, %d resources: Truncated = %t", workers, size, n, stats.Truncated)
				}
			}
		}
	}
	// The same with a writer, for which the workers encode rows.
	var out bytes.Buffer
	stats, err := v.Write(context.Background(), Dir(dir), NewNDJSONWriter(&out), MaxRows(3), Parallel(4))
	if want := strings.Join(all[:3], "\n") + "\n"; err != nil || out.String() != want || !stats.Truncated {
		t.Errorf("Write: %q, %+v, %v, want %q", out.String(), stats, err, want)
	}
}

// TestLimitBeforeFault: a fault after the limit is not reported.
func TestLimitBeforeFault(t *testing.T) {
	t.Parallel()
	v := mustView(t, idView)
	src := resources(patient("a"), patient("b"), "broken")
	for _, opt := range []RunOption{MaxRows(2), MaxResources(2)} {
		for _, workers := range []int{1, 3} {
			for _, src := range []Source{src, &recorded{list: resources(patient("a"), patient("b")), err: errors.New("server down")}} {
				var stats Stats
				rows, err := rowTexts(v, src, opt, Parallel(workers), CollectStats(&stats))
				if err != nil || len(rows) != 2 || !stats.Truncated {
					t.Errorf("%T, %d workers: %q, Truncated %t, %v", src, workers, rows, stats.Truncated, err)
				}
			}
		}
	}
}

// TestBadLines has bad lines in the middle of a file: with Fail they end the run, with Skip all other rows are there.
func TestBadLines(t *testing.T) {
	t.Parallel()
	bad := []string{
		`{"resourceType":"Patient","id":"x"`, "not json", `{"resourceType":"Patient","id":"` + "\xff" + `"}`,
		"\x00\x00", `{"resourceType":"Patient","id":"a","id":"b"}`, `[]`, `{"resourceType":7}`,
		strings.Repeat("[", 10000), `{"resourceType":"Patient","id":"two","name":[{"family":["x","y"]}]}`,
	}
	v := mustView(t, `{"resource":"Patient","name":"v","select":[{"column":[{"name":"id","path":"id"},{"name":"f","path":"name.family"}]}]}`)
	for i, line := range bad {
		data := patient("a") + "\r\n" + line + "\n" + patient("b") + "\n"
		path := filepath.Join(t.TempDir(), "Patient.ndjson")
		write(t, filepath.Dir(path), "Patient.ndjson", []byte(data))
		for _, workers := range []int{1, 3} {
			for _, size := range []int{16, 1 << 20} {
				src := Files(path)
				rows, err := rowTexts(v, src, BlockSize(size), Parallel(workers))
				var run *RunError
				if !errors.As(err, &run) || run.Place.File != path || run.Place.Line != 2 || len(rows) != 1 {
					t.Errorf("line %d, %d workers: rows %q, error %v", i, workers, rows, err)
				}
				var stats Stats
				rows, err = rowTexts(v, src, BlockSize(size), Parallel(workers), OnError(Skip), CollectStats(&stats))
				want := []string{`{"id":"a","f":null}`, `{"id":"b","f":null}`}
				if err != nil || !slices.Equal(rows, want) {
					t.Errorf("line %d, %d workers, skip: rows %q, error %v", i, workers, rows, err)
				}
				if stats.Skipped != 1 || len(stats.Skips) != 1 || stats.Skips[0].Place.Line != 2 || stats.Resources != 3 {
					t.Errorf("line %d, %d workers, skip: stats %+v", i, workers, stats)
				}
			}
		}
	}
}

func TestSkipsAreListedUpToALimit(t *testing.T) {
	t.Parallel()
	var data strings.Builder
	for range 50 {
		data.WriteString("bad\n" + patient("a") + "\n")
	}
	v := mustView(t, idView)
	var stats Stats
	rows, err := rowTexts(v, Reader("x", strings.NewReader(data.String())), OnError(Skip), CollectStats(&stats))
	if err != nil || len(rows) != 50 || stats.Skipped != 50 || len(stats.Skips) != maxSkips {
		t.Errorf("%d rows, %d skipped, %d listed, %v", len(rows), stats.Skipped, len(stats.Skips), err)
	}
	for i, s := range stats.Skips {
		if s.Place.Line != int64(2*i+1) {
			t.Errorf("skip %d is at line %d", i, s.Place.Line)
		}
	}
}

// TestErrorsHoldNoValues puts marked text everywhere in bad resources and looks for it in errors.
func TestErrorsHoldNoValues(t *testing.T) {
	t.Parallel()
	const canary = "CANARY"
	v := mustView(t, `{"resource":"Patient","name":"v","where":[{"path":"birthDate.toString().length() + telecom.value.toInteger() = 1"}],
		"select":[{"column":[{"name":"f","path":"name.family + 'x'"},{"name":"n","path":"name.given.toInteger()"}]}]}`)
	for _, text := range []string{
		`{"resourceType":"Patient","id":"p CANARY","name":[{"family":"CANARY"},{"family":"CANARY"}]}`,
		`{"resourceType":"Patient","birthDate":"CANARY","telecom":[{"value":"CANARY"}]}`,
		`{"resourceType":"Patient","name":[{"family":"CANARY","given":["CANARY","CANARY"]}],"CANARY":}`,
		`{"resourceType":"CANARY","id":CANARY}`, `"CANARY"`, `CANARY`, `{"resourceType":"Patient","name":{"CANARY":"CANARY"},"CANARY":1,"CANARY":2}`,
	} {
		_, err := rowTexts(v, resources(text), Parallel(1))
		if err != nil && strings.Contains(err.Error(), canary) {
			t.Errorf("error holds a value: %v", err)
		}
	}
	type row struct {
		F int `json:"f"`
	}
	good := mustView(t, `{"resource":"Patient","select":[{"column":[{"name":"f","path":"id"}]}]}`)
	if _, err := Collect[row](good.Rows(t.Context(), resources(patient("CANARY")))); err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("Scan: error %v", err)
	}
}

func TestPatients(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, resource string
		data           []string
		want           []string
	}{
		{"Patient by id", "Patient", []string{patient("a"), patient("b"), `{"resourceType":"Patient"}`}, ids("a")},
		{"subject", "Observation", []string{
			`{"resourceType":"Observation","id":"1","subject":{"reference":"Patient/a"}}`,
			`{"resourceType":"Observation","id":"2","subject":{"reference":"http://host/fhir/Patient/a/_history/3"}}`,
			`{"resourceType":"Observation","id":"3","subject":{"reference":"Patient/b"},"performer":[{"reference":"Patient/a"}]}`,
			`{"resourceType":"Observation","id":"4","subject":{"reference":"Group/a"}}`,
			`{"resourceType":"Observation","id":"5"}`,
			`{"resourceType":"Observation","id":"6","subject":{"reference":"NotPatient/a"}}`,
			`{"resourceType":"Observation","id":"7","subject":{"reference":"urn:uuid:a"}}`,
		}, ids("1", "2")},
		{"patient", "AllergyIntolerance", []string{`{"resourceType":"AllergyIntolerance","id":"1","patient":{"reference":"Patient/a"}}`, `{"resourceType":"AllergyIntolerance","id":"2","patient":{"reference":"Patient/b"}}`}, ids("1")},
		{"beneficiary", "Coverage", []string{`{"resourceType":"Coverage","id":"1","beneficiary":{"reference":"Patient/a"}}`}, ids("1")},
		{"participant", "Appointment", []string{`{"resourceType":"Appointment","id":"1","participant":[{"actor":{"reference":"Practitioner/a"}},{"actor":{"reference":"Patient/a"}}]}`}, ids("1")},
		{"member", "Group", []string{`{"resourceType":"Group","id":"1","member":[{"entity":{"reference":"Patient/b"}},{"entity":{"reference":"Patient/a"}}]}`}, ids("1")},
		{"for", "Task", []string{`{"resourceType":"Task","id":"1","for":{"reference":"Patient/a"}}`}, ids("1")},
		{"choice", "MedicationStatement", []string{`{"resourceType":"MedicationStatement","id":"1","subject":{"reference":"Patient/a"}}`}, ids("1")},
	}
	for _, tt := range tests {
		v := mustView(t, `{"resource":"`+tt.resource+`","select":[{"column":[{"name":"id","path":"id"}]}]}`)
		wantRows(t, v, resources(tt.data...), tt.want, Patients("a", "Patient/c"))
		wantRows(t, v, resources(tt.data...), nil, Patients())
	}
	v := mustView(t, `{"resource":"Practitioner","select":[{"column":[{"name":"id","path":"id"}]}]}`)
	if _, err := rowTexts(v, resources(), Patients("a")); !errors.Is(err, ErrNoPatient) {
		t.Errorf("Practitioner: %v, want ErrNoPatient", err)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	data, _ := manyPatients(2000)
	dir := t.TempDir()
	write(t, dir, "Patient.ndjson", data)
	v := mustView(t, namesView)
	for _, workers := range []int{1, 4} {
		ctx, cancel := context.WithCancel(context.Background())
		rows := 0
		var last error
		for _, err := range v.Rows(ctx, Dir(dir), BlockSize(256), Parallel(workers)) {
			if last = err; err != nil {
				break
			}
			if rows++; rows == 10 {
				cancel()
			}
		}
		cancel()
		if !errors.Is(last, context.Canceled) {
			t.Errorf("%d workers: %d rows, then %v, want context.Canceled", workers, rows, last)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := v.Write(ctx, Dir(dir), NewCSVWriter(io.Discard)); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled before: %v", err)
	}
}

// TestBreak leaves the loop early; goleak checks that no goroutine is left.
func TestBreak(t *testing.T) {
	t.Parallel()
	var list []json.RawMessage
	for i := range 5000 {
		list = append(list, json.RawMessage(patient(fmt.Sprint(i))))
	}
	v := mustView(t, idView)
	for _, workers := range []int{1, 4} {
		src := &recorded{list: list}
		rows := 0
		for _, err := range v.Rows(context.Background(), src, Parallel(workers)) {
			if err != nil {
				t.Fatal(err)
			}
			if rows++; rows == 3 {
				break
			}
		}
		if !src.stopped {
			t.Errorf("%d workers: the source ran to its end", workers)
		}
	}
}

// TestRowsMayBeKept reads all rows of a run after it has ended.
func TestRowsMayBeKept(t *testing.T) {
	t.Parallel()
	data, want := manyPatients(300)
	v := mustView(t, namesView)
	var kept, clones []Row
	for row, err := range v.Rows(context.Background(), Reader("x", bytes.NewReader(data)), Parallel(2)) {
		if err != nil {
			t.Fatal(err)
		}
		kept, clones = append(kept, row), append(clones, row.Clone())
	}
	for i := range want {
		if got := string(kept[i].AppendJSON(nil)); got != want[i] {
			t.Errorf("row %d = %s, want %s", i, got, want[i])
		}
		if got := string(clones[i].AppendJSON(nil)); got != want[i] {
			t.Errorf("clone %d = %s, want %s", i, got, want[i])
		}
	}
}

// TestSharedView runs one view in many goroutines at once.
func TestSharedView(t *testing.T) {
	t.Parallel()
	data, want := manyPatients(100)
	v := mustView(t, namesView)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			got, err := rowTexts(v, Reader("x", bytes.NewReader(data)), Parallel(2))
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%d rows, %v, want %d", len(got), err, len(want))
			}
		})
	}
	group.Wait()
}

// TestTextBeyondOffsets: rows whose text cannot be addressed are an error, and are not copied.
func TestTextBeyondOffsets(t *testing.T) {
	t.Parallel()
	v := mustView(t, idView)
	fits := rows.Cell{Kind: rows.String, Len: 1 << 31}
	b := &batch{view: v, index: 7, bytes: 5, ends: []int32{3}}
	b.Rows, b.Cells = 3, []rows.Cell{fits, fits, fits}
	k := b.compact()
	if !errors.Is(k.err, ErrLimit) || k.Rows != 0 || len(k.ends) != 0 || k.index != 7 || k.bytes != 5 || !k.kept {
		t.Errorf("compact = %+v, want ErrLimit and no rows", k)
	}
}

// TestKindNames: a kind is named as it is in errors.
func TestKindNames(t *testing.T) {
	t.Parallel()
	want := []string{"null", "boolean", "integer", "decimal", "string", "object", "list", "kind 7"}
	for i, want := range want {
		if got := Kind(i).String(); got != want {
			t.Errorf("kind %d is %q, want %q", i, got, want)
		}
	}
}
