package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// RandomHistories has people and steps do things in random order, and checks the invariants (see [Check]) after each.
// rapid prints the seed of a history that breaks one, and the shortest such history; its flag -rapid.checks is the
// number of histories. RandomHistories returns how many there were, and how many actions in all.
func RandomHistories(t *testing.T, database Factory) (histories, actions int) {
	s := database(t)()
	rapid.Check(t, func(rt *rapid.T) {
		histories++
		m := &machine{s: s, def: workflow.Default()}
		var opts []orchestrator.Option
		for name := range lifetest.Outcomes() {
			opts = append(opts, orchestrator.WithStep(name, orchestrator.StepFunc(m.step), orchestrator.StepConcurrency(1)))
		}
		// This host runs steps only in Drain, and requests of other histories have ended.
		o, err := orchestrator.New(s, opts...)
		if err != nil {
			rt.Fatal(err)
		}
		m.o = o
		id, err := o.Submit(t.Context(), lifetest.Sample(fmt.Sprint("random ", histories)))
		if err != nil {
			rt.Fatal(err)
		}
		m.id = id
		rt.Repeat(map[string]func(*rapid.T){
			"":         func(rt *rapid.T) { m.check(rt); actions++ },
			"run":      m.run,
			"decide":   m.decide,
			"scope":    m.scope,
			"rest":     m.rest,
			"retry":    m.retry,
			"priority": m.priority,
			"withdraw": m.withdraw,
		})
		// The next history must not run anything of this one.
		if r, err := o.Status(t.Context(), id); err == nil && r.Live() {
			if err := o.Withdraw(t.Context(), id, boss(), "end of the history"); err != nil {
				rt.Fatal(err)
			}
		}
		m.check(rt)
	})
	return histories, actions
}

func boss() orchestrator.Actor {
	return orchestrator.Actor{ID: "boss", Name: "Boss", Roles: []string{workflow.RoleAdministrator}}
}

type machine struct {
	s   orchestrator.Store
	o   *orchestrator.Orchestrator
	def *workflow.Definition
	id  string
	// next is what the next run of a step does.
	next string
}

// step does what was drawn: an outcome, a failure or a panic.
func (m *machine) step(_ context.Context, c *orchestrator.StepContext) (orchestrator.StepResult, error) {
	switch m.next {
	case "fail":
		return orchestrator.StepResult{}, orchestrator.Permanent(errors.New("drawn to fail"))
	case "panic":
		panic("drawn to panic")
	case "other":
		other := map[string]string{
			workflow.StepRequirements: workflow.EventIncomplete, workflow.StepFeasibility: workflow.EventNotFeasible,
			workflow.StepQA: workflow.EventFailed,
		}
		if e := other[c.Step]; e != "" {
			return orchestrator.StepResult{Event: e}, nil
		}
	}
	return orchestrator.StepResult{Event: lifetest.Outcomes()[c.Step], Output: map[string]int64{"visit": c.Request.Visit}}, nil
}

func (m *machine) check(rt *rapid.T) {
	if err := Check(rt.Context(), m.s, m.def, m.id); err != nil {
		rt.Fatal(err)
	}
}

func (m *machine) status(rt *rapid.T) *orchestrator.Request {
	r, err := m.o.Status(rt.Context(), m.id)
	if err != nil {
		rt.Fatal(err)
	}
	return r
}

func (m *machine) run(rt *rapid.T) {
	m.next = rapid.SampledFrom([]string{"ok", "ok", "ok", "ok", "other", "fail", "panic"}).Draw(rt, "step")
	if err := m.o.Drain(rt.Context()); err != nil {
		rt.Fatal(err)
	}
}

// allowed fails unless the error is nil or one of the targets.
func allowed(rt *rapid.T, err error, targets ...error) {
	if err == nil {
		return
	}
	for _, t := range targets {
		if errors.Is(err, t) {
			return
		}
	}
	rt.Fatalf("unexpected error: %v", err)
}

func (m *machine) decide(rt *rapid.T) {
	r := m.status(rt)
	if r.Gate == nil {
		rt.Skip("no gate")
	}
	d := orchestrator.Decision{Gate: r.Gate.ID, By: lifetest.Reviewer(), Reason: "drawn"}
	if rapid.Bool().Draw(rt, "by the submitter") && rapid.Bool().Draw(rt, "really") {
		d.By = r.SubmittedBy
	}
	d.Verdict = rapid.SampledFrom([]orchestrator.Verdict{orchestrator.Approve, orchestrator.Approve, orchestrator.Approve, orchestrator.Reject, orchestrator.Modify}).Draw(rt, "verdict")
	if d.Verdict == orchestrator.Modify {
		d.Patch = json.RawMessage(fmt.Sprintf(`{"minimumCohort":%d}`, rapid.IntRange(0, 50).Draw(rt, "minimum")))
	}
	err := m.o.Decide(rt.Context(), d)
	allowed(rt, err, orchestrator.ErrDenied, orchestrator.ErrInvalidTransition)
	if again := m.o.Decide(rt.Context(), d); err == nil && again != nil {
		rt.Fatalf("the same decision again: %v", again)
	}
	if err == nil {
		d.Verdict, d.Patch, d.Reason = orchestrator.Reject, nil, "another"
		if other := m.o.Decide(rt.Context(), d); !errors.Is(other, orchestrator.ErrDecided) {
			rt.Fatalf("another decision: got %v, want ErrDecided", other)
		}
	}
}

func (m *machine) scope(rt *rapid.T) {
	c := orchestrator.ScopeChange{Request: m.id, By: boss(), Reason: "drawn"}
	if rapid.Bool().Draw(rt, "with patch") {
		c.Patch = json.RawMessage(fmt.Sprintf(`{"minimumCohort":%d}`, rapid.IntRange(-1, 50).Draw(rt, "minimum")))
	}
	allowed(rt, m.o.RequestScopeChange(rt.Context(), c), orchestrator.ErrInvalidTransition, orchestrator.ErrInvalid)
}

func (m *machine) rest(rt *rapid.T) {
	f := rapid.SampledFrom([]func(context.Context, string, orchestrator.Actor, string) error{m.o.Suspend, m.o.Resume}).Draw(rt, "suspend or resume")
	allowed(rt, f(rt.Context(), m.id, boss(), "drawn"), orchestrator.ErrInvalidTransition)
}

func (m *machine) retry(rt *rapid.T) {
	allowed(rt, m.o.Retry(rt.Context(), m.id, boss(), "drawn"), orchestrator.ErrInvalidTransition)
}

func (m *machine) priority(rt *rapid.T) {
	p := orchestrator.Priority(rapid.IntRange(0, 3).Draw(rt, "priority"))
	allowed(rt, m.o.SetPriority(rt.Context(), m.id, p, boss(), "drawn"), orchestrator.ErrInvalidTransition)
	due := time.Unix(int64(rapid.IntRange(0, 1).Draw(rt, "due"))*4e9, 0)
	allowed(rt, m.o.SetDue(rt.Context(), m.id, due, boss(), "drawn"), orchestrator.ErrInvalidTransition)
}

func (m *machine) withdraw(rt *rapid.T) {
	if rapid.IntRange(0, 9).Draw(rt, "one in ten") > 0 {
		rt.Skip("not now")
	}
	allowed(rt, m.o.Withdraw(rt.Context(), m.id, m.status(rt).Researcher.Actor(), "drawn"), orchestrator.ErrInvalidTransition)
}
