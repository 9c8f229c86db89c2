package fhir

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// poll polls until the export is complete and returns its manifest with all pages. With again it ignores the stored
// manifest, whose files are gone.
func (e *exporter) poll(ctx context.Context, again bool) (*manifest, error) {
	u, err := e.statusURL()
	if err != nil {
		return nil, err
	}
	if again {
		e.state.ETag, e.state.Manifest = "", nil
	}
	failures := 0
	for attempt := 0; ; attempt++ {
		var m *manifest
		q := e.interaction(http.MethodGet, u)
		q.paced = true // servers cancel exports that are polled too often
		if e.state.ETag != "" && len(e.state.Manifest) > 0 {
			q.header.Set("If-None-Match", e.state.ETag)
		}
		q.accept = func(status int) bool {
			return status == http.StatusOK || status == http.StatusAccepted || status == http.StatusNotModified
		}
		q.decode = func(a *answer) (err error) {
			if a.status == http.StatusOK {
				if m, err = parseManifest(a.body); err != nil {
					return e.c.unexpected(q, a, err)
				}
			}
			return nil
		}
		a, err := e.c.do(ctx, q)
		var failure *Error
		switch {
		case err == nil && a.status == http.StatusOK:
			return e.complete(ctx, a, m)
		case err == nil && a.status == http.StatusNotModified:
			return e.known()
		case err == nil:
			failures = 0
			if e.cfg.Progress != nil {
				e.cfg.Progress(a.header.Get("X-Progress"))
			}
			wish, ok := retryAfter(a.header, e.c.cfg.Clock())
			err = sleep(ctx, pollPause(attempt, wish, ok))
		case errors.As(err, &failure) && (failure.Status == http.StatusTooManyRequests || failure.Outcome.transient()):
			// With a transient issue the client keeps polling (Bulk Data, "Response - Error Status"). A server that sends
			// Retry-After is not failing.
			if failure.Status == http.StatusTooManyRequests && failure.RetryAfter > 0 {
				failures = 0
			} else if failures++; failures > maxPollFailures {
				return nil, err
			}
			e.c.log(ctx, slog.LevelInfo, q, "fhir: the export's status is temporarily unavailable", slog.Int("status", failure.Status))
			err = sleep(ctx, pollPause(attempt, failure.RetryAfter, failure.RetryAfter > 0))
		case errors.Is(err, ErrNotFound), errors.Is(err, ErrGone):
			return nil, errExportGone
		case errors.As(err, &failure) && failure.Outcome != nil:
			failure.kinds = slices.Insert(failure.kinds, 0, ErrExport)
		}
		if err != nil {
			return nil, err
		}
	}
}

// pollPause returns the pause before the next poll: the server's Retry-After, or growing pauses.
func pollPause(attempt int, wish time.Duration, wished bool) time.Duration {
	if wished {
		return min(max(wish, time.Second), maxPollPause)
	}
	ceiling := min(time.Second<<min(attempt, 6), time.Minute)
	return ceiling/2 + rand.N(ceiling/2+1)
}

// complete reads the remaining pages of a manifest and stores the whole.
func (e *exporter) complete(ctx context.Context, a *answer, first *manifest) (*manifest, error) {
	pages := []json.RawMessage{a.body}
	seen := map[string]bool{}
	from, next := a.url, first.next
	for next != "" {
		u, err := resolve(from, next)
		if err == nil && !e.c.net.ours(u) {
			err = faultf(ErrForeignOrigin, "the next manifest and the base URL differ in scheme, host or port")
		}
		if err == nil && (seen[u.String()] || len(pages) >= maxManifests) {
			err = faultf(ErrPagingLoop, "the manifest's pages do not end")
		}
		if err != nil {
			return nil, e.fail(err)
		}
		seen[u.String()] = true
		var m *manifest
		q := e.interaction(http.MethodGet, u)
		q.decode = func(a *answer) (err error) {
			if m, err = parseManifest(a.body); err != nil {
				return e.c.unexpected(q, a, err)
			}
			return nil
		}
		page, err := e.c.do(ctx, q)
		if err != nil {
			return nil, err
		}
		pages = append(pages, page.body)
		from, next = page.url, m.next
	}
	e.state.Manifest, e.state.ETag = pages, a.header.Get("ETag")
	if err := e.save(ctx); err != nil {
		return nil, err
	}
	return e.known()
}

// known returns the stored manifest.
func (e *exporter) known() (*manifest, error) {
	var all *manifest
	for _, page := range e.state.Manifest {
		m, err := parseManifest(page)
		if err != nil {
			return nil, e.fail(err)
		}
		if all == nil {
			all = m
			continue
		}
		if !m.transactionTime.Equal(all.transactionTime) {
			return nil, e.fault(ErrNotFHIR, "the manifest's pages have different transaction times")
		}
		all.files = append(all.files, m.files...)
		all.requiresToken = all.requiresToken || m.requiresToken
	}
	if all == nil {
		return nil, e.fault(ErrNotFHIR, "no manifest")
	}
	return all, nil
}

// fileURL resolves a file's URL and reports whether it is on the base URL's origin. Other hosts must be allowed.
func (e *exporter) fileURL(link string) (u *url.URL, ours bool, err error) {
	status, err := e.statusURL()
	if err != nil {
		return nil, false, err
	}
	if u, err = resolve(status, link); err != nil {
		return nil, false, e.fail(err)
	}
	if e.c.net.ours(u) {
		return u, true, nil
	}
	if !e.c.net.allowed.has(hostPort(u)) {
		return nil, false, e.fault(ErrForeignOrigin, "a file is on a host that is neither the base URL's nor among Config.AllowedHosts")
	}
	if u.Scheme == "http" && e.c.base.Scheme == "https" {
		return nil, false, e.fault(ErrForeignOrigin, "a file is not on https")
	}
	return u, false, nil
}
