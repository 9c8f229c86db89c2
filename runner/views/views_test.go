package views

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNames(t *testing.T) {
	want := []string{
		"condition_diagnoses", "medication_requests", "observation_labs", "patient_demographics", "patient_simple",
		"procedure_history",
	}
	if diff := cmp.Diff(want, Names()); diff != "" {
		t.Errorf("Names (-want +got):\n%s", diff)
	}
}

func TestEveryViewCompiles(t *testing.T) {
	for _, name := range Names() {
		v, err := Compile(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if v.Name() != name {
			t.Errorf("%s: the view calls itself %s", name, v.Name())
		}
		if len(v.Columns()) == 0 {
			t.Errorf("%s: no columns", name)
		}
	}
}

func TestUnknownView(t *testing.T) {
	if _, err := Compile("nope"); !errors.Is(err, ErrUnknown) {
		t.Errorf("Compile: %v, want ErrUnknown", err)
	}
}
