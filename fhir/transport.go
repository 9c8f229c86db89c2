package fhir

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"
)

// network is the transport of a client: it decides where requests may connect to, how many run concurrently, and how
// long they may take.
type network struct {
	cfg     Config
	base    *url.URL
	origin  string // of base
	allowed hosts
	limits  *limiter
	next    http.RoundTripper
	pool    *http.Transport
	proxies sync.Map                                                             // addresses of the proxies in use
	dialRaw func(ctx context.Context, network, address string) (net.Conn, error) // nil: the network; tests
}

func newNetwork(cfg Config, base *url.URL) *network {
	n := &network{cfg: cfg, base: base, origin: origin(base), allowed: newHosts(cfg.AllowedHosts), limits: newLimiter(cfg.MaxConcurrent)}
	n.pool = &http.Transport{
		Proxy:                  n.proxy,
		DialContext:            n.dial,
		ForceAttemptHTTP2:      true,
		TLSClientConfig:        cfg.TLS.Clone(),
		TLSHandshakeTimeout:    10 * time.Second,
		MaxIdleConns:           100,
		MaxIdleConnsPerHost:    cfg.MaxConcurrent,
		IdleConnTimeout:        90 * time.Second,
		ExpectContinueTimeout:  time.Second,
		DisableCompression:     true, // see decoded
		MaxResponseHeaderBytes: 256 << 10,
	}
	n.next = n.pool
	if cfg.WrapTransport != nil {
		n.next = cfg.WrapTransport(n.pool)
	}
	return n
}

// ours reports whether u is on the configured origin.
func (n *network) ours(u *url.URL) bool { return origin(u) == n.origin }

// proxy chooses a proxy. Addresses cannot be checked behind a proxy, so only configured hosts are reached through it.
func (n *network) proxy(req *http.Request) (*url.URL, error) {
	via, err := n.cfg.Proxy(req)
	if err != nil {
		return nil, faultf(ErrConnection, "no proxy can be chosen")
	}
	if via == nil {
		return nil, nil
	}
	if to := hostPort(req.URL); to != hostPort(n.base) && !n.allowed.has(to) {
		return nil, faultf(ErrBlockedAddress, "a host that is not configured, behind a proxy")
	}
	n.proxies.Store(proxyAddress(via), true)
	return via, nil
}

func proxyAddress(u *url.URL) string {
	if u.Port() == "" && (u.Scheme == "socks5" || u.Scheme == "socks5h") {
		return net.JoinHostPort(u.Hostname(), "1080")
	}
	return hostPort(u)
}

// dial connects. A host that is not configured must have a public address, which is checked after name resolution, so
// that DNS cannot redirect the connection.
func (n *network) dial(ctx context.Context, netw, address string) (net.Conn, error) {
	d := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	name := address // in the form of hostPort
	if host, port, err := net.SplitHostPort(address); err == nil {
		name = net.JoinHostPort(strings.ToLower(strings.TrimSuffix(host, ".")), port)
	}
	known := name == hostPort(n.base) || n.allowed.has(name)
	if !known {
		_, known = n.proxies.Load(name)
	}
	if !known {
		d.Control = func(_, resolved string, _ syscall.RawConn) error {
			if at, err := netip.ParseAddrPort(resolved); err != nil || !public(at.Addr()) {
				return faultf(ErrBlockedAddress, "")
			}
			return nil
		}
	}
	if known && n.dialRaw != nil {
		return n.dialRaw(ctx, netw, address)
	}
	conn, err := d.DialContext(ctx, netw, address)
	if err != nil && !known && !errors.Is(err, ErrBlockedAddress) {
		err = faultf(ErrConnection, "to a host of a server's link") // without the name, which the server chose
	}
	return conn, err
}

// RoundTrip sends a request, without retries.
func (n *network) RoundTrip(req *http.Request) (*http.Response, error) {
	host := n.limits.host(hostPort(req.URL))
	start, err := host.acquire(req.Context())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(req.Context())
	w := &watch{cancel: cancel, idle: n.cfg.IdleTimeout}
	w.timer = time.AfterFunc(n.cfg.HeaderTimeout, func() { cancel(faultf(ErrStalled, "no response header")) })
	if x := exchangeOf(ctx); n.cfg.Timeout > 0 && (x == nil || !x.interaction.stream) {
		w.total = time.AfterFunc(n.cfg.Timeout, func() { cancel(faultf(ErrStalled, "no complete response")) })
	}
	resp, err := n.next.RoundTrip(req.WithContext(ctx))
	w.timer.Stop()
	if err != nil {
		w.stop()
		host.release(start, neutral, 0)
		return nil, stalled(ctx, req.Context(), err)
	}
	v, pause := neutral, time.Duration(0)
	switch {
	case resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode == http.StatusServiceUnavailable:
		v = overloaded
		if wish, ok := retryAfter(resp.Header, n.cfg.Clock()); ok {
			pause = min(wish, n.cfg.MaxRetryAfter)
		}
	case resp.StatusCode < 500:
		v = served
	}
	w.body, w.explain = resp.Body, func(err error) error { return stalled(ctx, req.Context(), err) }
	w.release = func() { host.release(start, v, pause) }
	w.timer = time.AfterFunc(w.idle, func() { cancel(faultf(ErrStalled, "no data")) })
	w.timer.Stop() // it runs only during a Read
	resp.Body = w
	return resp, nil
}

// stalled replaces the error of an attempt that a deadline cancelled by the deadline's error.
func stalled(inner, outer context.Context, err error) error {
	if outer.Err() == nil {
		if cause := context.Cause(inner); errors.Is(cause, ErrStalled) {
			return cause
		}
	}
	return err
}

// watch is a body with an idle deadline. Closing it releases the request's slot.
type watch struct {
	cancel       context.CancelCauseFunc
	idle         time.Duration
	timer, total *time.Timer
	body         io.ReadCloser
	explain      func(error) error // names the deadline that ended a read
	release      func()
	once         sync.Once
}

func (w *watch) Read(p []byte) (int, error) {
	w.timer.Reset(w.idle)
	n, err := w.body.Read(p)
	w.timer.Stop()
	if err != nil && err != io.EOF {
		err = w.explain(err)
	}
	return n, err
}

func (w *watch) Close() error {
	err := w.body.Close()
	w.once.Do(func() {
		w.stop()
		w.release()
	})
	return err
}

func (w *watch) stop() {
	w.timer.Stop()
	if w.total != nil {
		w.total.Stop()
	}
	w.cancel(nil)
}

const maxRedirects = 5

// checkRedirect is the CheckRedirect of the HTTP client. Credentials go to the configured origin only: net/http would
// send Authorization to another port of the host and custom fields anywhere, and its Referer would reveal the query.
func (n *network) checkRedirect(req *http.Request, via []*http.Request) error {
	req.Header.Del("Referer")
	switch {
	case len(via) > maxRedirects:
		return faultf(ErrNotFHIR, "too many redirects")
	case via[0].Method != http.MethodGet && via[0].Method != http.MethodHead:
		return faultf(ErrForeignOrigin, "redirect of a request that is not GET")
	case req.URL.User != nil:
		return faultf(ErrForeignOrigin, "redirect with user information")
	case req.URL.Scheme != "https" && req.URL.Scheme != "http":
		return faultf(ErrForeignOrigin, "redirect to neither http nor https")
	case req.URL.Scheme == "http" && via[len(via)-1].URL.Scheme == "https":
		return faultf(ErrForeignOrigin, "redirect from https to http")
	}
	away := !n.ours(req.URL)
	for _, r := range via {
		away = away || !n.ours(r.URL) // credentials are not sent again after a redirect to another origin
	}
	if away {
		req.Header.Del("Authorization")
		req.Header.Del("Cookie")
		if x := exchangeOf(req.Context()); x != nil {
			for name := range x.credentials {
				req.Header.Del(name)
			}
		}
	}
	return nil
}
