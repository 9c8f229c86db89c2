package fhir

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// retryAfter parses a Retry-After field (RFC 9110 section 10.2.3): seconds, or a date. A date is compared with the
// response's own Date if there is one, so that wrong clocks do not matter. Ok reports whether the value is usable.
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if value == "" {
		return 0, false
	}
	const longest = 365 * 24 * time.Hour
	if strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || seconds > int64(longest/time.Second) { // more digits than a number holds: very long
			return longest, true
		}
		return time.Duration(seconds) * time.Second, true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return min(max(at.Sub(now), 0), longest), true
}

// backoff returns the pause before retry number attempt (from 0) after a response.
func (c *Client) backoff(attempt int, resp *http.Response) time.Duration {
	if resp != nil && resp.StatusCode >= 400 {
		if wish, ok := retryAfter(resp.Header, c.cfg.Clock()); ok {
			return c.pause(attempt, wish, true)
		}
	}
	return c.pause(attempt, 0, false)
}

// pause returns the pause before retry number attempt (from 0). A server's Retry-After is honoured up to a maximum,
// with jitter added so that clients that were refused together do not return together.
func (c *Client) pause(attempt int, wish time.Duration, wished bool) time.Duration {
	ceiling := c.cfg.MaxBackoff
	if shift := c.cfg.MinBackoff << min(attempt, 62); shift>>min(attempt, 62) == c.cfg.MinBackoff && shift < ceiling {
		ceiling = shift
	}
	jitter := func(d time.Duration) time.Duration { return time.Duration(rand.Int64N(int64(d) + 1)) }
	if wished {
		wish = min(wish, c.cfg.MaxRetryAfter)
		return wish + jitter(max(wish/4, ceiling))
	}
	return jitter(ceiling)
}

// budget bounds the retries of all requests of a client, so that a failing server does not get a multiple of the load:
// a fifth of the requests may be retries, plus a reserve.
type budget struct {
	mu     sync.Mutex
	tokens float64
}

const (
	budgetReserve = 50
	budgetShare   = 0.2
)

func newBudget() *budget { return &budget{tokens: budgetReserve} }

func (b *budget) request() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens = min(b.tokens+budgetShare, budgetReserve)
}

func (b *budget) retry() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// checkRetry is retryablehttp's CheckRetry.
func (c *Client) checkRetry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	x := exchangeOf(ctx)
	if ctxErr := ctx.Err(); ctxErr != nil {
		if resp != nil {
			resp.Body.Close()
		}
		return false, ctxErr
	}
	if resp != nil {
		x.status = resp.StatusCode
	} else {
		x.status = 0
	}
	if !x.retryable(resp, err) {
		return false, nil
	}
	if x.attempts > c.cfg.MaxRetries {
		return true, nil // retryablehttp counts as well, and stops
	}
	// A retry after the pause that the server asked for does not count against the budget.
	asked := false
	if resp != nil && (resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable) {
		wish, _ := retryAfter(resp.Header, c.cfg.Clock())
		asked = wish > 0
	}
	if !asked && !c.budget.retry() {
		c.log(ctx, slog.LevelWarn, x.interaction, "fhir: retry budget used up", slog.Int("status", x.status))
		return false, nil
	}
	attrs := []slog.Attr{slog.Int("status", x.status), slog.Int("attempt", x.attempts)}
	if err != nil {
		attrs = append(attrs, slog.String("cause", safeCause(err).Error()))
	}
	c.log(ctx, slog.LevelInfo, x.interaction, "fhir: retry", attrs...)
	return true, nil
}

// retryable reports whether the request may be sent again and may then succeed.
func (x *exchange) retryable(resp *http.Response, err error) bool {
	if resp != nil && err == nil {
		switch status := resp.StatusCode; {
		case status == http.StatusTooManyRequests && x.interaction.paced:
			return false
		case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
			return x.interaction.idempotent || x.interaction.repeatRefused // refused before it was performed
		case status == http.StatusRequestTimeout, status >= 500 && status != http.StatusNotImplemented && status != http.StatusHTTPVersionNotSupported:
			return x.interaction.idempotent
		}
		return false
	}
	if !x.interaction.idempotent {
		return false
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Outcome.transient() && !(x.interaction.paced && e.Status == http.StatusTooManyRequests)
	}
	for _, final := range []error{ErrForeignOrigin, ErrBlockedAddress, ErrTooLarge, ErrNotFHIR} {
		if errors.Is(err, final) {
			return false
		}
	}
	var (
		certErr *tls.CertificateVerificationError
		unknown x509.UnknownAuthorityError
		hostErr x509.HostnameError
		record  tls.RecordHeaderError
	)
	return !errors.As(err, &certErr) && !errors.As(err, &unknown) && !errors.As(err, &hostErr) && !errors.As(err, &record)
}
