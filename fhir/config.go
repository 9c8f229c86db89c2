package fhir

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Defaults of [Config].
const (
	DefaultTimeout             = 2 * time.Minute
	DefaultHeaderTimeout       = time.Minute
	DefaultIdleTimeout         = 30 * time.Second
	DefaultMaxRetries          = 5
	DefaultMinBackoff          = 250 * time.Millisecond
	DefaultMaxBackoff          = 30 * time.Second
	DefaultMaxRetryAfter       = 2 * time.Minute
	DefaultMaxConcurrent       = 10
	DefaultMaxBodyBytes        = 64 << 20
	DefaultMaxCompressionRatio = 200
	DefaultMaxPages            = 100_000
	DefaultMaxRestarts         = 2
	DefaultPageSize            = 200
	DefaultUserAgent           = "researchflow"
)

// Config configures a [Client]. The zero value is ready to use.
type Config struct {
	// Auth supplies credentials. They are sent to the origin of the base URL only. Nil means none.
	Auth Auth

	// Timeout limits one attempt of an interaction, including its body. It does not apply to Bulk Data files. Zero
	// means [DefaultTimeout], a negative value no limit.
	Timeout time.Duration
	// HeaderTimeout is how long an attempt waits for the response's header. Zero means [DefaultHeaderTimeout].
	HeaderTimeout time.Duration
	// IdleTimeout is how long an attempt waits for the next bytes of a body. Zero means [DefaultIdleTimeout].
	IdleTimeout time.Duration

	// MaxRetries is how often an idempotent request is repeated after 408, 429, 5xx, a broken connection or a truncated
	// answer. Zero means [DefaultMaxRetries], a negative value none.
	MaxRetries int
	// MinBackoff and MaxBackoff bound the pause before a retry. It is random between zero and MinBackoff, doubled for
	// each attempt up to MaxBackoff. Zero means the defaults.
	MinBackoff, MaxBackoff time.Duration
	// MaxRetryAfter is the maximum pause that a server can request with Retry-After. Zero means
	// [DefaultMaxRetryAfter].
	MaxRetryAfter time.Duration
	// MaxConcurrent is the maximum number of concurrent requests to one host. While a host answers 429 or 503, fewer
	// are sent. Zero means [DefaultMaxConcurrent].
	MaxConcurrent int

	// MaxBodyBytes is the maximum size of one decompressed response. It does not apply to Bulk Data files, which are
	// streamed. Zero means [DefaultMaxBodyBytes].
	MaxBodyBytes int64
	// MaxCompressionRatio is the maximum ratio of decompressed to compressed size, for bodies above 1 MiB. Zero means
	// [DefaultMaxCompressionRatio].
	MaxCompressionRatio int
	// MaxPages is the maximum number of pages of one search. Zero means [DefaultMaxPages].
	MaxPages int
	// MaxRestarts is how often a search restarts after the server has dropped its pages (410). While restarts are left,
	// a search keeps about 40 bytes for each resource. Zero means [DefaultMaxRestarts], a negative value none.
	MaxRestarts int
	// PageSize is the _count of searches that do not give one. Zero means [DefaultPageSize], a negative value leaves
	// it to the server.
	PageSize int

	// AllowedHosts are hosts other than the base URL's ("files.example.org", "10.0.0.7:9000") that links sent by the
	// server may lead to: files of a Bulk Data export may be there, and their address may be private. Credentials are
	// never sent there.
	AllowedHosts []string

	// TLS configures https. Nil means Go's defaults.
	TLS *tls.Config
	// Proxy chooses the proxy of a request. Nil means http.ProxyFromEnvironment. Links that lead to another host are
	// followed through a proxy only to AllowedHosts, since addresses cannot be checked behind it.
	Proxy func(*http.Request) (*url.URL, error)
	// WrapTransport lets the host observe requests (traces, metrics). It sees query strings and credentials.
	WrapTransport func(http.RoundTripper) http.RoundTripper

	// UserAgent is sent with every request. "" means [DefaultUserAgent].
	UserAgent string
	// Logger gets a record for each retry, each restarted search and each warning of a server. Records contain no URL
	// and no data. Nil disables logging.
	Logger *slog.Logger
	// Clock returns the time for Retry-After dates and token lifetimes. Nil means time.Now.
	Clock func() time.Time
}

func (c Config) withDefaults() Config {
	c.Timeout = cmp.Or(c.Timeout, DefaultTimeout)
	c.HeaderTimeout = cmp.Or(c.HeaderTimeout, DefaultHeaderTimeout)
	c.IdleTimeout = cmp.Or(c.IdleTimeout, DefaultIdleTimeout)
	c.MaxRetries = max(0, cmp.Or(c.MaxRetries, DefaultMaxRetries))
	c.MinBackoff = cmp.Or(c.MinBackoff, DefaultMinBackoff)
	c.MaxBackoff = max(cmp.Or(c.MaxBackoff, DefaultMaxBackoff), c.MinBackoff)
	c.MaxRetryAfter = cmp.Or(c.MaxRetryAfter, DefaultMaxRetryAfter)
	c.MaxConcurrent = cmp.Or(c.MaxConcurrent, DefaultMaxConcurrent)
	c.MaxBodyBytes = cmp.Or(c.MaxBodyBytes, DefaultMaxBodyBytes)
	c.MaxCompressionRatio = cmp.Or(c.MaxCompressionRatio, DefaultMaxCompressionRatio)
	c.MaxPages = cmp.Or(c.MaxPages, DefaultMaxPages)
	c.MaxRestarts = max(0, cmp.Or(c.MaxRestarts, DefaultMaxRestarts))
	c.PageSize = cmp.Or(c.PageSize, DefaultPageSize)
	c.UserAgent = cmp.Or(c.UserAgent, DefaultUserAgent)
	if c.Proxy == nil {
		c.Proxy = http.ProxyFromEnvironment
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return c
}

func (c Config) validate() error {
	for name, v := range map[string]int64{
		"HeaderTimeout": int64(c.HeaderTimeout), "IdleTimeout": int64(c.IdleTimeout), "MinBackoff": int64(c.MinBackoff),
		"MaxBackoff": int64(c.MaxBackoff), "MaxRetryAfter": int64(c.MaxRetryAfter), "MaxConcurrent": int64(c.MaxConcurrent),
		"MaxBodyBytes": c.MaxBodyBytes, "MaxCompressionRatio": int64(c.MaxCompressionRatio), "MaxPages": int64(c.MaxPages),
	} {
		if v < 0 {
			return fmt.Errorf("fhir: config: %s is negative", name)
		}
	}
	return nil
}

// parseBase parses a base URL. Its errors do not contain the URL, which may contain a password.
func parseBase(baseURL string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(baseURL))
	switch {
	case err != nil:
		return nil, errors.New("fhir: base URL cannot be parsed")
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "", u.Opaque != "":
		return nil, errors.New("fhir: base URL is not an absolute http or https URL")
	case u.User != nil:
		return nil, errors.New("fhir: base URL contains user information; use Config.Auth")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("fhir: base URL contains a query or a fragment")
	case strings.ContainsFunc(u.Host, func(r rune) bool { return r > 0x7e }):
		return nil, errors.New("fhir: base URL contains a host name that is not ASCII; use its punycode form")
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = strings.TrimRight(u.RawPath, "/")
	return u, nil
}
