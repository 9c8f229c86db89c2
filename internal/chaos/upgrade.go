package chaos

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// succeed is a handler with one outcome.
func succeed(event string) orchestrator.StepHandler {
	return orchestrator.StepFunc(func(context.Context, *orchestrator.StepContext) (orchestrator.StepResult, error) {
		return orchestrator.StepResult{Event: event}, nil
	})
}

// newer is oneStep with other names for its state and step.
func newer() *workflow.Definition {
	b := workflow.Define("one-step", "processing")
	b.Step("processing", "do_better").On("done", "end").On(workflow.EventStepFailed, "end")
	b.Terminal("end")
	d, err := b.Build()
	if err != nil {
		panic(err)
	}
	return d
}

// upgrades is R13, as far as one version of the program can test it.
func upgrades(t *testing.T, b Backend) (int, int) {
	old := oneStep(workflow.DefaultRetry())
	oldHash, err := old.Hash()
	if err != nil {
		t.Fatal(err)
	}
	t.Run("goes on under its own definition", func(t *testing.T) {
		_, s := open(t, b)
		id := lifetest.Submit(t, lifetest.New(t, s, orchestrator.WithDefinition(old)), "old")
		o := lifetest.New(t, s, orchestrator.WithDefinition(newer()),
			orchestrator.WithStep("do", succeed("done")), orchestrator.WithStep("do_better", succeed("done")))
		fresh := lifetest.Submit(t, o, "new")
		if err := o.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		for id, def := range map[string]*workflow.Definition{id: old, fresh: newer()} {
			if r := lifetest.Status(t, o, id); r.State != "end" {
				t.Errorf("%s: state %s, want end", id, r.State)
			}
			checkRequest(t, s, def, id)
		}
		if r := lifetest.Status(t, o, id); r.Definition != oldHash {
			t.Errorf("definition: got %s, want the one it was submitted under", r.Definition)
		}
		if diff := cmp.Diff([]string{"old"}, lifetest.Titles(t, s, orchestrator.Query{Definitions: []string{oldHash, "none"}})); diff != "" {
			t.Errorf("by definition: %s", diff)
		}
	})
	t.Run("is moved where the host says how", func(t *testing.T) {
		_, s := open(t, b)
		id := lifetest.Submit(t, lifetest.New(t, s, orchestrator.WithDefinition(old)), "old")
		o := lifetest.New(t, s, orchestrator.WithDefinition(newer()), orchestrator.WithStep("do_better", succeed("done")),
			orchestrator.WithMigration(oldHash, map[string]string{"work": "processing"}))
		start(t, o)
		await(t, o, id, "ended", waitLong, func(r *orchestrator.Request) bool { return !r.Live() })
		history, err := o.History(t.Context(), id)
		if err != nil || len(history) != 3 || history[1].To != "processing" || history[2].To != "end" {
			t.Errorf("history: %+v, %v; want work, processing, end", history, err)
		}
		checkRequest(t, s, newer(), id)
	})
	t.Run("parks when its definition is unknown", func(t *testing.T) {
		s, id := orphan(t, b, old)
		o := lifetest.New(t, s, orchestrator.WithDefinition(newer()), orchestrator.WithStep("do", succeed("done")))
		if err := o.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		r := lifetest.Status(t, o, id)
		if r.Parked != "its definition is not in the database" || r.State != "work" {
			t.Errorf("state %s, parked %q; want work, and why", r.State, r.Parked)
		}
		lifetest.Submit(t, o, "not parked")
		if diff := cmp.Diff([]string{"old"}, lifetest.Titles(t, s, orchestrator.Query{Parked: true})); diff != "" {
			t.Errorf("parked: %s", diff)
		}
		err := o.Withdraw(t.Context(), id, orchestrator.Actor{ID: "boss", Roles: []string{workflow.RoleAdministrator}}, "unused")
		if !errors.Is(err, orchestrator.ErrParked) {
			t.Errorf("Withdraw: got %v, want ErrParked", err)
		}
		// A host that has the definition resumes it.
		again := lifetest.New(t, s, orchestrator.WithDefinition(old), orchestrator.WithStep("do", succeed("done")))
		start(t, again)
		await(t, again, id, "ended", waitLong, func(r *orchestrator.Request) bool { return !r.Live() })
		checkRequest(t, s, old, id)
	})
	t.Run("is moved before what comes next ends what the move began", func(t *testing.T) { movedAndEnded(t, b, old, oldHash) })
	t.Run("is moved before anything else is done with it", func(t *testing.T) {
		_, s := open(t, b)
		id := lifetest.Submit(t, lifetest.New(t, s, orchestrator.WithDefinition(old)), "old")
		o := lifetest.New(t, s, orchestrator.WithDefinition(newer()), orchestrator.WithStep("do_better", succeed("done")),
			orchestrator.WithMigration(oldHash, map[string]string{"work": "processing"}))
		boss := orchestrator.Actor{ID: "boss", Roles: []string{workflow.RoleAdministrator}}
		if err := o.Suspend(t.Context(), id, boss, "nobody is there"); err != nil {
			t.Fatal(err)
		}
		if r := lifetest.Status(t, o, id); r.State != "processing" || r.Suspended == nil || r.Step.Step != "do_better" {
			t.Errorf("state %s, suspended %v, step %+v; want processing, suspended, do_better", r.State, r.Suspended, r.Step)
		}
		if err := o.Resume(t.Context(), id, boss, "somebody is there"); err != nil {
			t.Fatal(err)
		}
		if err := o.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		checkRequest(t, s, newer(), id)
	})
	t.Run("is moved when its rest ends", func(t *testing.T) {
		_, s := open(t, b)
		boss := orchestrator.Actor{ID: "boss", Roles: []string{workflow.RoleAdministrator}}
		before := lifetest.New(t, s, orchestrator.WithDefinition(old))
		id := lifetest.Submit(t, before, "old")
		if err := before.Suspend(t.Context(), id, boss, "on leave"); err != nil {
			t.Fatal(err)
		}
		o := lifetest.New(t, s, orchestrator.WithDefinition(newer()), orchestrator.WithStep("do_better", succeed("done")),
			orchestrator.WithMigration(oldHash, map[string]string{"work": "processing"}))
		if err := o.SetPriority(t.Context(), id, orchestrator.Stat, boss, "soon"); err != nil {
			t.Fatal(err)
		}
		if r := lifetest.Status(t, o, id); r.State != "work" || r.Suspended == nil {
			t.Errorf("at rest: state %s, suspended %v; want work, suspended", r.State, r.Suspended)
		}
		if err := o.Resume(t.Context(), id, boss, "back"); err != nil {
			t.Fatal(err)
		}
		if r := lifetest.Status(t, o, id); r.State != "processing" || r.Suspended != nil || r.Step.Step != "do_better" {
			t.Errorf("resumed: state %s, suspended %v, step %+v; want processing, not suspended, do_better", r.State, r.Suspended, r.Step)
		}
		if err := o.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		checkRequest(t, s, newer(), id)
	})
	t.Run("is moved while parked, and taken up", func(t *testing.T) {
		s, id := orphan(t, b, old)
		if err := lifetest.New(t, s, orchestrator.WithDefinition(newer()), orchestrator.WithStep("do", succeed("done"))).Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		lifetest.Submit(t, lifetest.New(t, s, orchestrator.WithDefinition(old)), "brings the definition back")
		o := lifetest.New(t, s, orchestrator.WithDefinition(newer()), orchestrator.WithStep("do_better", succeed("done")),
			orchestrator.WithMigration(oldHash, map[string]string{"work": "processing"}))
		if r := lifetest.Status(t, o, id); r.Parked == "" {
			t.Fatal("the request is not parked")
		}
		start(t, o)
		await(t, o, id, "ended", waitLong, func(r *orchestrator.Request) bool { return !r.Live() })
		checkRequest(t, s, newer(), id)
	})
	return 7, 7
}

// orphan returns a request whose definition is gone from the database.
func orphan(t *testing.T, b Backend, old *workflow.Definition) (orchestrator.Store, string) {
	t.Helper()
	db, ok := b.New(t).(SQLDatabase)
	if !ok {
		t.Skip("SKIPPED: the backend has no SQL to break")
	}
	s := another(t, db)
	id := lifetest.Submit(t, lifetest.New(t, s, orchestrator.WithDefinition(old)), "old")
	raw, err := db.SQL()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = raw.Close() }()
	if _, err := raw.ExecContext(t.Context(), "DELETE FROM definitions"); err != nil {
		t.Fatal(err)
	}
	return s, id
}

// movedAndEnded suspends and withdraws requests as the first thing that a host with another definition does.
func movedAndEnded(t *testing.T, b Backend, old *workflow.Definition, oldHash string) {
	_, s := open(t, b)
	d := workflow.Define("both", "processing")
	d.Step("processing", "do_better").On("done", "ask").On(workflow.EventStepFailed, "end")
	d.Gate("ask", workflow.GateRule{Roles: []string{"boss"}, Timeout: workflow.Duration(time.Hour)}).
		On(workflow.EventApprove, "end").On(workflow.EventReject, "end").On(workflow.EventModify, "end")
	d.Terminal("end")
	d.Anywhere(workflow.EventWithdraw, "end")
	def, err := d.Build()
	if err != nil {
		t.Fatal(err)
	}
	boss := orchestrator.Actor{ID: "boss", Roles: []string{workflow.RoleAdministrator}}
	for _, to := range []string{"processing", "ask"} {
		o := lifetest.New(t, s, orchestrator.WithDefinition(def), orchestrator.WithMigration(oldHash, map[string]string{"work": to}))
		for name, do := range map[string]func(id string) error{
			"suspend":  func(id string) error { return o.Suspend(t.Context(), id, boss, "the server is moved") },
			"withdraw": func(id string) error { return o.Withdraw(t.Context(), id, boss, "the study ended") },
		} {
			id := lifetest.Submit(t, lifetest.New(t, s, orchestrator.WithDefinition(old)), name)
			if err := do(id); err != nil {
				t.Errorf("%s in %s: %v", name, to, err)
				continue
			}
			checkRequest(t, s, def, id)
			timers, err := s.Timers(t.Context(), id)
			if err != nil || len(timers) > 0 {
				t.Errorf("%s in %s: timers: %v, %v; want none", name, to, timers, err)
			}
		}
	}
}
