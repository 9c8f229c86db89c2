package storetest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// Backend is a kind of store under test.
type Backend struct {
	// Name of the backend in the names of tests.
	Name string
	// New makes an empty database that lasts until the test ends.
	New func(tb testing.TB) Database
	// Reopen opens the store on a database by its Address, in another process; nil: there is no way.
	Reopen func(ctx context.Context, address string, opt OpenOptions) (Store, error)
}

// Database is one database of a backend.
type Database interface {
	// Open opens the store; several may be open on one database. The caller closes it.
	Open(ctx context.Context, opt OpenOptions) (Store, error)
}

// SQLDatabase is a database that SQL can be used on.
type SQLDatabase interface {
	Database
	// SQL opens the database itself, for reading and for breaking things. The caller closes it.
	SQL() (*sql.DB, error)
	// Address is what another process gives to [Backend].Reopen.
	Address() string
}

// OpenOptions say how a store is to be opened.
type OpenOptions struct {
	// Wrap goes around the driver's connector, where there is one; nil none.
	Wrap func(driver.Connector) driver.Connector
	// Clock is the database's clock, for databases that have none of their own; nil the real one.
	Clock func() time.Time
}

// Store is a store that can be closed.
type Store interface {
	orchestrator.Store
	Close() error
}

// Sample returns a request as good as any.
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

// outcomes are those of the default definition's steps on the straight way.
var outcomes = map[string]string{
	workflow.StepRequirements: workflow.EventComplete, workflow.StepFeasibility: workflow.EventFeasible,
	workflow.StepKickoff: workflow.EventScheduled, workflow.StepExtraction: workflow.EventExtracted,
	workflow.StepQA: workflow.EventPassed, workflow.StepDelivery: workflow.EventDelivered,
}

// StraightWay are the states of a request of the default definition to which nothing happens.
func StraightWay() []string {
	return []string{
		"new_request", "requirements_gathering", "requirements_complete", "requirements_review",
		"feasibility_validation", "feasible", "phenotype_review", "schedule_kickoff", "kickoff_complete",
		"extraction_approval", "data_extraction", "extraction_complete", "qa_validation", "qa_passed",
		"qa_review", "data_delivery", "delivered", "complete",
	}
}

// Steps are options with a handler for each step of the default definition, which does effect (nil: nothing)
// in the step's transaction and succeeds.
func Steps(effect func(ctx context.Context, step *orchestrator.StepContext, tx orchestrator.Tx) error) []orchestrator.Option {
	var opts []orchestrator.Option
	for name, event := range outcomes {
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

// Reviewer is somebody with every role of the default definition, who is not the submitter.
func Reviewer() orchestrator.Actor {
	return orchestrator.Actor{ID: "rev-1", Name: "Grace Reviewer", Roles: []string{
		workflow.RoleInformatician, workflow.RoleDataSteward, workflow.RoleQualityReviewer, workflow.RoleAdministrator,
	}}
}

// Live drives a request to its end without goroutines: it drains, decides every gate with approval, and
// does each thing again that failed with an injected or temporary error, at most some dozens of times.
func Live(ctx context.Context, o *orchestrator.Orchestrator, n orchestrator.NewRequest) (string, error) {
	var id string
	err := again(ctx, func() (err error) {
		id, err = o.Submit(ctx, n)
		return err
	})
	if err != nil {
		return id, fmt.Errorf("submit: %w", err)
	}
	return id, Finish(ctx, o, id)
}

// Finish drives a submitted request to its end, like [Live].
func Finish(ctx context.Context, o *orchestrator.Orchestrator, id string) error {
	for range 1000 {
		if err := again(ctx, func() error { return o.Drain(ctx) }); err != nil {
			return fmt.Errorf("drain: %w", err)
		}
		var r *orchestrator.Request
		err := again(ctx, func() (err error) {
			r, err = o.Status(ctx, id)
			return err
		})
		if err != nil {
			return fmt.Errorf("status: %w", err)
		}
		switch {
		case !r.Live():
			return emptyOutbox(ctx, o)
		case r.Gate != nil:
			d := orchestrator.Decision{Gate: r.Gate.ID, By: Reviewer(), Verdict: orchestrator.Approve, Reason: "as planned"}
			if err := again(ctx, func() error { return o.Decide(ctx, d) }); err != nil {
				return fmt.Errorf("decide %s: %w", r.State, err)
			}
		default:
			// A lease is not over yet, or an attempt waits.
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	return errors.New("storetest: the request does not come to its end")
}

// emptyOutbox drains until no message is left: one that was claimed when something failed is
// delivered when its lease is over.
func emptyOutbox(ctx context.Context, o *orchestrator.Orchestrator) error {
	for {
		var b orchestrator.Backlog
		err := again(ctx, func() error { return o.Drain(ctx) })
		if err == nil {
			err = again(ctx, func() (err error) {
				b, err = o.Backlog(ctx)
				return err
			})
		}
		if err != nil || b.Messages == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("storetest: messages are left: %w", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// again repeats what fails for reasons that pass.
func again(ctx context.Context, f func() error) error {
	var err error
	for range 30 {
		if err = f(); err == nil || ctx.Err() != nil {
			return err
		}
		for _, final := range []error{orchestrator.ErrDecided, orchestrator.ErrDenied, orchestrator.ErrInvalid, orchestrator.ErrNotFound} {
			if errors.Is(err, final) {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(5 * time.Millisecond):
		}
	}
	return err
}
