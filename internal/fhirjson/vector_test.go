package fhirjson

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/testdata"
)

var (
	vectorKeys = NewKeySet("resourceType", "id", "code", "coding", "system", "display", "value", "a", "b",
		"effectiveDateTime", "medicationCodeableConcept", "aNameThatIsLongerThanThirtyTwoBytes")
	vectorProjection = NewProjection(vectorKeys, []string{"id"}, []string{"code", "coding", "system"}, []string{"a"}, []string{"b", "a"})
)

// compare parses src with and without vector instructions and checks that nothing differs.
func compare(t *testing.T, vector, plain *Tape, src []byte, limits Limits) {
	t.Helper()
	plain.plain = true
	for _, rows := range [][]uint32{nil, vectorProjection.rows} {
		want := plain.parse(src, vectorKeys, rows, limits)
		got := vector.parse(src, vectorKeys, rows, limits)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%.200q: error (-plain +vector)\n%s", src, diff)
		}
		if len(plain.nodes) != len(vector.nodes) {
			t.Fatalf("%.200q: %d nodes plain, %d with vectors", src, len(plain.nodes), len(vector.nodes))
		}
		for i, n := range plain.nodes {
			if vector.nodes[i] != n {
				t.Fatalf("%.200q: node %d (-plain +vector)\n%s", src, i, cmp.Diff(n, vector.nodes[i]))
			}
		}
	}
}

// FuzzVector holds the assembly against the Go code that it stands for.
func FuzzVector(f *testing.F) {
	for _, src := range []string{
		`{"resourceType":"Patient","id":"x","a":[{"b":1,"c":[true,false,null,-1.5e3,"s"]},{}],"code":{"coding":[{"system":"s"}]}}`,
		strings.Repeat(" ", 64) + `{"a":{"b":["é","\\\"",""]},"a\u0062":0}`, `[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]`,
		`{"effectiveDateTime":"2011","medicationCodeableConcept":{},"aNameThatIsLongerThanThirtyTwoBytes":[-0.10,10,0]}`,
		`{"x":{"y":[{"z":"1"},{"z":"2","w":[3,4.5,[],{"v":null}]}]},"b":{"c":"d","a":"e"},"id":"i"}` + strings.Repeat(" ", 64),
		`{"a":1,"b":2,"a":3,"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa":4}`,
	} {
		f.Add([]byte(src), 8, 50)
	}
	var vector, plain Tape
	f.Fuzz(func(t *testing.T, src []byte, depth, nodes int) {
		compare(t, &vector, &plain, src, Limits{})
		compare(t, &vector, &plain, src, Limits{MaxDepth: depth, MaxNodes: nodes})
	})
}

// TestVectorOnDamagedResources compares the two ways on resources, and on what is left of them when one
// byte is changed, and when they are cut at any place.
func TestVectorOnDamagedResources(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob(filepath.Join(testdata.Shared(t, "data", "edge"), "*.ndjson"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no NDJSON: %v", err)
	}
	random := rand.New(rand.NewPCG(3, 4))
	var vector, plain Tape
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for number, line := range bytes.Split(bytes.TrimSpace(data), []byte("\n")) {
			compare(t, &vector, &plain, line, Limits{})
			if number >= 3 {
				continue
			}
			for i := 0; i < len(line); i += 1 + i/64 {
				compare(t, &vector, &plain, line[:i], Limits{})
			}
			damaged := bytes.Clone(line)
			for range 100 {
				at := random.IntN(len(damaged))
				const letters = "\"\"\\{}[]:,01.-+eE \ntfn\x00\xc3"
				damaged[at] = letters[random.IntN(len(letters))]
				compare(t, &vector, &plain, damaged, Limits{})
				damaged[at] = line[at]
			}
		}
	}
}
