package chaos

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// timersFireOnce is R7 in real time: three hosts see the same timers become due, and each driver call of a firing fails
// in turn. (A test of package store covers days, with a clock that it sets.)
func timersFireOnce(t *testing.T, b Backend) (int, int) {
	const timeout = 200 * time.Millisecond
	def := lifetest.OneGate(workflow.GateRule{
		Roles: []string{"reviewer"}, Timeout: workflow.Duration(timeout), EscalateTo: []string{"boss"},
		Reminders: []workflow.Duration{workflow.Duration(timeout / 2)},
	})
	t.Run("three hosts", func(t *testing.T) {
		db, s := open(t, b)
		var told tally
		host := func() *orchestrator.Orchestrator {
			return lifetest.New(t, another(t, db), orchestrator.WithDefinition(def), orchestrator.WithPoll(20*time.Millisecond),
				orchestrator.WithNotifier(&told))
		}
		o := host()
		var ids []string
		for i := range 10 {
			ids = append(ids, lifetest.Submit(t, o, fmt.Sprint("timer ", i)))
		}
		for _, h := range []*orchestrator.Orchestrator{o, host(), host()} {
			start(t, h)
		}
		for _, id := range ids {
			await(t, o, id, "escalated twice", waitLong, func(r *orchestrator.Request) bool { return r.Gate.Escalations >= 2 })
		}
		for _, id := range ids {
			checkRequest(t, s, def, id)
			all, err := s.Escalations(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			gate := lifetest.Status(t, o, id).Gate
			for i, e := range all {
				if e.Level != i+1 {
					t.Errorf("escalation %d has level %d", i+1, e.Level)
				}
				// Never early, by the database's clock.
				if early := gate.OpenedAt.Add(time.Duration(i+1) * timeout).Sub(e.At); early > 0 {
					t.Errorf("escalation %d came %v early", i+1, early)
				}
			}
		}
		if n := told.most(); n > 1 {
			t.Errorf("a notification came %d times without any failure", n)
		}
	})
	sites := 0
	t.Run("each call fails", func(t *testing.T) {
		db, ok := b.New(t).(SQLDatabase)
		if !ok {
			t.Skip("SKIPPED: the backend has no SQL to break")
		}
		clean := another(t, db)
		var f Faults
		s, err := db.Open(t.Context(), OpenOptions{Wrap: f.Wrap})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		quick := lifetest.OneGate(workflow.GateRule{
			Roles: []string{"reviewer"}, Timeout: workflow.Duration(30 * time.Millisecond), EscalateTo: []string{"boss"},
		})
		o := lifetest.New(t, s, orchestrator.WithDefinition(quick))
		for n := 1; ; n++ {
			done := false
			for _, mode := range []Mode{Fail, FailAfter} {
				id := lifetest.Submit(t, o, fmt.Sprint("timer ", n, mode))
				lifetest.Pause(t.Context(), 31*time.Millisecond) // the timer is due
				f.Arm(n, mode)
				err := lifetest.Again(t.Context(), func() error { return o.Drain(t.Context()) })
				done = !f.Fired()
				calls := f.Calls()
				f.Disarm()
				if err != nil {
					t.Fatal(err)
				}
				if all, err := clean.Escalations(t.Context(), id); err != nil || len(all) == 0 {
					t.Errorf("%s at call %d: escalations: %v, %v; want one or more", mode, n, all, err)
				}
				checkRequest(t, clean, quick, id)
				if t.Failed() {
					t.Fatalf("%s at call %d of %s", mode, n, strings.Join(calls, ", "))
				}
				// The gate is settled, so that it does not escalate into the next round.
				boss := orchestrator.Actor{ID: "b", Roles: []string{"boss", "reviewer"}}
				if err := o.Decide(t.Context(), orchestrator.Decision{Gate: lifetest.Status(t, o, id).Gate.ID, By: boss, Verdict: orchestrator.Approve}); err != nil {
					t.Fatal(err)
				}
			}
			if done {
				break
			}
			sites = n
		}
	})
	return sites, 2*sites + 10
}

// tally is a notifier that counts how often each notification came.
type tally struct {
	mu   sync.Mutex
	seen map[string]int
}

func (k *tally) most() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	most := 0
	for _, n := range k.seen {
		most = max(most, n)
	}
	return most
}

// Notify implements [orchestrator.Notifier].
func (k *tally) Notify(_ context.Context, n orchestrator.Notification) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.seen == nil {
		k.seen = map[string]int{}
	}
	k.seen[n.ID]++
	return nil
}
