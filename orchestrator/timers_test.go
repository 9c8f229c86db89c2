package orchestrator_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// oneGate is a definition with one gate and nothing else.
func oneGate(t *testing.T, name string) *workflow.Definition {
	t.Helper()
	b := workflow.Define(name, "review")
	b.Gate("review", workflow.GateRule{Roles: []string{"reviewer"}}).On(workflow.EventApprove, "end").
		On(workflow.EventReject, "end").On(workflow.EventModify, "end")
	b.Terminal("end")
	b.Anywhere(workflow.EventWithdraw, "end")
	d, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestParkedTimersAreLeftAlone: a whole batch of due timers that this host can do nothing with is not tried again at
// once, and what was parked is not parked any more once another host has moved it.
func TestParkedTimersAreLeftAlone(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	knows := newOrchestrator(t, s, orchestrator.WithDefinition(oneGate(t, "known")))
	n := lifetest.Sample("due")
	n.Due = time.Now().Add(-time.Hour)
	id := ""
	for range 100 {
		var err error
		if id, err = knows.Submit(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	o := newOrchestrator(t, &watched{Store: s, lost: true}, orchestrator.WithDefinition(oneGate(t, "another")))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := o.Drain(ctx); err != nil {
		t.Fatalf("Drain: %v", err)
	}
	if r, err := knows.Status(t.Context(), id); err != nil || r.Parked == "" {
		t.Fatalf("got parked %q, %v; want why", r.Parked, err)
	}
	if err := knows.Withdraw(t.Context(), id, n.Researcher.Actor(), "it takes too long"); err != nil {
		t.Fatal(err)
	}
	if r, err := knows.Status(t.Context(), id); err != nil || r.Parked != "" {
		t.Errorf("after Withdraw: parked %q, %v; want not parked", r.Parked, err)
	}
}

// slowReader is a store on which something happens after timers were read, and before they are fired.
type slowReader struct {
	orchestrator.Store
	meanwhile func()
	once      sync.Once
}

func (s *slowReader) DueTimers(ctx context.Context, limit int) ([]orchestrator.Timer, error) {
	due, err := s.Store.DueTimers(ctx, limit)
	s.once.Do(s.meanwhile)
	return due, err
}

// TestTimersBehindParkedOnes: a whole batch of timers of parked requests keeps none from firing, whether the requests
// were parked before the timers were read or after that.
func TestTimersBehindParkedOnes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		before bool
	}{
		{"parked before the read", true},
		{"parked between the read and the firing", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := openStore(t)
			n := lifetest.Sample("parked")
			n.Due = time.Now().Add(-2 * time.Hour)
			knows := newOrchestrator(t, s, orchestrator.WithDefinition(oneGate(t, "known")))
			for range 100 {
				if _, err := knows.Submit(t.Context(), n); err != nil {
					t.Fatal(err)
				}
			}
			var want, got []string
			slow := &slowReader{Store: &watched{Store: s, lost: true}}
			o := newOrchestrator(t, slow, orchestrator.WithDefinition(oneGate(t, "later")), orchestrator.WithNotifier(
				orchestrator.NotifierFunc(func(_ context.Context, n orchestrator.Notification) error {
					if n.Kind == orchestrator.NotifyOverdue {
						got = append(got, n.Request)
					}
					return nil
				})))
			park := func() {
				lost := newOrchestrator(t, &watched{Store: s, lost: true}, orchestrator.WithDefinition(oneGate(t, "another")))
				if err := lost.Drain(t.Context()); err != nil {
					t.Error(err)
				}
				later := lifetest.Sample("later")
				later.Due = time.Now().Add(-time.Hour)
				id, err := o.Submit(t.Context(), later)
				if err != nil {
					t.Error(err)
				}
				want = []string{id}
			}
			if slow.meanwhile = park; tt.before {
				park()
				slow.meanwhile = func() {}
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if err := o.Drain(ctx); err != nil {
				t.Fatalf("Drain: %v", err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("overdue: %s", diff)
			}
		})
	}
}
