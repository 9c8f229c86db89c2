package storetest_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
	"github.com/researchflow/researchflow/store"
	"github.com/researchflow/researchflow/store/storetest"
)

// newDatabase is a [storetest.Factory]. Here it makes SQLite files; open a store of your own instead.
func newDatabase(tb testing.TB) func() orchestrator.Store {
	file := filepath.Join(tb.TempDir(), "requests.db")
	return func() orchestrator.Store {
		s, err := store.Open(tb.Context(), "sqlite://"+file)
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() {
			if err := s.Close(); err != nil {
				tb.Error(err)
			}
		})
		return s
	}
}

// The tests of a store pass it through the contract:
//
//	func TestContract(t *testing.T)  { storetest.Run(t, newDatabase) }
//	func TestHistories(t *testing.T) { storetest.RandomHistories(t, newDatabase) }
func Example() {
	tests := []testing.InternalTest{
		{Name: "TestContract", F: func(t *testing.T) { storetest.Run(t, newDatabase) }},
		{Name: "TestHistories", F: func(t *testing.T) { storetest.RandomHistories(t, newDatabase) }},
	}
	for _, tt := range tests {
		fmt.Println("func", tt.Name)
	}
	// Output:
	// func TestContract
	// func TestHistories
}

// A test of one's own, say with connections that break, looks at what is left of a request afterwards.
func ExampleCheck() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "storetest-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s, err := store.Open(ctx, "sqlite://"+filepath.Join(dir, "requests.db"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = s.Close() }()
	o, err := orchestrator.New(s)
	if err != nil {
		fmt.Println(err)
		return
	}
	id, err := o.Submit(ctx, orchestrator.NewRequest{
		Title: "Diabetes", Description: "HbA1c of adults with diabetes", Protocol: "IRB-2026-017",
		Researcher: orchestrator.Researcher{Name: "Ada Example", Email: "ada@example.org", Department: "Endocrinology"},
		Requirements: orchestrator.Requirements{
			Inclusion: []orchestrator.Criterion{{
				Resource: "Condition", Codes: []orchestrator.Coding{{System: "http://snomed.info/sct", Code: "44054006"}},
			}},
			DataElements: []string{"observation_labs"},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("inconsistencies:", storetest.Check(ctx, s, workflow.Default(), id))
	// Output: inconsistencies: <nil>
}
