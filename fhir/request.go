package fhir

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"

	retryablehttp "github.com/hashicorp/go-retryablehttp"
)

// interaction is a FHIR interaction to perform.
type interaction struct {
	method       string
	url          *url.URL
	resourceType string // for errors and logs
	id           string
	header       http.Header // besides Accept, User-Agent and credentials
	body         []byte
	accept       func(status int) bool // nil: 200
	idempotent   bool
	// repeatRefused allows retries after 429 and 503 of a request that is not idempotent.
	repeatRefused bool
	paced         bool // the caller itself waits after 429
	anonymous     bool // never send credentials

	// decode reads the body of an accepted response. ErrTruncated and transient outcomes cause a retry.
	decode func(*answer) error
	// stream leaves reading and closing the body to the caller; decode is not called.
	stream bool
}

// answer is the response to an interaction.
type answer struct {
	status int
	header http.Header
	url    *url.URL // after redirects
	body   []byte
	reader io.ReadCloser // for a stream
}

// exchange is the state of an interaction in progress, kept in the context of its requests.
type exchange struct {
	interaction *interaction
	credentials http.Header
	attempts    int
	status      int // of the last response; 0: none
	answer      *answer
}

type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

const (
	mimeFHIR   = "application/fhir+json"
	acceptFHIR = "application/fhir+json, application/json;q=0.9"
)

// do performs an interaction with retries, and once more with fresh credentials after 401.
func (c *Client) do(ctx context.Context, q *interaction) (*answer, error) {
	var credentials http.Header
	if c.auth != nil && !q.anonymous && c.net.ours(q.url) {
		var err error
		if credentials, err = c.auth.credentials(ctx, nil); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, &Error{
				Method: q.method, ResourceType: q.resourceType, ID: q.id,
				kinds: []error{ErrUnauthorized}, detail: "no credentials", cause: noCredentials{safeCause(err)},
			}
		}
	}
	a, err := c.send(ctx, q, credentials)
	var e *Error
	if credentials == nil || !errors.As(err, &e) || e.Status != http.StatusUnauthorized {
		return a, err
	}
	fresh, renewErr := c.auth.renewed(ctx, credentials)
	if renewErr != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if !errors.Is(renewErr, errNoOtherCredentials) {
			e.cause = noCredentials{safeCause(renewErr)}
		}
		return nil, e
	}
	c.log(ctx, slog.LevelInfo, q, "fhir: credentials renewed")
	return c.send(ctx, q, fresh)
}

func (c *Client) send(ctx context.Context, q *interaction, credentials http.Header) (*answer, error) {
	x := &exchange{interaction: q, credentials: credentials}
	req, err := http.NewRequestWithContext(context.WithValue(ctx, exchangeKey{}, x), q.method, q.url.String(), nil)
	if err != nil {
		return nil, q.refused("the request cannot be made")
	}
	req.Header.Set("Accept", acceptFHIR)
	req.Header.Set("Accept-Encoding", "gzip")
	req.Header.Set("User-Agent", c.cfg.UserAgent)
	for _, h := range []http.Header{q.header, credentials} {
		for name, values := range h {
			req.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	again, err := retryablehttp.FromRequest(req)
	if err != nil {
		return nil, q.refused("the request cannot be made")
	}
	if q.body != nil {
		if err := again.SetBody(q.body); err != nil {
			return nil, q.refused("the request cannot be made")
		}
	}
	again.SetResponseHandler(func(resp *http.Response) error { return c.receive(x, resp) })

	c.budget.request()
	resp, err := c.retry.Do(again)
	switch {
	case err != nil:
		if resp != nil && resp.Body != nil {
			resp.Body.Close()
		}
		return nil, c.failure(ctx, x, nil, err)
	case x.answer != nil: // received and accepted
		return x.answer, nil
	}
	return nil, c.failure(ctx, x, resp, nil) // the last of several retryable responses
}

// receive handles a response whose status causes no retry.
func (c *Client) receive(x *exchange, resp *http.Response) error {
	accepted := resp.StatusCode == http.StatusOK
	if x.interaction.accept != nil {
		accepted = x.interaction.accept(resp.StatusCode)
	}
	if !accepted {
		return c.failure(resp.Request.Context(), x, resp, nil)
	}
	a := &answer{status: resp.StatusCode, header: resp.Header, url: resp.Request.URL}
	if x.interaction.stream && resp.StatusCode == http.StatusOK {
		content, err := decoded(resp, c.cfg.MaxCompressionRatio)
		if err != nil {
			return err
		}
		a.reader = struct {
			io.Reader
			io.Closer
		}{content, resp.Body}
		x.answer = a
		return nil
	}
	var err error
	if a.body, err = readBody(resp, c.cfg.MaxBodyBytes, c.cfg.MaxCompressionRatio); err != nil {
		return err
	}
	if x.interaction.decode != nil {
		if err := x.interaction.decode(a); err != nil {
			return err
		}
	}
	x.answer = a
	return nil
}

// maxOutcomeBytes bounds the body of an error response, which is read for its OperationOutcome.
const maxOutcomeBytes = 1 << 20

// failure makes the error of an interaction from the last response or error. Errors of the caller's context are
// returned unchanged.
func (c *Client) failure(ctx context.Context, x *exchange, resp *http.Response, err error) error {
	if resp == nil && ctx.Err() != nil {
		return ctx.Err()
	}
	var e *Error
	if errors.As(err, &e) { // made below, inside a response handler
		e.Attempts = x.attempts
		return e
	}
	e = &Error{Method: x.interaction.method, ResourceType: x.interaction.resourceType, ID: x.interaction.id, Attempts: x.attempts}
	if resp != nil {
		e.Status = resp.StatusCode
		e.kinds = []error{statusKind(resp.StatusCode)}
		if body, err := readBody(resp, maxOutcomeBytes, c.cfg.MaxCompressionRatio); err == nil {
			e.Outcome = parseOutcome(body)
		}
		if wait, ok := retryAfter(resp.Header, c.cfg.Clock()); ok {
			e.RetryAfter = wait
		}
		return e
	}
	e.Status = x.status
	cause := safeCause(err)
	var f *fault
	if errors.As(cause, &f) {
		e.kinds, e.detail = []error{f.kind}, f.detail
		return e
	}
	e.kinds, e.cause = []error{ErrConnection}, cause
	return e
}

// refused returns the error of an interaction that is invalid and not sent.
func (q *interaction) refused(detail string) error {
	return &Error{Method: q.method, ResourceType: q.resourceType, ID: q.id, kinds: []error{ErrRejected}, detail: detail}
}

// safeCause reduces an error of net/http to one without URLs and without anything that a server sent.
func safeCause(err error) error {
	var (
		own     *Error
		f       *fault
		dns     *net.DNSError
		op      *net.OpError
		errno   syscall.Errno
		cert    *tls.CertificateVerificationError
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
	)
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &f):
		return f
	case errors.As(err, &dns):
		return dns
	case errors.As(err, &cert):
		return cert
	case errors.As(err, &unknown):
		return unknown
	case errors.As(err, &host):
		return host
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, os.ErrDeadlineExceeded):
		return os.ErrDeadlineExceeded
	case errors.As(err, &errno):
		if errors.As(err, &op) {
			return op
		}
		return errno
	case errors.Is(err, io.ErrUnexpectedEOF):
		return io.ErrUnexpectedEOF
	case errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	}
	return errTransport
}

var errTransport = errors.New("protocol error")

func (c *Client) log(ctx context.Context, level slog.Level, q *interaction, msg string, attrs ...slog.Attr) {
	if !c.cfg.Logger.Enabled(ctx, level) {
		return
	}
	attrs = append(attrs, slog.String("method", q.method), slog.String("resource_type", q.resourceType))
	c.cfg.Logger.LogAttrs(ctx, level, msg, attrs...)
}

// notJSON reports whether a body is obviously not JSON, such as a gateway's HTML page.
func notJSON(body []byte) bool {
	trimmed := bytes.TrimLeft(body, " \t\r\n\ufeff")
	return len(trimmed) > 0 && trimmed[0] != '{'
}
