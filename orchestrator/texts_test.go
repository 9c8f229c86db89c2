package orchestrator_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/orchestrator"
)

// TestTextsAreChecked: what no database can hold, or nobody would write, is refused before the database is asked.
func TestTextsAreChecked(t *testing.T) {
	t.Parallel()
	o := newOrchestrator(t, openStore(t))
	const nul, odd = "a\x00b", "\xff"
	who := orchestrator.Actor{ID: "boss"}
	bad := orchestrator.Actor{System: nul, ID: odd, Name: nul, Roles: []string{"a", nul}, Address: nul, Client: nul}
	faults := func(path string) []string {
		return []string{
			path + ".address contains a control character", path + ".client contains a control character", path + ".id is not UTF-8",
			path + ".name contains a control character", path + ".roles[1] contains a control character", path + ".system contains a control character",
		}
	}
	patch := json.RawMessage(`{"minimumCohort": 1}`)
	large := json.RawMessage(`{"minimumCohort": 1` + strings.Repeat(" ", 1<<20) + `}`)
	for _, tt := range []struct {
		name string
		do   func(ctx context.Context) error
		want []string
	}{
		{"Decide", func(ctx context.Context) error {
			return o.Decide(ctx, orchestrator.Decision{
				Gate: nul, By: bad, OnBehalfOf: &bad, Verdict: orchestrator.Reject, Reason: nul, Meaning: odd, Shown: "not a hash",
			})
		}, slices.Concat(faults("by"), []string{"gate contains a control character", "meaning is not UTF-8"}, faults("onBehalfOf"),
			[]string{"reason contains a control character", "shown is not a SHA-256 in hex"})},
		{"Decide with long texts", func(ctx context.Context) error {
			return o.Decide(ctx, orchestrator.Decision{
				Gate: "g", By: who, Verdict: orchestrator.Modify, Reason: strings.Repeat("r", 4001), Meaning: strings.Repeat("m", 201),
				Patch: large, Shown: strings.Repeat("0a", 32),
			})
		}, []string{"meaning is longer than 200 bytes", "patch is longer than 1048576 bytes", "reason is longer than 4000 bytes"}},
		{"Decide with a patch that has no canonical form", func(ctx context.Context) error {
			return o.Decide(ctx, orchestrator.Decision{Gate: "g", By: who, Verdict: orchestrator.Modify, Reason: "r", Patch: json.RawMessage(`{"a":1,"a":2}`)})
		}, []string{"patch has a member twice, a number that exceeds float64, or text that is not Unicode"}},
		{"Delegate", func(ctx context.Context) error {
			return o.Delegate(ctx, orchestrator.Delegation{Gate: "g", From: bad, To: orchestrator.Actor{ID: nul}, Reason: nul})
		}, append(faults("from"), "reason contains a control character", "to.id contains a control character")},
		{"RequestScopeChange", func(ctx context.Context) error {
			return o.RequestScopeChange(ctx, orchestrator.ScopeChange{Request: "r", By: bad, Reason: nul, Patch: patch})
		}, append(faults("by"), "reason contains a control character")},
		{"RequestScopeChange with a large patch", func(ctx context.Context) error {
			return o.RequestScopeChange(ctx, orchestrator.ScopeChange{Request: "r", By: who, Reason: "r", Patch: large})
		}, []string{"patch is longer than 1048576 bytes"}},
		{"Suspend", func(ctx context.Context) error { return o.Suspend(ctx, "r", who, nul) }, []string{"reason contains a control character"}},
		{"Reassign", func(ctx context.Context) error { return o.Reassign(ctx, "r", nul, who, "r") }, []string{"assignee contains a control character"}},
		{"SetDue", func(ctx context.Context) error {
			return o.SetDue(ctx, "r", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), who, "r")
		}, []string{"due is not in the years 1 to 9999"}},
		{"Submit", func(ctx context.Context) error {
			n := lifetest.Sample("texts")
			n.SubmittedBy, n.Researcher.Department = bad, strings.Repeat("d", 301)
			n.Due = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
			_, err := o.Submit(ctx, n)
			return err
		}, append([]string{"due is not in the years 1 to 9999", "researcher.department is longer than 300 bytes"}, faults("submittedBy")...)},
		{"Submit with an endless list", func(ctx context.Context) error {
			n := lifetest.Sample("texts")
			n.Requirements.Inclusion[0].Codes = slices.Repeat([]orchestrator.Coding{{Code: strings.Repeat("c", 1000)}}, 1100)
			_, err := o.Submit(ctx, n)
			return err
		}, []string{"requirements are longer than 1048576 bytes of JSON"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var v *orchestrator.ValidationError
			if err := tt.do(t.Context()); !errors.As(err, &v) {
				t.Fatalf("got %v, want a ValidationError", err)
			}
			var got []string
			for _, f := range v.Faults {
				got = append(got, f.String())
			}
			slices.Sort(got)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
