package orchestrator

import (
	"context"
	"time"
)

// Notification tells people about a request.
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
