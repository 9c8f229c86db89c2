package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/audit"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

func restAndWithdraw(t *testing.T, _ func() orchestrator.Store, s orchestrator.Store) {
	o := lifetest.New(t, s, lifetest.Steps(nil)...)
	ctx := t.Context()
	boss := orchestrator.Actor{ID: "boss", Roles: []string{workflow.RoleAdministrator}}
	def := workflow.Default()
	id := lifetest.Submit(t, o, "rest")
	drain := func() {
		t.Helper()
		if err := o.Drain(ctx); err != nil {
			t.Fatal(err)
		}
		checkRequest(t, s, def, id)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		checkRequest(t, s, def, id)
	}
	must(o.Suspend(ctx, id, boss, "the server is moved"))
	must(o.Suspend(ctx, id, boss, "again")) // changes nothing
	drain()
	if r := lifetest.Status(t, o, id); r.State != workflow.StateRequirementsGathering || r.Suspended == nil || r.Step.Status != orchestrator.StepPaused {
		t.Fatalf("suspended: %s, %+v", r.State, r.Step)
	}
	must(o.Resume(ctx, id, boss, "it is back"))
	drain()
	r := lifetest.Status(t, o, id)
	if r.State != workflow.StateRequirementsReview {
		t.Fatalf("after Resume: %s", r.State)
	}
	due := r.Gate.DueAt
	must(o.Suspend(ctx, id, boss, "holidays"))
	d := orchestrator.Decision{Gate: r.Gate.ID, By: lifetest.Reviewer(), Verdict: orchestrator.Approve}
	if err := o.Decide(ctx, d); !errors.Is(err, orchestrator.ErrInvalidTransition) {
		t.Errorf("Decide while suspended: got %v, want ErrInvalidTransition", err)
	}
	must(o.Resume(ctx, id, boss, "back"))
	if again := lifetest.Status(t, o, id).Gate.DueAt; again.Before(due) || again.Sub(due) > longWait {
		t.Errorf("due: got %v, want %v and the time of the rest", again, due)
	}
	must(o.SetDue(ctx, id, time.Unix(4e9, 0), boss, "the board meets"))
	must(o.Reassign(ctx, id, "coordinator-7", boss, "she knows it"))
	all, err := o.Interventions(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	var did []string
	for _, i := range all {
		did = append(did, fmt.Sprintf("%s %s: %s (%s)", i.By.ID, i.Kind, i.Value, i.Reason))
	}
	if diff := cmp.Diff([]string{
		"boss suspend:  (the server is moved)", "boss resume:  (it is back)", "boss suspend:  (holidays)", "boss resume:  (back)",
		"boss due: 2096-10-02T07:06:40Z (the board meets)", "boss reassign: coordinator-7 (she knows it)",
	}, did); diff != "" {
		t.Errorf("interventions: %s", diff)
	}
	stranger := orchestrator.Actor{ID: "stranger"}
	if err := o.Withdraw(ctx, id, stranger, "for fun"); !errors.Is(err, orchestrator.ErrDenied) {
		t.Errorf("Withdraw by a stranger: got %v, want ErrDenied", err)
	}
	for range 2 {
		must(o.Withdraw(ctx, id, r.Researcher.Actor(), "the study ended"))
	}
	r = lifetest.Status(t, o, id)
	if r.State != workflow.StateFailed || r.Outcome != orchestrator.OutcomeWithdrawn {
		t.Errorf("withdrawn: %s, %q", r.State, r.Outcome)
	}
	var decided *orchestrator.DecidedError
	if err := o.Decide(ctx, d); !errors.As(err, &decided) || decided.Status != orchestrator.GateClosed {
		t.Errorf("Decide after Withdraw: got %v, want DecidedError", err)
	}
	if err := o.Suspend(ctx, id, boss, "too late"); !errors.Is(err, orchestrator.ErrInvalidTransition) {
		t.Errorf("Suspend after the end: got %v, want ErrInvalidTransition", err)
	}
	if err := o.SetDue(ctx, id, time.Now(), boss, "too late"); !errors.Is(err, orchestrator.ErrInvalidTransition) {
		t.Errorf("SetDue after the end: got %v, want ErrInvalidTransition", err)
	}
}

func scope(t *testing.T, _ func() orchestrator.Store, s orchestrator.Store) {
	o := lifetest.New(t, s, lifetest.Steps(nil)...)
	ctx := t.Context()
	def := workflow.Default()
	id := lifetest.Submit(t, o, "scope")
	researcher := lifetest.Status(t, o, id).Researcher.Actor()
	state := func(want string, version, minimum int) {
		t.Helper()
		checkRequest(t, s, def, id)
		r := lifetest.Status(t, o, id)
		if r.State != want || r.RequirementsVersion != version || r.Requirements.MinimumCohort != minimum {
			t.Fatalf("got %s, version %d, minimum cohort %d; want %s, %d, %d", r.State, r.RequirementsVersion, r.Requirements.MinimumCohort, want, version, minimum)
		}
	}
	drain := func() {
		t.Helper()
		if err := o.Drain(ctx); err != nil {
			t.Fatal(err)
		}
	}
	decide := func(v orchestrator.Verdict, patch string) {
		t.Helper()
		d := orchestrator.Decision{Gate: lifetest.Status(t, o, id).Gate.ID, By: lifetest.Reviewer(), Verdict: v, Reason: "as discussed"}
		if patch != "" {
			d.Patch = json.RawMessage(patch)
		}
		if err := o.Decide(ctx, d); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(patch string) error {
		return o.RequestScopeChange(ctx, orchestrator.ScopeChange{Request: id, By: researcher, Reason: "more patients", Patch: json.RawMessage(patch)})
	}
	drain()
	state(workflow.StateRequirementsReview, 1, 10)
	decide(orchestrator.Modify, `{"minimumCohort": 12}`)
	state(workflow.StateFeasibilityValidation, 2, 12)
	drain()
	state(workflow.StatePhenotypeReview, 2, 12)
	for _, bad := range []string{`{"minimumCohort": -1}`, `{"minimumCohort": "x"}`, `{"colour": "red"}`, `[]`, `{"dataElements": null}`} {
		if err := ask(bad); !errors.Is(err, orchestrator.ErrInvalid) {
			t.Errorf("patch %s: got %v, want ErrInvalid", bad, err)
		}
	}
	if err := ask(`{"minimumCohort": 20}`); err != nil {
		t.Fatal(err)
	}
	state(workflow.StateScopeChange, 2, 12)
	if err := ask(`{}`); !errors.Is(err, orchestrator.ErrInvalidTransition) {
		t.Errorf("a second scope change: got %v, want ErrInvalidTransition", err)
	}
	decide(orchestrator.Reject, "")
	state(workflow.StatePhenotypeReview, 2, 12)
	if err := o.RequestScopeChange(ctx, orchestrator.ScopeChange{Request: id, By: researcher, Reason: "more", Patch: json.RawMessage(`{"minimumCohort": 25}`)}); err != nil {
		t.Fatal(err)
	}
	decide(orchestrator.Approve, "")
	state(workflow.StateRequirementsGathering, 3, 25)
	if err := lifetest.Finish(ctx, o, id); err != nil {
		t.Fatal(err)
	}
	state(workflow.StateComplete, 3, 25)
	versions, err := s.RequirementsVersions(ctx, id)
	if err != nil || len(versions) != 3 || versions[0].Requirements.MinimumCohort != 10 || versions[2].By.ID != lifetest.Reviewer().ID {
		t.Errorf("versions: %+v, %v", versions, err)
	}
	if err := ask(""); !errors.Is(err, orchestrator.ErrInvalidTransition) {
		t.Errorf("scope change after the end: got %v, want ErrInvalidTransition", err)
	}
}

func quorum(t *testing.T, _ func() orchestrator.Store, s orchestrator.Store) {
	ctx := t.Context()
	who := func(id string, roles ...string) orchestrator.Actor { return orchestrator.Actor{ID: id, Roles: roles} }
	type vote struct {
		by      orchestrator.Actor
		verdict orchestrator.Verdict
		decided bool                // fails with ErrDecided
		of      *orchestrator.Actor // delegates first, and decides on behalf of
	}
	for _, tt := range []struct {
		name  string
		rule  workflow.GateRule
		votes []vote
		want  string
	}{
		{
			"two of many",
			workflow.GateRule{Roles: []string{"a"}, Quorum: workflow.Quorum{Approvals: 2}},
			[]vote{{who("1", "a"), orchestrator.Approve, false, nil}, {who("1", "a"), orchestrator.Approve, false, nil}, {who("1", "a"), orchestrator.Reject, true, nil}, {who("2", "a"), orchestrator.Approve, false, nil}},
			"approved",
		},
		{
			"one is not two",
			workflow.GateRule{Roles: []string{"a"}, Quorum: workflow.Quorum{Approvals: 2}},
			[]vote{{who("1", "a"), orchestrator.Approve, false, nil}, {who("1", "a"), orchestrator.Approve, false, nil}},
			"review",
		},
		{
			"a rejection settles",
			workflow.GateRule{Roles: []string{"a"}, Quorum: workflow.Quorum{Approvals: 3}},
			[]vote{{who("1", "a"), orchestrator.Approve, false, nil}, {who("2", "a"), orchestrator.Reject, false, nil}, {who("3", "a"), orchestrator.Approve, true, nil}},
			"rejected",
		},
		{
			"each role",
			workflow.GateRule{Roles: []string{"a", "b"}, Quorum: workflow.Quorum{EachRole: true}},
			[]vote{{who("1", "a"), orchestrator.Approve, false, nil}, {who("2", "a"), orchestrator.Approve, false, nil}, {who("3", "a", "b"), orchestrator.Approve, false, nil}},
			"approved",
		},
		{
			"each role is not one role twice",
			workflow.GateRule{Roles: []string{"a", "b"}, Quorum: workflow.Quorum{EachRole: true}},
			[]vote{{who("1", "a"), orchestrator.Approve, false, nil}, {who("2", "a"), orchestrator.Approve, false, nil}},
			"review",
		},
		{
			"nobody speaks twice through a delegate",
			workflow.GateRule{Roles: []string{"a"}, Quorum: workflow.Quorum{Approvals: 3}},
			[]vote{
				{who("1", "a"), orchestrator.Approve, false, nil},
				{who("2"), orchestrator.Approve, true, new(who("1", "a"))},
				{who("2"), orchestrator.Approve, false, new(who("3", "a"))},
				{who("3", "a"), orchestrator.Approve, true, nil},
				{who("2"), orchestrator.Approve, true, nil},
			},
			"review",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			def := lifetest.OneGate(tt.rule)
			o := lifetest.New(t, s, orchestrator.WithDefinition(def))
			id := lifetest.Submit(t, o, tt.name)
			gate := lifetest.Status(t, o, id).Gate.ID
			for i, v := range tt.votes {
				if v.of != nil {
					if err := o.Delegate(ctx, orchestrator.Delegation{Gate: gate, From: *v.of, To: v.by, Reason: "away"}); err != nil {
						t.Fatal(err)
					}
				}
				err := o.Decide(ctx, orchestrator.Decision{Gate: gate, By: v.by, OnBehalfOf: v.of, Verdict: v.verdict, Reason: "r"})
				if v.decided != errors.Is(err, orchestrator.ErrDecided) || !v.decided && err != nil {
					t.Errorf("vote %d: %v, want decided %v", i+1, err, v.decided)
				}
				checkRequest(t, s, def, id)
			}
			if r := lifetest.Status(t, o, id); r.State != tt.want {
				t.Errorf("state: got %s, want %s", r.State, tt.want)
			}
		})
	}
}

// parkedTimers parks the requests with the oldest due timers, and resumes one of them.
func parkedTimers(t *testing.T, _ func() orchestrator.Store, s orchestrator.Store) {
	ctx := t.Context()
	o := lifetest.New(t, s)
	now, err := s.Now(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	titles := map[string]string{}
	for i, title := range []string{"first", "second", "third", "fourth", "to come"} {
		n := lifetest.Sample(title)
		n.Due = now.Add(time.Duration(i-4)*time.Hour + time.Minute)
		id, err := o.Submit(ctx, n)
		if err != nil {
			t.Fatal(err)
		}
		ids, titles[id] = append(ids, id), title
	}
	park := func(id, why string) {
		t.Helper()
		snap, err := s.Snapshot(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		r := snap.Request
		r.Version++
		r.Parked = why
		sealed, head, err := snap.Audit.Seal(audit.Entry{Chain: id, Type: audit.RequestChanged, Action: audit.Update, Recorded: snap.Now})
		if err != nil {
			t.Fatal(err)
		}
		err = s.Commit(ctx, &orchestrator.Commit{ID: sealed.ID, Expect: snap.Request.Version, Request: &r, Head: head, Audit: []audit.Sealed{sealed}})
		if err != nil {
			t.Fatal(err)
		}
	}
	want := func(what string, limit int, want ...string) {
		t.Helper()
		due, err := s.DueTimers(ctx, limit)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, timer := range due {
			got = append(got, titles[timer.Request])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	want("none parked", 10, "first", "second", "third", "fourth")
	park(ids[0], "its step is unknown")
	park(ids[1], "its step is unknown")
	want("two parked", 10, "third", "fourth")
	want("two parked, room for one", 1, "third")
	park(ids[1], "")
	want("one taken up again", 10, "second", "third", "fourth")
	if timers, err := s.Timers(ctx, ids[0]); err != nil || len(timers) != 1 {
		t.Errorf("timers of a parked request: %v, %v; want one", timers, err)
	}
}
