package orchestrator_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/audit"
	"github.com/researchflow/researchflow/store"
)

// TestSlowNotifierIsCalledOnce: a host does not deliver what it has claimed for longer than the claim lasts, when
// another host takes it for lost.
func TestSlowNotifierIsCalledOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, store.WithClock(time.Now))
		told := make(chan string, 100)
		notifier := orchestrator.NotifierFunc(func(ctx context.Context, n orchestrator.Notification) error {
			told <- n.ID
			select {
			case <-time.After(6 * time.Second):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		var hosts []*orchestrator.Orchestrator
		for range 2 {
			hosts = append(hosts, newOrchestrator(t, s, orchestrator.WithDefinition(oneGate(t, "told")), orchestrator.WithNotifier(notifier)))
		}
		const n = 10
		for range n {
			if _, err := hosts[0].Submit(t.Context(), lifetest.Sample("told")); err != nil {
				t.Fatal(err)
			}
		}
		for _, o := range hosts {
			if err := o.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		<-time.After(5 * time.Minute)
		for _, o := range hosts {
			if err := o.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		close(told)
		got := map[int]int{} // how many were told so many times
		times := map[string]int{}
		for id := range told {
			times[id]++
		}
		for _, k := range times {
			got[k]++
		}
		if diff := cmp.Diff(map[int]int{1: n}, got); diff != "" {
			t.Error(diff)
		}
	})
}

// TestSinkGetsEveryChain: a sink is fed at once with the entries of requests and with those of the host, each chain in
// order.
func TestSinkGetsEveryChain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, store.WithClock(time.Now))
		sealed := make(chan audit.Sealed, 100)
		o := newOrchestrator(t, s, orchestrator.WithDefinition(oneGate(t, "fed")), orchestrator.WithPoll(time.Hour),
			orchestrator.WithAuditSink(audit.SinkFunc(func(_ context.Context, e audit.Sealed) error {
				sealed <- e
				return nil
			})))
		if err := o.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		id, err := o.Submit(t.Context(), lifetest.Sample("fed"))
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		entry := audit.Entry{Type: audit.ConfigChanged, Action: audit.Update}
		if err := o.Record(t.Context(), entry, entry, entry); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		if err := o.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		close(sealed)
		got, want := map[string][]string{}, map[string][]string{}
		for e := range sealed {
			got[e.Chain] = append(got[e.Chain], e.ID)
		}
		for _, chain := range []string{id, audit.SystemChain} {
			for e, err := range o.AuditEntries(t.Context(), chain) {
				if err != nil {
					t.Fatal(err)
				}
				want[chain] = append(want[chain], e.ID)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}
