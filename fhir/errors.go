package fhir

import (
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// Kinds of failure. errors.Is finds them in every error that a [Client] returns for such a failure.
var (
	ErrNotFound       = errors.New("not found")                                    // 404
	ErrGone           = errors.New("gone")                                         // 410
	ErrUnauthorized   = errors.New("unauthorized")                                 // 401, also after a fresh token
	ErrForbidden      = errors.New("forbidden")                                    // 403
	ErrThrottled      = errors.New("throttled")                                    // 429, after all retries
	ErrRejected       = errors.New("request rejected")                             // any other 4xx
	ErrUnavailable    = errors.New("server unavailable")                           // 5xx, after all retries
	ErrOutcome        = errors.New("the server answered with an OperationOutcome") // not with the resource
	ErrNotFHIR        = errors.New("not a FHIR answer")                            // such as HTML or another type
	ErrTruncated      = errors.New("truncated answer")                             // after all retries
	ErrTooLarge       = errors.New("answer too large")                             // bytes, compression ratio or depth
	ErrStalled        = errors.New("server stalled")                               // a time limit has passed
	ErrConnection     = errors.New("connection failed")                            // no answer, after all retries
	ErrForeignOrigin  = errors.New("foreign origin")                               // a server's link leads elsewhere
	ErrBlockedAddress = errors.New("blocked address")                              // a server's link, private network
	ErrPagingLoop     = errors.New("paging does not end")                          // a repeated page, or too many
	ErrExpired        = errors.New("search expired")                               // a page was gone, after all restarts
	ErrChanged        = errors.New("data changed during the search")               // found by a restarted search
	ErrExport         = errors.New("export failed")                                // Bulk Data, wholly or partly
)

// Error is the failure of one interaction. Its text, log value and JSON name the interaction, the status, the kind of
// failure and the codes of the server's OperationOutcome. They contain no data of resources, no query and no
// credentials. Every error of a [Client] is an *Error, except those of the caller's context.
type Error struct {
	Method       string        // HTTP method
	ResourceType string        // resource type or operation: "Patient", "metadata", "$export"; may be ""
	ID           string        // logical id, for a read
	Status       int           // HTTP status of the last answer; 0: there was none
	Outcome      *Outcome      // the server's OperationOutcome; nil: there was none that could be read
	Attempts     int           // requests sent, at least
	RetryAfter   time.Duration // how long the last response asked to wait; 0: it did not

	kinds  []error // of the Err variables above, the most specific first
	detail string  // ours, never the server's
	cause  error   // without URLs
}

// Error describes the failure in one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("fhir: " + e.Method)
	if e.ResourceType != "" {
		b.WriteString(" " + e.ResourceType)
	}
	if e.ID != "" {
		b.WriteString("/" + e.ID)
	}
	if e.Status != 0 {
		b.WriteString(": status " + strconv.Itoa(e.Status))
	}
	if len(e.kinds) > 0 {
		b.WriteString(": " + e.kinds[0].Error())
	}
	if e.detail != "" {
		b.WriteString(": " + e.detail)
	}
	if e.Outcome != nil {
		if codes := e.Outcome.String(); codes != "" {
			b.WriteString(" (" + codes + ")")
		}
	}
	if e.cause != nil {
		b.WriteString(": " + e.cause.Error())
	}
	if e.Attempts > 1 {
		b.WriteString(" after " + strconv.Itoa(e.Attempts) + " attempts")
	}
	return b.String()
}

// Unwrap returns the kinds of failure and the cause, for errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	errs := append([]error(nil), e.kinds...)
	if e.cause != nil {
		errs = append(errs, e.cause)
	}
	return errs
}

// ErrorClass returns one word for the kind of failure, for health bodies and metrics, or "" when the cause is more
// specific.
func (e *Error) ErrorClass() string {
	for _, k := range e.kinds {
		switch k {
		case ErrNotFound, ErrGone:
			return "not_found"
		case ErrUnauthorized, ErrForbidden:
			return "unauthorized"
		case ErrThrottled:
			return "throttled"
		case ErrUnavailable:
			return "unavailable"
		case ErrStalled:
			return "timeout"
		case ErrRejected, ErrOutcome:
			return "rejected"
		case ErrNotFHIR, ErrTruncated, ErrTooLarge, ErrPagingLoop:
			return "invalid_answer"
		case ErrForeignOrigin, ErrBlockedAddress:
			return "blocked"
		}
	}
	return ""
}

// LogValue implements slog.LogValuer.
func (e *Error) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("method", e.Method), slog.String("resource_type", e.ResourceType), slog.Int("status", e.Status)}
	if len(e.kinds) > 0 {
		attrs = append(attrs, slog.String("kind", e.kinds[0].Error()))
	}
	if e.detail != "" {
		attrs = append(attrs, slog.String("detail", e.detail))
	}
	if e.Outcome != nil {
		attrs = append(attrs, slog.String("outcome", e.Outcome.String()))
	}
	if e.cause != nil {
		attrs = append(attrs, slog.String("cause", e.cause.Error()))
	}
	return slog.GroupValue(append(attrs, slog.Int("attempts", e.Attempts))...)
}

// fault is a failure that the client detects: a kind, and a detail without any text of the server.
type fault struct {
	kind   error
	detail string
}

func (f *fault) Error() string {
	if f.detail == "" {
		return f.kind.Error()
	}
	return f.kind.Error() + ": " + f.detail
}

func (f *fault) Unwrap() error { return f.kind }

func faultf(kind error, detail string) error { return &fault{kind, detail} }

// noCredentials is a failure to get credentials. It never matches ErrNotFound or ErrGone: a missing token endpoint does
// not mean that the requested resource is missing.
type noCredentials struct{ err error }

func (n noCredentials) Error() string { return n.err.Error() }

func (n noCredentials) Is(target error) bool {
	return target != ErrNotFound && target != ErrGone && errors.Is(n.err, target)
}

func (n noCredentials) As(target any) bool { return errors.As(n.err, target) }

// statusKind returns the kind of failure for an HTTP status.
func statusKind(status int) error {
	switch {
	case status == 401:
		return ErrUnauthorized
	case status == 403:
		return ErrForbidden
	case status == 404:
		return ErrNotFound
	case status == 410:
		return ErrGone
	case status == 429:
		return ErrThrottled
	case status >= 500:
		return ErrUnavailable
	case status >= 400:
		return ErrRejected
	}
	return ErrNotFHIR
}
