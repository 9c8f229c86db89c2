package audit

import (
	"context"
	"fmt"
	"iter"
)

// BadEntryError names the first entry at which a chain is broken.
type BadEntryError struct {
	Chain string
	// Seq is the number the entry should have.
	Seq int64
	// Reason says what is wrong, without the entry's content.
	Reason string
}

// Error names chain, entry and reason.
func (e *BadEntryError) Error() string {
	return fmt.Sprintf("audit: chain %s is broken at entry %d: %s", e.Chain, e.Seq, e.Reason)
}

// Verifier checks the entries of one chain, first to last. It is not safe for use by several goroutines.
type Verifier struct {
	chain string
	head  Head
}

// NewVerifier returns a verifier for a chain from its first entry, or, given the head of a verified
// prefix, from the entry after it.
func NewVerifier(chain string, from Head) *Verifier { return &Verifier{chain: chain, head: from} }

// Head returns the number and hash of the last entry that passed.
func (v *Verifier) Head() Head { return v.head }

// Add checks the next entry; the error is a [*BadEntryError].
func (v *Verifier) Add(s *Sealed) error {
	want := v.head.Seq + 1
	bad := func(reason string) error { return &BadEntryError{v.chain, want, reason} }
	switch {
	case s.Chain != v.chain:
		return bad("it belongs to another chain")
	case s.Seq > want:
		return bad("it is missing")
	case s.Seq < want:
		return bad("its number occurs twice")
	case Hash(s.Body) != s.Hash:
		return bad("its hash is not that of its content")
	case s.Prev != v.head.Hash:
		return bad("it does not follow the previous entry")
	case !s.agrees():
		return bad("its columns contradict its content")
	}
	v.head = Head{Seq: s.Seq, Hash: s.Hash}
	return nil
}

// End checks that the chain ends with the given head, and so finds a tail that was cut off.
func (v *Verifier) End(head Head) error {
	switch {
	case v.head.Seq < head.Seq:
		return &BadEntryError{v.chain, v.head.Seq + 1, "it is missing (the tail is cut off)"}
	case v.head.Seq > head.Seq:
		return &BadEntryError{v.chain, head.Seq + 1, "it comes after the end of the chain"}
	case v.head.Hash != head.Hash:
		return &BadEntryError{v.chain, head.Seq, "it is not the last entry of the chain"}
	}
	return nil
}

// Verify checks a whole chain and returns its head. The error is a [*BadEntryError] for a broken chain, that of the
// sequence, or that of ctx, which is checked for each entry.
func Verify(ctx context.Context, chain string, entries iter.Seq2[Sealed, error]) (Head, error) {
	v := NewVerifier(chain, Head{})
	for s, err := range entries {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = v.Add(&s)
		}
		if err != nil {
			return v.Head(), err
		}
	}
	return v.Head(), nil
}

// Sink stores audit entries outside the database. It receives each entry at least once, in the order of its chain;
// Hash and ID are stable, so that it can drop repeats.
type Sink interface {
	// Append stores the entry or fails; it is called again after a failure.
	Append(ctx context.Context, s Sealed) error
}

// SinkFunc is a function as a [Sink].
type SinkFunc func(ctx context.Context, s Sealed) error

// Append calls f.
func (f SinkFunc) Append(ctx context.Context, s Sealed) error { return f(ctx, s) }
