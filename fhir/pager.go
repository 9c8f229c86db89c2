package fhir

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash/maphash"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
)

// pager fetches the pages of a search, one after the other. One goroutine at a time may use it.
type pager struct {
	c            *Client
	resourceType string
	first        *url.URL
	at           *url.URL // the next page; nil: there is none
	restarts     int      // left
	maxRestarts  int

	pages   int
	visited map[string]bool // addresses
	seed    maphash.Seed
	bodies  map[uint64]bool // hashes of the pages' contents
	empty   int             // pages without entries in a row
	replay  bool            // restarted: skip what was already yielded
	seen    map[[16]byte]uint64
}

// maxEmptyPages is the maximum number of consecutive empty pages with a next link.
const maxEmptyPages = 50

func (p *pager) more() bool { return p.at != nil }

// next fetches the next page. There must be one.
func (p *pager) next(ctx context.Context) (*bundle, error) {
	for {
		b, err := p.fetch(ctx)
		switch {
		case err == nil:
			return b, nil
		case p.pages == 0 || !errors.Is(err, ErrGone):
			return nil, err
		}
		var e *Error
		if errors.As(err, &e) {
			e.kinds = slices.Insert(e.kinds, 0, ErrExpired)
		}
		if p.restarts == 0 {
			return nil, err
		}
		p.restarts--
		p.c.log(ctx, slog.LevelWarn, p.interaction(), "fhir: the search has expired; restarting it", slog.Int("page", p.pages+1))
		p.at, p.replay = p.first, true
		p.pages, p.empty, p.visited, p.bodies = 0, 0, nil, nil
	}
}

func (p *pager) interaction() *interaction {
	return &interaction{method: http.MethodGet, url: p.at, resourceType: p.resourceType, idempotent: true}
}

// fail makes an *Error from a fault that the client detected.
func (p *pager) fail(err error) error {
	var f *fault
	if !errors.As(err, &f) {
		return err
	}
	return &Error{Method: http.MethodGet, ResourceType: p.resourceType, Status: http.StatusOK, Attempts: 1, kinds: []error{f.kind}, detail: f.detail}
}

func (p *pager) fetch(ctx context.Context) (*bundle, error) {
	address := p.at.String()
	if p.visited[address] {
		return nil, p.fail(faultf(ErrPagingLoop, "a next link leads back to an earlier page"))
	}
	if p.pages >= p.c.cfg.MaxPages {
		return nil, p.fail(faultf(ErrPagingLoop, "more pages than Config.MaxPages"))
	}
	q := p.interaction()
	var b *bundle
	q.decode = func(a *answer) error {
		var err error
		if b, err = parseBundle(a.body); err != nil {
			return p.c.unexpected(q, a, err)
		}
		return nil
	}
	a, err := p.c.do(ctx, q)
	if err != nil {
		return nil, err
	}
	if p.visited == nil {
		p.visited, p.bodies, p.seed = make(map[string]bool), make(map[uint64]bool), maphash.MakeSeed()
	}
	p.visited[address] = true
	p.pages++
	if p.at, err = p.link(a.url, b.next); err != nil {
		return nil, p.fail(err)
	}
	if err := p.outcomes(ctx, q, b); err != nil {
		return nil, err
	}
	if err := p.progress(b); err != nil {
		return nil, p.fail(err)
	}
	if err := p.once(b); err != nil {
		return nil, p.fail(err)
	}
	return b, nil
}

// link resolves a next link, which must be on the base URL's origin, because it is followed with credentials.
func (p *pager) link(from *url.URL, next string) (*url.URL, error) {
	if next == "" {
		return nil, nil
	}
	u, err := resolve(from, next)
	if err != nil {
		return nil, err
	}
	if !p.c.net.ours(u) {
		return nil, faultf(ErrForeignOrigin, "the next link and the base URL differ in scheme, host or port")
	}
	return u, nil
}

// outcomes removes the OperationOutcomes from a page. Warnings are logged; errors fail the search.
func (p *pager) outcomes(ctx context.Context, q *interaction, b *bundle) error {
	kept := b.entries[:0]
	for _, e := range b.entries {
		if e.mode != "outcome" && (e.resourceType != "OperationOutcome" || p.resourceType == "OperationOutcome") {
			kept = append(kept, e)
			continue
		}
		outcome := parseOutcome(e.raw)
		if outcome == nil {
			outcome = &Outcome{}
		}
		if outcome.failed() {
			return &Error{
				Method: q.method, ResourceType: q.resourceType, Status: http.StatusOK, Attempts: 1, Outcome: outcome,
				kinds: []error{outcome.kind(), ErrOutcome},
			}
		}
		p.c.log(ctx, slog.LevelWarn, q, "fhir: the server reported an issue with the search", slog.String("outcome", outcome.String()))
	}
	clear(b.entries[len(kept):])
	b.entries = kept
	return nil
}

// progress fails when pages with new URLs repeat earlier content.
func (p *pager) progress(b *bundle) error {
	if len(b.entries) == 0 {
		if p.empty++; p.empty > maxEmptyPages && p.more() {
			return faultf(ErrPagingLoop, "many empty pages in a row")
		}
		return nil
	}
	p.empty = 0
	var h maphash.Hash
	h.SetSeed(p.seed)
	for _, e := range b.entries {
		h.Write(e.raw)
	}
	sum := h.Sum64()
	if p.bodies[sum] {
		return faultf(ErrPagingLoop, "a page repeats the content of an earlier page")
	}
	p.bodies[sum] = true
	return nil
}

// once removes the entries that were yielded before a restart, and remembers the others for the next restart.
func (p *pager) once(b *bundle) error {
	if p.maxRestarts == 0 || (!p.replay && p.pages == 1 && !p.more()) {
		return nil
	}
	if p.seen == nil {
		p.seen = make(map[[16]byte]uint64)
	}
	kept := b.entries[:0]
	for _, e := range b.entries {
		key, version := p.identity(e)
		before, known := p.seen[key]
		switch {
		case !known:
			p.seen[key] = version
			kept = append(kept, e)
		case !p.replay: // the server's own affair
			kept = append(kept, e)
		case before != version:
			return faultf(ErrChanged, "a resource that was already yielded has a new version")
		}
	}
	clear(b.entries[len(kept):])
	b.entries = kept
	return nil
}

// versions seeds the hashes of versions, which are compared within one process only.
var versions = maphash.MakeSeed()

// identity returns hashes that identify an entry and its version.
func (p *pager) identity(e entry) (key [16]byte, version uint64) {
	name := e.resourceType + "/" + e.id
	switch {
	case e.id != "":
	case e.fullURL != "":
		name = "url " + e.fullURL
	default:
		name = "raw " + string(e.raw)
	}
	sum := sha256.Sum256([]byte(name))
	text := e.version
	if text == "" {
		text = string(e.raw)
	}
	return [16]byte(sum[:16]), maphash.String(versions, text)
}
