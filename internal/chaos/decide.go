package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

const (
	reviewers   = 64 // goroutines per process
	gateTimeout = 40 * time.Millisecond
)

func decideDefinition() *workflow.Definition {
	return lifetest.OneGate(workflow.GateRule{
		Roles: []string{"reviewer"}, Timeout: workflow.Duration(gateTimeout), EscalateTo: []string{"boss"},
	})
}

// decision is one call of Decide with its result, timed by this machine's clock.
type decision struct {
	Gate, Who  string
	Verdict    orchestrator.Verdict
	Call, Done int64
	// OK says that the decision counts, now or since an equal call before. Otherwise Status is how the gate was
	// decided, or Fault is an unexpected error.
	OK     bool
	Status orchestrator.GateStatus
	Fault  string
}

// decideAll lets every reviewer decide every gate twice, while gates time out.
func decideAll(ctx context.Context, s orchestrator.Store, process string, gates []string) ([]decision, error) {
	o, err := orchestrator.New(s, orchestrator.WithDefinition(decideDefinition()))
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var all []decision
	var wg sync.WaitGroup
	for i := range reviewers {
		wg.Go(func() {
			d := decision{Who: fmt.Sprintf("%s-%d", process, i), Verdict: orchestrator.Approve}
			if i%2 == 1 {
				d.Verdict = orchestrator.Reject
			}
			if i%16 == 0 { // these fire the timers
				for range gates {
					if err := o.Drain(ctx); err != nil {
						d.Fault = err.Error()
					}
				}
			}
			for _, g := range gates {
				for range 2 {
					d := d
					d.Gate = g
					d.decide(ctx, o)
					mu.Lock()
					all = append(all, d)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return all, nil
}

func (d *decision) decide(ctx context.Context, o *orchestrator.Orchestrator) {
	d.Call = time.Now().UnixNano()
	err := o.Decide(ctx, orchestrator.Decision{
		Gate: d.Gate, By: orchestrator.Actor{ID: d.Who, Roles: []string{"reviewer"}}, Verdict: d.Verdict, Reason: "because",
	})
	d.Done = time.Now().UnixNano()
	var decided *orchestrator.DecidedError
	switch {
	case err == nil:
		d.OK = true
	case errors.As(err, &decided):
		d.Status = decided.Status
	default:
		d.Fault = err.Error()
	}
}

// gateModel specifies a gate: the first decision counts, equal ones succeed as well, and all others are told how the
// gate was decided.
func gateModel() porcupine.Model {
	type state struct {
		who     string
		verdict orchestrator.Verdict
	}
	statusOf := map[orchestrator.Verdict]orchestrator.GateStatus{
		orchestrator.Approve: orchestrator.GateApproved, orchestrator.Reject: orchestrator.GateRejected,
	}
	return porcupine.Model{
		Init: func() any { return state{} },
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			byGate := map[string][]porcupine.Operation{}
			for _, op := range history {
				g := op.Input.(decision).Gate
				byGate[g] = append(byGate[g], op)
			}
			var parts [][]porcupine.Operation
			for _, p := range byGate {
				parts = append(parts, p)
			}
			return parts
		},
		Step: func(before, input, output any) (bool, any) {
			st, in, out := before.(state), input.(decision), output.(decision)
			if st.who == "" {
				return out.OK, state{in.Who, in.Verdict}
			}
			if st.who == in.Who && st.verdict == in.Verdict {
				return out.OK, st
			}
			return !out.OK && out.Status == statusOf[st.verdict], st
		},
	}
}

func reviewersRole(ctx context.Context, db reopened, args []string) error {
	s, err := db.Open(ctx, OpenOptions{})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	fmt.Println("ready")
	var line string
	if _, err := fmt.Fscanln(os.Stdin, &line); err != nil && !errors.Is(err, io.EOF) { // the parent says go
		return err
	}
	all, err := decideAll(ctx, s, "child", strings.Split(args[0], ","))
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(all)
}

// decidedOnce is R5.
func decidedOnce(t *testing.T, b Backend) (int, int) {
	const gates = 5
	db, s := open(t, b)
	o := lifetest.New(t, s, orchestrator.WithDefinition(decideDefinition()))
	var ids, names []string
	for i := range gates {
		id := lifetest.Submit(t, o, fmt.Sprint("gate ", i))
		ids, names = append(ids, id), append(names, lifetest.Status(t, o, id).Gate.ID)
	}
	var theirs []decision
	join := func() {}
	if sdb, ok := db.(SQLDatabase); ok && b.Reopen != nil {
		join = startReviewers(t, b, sdb.Address(), names, &theirs)
	}
	ours, err := decideAll(t.Context(), s, "parent", names)
	if err != nil {
		t.Fatal(err)
	}
	join()
	all := append(ours, theirs...)
	var ops []porcupine.Operation
	clients := map[string]int{}
	for _, d := range all {
		if d.Fault != "" {
			t.Errorf("%s: %s", d.Who, d.Fault)
			continue
		}
		if _, ok := clients[d.Who]; !ok {
			clients[d.Who] = len(clients)
		}
		ops = append(ops, porcupine.Operation{ClientId: clients[d.Who], Input: d, Call: d.Call, Output: d, Return: d.Done})
	}
	if got := porcupine.CheckOperationsTimeout(gateModel(), ops, time.Minute); got != porcupine.Ok {
		t.Errorf("porcupine: %v, want Ok", got)
	}
	for _, id := range ids {
		checkRequest(t, s, decideDefinition(), id)
		all, err := s.Gates(t.Context(), id)
		if err != nil || len(all) != 1 || len(all[0].Approvals) != 1 {
			t.Fatalf("gates: %v, %v; want one with one decision", all, err)
		}
		escalations, err := s.Escalations(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range escalations {
			if e.At.After(all[0].ClosedAt) {
				t.Errorf("escalated at %v, after the decision at %v", e.At, all[0].ClosedAt)
			}
		}
	}
	return len(all), gates
}

// startReviewers starts a second process of reviewers; the result waits for it.
func startReviewers(t *testing.T, b Backend, address string, gates []string, all *[]decision) func() {
	t.Helper()
	r, w := io.Pipe()
	cmd, out, err := prepareChild(t.Context(), b, "reviewers", address, strings.Join(gates, ","))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin = r
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), waitLong)
	defer cancel()
	ready := func() (bool, error) { return strings.Contains(out.String(), "ready"), nil }
	if err := lifetest.Poll(ctx, ready); err != nil {
		t.Fatalf("the child is not ready: %v: %s", err, out)
	}
	if _, err := io.WriteString(w, "go\n"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := cmd.Wait(); err != nil {
			t.Fatalf("child: %v: %s", err, out)
		}
		_, text, _ := strings.Cut(out.String(), "ready\n")
		if err := json.Unmarshal([]byte(text), all); err != nil {
			t.Fatalf("child: %v: %s", err, text)
		}
	}
}

// fourEyes is R14.
func fourEyes(t *testing.T, b Backend) (int, int) {
	_, s := open(t, b)
	def := lifetest.OneGate(workflow.GateRule{Roles: []string{"reviewer"}, Timeout: workflow.Duration(time.Hour), EscalateTo: []string{"boss"}})
	o := lifetest.New(t, s, orchestrator.WithDefinition(def))
	actor := func(id string, roles ...string) orchestrator.Actor {
		return orchestrator.Actor{ID: id, Name: id, Roles: roles}
	}
	reviewer, other := actor("r", "reviewer"), actor("d")
	tests := []struct {
		name       string
		by         orchestrator.Actor
		onBehalfOf *orchestrator.Actor
		delegated  bool
		rule       string // "": allowed
	}{
		{name: "a reviewer with the role", by: reviewer},
		{name: "the submitter, whatever their roles", by: actor("sub", "reviewer", "boss"), rule: "four-eyes"},
		{name: "the researcher, by the e-mail address", by: actor("Ada@Example.org", "reviewer"), rule: "four-eyes"},
		{name: "somebody without the role", by: other, rule: "role"},
		{name: "the role to escalate to, before escalation", by: actor("b", "boss"), rule: "role"},
		{name: "a delegate without delegation", by: other, onBehalfOf: &reviewer, rule: "delegation"},
		{name: "a delegate", by: other, onBehalfOf: &reviewer, delegated: true},
		{name: "a delegate of somebody without the role", by: other, onBehalfOf: new(actor("x")), rule: "delegation"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := lifetest.Sample(tt.name)
			n.SubmittedBy = actor("sub")
			id, err := o.Submit(t.Context(), n)
			if err != nil {
				t.Fatal(err)
			}
			gate := lifetest.Status(t, o, id).Gate.ID
			if tt.delegated {
				if err := o.Delegate(t.Context(), orchestrator.Delegation{Gate: gate, From: *tt.onBehalfOf, To: tt.by, Reason: "away"}); err != nil {
					t.Fatal(err)
				}
			}
			err = o.Decide(t.Context(), orchestrator.Decision{Gate: gate, By: tt.by, OnBehalfOf: tt.onBehalfOf, Verdict: orchestrator.Approve})
			var denied *orchestrator.DeniedError
			switch {
			case tt.rule == "" && err != nil:
				t.Errorf("Decide: %v", err)
			case tt.rule != "" && (!errors.As(err, &denied) || denied.Rule != tt.rule):
				t.Errorf("Decide: got %v, want denied by %s", err, tt.rule)
			}
			if live := lifetest.Status(t, o, id).Live(); live != (tt.rule != "") {
				t.Errorf("live: got %v, want %v", live, tt.rule != "")
			}
			checkRequest(t, s, def, id)
			gates, err := s.Gates(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			if tt.delegated && (len(gates[0].Approvals) != 1 || gates[0].Approvals[0].OnBehalfOf == nil || gates[0].Approvals[0].OnBehalfOf.ID != "r") {
				t.Errorf("approvals: got %+v, want one on behalf of r", gates[0].Approvals)
			}
			want := 0
			if tt.rule != "" {
				want = 1
			}
			if n := denials(t, s, id); n != want {
				t.Errorf("%d denials in the audit trail, want %d", n, want)
			}
		})
	}
	return len(tests), len(tests)
}

func denials(t *testing.T, s orchestrator.Store, id string) int {
	t.Helper()
	n := 0
	for e, err := range s.AuditEntries(t.Context(), id, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Type == "access.denied" {
			n++
		}
	}
	return n
}
