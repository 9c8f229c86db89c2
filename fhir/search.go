package fhir

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"strconv"
)

// Search yields the resources of all pages of a search (http://hl7.org/fhir/search.html), matches and included ones, as
// the server sent them. The next page is fetched while one is consumed.
//
// The sequence ends with the last page or with an error as its last element: the result is complete, or there is an
// error. If the server drops the pages, the search restarts and yields no resource twice; it fails with [ErrChanged] if
// a resource that was yielded has another version now. The server's total is ignored.
//
// A yielded slice stays valid and keeps its page in memory. Leaving the loop cancels running requests.
func (c *Client) Search(ctx context.Context, resourceType string, params url.Values) iter.Seq2[json.RawMessage, error] {
	return c.entries(ctx, resourceType, params, func(entry) bool { return true })
}

// Resources yields the matches of a search that have the searched type, without included resources. It makes a Client
// a source for a view runner. A match without a resourceType is yielded too, for the runner to report or skip.
// Otherwise it is like [Client.Search].
func (c *Client) Resources(ctx context.Context, resourceType string, params url.Values) iter.Seq2[json.RawMessage, error] {
	return c.entries(ctx, resourceType, params, func(e entry) bool {
		return (e.resourceType == resourceType || e.resourceType == "") && e.mode != "include"
	})
}

// SearchPages yields the pages of a search, each as the Bundle that the server sent. It fails with [ErrExpired] when
// the server has dropped the pages. Otherwise it is like [Client.Search].
func (c *Client) SearchPages(ctx context.Context, resourceType string, params url.Values) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		for b, err := range c.pages(ctx, resourceType, params, 0) {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(b.body, nil) {
				return
			}
		}
	}
}

func (c *Client) entries(ctx context.Context, resourceType string, params url.Values, want func(entry) bool) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		for b, err := range c.pages(ctx, resourceType, params, c.cfg.MaxRestarts) {
			if err != nil {
				yield(nil, err)
				return
			}
			for _, e := range b.entries {
				if want(e) && !yield(e.raw, nil) {
					return
				}
			}
		}
	}
}

// pages yields the pages of a search and fetches the next one while one is consumed.
func (c *Client) pages(ctx context.Context, resourceType string, params url.Values, restarts int) iter.Seq2[*bundle, error] {
	return func(yield func(*bundle, error) bool) {
		p, err := c.newPager(resourceType, params, restarts)
		if err != nil {
			yield(nil, err)
			return
		}
		type result struct {
			page *bundle
			err  error
		}
		fetchCtx, cancel := context.WithCancel(ctx)
		var pending chan result
		fetch := func() {
			ch := make(chan result, 1)
			pending = ch
			go func() {
				page, err := p.next(fetchCtx)
				ch <- result{page, err}
			}()
		}
		defer func() {
			cancel()
			if pending != nil {
				<-pending
			}
		}()
		for fetch(); ; {
			r := <-pending
			pending = nil
			if r.err != nil {
				yield(nil, r.err)
				return
			}
			if p.more() {
				fetch()
			}
			if !yield(r.page, nil) || pending == nil {
				return
			}
		}
	}
}

// searchURL returns the URL of a search's first page.
func (c *Client) searchURL(resourceType string, params url.Values) *url.URL {
	u := c.base.JoinPath(resourceType)
	query := make(url.Values, len(params)+1)
	for name, values := range params {
		query[name] = values
	}
	if c.cfg.PageSize > 0 && !query.Has("_count") {
		query.Set("_count", strconv.Itoa(c.cfg.PageSize))
	}
	u.RawQuery = query.Encode()
	return u
}

func (c *Client) newPager(resourceType string, params url.Values, restarts int) (*pager, error) {
	q := &interaction{method: http.MethodGet, resourceType: resourceType, idempotent: true}
	if !isType(resourceType) {
		q.resourceType = ""
		return nil, q.refused("not a resource type")
	}
	first := c.searchURL(resourceType, params)
	return &pager{c: c, resourceType: resourceType, first: first, at: first, restarts: restarts, maxRestarts: restarts}, nil
}
