package orchestrator_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/researchflow/researchflow/orchestrator"
)

type counted struct {
	Patients int `json:"patients"`
}

type invited struct {
	Letters int `json:"letters"`
}

func invite(_ context.Context, _ *orchestrator.StepContext, in counted) (orchestrator.TypedResult[invited], error) {
	if in.Patients == 0 {
		return orchestrator.TypedResult[invited]{}, errors.New("nobody to invite")
	}
	return orchestrator.TypedResult[invited]{Event: "invited", Output: invited{Letters: 2 * in.Patients}, Reason: "two each"}, nil
}

func TestTypedSteps(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, output string
		want         string // of the output
		fault        string
	}{
		{"fits", `{"patients":21}`, `{"letters":42}`, ""},
		{"run fails", `{"patients":0}`, "", "nobody to invite"},
		{"missing", ``, "", "orchestrator: there is no output of step count"},
		{"another type", `{"patients":"Jane Doe"}`, "", "orchestrator: the output of step count is not a orchestrator_test.counted: .patients is a JSON string"},
		{"another number", `{"patients":97.25}`, "", "orchestrator: the output of step count is not a orchestrator_test.counted: .patients is a JSON number"},
		{"another kind", `[1]`, "", "orchestrator: the output of step count is not a orchestrator_test.counted: . is a JSON array"},
		{"more members", `{"patients":1,"sick":2}`, `{"letters":2}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			outputs := map[string]json.RawMessage{}
			if tt.output != "" {
				outputs["count"] = json.RawMessage(tt.output)
			}
			got, err := orchestrator.Typed("count", invite).Run(t.Context(), orchestrator.NewStepContext(orchestrator.Request{}, "invite", outputs))
			if tt.fault != "" {
				if err == nil || err.Error() != tt.fault || strings.Contains(err.Error(), "Jane") {
					t.Errorf("got %v, want %s", err, tt.fault)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			raw, err := json.Marshal(got.Output)
			if err != nil || string(raw) != tt.want || got.Event != "invited" || got.Reason != "two each" {
				t.Errorf("got %+v %s (%v), want %s", got, raw, err, tt.want)
			}
		})
	}
}

// A step that takes the output of the step before as a value of a type, and hands on one of another type.
func ExampleTyped() {
	handler := orchestrator.Typed("count",
		func(_ context.Context, _ *orchestrator.StepContext, in counted) (orchestrator.TypedResult[invited], error) {
			return orchestrator.TypedResult[invited]{Event: "invited", Output: invited{Letters: in.Patients}}, nil
		})
	step := orchestrator.NewStepContext(orchestrator.Request{}, "invite", map[string]json.RawMessage{"count": []byte(`{"patients":42}`)})
	result, err := handler.Run(context.Background(), step) // an orchestrator does this
	fmt.Println(result.Event, result.Output, err)
	// Output:
	// invited {42} <nil>
}
