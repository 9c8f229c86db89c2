package orchestrator_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/researchflow/researchflow/orchestrator"
)

type counted struct {
	Patients int `json:"patients"`
}

func TestOutputOfAnEarlierStep(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, output string
		want         counted
		fault        string
	}{
		{"fits", `{"patients":21}`, counted{21}, ""},
		{"missing", ``, counted{}, "orchestrator: not found: an output of step count"},
		{"another type", `{"patients":"Jane Doe"}`, counted{}, "orchestrator: the output of step count is not a orchestrator_test.counted: .patients is a JSON string"},
		{"another number", `{"patients":97.25}`, counted{}, "orchestrator: the output of step count is not a orchestrator_test.counted: .patients is a JSON number"},
		{"another kind", `[1]`, counted{}, "orchestrator: the output of step count is not a orchestrator_test.counted: . is a JSON array"},
		{"more members", `{"patients":1,"sick":2}`, counted{1}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			outputs := map[string]json.RawMessage{}
			if tt.output != "" {
				outputs["count"] = json.RawMessage(tt.output)
			}
			got, err := orchestrator.OutputOf[counted](orchestrator.NewStepContext(orchestrator.Request{}, "invite", outputs), "count")
			if tt.fault != "" {
				if err == nil || err.Error() != tt.fault || errors.Is(err, orchestrator.ErrNotFound) != (tt.output == "") {
					t.Errorf("got %v, want %s", err, tt.fault)
				}
				return
			}
			if err != nil || got != tt.want {
				t.Errorf("got %+v, %v; want %+v", got, err, tt.want)
			}
		})
	}
}

// A step that reads the output of an earlier step.
func ExampleOutputOf() {
	invite := orchestrator.StepFunc(func(_ context.Context, step *orchestrator.StepContext) (orchestrator.StepResult, error) {
		in, err := orchestrator.OutputOf[counted](step, "count")
		if err != nil {
			return orchestrator.StepResult{}, err
		}
		return orchestrator.StepResult{Event: "invited", Reason: fmt.Sprintf("%d letters", in.Patients)}, nil
	})
	step := orchestrator.NewStepContext(orchestrator.Request{}, "invite", map[string]json.RawMessage{"count": []byte(`{"patients":42}`)})
	result, err := invite.Run(context.Background(), step) // an orchestrator does this
	fmt.Println(result.Event, result.Reason, err)
	// Output:
	// invited 42 letters <nil>
}
