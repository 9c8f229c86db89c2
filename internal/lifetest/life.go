package lifetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// Sample returns a valid request.
func Sample(title string) orchestrator.NewRequest {
	return orchestrator.NewRequest{
		Title: title, Description: "adults with diabetes, their laboratory results", Protocol: "IRB-2026-017",
		Researcher: orchestrator.Researcher{Name: "Ada Example", Email: "ada@example.org", Department: "Endocrinology"},
		Requirements: orchestrator.Requirements{
			Inclusion:    []orchestrator.Criterion{{Resource: "Condition", Codes: []orchestrator.Coding{{System: "http://snomed.info/sct", Code: "44054006"}}}},
			DataElements: []string{"patient_demographics", "observation_labs"}, MinimumCohort: 10,
		},
	}
}

// Outcomes maps each step of the default definition to its event on the happy path.
func Outcomes() map[string]string {
	return map[string]string{
		workflow.StepRequirements: workflow.EventComplete, workflow.StepFeasibility: workflow.EventFeasible,
		workflow.StepKickoff: workflow.EventScheduled, workflow.StepExtraction: workflow.EventExtracted,
		workflow.StepQA: workflow.EventPassed, workflow.StepDelivery: workflow.EventDelivered,
	}
}

// HappyPath lists the states of a request of the default definition that every gate approves and whose steps succeed.
func HappyPath() []string {
	return []string{
		"new_request", "requirements_gathering", "requirements_complete", "requirements_review",
		"feasibility_validation", "feasible", "phenotype_review", "schedule_kickoff", "kickoff_complete",
		"extraction_approval", "data_extraction", "extraction_complete", "qa_validation", "qa_passed",
		"qa_review", "data_delivery", "delivered", "complete",
	}
}

// Steps returns options with a handler for each step of the default definition. The handler runs effect, unless it is
// nil, in the step's transaction, and succeeds.
func Steps(effect func(ctx context.Context, step *orchestrator.StepContext, tx orchestrator.Tx) error) []orchestrator.Option {
	var opts []orchestrator.Option
	for name, event := range Outcomes() {
		opts = append(opts, orchestrator.WithStep(name, orchestrator.StepFunc(
			func(_ context.Context, c *orchestrator.StepContext) (orchestrator.StepResult, error) {
				r := orchestrator.StepResult{Event: event, Output: map[string]string{"step": c.Step}}
				switch name {
				case workflow.StepFeasibility:
					r.Feasibility = &orchestrator.FeasibilityReport{
						Feasible: true, Cohort: 40, MinimumCohort: 10,
						Elements: []orchestrator.ElementAvailability{{Name: "observation_labs", Rows: 400, Patients: 38, Availability: 0.95}},
					}
				case workflow.StepDelivery:
					r.Delivery = &orchestrator.Delivery{
						Location: "out", Format: orchestrator.CSV, ManifestSHA256: "00",
						Files: []orchestrator.DeliveredFile{{Name: "observation_labs.csv", Rows: 400, Bytes: 4000, SHA256: "00"}},
					}
				}
				if effect != nil {
					r.Effect = func(ctx context.Context, tx orchestrator.Tx) error { return effect(ctx, c, tx) }
				}
				return r, nil
			}), orchestrator.StepConcurrency(1)))
	}
	return opts
}

// Reviewer returns a person with every role of the default definition, who is not the submitter.
func Reviewer() orchestrator.Actor {
	return orchestrator.Actor{ID: "rev-1", Name: "Grace Reviewer", Roles: []string{
		workflow.RoleInformatician, workflow.RoleDataSteward, workflow.RoleQualityReviewer, workflow.RoleAdministrator,
	}}
}

// Deciding is the result of [Doing] for decisions.
const Deciding = "decide"

type doingKey struct{}

func doing(ctx context.Context, what string) context.Context {
	return context.WithValue(ctx, doingKey{}, what)
}

// Doing says what [Live] made a context for: "submit", "drain", "status", "decide" or "backlog". Outside of Live it is
// "other".
func Doing(ctx context.Context) string {
	if what, ok := ctx.Value(doingKey{}).(string); ok {
		return what
	}
	return "other"
}

// Live submits a request and takes it to its end without goroutines: it drains and approves every gate. It retries what
// fails (see [Again]).
func Live(ctx context.Context, o *orchestrator.Orchestrator, n orchestrator.NewRequest) (string, error) {
	var id string
	err := Again(ctx, func() (err error) {
		id, err = o.Submit(doing(ctx, "submit"), n)
		return err
	})
	if err != nil {
		return id, fmt.Errorf("submit: %w", err)
	}
	return id, Finish(ctx, o, id)
}

// patience limits how long a request takes to end. Retries wait, and leases of hosts that died have to expire.
const patience = time.Minute

// Finish takes a submitted request to its end, like [Live].
func Finish(ctx context.Context, o *orchestrator.Orchestrator, id string) error {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := Poll(waiting, func() (bool, error) {
		for {
			if err := drain(ctx, o); err != nil {
				return false, err
			}
			var r *orchestrator.Request
			err := Again(ctx, func() (err error) {
				r, err = o.Status(doing(ctx, "status"), id)
				return err
			})
			if err != nil {
				return false, fmt.Errorf("status: %w", err)
			}
			if r.Gate == nil {
				return !r.Live(), nil
			}
			d := orchestrator.Decision{Gate: r.Gate.ID, By: Reviewer(), Verdict: orchestrator.Approve, Reason: "as planned"}
			if err := Again(ctx, func() error { return o.Decide(doing(ctx, Deciding), d) }); err != nil {
				return false, fmt.Errorf("decide %s: %w", r.State, err)
			}
		}
	})
	if err != nil {
		return fmt.Errorf("lifetest: the request has not ended: %w", err)
	}
	return EmptyOutbox(ctx, o)
}

func drain(ctx context.Context, o *orchestrator.Orchestrator) error {
	if err := Again(ctx, func() error { return o.Drain(doing(ctx, "drain")) }); err != nil {
		return fmt.Errorf("drain: %w", err)
	}
	return nil
}

// EmptyOutbox drains until no message is left. A message that was claimed when something failed is delivered after its
// lease has ended.
func EmptyOutbox(ctx context.Context, o *orchestrator.Orchestrator) error {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := Poll(waiting, func() (bool, error) {
		if err := drain(ctx, o); err != nil {
			return false, err
		}
		var b orchestrator.Backlog
		err := Again(ctx, func() (err error) {
			b, err = o.Backlog(doing(ctx, "backlog"))
			return err
		})
		return b.Messages == 0, err
	})
	if err != nil {
		return fmt.Errorf("lifetest: messages are left: %w", err)
	}
	return nil
}

// Again repeats f, at most 30 times, until it succeeds or fails for a reason that will not pass.
func Again(ctx context.Context, f func() error) error {
	var err error
	for range 30 {
		if err = f(); err == nil || ctx.Err() != nil {
			return err
		}
		if Final(err) || !Pause(ctx, 5*time.Millisecond) {
			return err
		}
	}
	return err
}

// Final says whether err is one that a retry cannot change.
func Final(err error) bool {
	for _, final := range []error{orchestrator.ErrDecided, orchestrator.ErrDenied, orchestrator.ErrInvalid, orchestrator.ErrNotFound} {
		if errors.Is(err, final) {
			return true
		}
	}
	return false
}
