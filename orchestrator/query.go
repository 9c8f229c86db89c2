package orchestrator

import (
	"time"
)

// Query selects requests. Zero fields select everything.
type Query struct {
	States []string
	// Live selects live requests (true) or ended ones (false).
	Live *bool
	// Researcher is the opaque id of the researcher (their e-mail address unless the host gave another).
	Researcher string
	Assignee   string
	// Overdue selects live requests whose due date, or that of their open gate, has passed.
	Overdue bool
	// Parked selects requests that are parked; see [Request].Parked.
	Parked bool
	// Definitions selects requests that are bound to one of these definitions, given by hash.
	Definitions []string
	// Text selects requests by their titles: each of these words must be the beginning of a word there, in any order.
	Text string
	// Limit is the size of a page, at most 1000; 0 means 50.
	Limit int
	// Cursor is the previous page's Next; "" means the first page.
	Cursor string
}

// Page is a page of requests: highest priority first, then oldest.
type Page struct {
	Requests []Request
	// Next is the cursor of the next page; "" means that this is the last.
	Next string
}

// StateCount is how many requests are in a state.
type StateCount struct {
	State string `json:"state"`
	Live  bool   `json:"live"`
	Count int64  `json:"count"`
}

// StateDuration is how long a request once was in a state.
type StateDuration struct {
	State string
	Held  time.Duration
}

// Backlog is what waits. Ages are on the database's clock.
type Backlog struct {
	ReadySteps    int64         // steps that could run now
	OldestReady   time.Duration // how long the oldest of them has waited
	RunningSteps  int64
	ExpiredLeases int64
	OldestLease   time.Duration // since the longest running step started
	DueTimers     int64
	Messages      int64 // undelivered outbox messages
	OldestMessage time.Duration
}

// validate refuses text that databases cannot hold.
func (q *Query) validate() error {
	var v ValidationError
	for _, f := range []struct {
		path  string
		texts []string
	}{
		{"states", q.States},
		{"definitions", q.Definitions},
		{"researcher", []string{q.Researcher}},
		{"assignee", []string{q.Assignee}},
		{"text", []string{q.Text}},
		{"cursor", []string{q.Cursor}},
	} {
		for _, text := range f.texts {
			v.plain(f.path, text)
		}
	}
	return v.orNil()
}
