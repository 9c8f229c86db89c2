package steps

import (
	"context"
	"fmt"
	"time"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// Kickoff is the output of the step schedule_kickoff: a meeting of the researcher with those who look after the data,
// before any data is extracted.
type Kickoff struct {
	Request string `json:"request"`
	// At is the proposed time, UTC.
	At time.Time `json:"at"`
	// Participants are roles, and the opaque ids of researcher and assignee.
	Participants []string `json:"participants"`
	Agenda       []string `json:"agenda"`
}

// kickoff proposes 10:00 UTC of the second working day after the state was entered.
func (s *Set) kickoff(ctx context.Context, step *orchestrator.StepContext) (orchestrator.StepResult, error) {
	found, err := orchestrator.OutputOf[Feasibility](step, workflow.StepFeasibility)
	if err != nil {
		return orchestrator.StepResult{}, err
	}
	r := step.Request
	k := Kickoff{
		Request: r.ID, At: workingDay(entered(step), 2),
		Participants: []string{
			r.Researcher.Actor().ID, workflow.RoleInformatician, workflow.RoleDataSteward,
		},
		Agenda: []string{
			fmt.Sprintf("cohort: %d patients, %d at least", found.Cohort, found.MinimumCohort),
			fmt.Sprintf("protocol %s, data at the level %s, as %s", r.Protocol, phiLevel(r.Requirements), r.Requirements.Format),
		},
	}
	if r.Assignee != "" {
		k.Participants = append(k.Participants, r.Assignee)
	}
	for _, e := range found.Elements {
		k.Agenda = append(k.Agenda, fmt.Sprintf("%s: %d rows, available for %.0f %% of the cohort", e.Name, e.Rows, 100*e.Availability))
	}
	if s.cfg.Announce != nil {
		if err := s.cfg.Announce(ctx, step.IdempotencyKey, k); err != nil {
			return orchestrator.StepResult{}, fmt.Errorf("steps: announcing the kick-off: %w", err)
		}
	}
	return orchestrator.StepResult{
		Event: workflow.EventScheduled, Output: k, Reason: "kick-off proposed for " + k.At.Format("2006-01-02 15:04 UTC"),
	}, nil
}

// workingDay returns 10:00 UTC of the nth day after t that is neither Saturday nor Sunday.
func workingDay(t time.Time, n int) time.Time {
	day := time.Date(t.Year(), t.Month(), t.Day(), 10, 0, 0, 0, time.UTC)
	for n > 0 {
		day = day.AddDate(0, 0, 1)
		if wd := day.Weekday(); wd != time.Saturday && wd != time.Sunday {
			n--
		}
	}
	return day
}

func phiLevel(r orchestrator.Requirements) orchestrator.PHILevel {
	if r.PHILevel == "" {
		return orchestrator.DeIdentified
	}
	return r.PHILevel
}
