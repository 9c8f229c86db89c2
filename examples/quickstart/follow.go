package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/researchflow/researchflow"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// follow shows each state that the request enters and has its gates decided, until the request ends. It is an error
// if it does not end as complete.
func follow(ctx context.Context, flow *researchflow.Flow, id string, gates reviewers, out *console) error {
	var last orchestrator.StateChange
	for change, err := range flow.Orchestrator.Watch(ctx, id, 0) {
		if err != nil {
			return err
		}
		out.entered(change)
		last = change
		if err := gates.decide(ctx, id, change); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if last.To != workflow.StateComplete {
		return fmt.Errorf("request %s ended in %s: %s", id, last.To, last.Reason)
	}
	return nil
}

// quitError means that the user quit at a gate. The request waits in the database.
type quitError string

func (e quitError) Error() string { return string(e) }

// reviewers decide the gates.
type reviewers struct {
	flow *researchflow.Flow
	opt  options
	in   *bufio.Reader
	out  *console
}

// people are the reviewers, by the role that a gate requires. None of them submits requests.
var people = map[string]orchestrator.Actor{
	workflow.RoleInformatician:   {ID: "i.falk", Name: "Ines Falk"},
	workflow.RoleDataSteward:     {ID: "d.okoro", Name: "David Okoro"},
	workflow.RoleQualityReviewer: {ID: "q.sato", Name: "Quinn Sato"},
	workflow.RoleAdministrator:   {ID: "a.weiss", Name: "Anna Weiss"},
}

// decide decides the gate that a change opened, if it is still open.
func (r reviewers) decide(ctx context.Context, id string, change orchestrator.StateChange) error {
	status, err := r.flow.Orchestrator.Status(ctx, id)
	if err != nil {
		return err
	}
	gate := status.Gate
	if gate == nil || gate.Visit != change.Seq {
		return nil
	}
	by := people[gate.Roles[0]]
	by.Roles = []string{gate.Roles[0]}
	by.Client = "quickstart"
	d := orchestrator.Decision{Gate: gate.ID, By: by, Verdict: orchestrator.Approve, Reason: "as agreed with the researcher"}
	switch {
	case r.opt.gates == "ask":
		if d.Verdict, d.Reason, err = r.question(gate, by, change); err != nil {
			return err
		}
	case gate.State == workflow.StateHumanReview:
		return r.stuck(ctx, id, change)
	}
	if err := r.flow.Orchestrator.Decide(ctx, d); err != nil {
		return err
	}
	r.out.decided(gate, d)
	return nil
}

// stuck returns an error that says why a request waits for an administrator. Approving it again would not help.
func (r reviewers) stuck(ctx context.Context, id string, change orchestrator.StateChange) error {
	executions, err := r.flow.Store.Executions(ctx, id)
	if err != nil {
		return err
	}
	if n := len(executions); n > 0 && executions[n-1].Status == orchestrator.StepFailed {
		return fmt.Errorf("request %s: step %s failed: %s", id, executions[n-1].Step, executions[n-1].ErrorText)
	}
	return fmt.Errorf("request %s waits for an administrator: %s", id, change.Reason)
}

// question asks the user for a verdict and a reason.
func (r reviewers) question(gate *orchestrator.Gate, by orchestrator.Actor, change orchestrator.StateChange) (orchestrator.Verdict, string, error) {
	for {
		answer, err := r.prompt(fmt.Sprintf("%s, %s (%s): approve, reject or quit? [a/r/q] ", gate.State, by.Name, gate.Roles[0]))
		if err != nil {
			return "", "", err
		}
		switch strings.ToLower(answer) {
		case "a", "approve":
			return orchestrator.Approve, "approved on the terminal", nil
		case "q", "quit":
			return "", "", quitError(fmt.Sprintf("request %s waits at %s: continue with %s",
				change.Request, gate.State, r.opt.resumeCommand(change.Request)))
		case "r", "reject":
			reason, err := r.prompt("reason: ")
			if err != nil {
				return "", "", err
			}
			if reason != "" {
				return orchestrator.Reject, reason, nil
			}
		}
	}
}

func (r reviewers) prompt(text string) (string, error) {
	r.out.prompt(text)
	line, err := r.in.ReadString('\n')
	if line = strings.TrimSpace(line); line != "" {
		return line, nil
	}
	if errors.Is(err, io.EOF) {
		return "", errors.New("the input ended before the question was answered")
	}
	return "", err
}
