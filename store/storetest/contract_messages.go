package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/audit"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// outbox submits a request whose first commit also writes messages, and returns their ids.
func outbox(t *testing.T, s orchestrator.Store, kinds ...orchestrator.MessageKind) []string {
	t.Helper()
	var ids []string
	o := lifetest.New(t, &commitEditor{Store: s, change: func(c *orchestrator.Commit) {
		ids = nil
		for i, kind := range kinds {
			id := fmt.Sprintf("%s-%d", c.ID, i)
			ids = append(ids, id)
			c.Messages = append(c.Messages, orchestrator.Message{
				ID: id, Kind: kind, Request: c.Request.ID, Seq: int64(i) + 1, Payload: json.RawMessage(`{"a": "ä"}`), CreatedAt: c.Request.SubmittedAt,
			})
		}
	}})
	lifetest.Submit(t, o, "messages")
	return ids
}

// messageClaims tests what several hosts need to deliver messages from one outbox.
func messageClaims(t *testing.T, open func() orchestrator.Store, s orchestrator.Store) {
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
	lifetest.Pause(t.Context(), 100*time.Millisecond)
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
	claimTogether(t, []orchestrator.Store{s, open(), open()}, requests, func(s orchestrator.Store, owner string) []string {
		got, err := s.ClaimMessages(ctx, orchestrator.MessageClaim{
			Owner: owner, Lease: time.Minute, Kinds: []orchestrator.MessageKind{entry}, Limit: 2,
		})
		if err != nil || len(got) > 2 {
			t.Errorf("%d claimed, %v; want at most 2", len(got), err)
		}
		var ids []string
		for _, m := range got {
			ids = append(ids, m.ID)
		}
		return ids
	})
}

// systemMessages records entries of the system chain. The host that delivers them dies, and another one continues.
func systemMessages(t *testing.T, open func() orchestrator.Store, s orchestrator.Store) {
	ctx := t.Context()
	record := func(o *orchestrator.Orchestrator, n int) {
		t.Helper()
		entries := make([]audit.Entry, n)
		for i := range entries {
			entries[i] = audit.Entry{Type: audit.ConfigChanged, Action: audit.Update}
		}
		if err := o.Record(ctx, entries...); err != nil {
			t.Fatal(err)
		}
	}
	backlog := func(what string, want int64) {
		t.Helper()
		if b, err := s.Backlog(ctx); err != nil || b.Messages != want {
			t.Errorf("%s: %d messages, %v; want %d", what, b.Messages, err, want)
		}
	}
	record(lifetest.New(t, s), 2)
	backlog("without a sink", 0)

	var got []string
	host := func(s orchestrator.Store) *orchestrator.Orchestrator {
		return lifetest.New(t, s, orchestrator.WithAuditSink(audit.SinkFunc(func(_ context.Context, e audit.Sealed) error {
			got = append(got, fmt.Sprintf("%s %d %s %s", e.Chain, e.Seq, e.ID, e.Body))
			return nil
		})))
	}
	o := host(s)
	record(o, 3)
	record(o, 1)
	backlog("with a sink", 4)
	before, now, err := s.AuditHead(ctx, audit.SystemChain)
	if err != nil {
		t.Fatal(err)
	}
	sealed, _, err := audit.Head{Seq: before.Seq, Hash: audit.Hash([]byte("another"))}.Seal(
		audit.Entry{Chain: audit.SystemChain, Type: audit.ConfigChanged, Action: audit.Update, Recorded: now})
	if err != nil {
		t.Fatal(err)
	}
	late := orchestrator.Message{
		ID: sealed.ID, Kind: orchestrator.MessageAudit, Request: sealed.Chain, Seq: sealed.Seq, Payload: json.RawMessage("{}"), CreatedAt: now,
	}
	err = s.AppendAudit(ctx, audit.Head{Seq: before.Seq, Hash: sealed.Prev}, []audit.Sealed{sealed}, []orchestrator.Message{late})
	if !errors.Is(err, orchestrator.ErrConflict) {
		t.Errorf("an entry that comes too late: got %v, want ErrConflict", err)
	}
	backlog("after an entry that came too late", 4)

	var want []string
	for e, err := range s.AuditEntries(ctx, audit.SystemChain, 2) {
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, fmt.Sprintf("%s %d %s %s", e.Chain, e.Seq, e.ID, e.Body))
	}
	// A host claims the first entry and dies before it finishes the message.
	dead, err := s.ClaimMessages(ctx, orchestrator.MessageClaim{
		Owner: "dead", Lease: 50 * time.Millisecond, Kinds: []orchestrator.MessageKind{orchestrator.MessageAudit}, Limit: 10,
	})
	if err != nil || len(dead) != 1 {
		t.Fatalf("%d claimed, %v; want the oldest", len(dead), err)
	}
	var first audit.Sealed
	if err := json.Unmarshal(dead[0].Payload, &first); err != nil || first.ID != dead[0].ID || first.Seq != 3 {
		t.Errorf("first message: entry %d with id %s, %v; want 3 with %s", first.Seq, first.ID, err, dead[0].ID)
	}
	if err := lifetest.EmptyOutbox(ctx, host(open())); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what came to the sink: %s", diff)
	}
}

// duplicates submits requests whose id, key or commit exists.
func duplicates(t *testing.T, _ func() orchestrator.Store, s orchestrator.Store) {
	var first orchestrator.Commit
	o := lifetest.New(t, &commitEditor{Store: s, change: func(c *orchestrator.Commit) { first = *c }})
	n := lifetest.Sample("duplicates")
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
		again := &commitEditor{Store: s, change: tt.change, once: true}
		_, err := lifetest.New(t, again).Submit(t.Context(), lifetest.Sample(tt.name))
		var last final
		if !errors.As(err, &last) || !errors.Is(last.err, orchestrator.ErrDuplicate) {
			t.Errorf("%s: got %v, want ErrDuplicate", tt.name, err)
		}
	}
	if diff := cmp.Diff([]string{"duplicates"}, lifetest.Titles(t, s, orchestrator.Query{})); diff != "" {
		t.Error(diff)
	}
	checkRequest(t, s, workflow.Default(), id)
}
