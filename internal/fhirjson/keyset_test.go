package fhirjson_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/researchflow/researchflow/internal/fhirjson"
)

func TestKeySet(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range 3000 {
		names = append(names, fmt.Sprintf("name%d", i), strings.Repeat("x", i%40)+fmt.Sprint(i))
	}
	// Names that agree in length and in their first and last eight bytes.
	names = append(names, "", "a", "b", "valueCodeableA____Concept", "valueCodeableB____Concept", "valueCodeableC____Concept")
	keys := fhirjson.NewKeySet(names...)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for _, name := range names {
				if got := keys.Name(keys.ID(name)); got != name {
					t.Errorf("Name(ID(%q)) = %q", name, got)
				}
			}
		})
	}
	wg.Wait()
	for _, name := range []string{"nam", "name", "name3000", "valueCodeableD____Concept", "A"} {
		if id := keys.ID(name); id != 0 {
			t.Errorf("ID(%q) = %d, want 0", name, id)
		}
	}
}

func TestKeySetNumbersNamesInOrder(t *testing.T) {
	t.Parallel()
	keys := fhirjson.NewKeySet("b", "a", "b", "c")
	for i, name := range []string{"b", "a", "c"} {
		if got, want := keys.ID(name), fhirjson.KeyID(i+1); got != want {
			t.Errorf("ID(%q) = %d, want %d", name, got, want)
		}
	}
	if got := keys.Len(); got != 3 {
		t.Errorf("Len = %d, want 3", got)
	}
	if got := keys.Name(0) + keys.Name(4); got != "" {
		t.Errorf("Name of an id outside = %q, want nothing", got)
	}
}

func TestKeySetWithoutNames(t *testing.T) {
	t.Parallel()
	for _, keys := range []*fhirjson.KeySet{nil, fhirjson.NewKeySet()} {
		if keys.ID("a") != 0 || keys.Name(1) != "" || keys.Len() != 0 {
			t.Error("an empty set knows a name")
		}
		var tape fhirjson.Tape
		if err := tape.Parse([]byte(`{"a":1,"bcdefghijklm":2}`), keys, fhirjson.Limits{}); err != nil {
			t.Error(err)
		}
	}
}

func TestKeySetHoldsNoMoreThanItsIdsCanCount(t *testing.T) {
	t.Parallel()
	names := make([]string, 66_000)
	for i := range names {
		names[i] = fmt.Sprint(i)
	}
	keys := fhirjson.NewKeySet(names...)
	if got := keys.Len(); got != 65_535 {
		t.Errorf("Len = %d, want 65535", got)
	}
	if keys.ID("65534") != 65_535 || keys.ID("65535") != 0 {
		t.Errorf("ids of the last names: %d, %d", keys.ID("65534"), keys.ID("65535"))
	}
}
