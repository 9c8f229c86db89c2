package fhir

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"strconv"
)

// Search yields the resources of a search (http://hl7.org/fhir/search.html) on all its pages, matches and included
// ones, as the server sent them. While one page is being consumed the next is fetched.
//
// The sequence ends with the last page, or with an error as its last element: the result is whole, or there is an
// error. A search whose pages the server has dropped is started again, without yielding a resource twice; when it meets
// another version of a resource that was yielded already, it fails with [ErrChanged]. The server's total is never looked
// at, nor taken for the end.
//
// A yielded slice stays valid, and keeps its page in memory. Breaking out of the loop ends the requests under way.
func (c *Client) Search(ctx context.Context, resourceType string, params url.Values) iter.Seq2[json.RawMessage, error] {
	return c.entries(ctx, resourceType, params, func(entry) bool { return true })
}

// Resources yields the matches of a search that are of the searched type, and nothing that was included beside them. It
// makes a Client a source for a view runner. A match without a resourceType is yielded too: it is for the runner to report
// or to skip. Otherwise Resources is like [Client.Search].
func (c *Client) Resources(ctx context.Context, resourceType string, params url.Values) iter.Seq2[json.RawMessage, error] {
	return c.entries(ctx, resourceType, params, func(e entry) bool {
		return (e.resourceType == resourceType || e.resourceType == "") && e.mode != "include"
	})
}

// SearchPages yields the pages of a search, each the Bundle as the server sent it. A search whose pages the server has
// dropped ends with [ErrExpired]. Otherwise it is like [Client.Search].
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

// pages yields the pages of a search, the next one being fetched while one is consumed.
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

// searchURL is the address of a search's first page.
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
	q := &call{method: http.MethodGet, resourceType: resourceType, idempotent: true}
	if !isType(resourceType) {
		q.resourceType = ""
		return nil, q.refused("not a resource type")
	}
	first := c.searchURL(resourceType, params)
	return &pager{c: c, resourceType: resourceType, first: first, at: first, restarts: restarts, maxRestarts: restarts}, nil
}
