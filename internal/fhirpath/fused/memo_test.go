package fused_test

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/fhirpath/fused"
	"github.com/researchflow/researchflow/internal/testdata"
)

// found is what a path leads to on one resource.
type found struct {
	nodes []int32
	odd   bool
}

// find returns what the pair's path leads to, as the machine has it.
func (p *pair) find(raw []byte, tb testing.TB) found {
	tb.Helper()
	if err := p.evaluator.Load(raw); err != nil {
		tb.Fatal(err)
	}
	p.machine.Load(p.evaluator.Tape(), p.registers)
	p.machine.Focus(p.scope, 0)
	return p.walk()
}

func (p *pair) walk() found {
	path := p.path
	if p.column != nil {
		path = p.column.Path
	}
	start, _, ok := p.machine.Nodes(path)
	if !ok {
		return found{odd: true}
	}
	return found{nodes: append([]int32{}, p.machine.Items(start)...)}
}

// resources returns the lines of a file, each once as it is and once with texts that compare in another way.
func resources(t *testing.T, set, resource string) [][]byte {
	t.Helper()
	file, err := os.Open(filepath.Join(testdata.Shared(t, "data", set), resource+".ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var list [][]byte
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		line := bytes.Clone(lines.Bytes())
		other := line
		for _, text := range []string{`"official"`, `"home"`, `"phone"`, `"http://loinc.org"`, `"laboratory"`} {
			other = bytes.ReplaceAll(other, []byte(text), []byte(`"another"`))
		}
		list = append(list, line, other)
	}
	return list
}

// TestMemo looks up real resources again and again: what is remembered is what the machine finds.
func TestMemo(t *testing.T) {
	t.Parallel()
	tests := []struct{ resource, expression string }{
		{"Patient", "birthDate"},
		{"Patient", "name.given"},
		{"Patient", "name.where(use = 'official').family"},
		{"Patient", "name.where(use = %official).first().given"},
		{"Patient", "telecom.where(system = 'phone' and use != 'home').value"},
		{"Patient", "telecom.where(system = 'phone' or use = 'home').first().value"},
		{"Patient", "extension('http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex').value.ofType(code)"},
		{"Observation", "code.coding.where(system = %loincsystem).code"},
		{"Observation", "component.where(code.coding.exists(system = 'http://loinc.org' and code = '8480-6')).value.ofType(Quantity).value"},
		{"Observation", "category.coding.where(code = 'laboratory').display"},
	}
	for _, tt := range tests {
		for _, set := range []string{"small", "edge"} {
			p, ok := compile(t, tt.resource, tt.expression)
			if !ok {
				t.Errorf("%s is not taken on", tt.expression)
				continue
			}
			list := resources(t, set, tt.resource)
			random := rand.New(rand.NewPCG(1, 2))
			var memo fused.Memo[found]
			known := 0
			for range 3 {
				random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
				for _, raw := range list {
					want := p.find(raw, t)
					got, learn := memo.Find(&p.machine)
					if learn {
						p.machine.Focus(p.scope, 0)
						f := p.walk()
						memo.Keep(&p.machine, &f, 64)
						continue
					}
					if got == nil {
						continue
					}
					known++
					if diff := cmp.Diff(want, *got, cmp.AllowUnexported(found{})); diff != "" {
						t.Errorf("%s on %s (-machine +memo):\n%s", tt.expression, set, diff)
					}
				}
			}
			if known < len(list) {
				t.Errorf("%s on %s: %d of %d lookups of %d resources found something", tt.expression, set, known, 3*len(list), len(list))
			}
		}
	}
}

// TestMemoRests: where no two resources have the same shape, the memo soon asks for nothing, and wakes up again.
func TestMemoRests(t *testing.T) {
	t.Parallel()
	p, ok := compile(t, "Patient", "name.given")
	if !ok {
		t.Fatal("not taken on")
	}
	var memo fused.Memo[found]
	learnt, last := 0, 0
	const resources = 20_000
	for i := range resources {
		raw := []byte(`{"resourceType":"Patient","name":[{"given":[`)
		for bit := range 15 {
			raw = fmt.Appendf(raw, `%s,`, []string{`"a"`, `1`}[i>>bit&1])
		}
		raw = append(raw, `"z"]}]}`...)
		p.find(raw, t)
		if known, learn := memo.Find(&p.machine); learn {
			learnt, last = learnt+1, i
			memo.Keep(&p.machine, &found{}, 64)
		} else if known != nil {
			t.Fatalf("resource %d: something is known of a shape that was never there", i)
		}
	}
	if learnt == 0 || learnt > resources/8 || last < resources/2 {
		t.Errorf("%d of %d resources were learnt, the last was number %d", learnt, resources, last)
	}
}

// TestMemoIsBounded: texts that compare in ever new ways are not remembered without end, nor are large tapes.
func TestMemoIsBounded(t *testing.T) {
	t.Parallel()
	p, ok := compile(t, "Patient", "name.where(use = 'official').family")
	if !ok {
		t.Fatal("not taken on")
	}
	var memo fused.Memo[found]
	random := rand.New(rand.NewPCG(3, 4))
	learnt := 0
	for range 400 {
		raw := []byte(`{"resourceType":"Patient","name":[`)
		for range 40 {
			raw = fmt.Appendf(raw, `{"use":"%s","family":"F"},`, []string{"official", "usual"}[random.IntN(2)])
		}
		raw = append(raw, `{"use":"old"}]}`...)
		want := p.find(raw, t)
		known, learn := memo.Find(&p.machine)
		if learn {
			learnt++
			p.machine.Focus(p.scope, 0)
			f := p.walk()
			memo.Keep(&p.machine, &f, 64)
		} else if known != nil && !cmp.Equal(want.nodes, known.nodes) {
			t.Error("what is known is not what the machine finds")
		}
	}
	if learnt == 0 || learnt > 128 {
		t.Errorf("%d resources of one shape were learnt", learnt)
	}
	large := []byte(`{"resourceType":"Patient","name":[` + string(bytes.Repeat([]byte(`{"family":"F"},`), 2000)) + `{}]}`)
	p.find(large, t)
	if known, learn := memo.Find(&p.machine); known != nil || learn {
		t.Error("a large tape is remembered")
	}
}

// TestMemoForgets: a memo that has come to its size begins anew.
func TestMemoForgets(t *testing.T) {
	t.Parallel()
	p, ok := compile(t, "Patient", "name.where(use = 'official').family")
	if !ok {
		t.Fatal("not taken on")
	}
	var memo fused.Memo[found]
	known := func(family int, use string) bool {
		raw := []byte(`{"resourceType":"Patient","name":[{"use":"` + use + `"`)
		for range family {
			raw = append(raw, `},{"family":"F"`...)
		}
		p.find(append(raw, `}]}`...), t)
		f, learn := memo.Find(&p.machine)
		if f == nil && !learn {
			t.Fatalf("%d names: neither known nor to be learnt", family)
		}
		if learn {
			p.machine.Focus(p.scope, 0)
			f := p.walk()
			memo.Keep(&p.machine, &f, 1<<20)
		}
		return f != nil
	}
	for _, tt := range []struct {
		family int
		use    string
		want   bool
	}{
		{0, "usual", false},
		{1, "usual", false},
		{2, "usual", false},
		{0, "usual", true},
		{1, "usual", true},
		{1, "official", false}, // one too many
		{1, "official", true},
		{0, "usual", false},
		{1, "official", true},
		{1, "usual", false},
	} {
		if got := known(tt.family, tt.use); got != tt.want {
			t.Errorf("%d more names, use %s: known is %v, want %v", tt.family, tt.use, got, tt.want)
		}
	}
}
