package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/orchestrator"
)

// outbox submits a request whose first commit also leaves messages, and returns their ids.
func outbox(t *testing.T, s orchestrator.Store, kinds ...orchestrator.MessageKind) []string {
	t.Helper()
	var ids []string
	o := newOrchestrator(t, &catcher{Store: s, change: func(c *orchestrator.Commit) {
		ids = nil
		for i, kind := range kinds {
			id := fmt.Sprintf("%s-%d", c.ID, i)
			ids = append(ids, id)
			c.Messages = append(c.Messages, orchestrator.Message{
				ID: id, Kind: kind, Request: c.Request.ID, Seq: int64(i) + 1, Payload: json.RawMessage(`{"a": "ä"}`), CreatedAt: c.Request.SubmittedAt,
			})
		}
	}})
	submit(t, o, "messages")
	return ids
}

// messageClaims is what hosts that deliver from one outbox rely on.
func messageClaims(t *testing.T, db Database, s Store) {
	const note, entry = orchestrator.MessageNotification, orchestrator.MessageAudit
	ctx := t.Context()
	ids := outbox(t, s, note, entry, note)
	claim := func(owner string, lease time.Duration, limit int, kinds ...orchestrator.MessageKind) []string {
		t.Helper()
		all, err := s.ClaimMessages(ctx, orchestrator.MessageClaim{Owner: owner, Lease: lease, Kinds: kinds, Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		got := []string{}
		for _, m := range all {
			got = append(got, fmt.Sprintf("%s %d %s", m.ID, m.Attempts, m.Payload))
		}
		return got
	}
	finish := func(id, owner, class string, retry time.Duration) {
		t.Helper()
		if err := s.FinishMessage(ctx, id, owner, class, retry); err != nil {
			t.Fatal(err)
		}
	}
	want := func(what string, got []string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	first := func(i, attempt int) string { return fmt.Sprintf(`%s %d {"a": "ä"}`, ids[i], attempt) }
	want("no kind", claim("a", time.Minute, 5))
	want("none wanted", claim("a", time.Minute, 0, note))
	want("the older of two", claim("a", time.Minute, 5, note), first(0, 1))
	want("the younger, while the older is under way", claim("b", time.Minute, 5, note))
	want("another kind", claim("b", time.Minute, 5, note, entry), first(1, 1))
	finish(ids[0], "b", "", 0)
	want("what another host finished", claim("b", time.Minute, 5, note))
	finish(ids[0], "a", "timeout", 0)
	want("after a failure", claim("b", 50*time.Millisecond, 5, note), first(0, 2))
	finish(ids[0], "a", "", 0) // it is b's now
	time.Sleep(100 * time.Millisecond)
	want("after the lease's end", claim("c", time.Minute, 5, note), first(0, 3))
	finish(ids[0], "c", "timeout", time.Minute)
	want("before its next attempt", claim("c", time.Minute, 5, note))
	finish(ids[1], "b", "", 0)
	if b, err := s.Backlog(ctx); err != nil || b.Messages != 2 {
		t.Errorf("backlog: %+v, %v; want 2 messages", b, err)
	}

	// Many hosts share many messages; each is claimed once.
	const requests = 20
	for range requests {
		outbox(t, s, entry)
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	seen := map[string]int{}
	for i, st := range []orchestrator.Store{s, another(t, db), another(t, db)} {
		all.Go(func() {
			for range requests {
				got, err := st.ClaimMessages(ctx, orchestrator.MessageClaim{
					Owner: fmt.Sprint("host ", i), Lease: time.Minute, Kinds: []orchestrator.MessageKind{entry}, Limit: 2,
				})
				if err != nil || len(got) > 2 {
					t.Errorf("%d claimed, %v; want at most 2", len(got), err)
				}
				mu.Lock()
				for _, m := range got {
					seen[m.ID]++
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if len(seen) != requests {
		t.Errorf("%d messages claimed, want %d", len(seen), requests)
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s was claimed %d times", id, n)
		}
	}
}

// duplicates submits what is there.
func duplicates(t *testing.T, _ Database, s Store) {
	var first orchestrator.Commit
	o := newOrchestrator(t, &catcher{Store: s, change: func(c *orchestrator.Commit) { first = *c }})
	n := Sample("duplicates")
	n.IdempotencyKey = "key"
	id, err := o.Submit(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		change func(c *orchestrator.Commit)
	}{
		{"the same id", func(c *orchestrator.Commit) { c.Request.ID = id }},
		{"the same key", func(c *orchestrator.Commit) { c.IdempotencyKey = "key" }},
		{"the same commit", func(c *orchestrator.Commit) { *c = first }},
	} {
		again := &catcher{Store: s, change: tt.change, once: true}
		_, err := newOrchestrator(t, again).Submit(t.Context(), Sample(tt.name))
		var last final
		if !errors.As(err, &last) || !errors.Is(last.err, orchestrator.ErrDuplicate) {
			t.Errorf("%s: got %v, want ErrDuplicate", tt.name, err)
		}
	}
	if diff := cmp.Diff([]string{"duplicates"}, titles(t, s, orchestrator.Query{})); diff != "" {
		t.Error(diff)
	}
	checkRequest(t, s, orchestrator.DefaultDefinition(), id)
}
