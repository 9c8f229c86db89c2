package fhir

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	retryablehttp "github.com/hashicorp/go-retryablehttp"
)

// Client talks to one FHIR server. Any number of goroutines may use it at once. Make one with [NewClient].
type Client struct {
	cfg    Config
	base   *url.URL
	net    *network
	auth   *authorizer // nil: none
	retry  *retryablehttp.Client
	budget *budget
}

// NewClient returns a client of the server with the given base URL, such as "https://fhir.example.org/r4". It sends
// nothing yet. It fails unless the base URL is an absolute http or https URL without user information, query and
// fragment, and when a limit in cfg is negative where that has no meaning.
func NewClient(baseURL string, cfg Config) (*Client, error) {
	base, err := parseBase(baseURL)
	if err != nil {
		return nil, err
	}
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	c := &Client{cfg: cfg, base: base, net: newNetwork(cfg, base), budget: newBudget()}
	if cfg.Auth != nil {
		c.auth = &authorizer{auth: cfg.Auth}
	}
	c.retry = &retryablehttp.Client{
		HTTPClient:   &http.Client{Transport: c.net, CheckRedirect: c.net.checkRedirect},
		Logger:       nil, // it would log whole URLs
		RetryMax:     cfg.MaxRetries,
		RetryWaitMin: cfg.MinBackoff,
		RetryWaitMax: cfg.MaxBackoff,
		CheckRetry:   c.checkRetry,
		Backoff: func(_, _ time.Duration, attempt int, resp *http.Response) time.Duration {
			return c.backoff(attempt, resp)
		},
		ErrorHandler: retryablehttp.PassthroughErrorHandler, // keeps the last body
		RequestLogHook: func(_ retryablehttp.Logger, req *http.Request, _ int) {
			exchangeOf(req.Context()).attempts++
		},
	}
	return c, nil
}

// BaseURL returns the server's base URL without a slash at its end.
func (c *Client) BaseURL() string { return c.base.String() }

// CloseIdleConnections closes idle connections. The client stays usable.
func (c *Client) CloseIdleConnections() { c.net.pool.CloseIdleConnections() }

// Read returns the resource with a type and logical id, as the server sent it
// (http://hl7.org/fhir/http.html#read). It fails with [ErrNotFound], [ErrGone] and the other kinds.
func (c *Client) Read(ctx context.Context, resourceType, id string) (json.RawMessage, error) {
	q := &interaction{method: http.MethodGet, resourceType: resourceType, id: id, idempotent: true}
	switch {
	case !isType(resourceType):
		q.resourceType, q.id = "", ""
		return nil, q.refused("not a resource type")
	case !isID(id):
		q.id = ""
		return nil, q.refused("not a logical id")
	}
	q.url = c.base.JoinPath(resourceType, id)
	q.decode = func(a *answer) error {
		r, err := parseResource(a.body)
		if err != nil {
			return c.unexpected(q, a, err)
		}
		if r.resourceType != resourceType || (r.id != "" && r.id != id) {
			return c.unexpected(q, a, faultf(ErrNotFHIR, "not the requested resource"))
		}
		return nil
	}
	a, err := c.do(ctx, q)
	if err != nil {
		return nil, err
	}
	return a.body, nil
}

// unexpected returns the error for a response that is not the requested resource: its OperationOutcome if it is one,
// else err.
func (c *Client) unexpected(q *interaction, a *answer, err error) error {
	outcome := parseOutcome(a.body)
	if outcome == nil {
		return err
	}
	return &Error{
		Method: q.method, ResourceType: q.resourceType, ID: q.id, Status: a.status, Outcome: outcome,
		kinds: []error{outcome.kind(), ErrOutcome},
	}
}

// isType reports whether s can be the name of a resource type.
func isType(s string) bool {
	return s != "" && len(s) <= 64 && s[0] >= 'A' && s[0] <= 'Z' &&
		!strings.ContainsFunc(s, func(r rune) bool { return !alphanumeric(r) || r <= '9' })
}

// isID reports whether s is a logical id (http://hl7.org/fhir/datatypes.html#id).
func isID(s string) bool {
	return s != "" && len(s) <= 64 && s != "." && s != ".." &&
		!strings.ContainsFunc(s, func(r rune) bool { return !alphanumeric(r) && r != '-' && r != '.' })
}

// alphanumeric reports whether r is an ASCII letter or digit.
func alphanumeric(r rune) bool {
	return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9'
}
