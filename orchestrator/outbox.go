package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/researchflow/researchflow/orchestrator/audit"
)

// Notification notifies people about a request.
type Notification struct {
	ID      string           `json:"id"` // stable; equal for repeats
	Kind    NotificationKind `json:"kind"`
	Request string           `json:"request"`
	State   string           `json:"state"`
	Gate    string           `json:"gate,omitempty"`
	// Roles to notify. If it is empty: the person that To names, or else the researcher and the assignee.
	Roles []string `json:"roles,omitempty"`
	// To is the opaque id of the one person to notify: the delegate of a gate.
	To string    `json:"to,omitempty"`
	At time.Time `json:"at"`
}

// NotificationKind says why people are notified.
type NotificationKind string

// The kinds of notification.
const (
	NotifyGateOpened NotificationKind = "gate.opened"
	NotifyReminder   NotificationKind = "gate.reminder"
	NotifyEscalation NotificationKind = "gate.escalated"
	NotifyDelegated  NotificationKind = "gate.delegated"
	NotifyOverdue    NotificationKind = "request.overdue"
	NotifyClosed     NotificationKind = "request.closed"
	NotifyStepFailed NotificationKind = "step.failed"
)

// Notifier notifies people. After a failure or a crash it may be called again with the same notification (same ID).
type Notifier interface {
	Notify(ctx context.Context, n Notification) error
}

// NotifierFunc is a function as a [Notifier].
type NotifierFunc func(ctx context.Context, n Notification) error

// Notify calls f.
func (f NotifierFunc) Notify(ctx context.Context, n Notification) error { return f(ctx, n) }

const (
	messageBatch      = 50
	maxMessageBackoff = 5 * time.Minute
)

// deliverMessages hands outbox messages to the notifier and the audit sink.
func (e *engine) deliverMessages(ctx context.Context) (bool, error) {
	o := e.o
	if ctx.Err() != nil {
		return false, nil
	}
	// As with steps: whatever is claimed is finished.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*o.cfg.lease)
	defer cancel()
	begin := time.Now()
	claimed, err := o.store.ClaimMessages(ctx, MessageClaim{
		Owner: o.cfg.instance, Lease: o.cfg.lease, Kinds: o.messageKinds(), Limit: messageBatch,
	})
	if err != nil {
		return false, err
	}
	for _, m := range claimed {
		class := ""
		if time.Since(begin) > o.cfg.lease/2 { // a delivery may take half a lease: this one could outlast its claim
			if err := o.store.FinishMessage(context.WithoutCancel(ctx), m.ID, o.cfg.instance, "late", 0); err != nil {
				return false, err
			}
			continue
		}
		if err := o.deliver(e.working, m); err != nil {
			class = "error"
			if errors.Is(err, context.DeadlineExceeded) {
				class = "timeout"
			}
			o.cfg.logger.LogAttrs(ctx, slog.LevelWarn, "message not delivered", slog.String("id", m.ID),
				slog.String("kind", string(m.Kind)), slog.Int("attempt", m.Attempts))
		}
		retry := min(time.Second<<min(m.Attempts, 16), maxMessageBackoff)
		if e.working.Err() != nil {
			retry = 0
		}
		// Not cancelled by ctx: a delivery that is not recorded is repeated.
		if err := o.store.FinishMessage(context.WithoutCancel(ctx), m.ID, o.cfg.instance, class, retry); err != nil {
			return false, err
		}
	}
	return len(claimed) > 0, nil
}

// sinkMessages returns the outbox messages for the audit sink, if there is one. The draft of a commit numbers its own.
func (o *Orchestrator) sinkMessages(entries []audit.Sealed, now time.Time) ([]Message, error) {
	if o.cfg.sink == nil {
		return nil, nil
	}
	messages := make([]Message, len(entries))
	for i := range entries {
		s := &entries[i]
		payload, err := json.Marshal(s)
		if err != nil {
			return nil, fmt.Errorf("orchestrator: audit message: %w", err)
		}
		messages[i] = Message{ID: s.ID, Kind: MessageAudit, Request: s.Chain, Seq: s.Seq, Payload: payload, CreatedAt: now}
	}
	return messages, nil
}

// deliver delivers one message and turns a panic of the host's code into an error.
func (o *Orchestrator) deliver(ctx context.Context, m Message) (err error) {
	ctx, cancel := context.WithTimeout(ctx, o.cfg.lease/2)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("orchestrator: the receiver panicked")
		}
	}()
	switch m.Kind {
	case MessageNotification:
		var n Notification
		if err := json.Unmarshal(m.Payload, &n); err != nil {
			return fmt.Errorf("orchestrator: notification: %w", err)
		}
		return o.cfg.notifier.Notify(ctx, n)
	case MessageAudit:
		var s audit.Sealed
		if err := json.Unmarshal(m.Payload, &s); err != nil {
			return fmt.Errorf("orchestrator: audit message: %w", err)
		}
		return o.cfg.sink.Append(ctx, s)
	}
	return fmt.Errorf("orchestrator: message of unknown kind")
}
