package runner

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/fhirpath"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/ndjson"
	"github.com/researchflow/researchflow/internal/rows"
	"github.com/researchflow/researchflow/internal/testdata"
)

// sampleResources returns the first resources of each file of the small datasets, by type.
func sampleResources(tb testing.TB) [][][]byte {
	tb.Helper()
	const each = 4
	var all [][][]byte
	for _, set := range []string{"small", "edge"} {
		files, err := filepath.Glob(filepath.Join(testdata.Shared(tb, "data"), set, "*.ndjson"))
		if err != nil || len(files) == 0 {
			tb.Fatalf("%s: no files, %v", set, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				tb.Fatal(err)
			}
			var list [][]byte
			for _, line := range ndjson.Lines(data, 1) {
				if len(line) < 20_000 && len(list) < each && json.Valid(line) {
					list = append(list, line)
				}
			}
			if len(list) > 0 {
				all = append(all, list)
			}
		}
	}
	return all
}

// compareRandom writes a view, and perhaps spoils the resources, as the bytes say, and holds the fused way, the plain
// way and the oracle against each other. It reports whether the view compiled and had a fused way.
func compareRandom(t *testing.T, list [][]byte, decisions []byte) (compiled, hasFused bool) {
	t.Helper()
	a := &viewAuthor{choices: &choices{decisions}, m: model.Load(model.R4)}
	var samples []any
	var src Resources
	for _, raw := range list {
		var v any
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		if err := dec.Decode(&v); err != nil {
			t.Fatal(err)
		}
		samples = append(samples, v)
		src = append(src, raw)
	}
	resource, _ := samples[0].(map[string]any)["resourceType"].(string)
	text := a.view(resource, samples)
	// More resources: some of another shape, some of the same shape with other texts.
	for a.oneIn(2) {
		i := a.intN(len(list))
		if a.oneIn(2) {
			samples[i] = a.reword(samples[i])
		} else {
			samples[i] = a.spoil(samples[i], 0)
		}
		changed, err := json.Marshal(samples[i])
		if err != nil {
			t.Fatal(err)
		}
		src = append(src, changed)
		samples[i] = nil
		if err := json.Unmarshal(changed, &samples[i]); err != nil {
			t.Fatal(err)
		}
	}
	emptyJoin := len(decisions)%2 == 1
	v, err := CompileJSON([]byte(text), WithEmptyJoin(emptyJoin))
	if err != nil {
		var faults CompileErrors
		if !errors.As(err, &faults) {
			t.Fatalf("%s\nerror %v is not typed", text, err)
		}
		return false, false
	}
	limit := MaxRowsPerResource(2_000)
	var got string // of the run that leaves faulty resources out
	for _, policy := range []ErrorPolicy{Fail, Skip} {
		var gotFault string
		got, gotFault = rowsOf(v, src, OnError(policy), Parallel(1), limit)
		want, wantFault := rowsOf(v.plainly(), src, OnError(policy), Parallel(1), limit)
		if !sameRows(t, got, want) || gotFault != wantFault {
			t.Fatalf("%s\n(-plain +fused):\n%s%s", text, cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")),
				cmp.Diff(wantFault, gotFault))
		}
	}
	if !a.typed {
		oracle := newOracle(v.Definition())
		oracle.emptyJoin = emptyJoin
		againstOracle(t, v, oracle, src, text, got, limit)
	}
	return true, v.plan.Way() != rows.ByPlain
}

// sameRows reports whether rows are the same, however their strings are escaped: the fused way keeps escapes of the
// source where join() of one text is that text.
func sameRows(t *testing.T, a, b string) bool {
	return a == b || cmp.Equal(decoded(t, lines(a)), decoded(t, lines(b)))
}

// againstOracle compares the rows of each resource with the oracle's.
func againstOracle(t *testing.T, v *View, plain *oracle, src Resources, text, all string, limit RunOption) {
	t.Helper()
	var single strings.Builder // the rows of all resources, each run by itself
	for _, raw := range src {
		got, gotErr := rowTexts(v, Resources{raw}, Parallel(1), limit)
		if gotErr == nil {
			for _, row := range got {
				single.WriteString(row + "\n")
			}
		}
		if errors.Is(gotErr, ErrLimit) {
			continue // the oracle has no limits
		}
		want, wantErr := plain.resource(raw)
		var refused fhirpath.Errors
		if errors.As(wantErr, &refused) {
			continue // the oracle, which knows no types beforehand, has other doubts
		}
		if (wantErr != nil) != (gotErr != nil) {
			t.Fatalf("%s\non %s:\nerror %v, the oracle's %v", text, raw, gotErr, wantErr)
		}
		if wantErr != nil {
			continue
		}
		if diff := cmp.Diff(texts(t, want), decoded(t, got)); diff != "" {
			t.Fatalf("%s\non %s:\nrows (-oracle +got):\n%s", text, raw, diff)
		}
	}
	if !sameRows(t, single.String(), all) {
		t.Fatalf("%s: resources run together (+) give other rows than one by one (-):\n%s", text,
			cmp.Diff(strings.Split(single.String(), "\n"), strings.Split(all, "\n")))
	}
}

// TestRandomViews is FuzzViews on decisions by chance.
func TestRandomViews(t *testing.T) {
	t.Parallel()
	all := sampleResources(t)
	r := rand.New(rand.NewPCG(7, 11))
	n := 600
	if testing.Short() {
		n = 200
	}
	compiled, fused := 0, 0
	for range n {
		decisions := make([]byte, 40+r.IntN(160))
		for i := range decisions {
			decisions[i] = byte(r.Uint32())
		}
		ok, both := compareRandom(t, all[r.IntN(len(all))], decisions)
		if ok {
			compiled++
		}
		if both {
			fused++
		}
	}
	t.Logf("%d views, %d compiled, %d with a fused way", n, compiled, fused)
	if compiled < n/4 || fused < n/10 {
		t.Errorf("of %d views %d compiled and %d had a fused way, want more", n, compiled, fused)
	}
}

// FuzzViews runs random views over real and spoiled resources the fused way, the plain way and through the oracle:
// rows and errors must be the same.
func FuzzViews(f *testing.F) {
	all := sampleResources(f)
	r := rand.New(rand.NewPCG(3, 5))
	for i := range 64 {
		decisions := make([]byte, 40+i)
		for j := range decisions {
			decisions[j] = byte(r.Uint32())
		}
		f.Add(uint8(i), decisions)
	}
	f.Fuzz(func(t *testing.T, which uint8, decisions []byte) {
		if len(decisions) > 1_000 {
			return
		}
		compareRandom(t, all[int(which)%len(all)], decisions)
	})
}
