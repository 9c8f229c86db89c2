package fhir

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"
)

// Auth gives requests their credentials. It must be safe for concurrent use.
type Auth interface {
	// Credentials returns the header fields to add to a request. Refused is nil, or the fields that the server has
	// just answered with 401; then Credentials returns others, or refused itself when it has no others. An error
	// must not hold the credentials.
	//
	// Credentials are the client's own, whoever asks: requests that need some at the same time share one call, with the
	// context of one of them. Callers with credentials of their own need a Client each.
	Credentials(ctx context.Context, refused http.Header) (http.Header, error)
}

type static http.Header

func (s static) Credentials(context.Context, http.Header) (http.Header, error) {
	return http.Header(s), nil
}

// String, GoString and MarshalText keep the credentials out of what a host prints and logs of its configuration.
func (static) String() string { return "fixed credentials" }

// GoString is String.
func (s static) GoString() string { return s.String() }

// MarshalText is String.
func (s static) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// BearerToken returns an Auth that sends a fixed token.
func BearerToken(token string) Auth { return APIKey("Authorization", "Bearer "+token) }

// BasicAuth returns an Auth that sends a user name and password (RFC 7617).
func BasicAuth(user, password string) Auth {
	return APIKey("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
}

// APIKey returns an Auth that sends a header field of any name, such as "Ocp-Apim-Subscription-Key".
func APIKey(name, value string) Auth {
	return static{http.CanonicalHeaderKey(name): []string{value}}
}

// renewTimeout bounds the renewal of credentials, which outlives the request that asked for it.
const renewTimeout = time.Minute

// authorizer adds single flight to an Auth.
type authorizer struct {
	auth  Auth
	group singleflight.Group
}

// credentials asks the Auth, once for all requests that ask for the same at the same time.
func (a *authorizer) credentials(ctx context.Context, refused http.Header) (http.Header, error) {
	if s, ok := a.auth.(static); ok {
		return http.Header(s), sendable(http.Header(s))
	}
	done := a.group.DoChan(fingerprint(refused), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), renewTimeout)
		defer cancel()
		return a.auth.Credentials(ctx, refused)
	})
	select {
	case res := <-done:
		if res.Err != nil {
			return nil, res.Err
		}
		header, _ := res.Val.(http.Header)
		return header, sendable(header)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// sendable fails for fields that net/http would refuse to send: a token read from a file may have a line end.
func sendable(h http.Header) error {
	const marks = "!#$%&'*+-.^_`|~" // RFC 9110 section 5.6.2, beside letters and digits
	for name, values := range h {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool {
			return !(r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune(marks, r))
		}) {
			return faultf(ErrUnauthorized, "a header field cannot have that name")
		}
		for _, v := range values {
			if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
				return faultf(ErrUnauthorized, "a header field cannot hold a line end or another control character")
			}
		}
	}
	return nil
}

// fingerprint tells header fields apart without keeping them.
func fingerprint(h http.Header) string {
	if h == nil {
		return ""
	}
	hash := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(h)) {
		fmt.Fprintf(hash, "%q:%q\n", name, h[name])
	}
	return string(hash.Sum(nil))
}

var errNoOtherCredentials = errors.New("no other credentials")

// renewed returns credentials other than the refused ones.
func (a *authorizer) renewed(ctx context.Context, refused http.Header) (http.Header, error) {
	h, err := a.credentials(ctx, refused)
	if err == nil && fingerprint(h) == fingerprint(refused) {
		err = errNoOtherCredentials
	}
	return h, err
}

// Scoped is an [Auth] that can name the authorisation that it gives, without the credentials: who asks, for what.
type Scoped interface {
	Auth
	Scope() string
}

// Identity returns a text that tells what the answers depend on: the base URL, and the authorisation under which they
// are given, but no credentials. Ok is false when the authorisation cannot be named: with an [Auth] of the host that is
// not [Scoped]. Answers kept under the identity are then not to be shared. For fixed tokens and keys the text differs
// from process to process.
func (c *Client) Identity() (identity string, ok bool) {
	if c.auth == nil {
		return c.base.String() + " anonymous", true
	}
	switch auth := c.auth.auth.(type) {
	case static:
		return c.base.String() + " key " + auth.digest(), true
	case Scoped:
		return c.base.String() + " " + auth.Scope(), true
	}
	return "", false
}

// digests is the key of digests, so that nobody can try out passwords on them.
var digests = rand.Text()

func (s static) digest() string {
	mac := hmac.New(sha256.New, []byte(digests))
	mac.Write([]byte(fingerprint(http.Header(s))))
	return hex.EncodeToString(mac.Sum(nil)[:8])
}
