package workflow_test

import (
	"fmt"

	"github.com/researchflow/researchflow/orchestrator/workflow"
)

func ExampleDefinition_Mermaid() {
	b := workflow.Define("tiny", "work")
	b.Step("work", "do").On("done", "end").On(workflow.EventStepFailed, "end")
	b.Terminal("end")
	d, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(d.Mermaid())
	// Output:
	// stateDiagram-v2
	//     state "work\nstep do" as work
	//     state "end" as end
	//     [*] --> work
	//     work --> end: done, step_failed
	//     end --> [*]
	//     classDef gate fill:#fff3cd,stroke:#b58900
	//     classDef terminal fill:#eeeeee,stroke:#666666
	//     class end terminal
}
