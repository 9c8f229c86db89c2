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
	// just rejected with 401: then Credentials returns new ones, or refused itself when it has none. An error must
	// not contain the credentials.
	//
	// Credentials belong to the client, not to the caller: concurrent requests share one call, with the context of
	// one of them. Callers with different credentials need a Client each.
	Credentials(ctx context.Context, refused http.Header) (http.Header, error)
}

type static http.Header

func (s static) Credentials(context.Context, http.Header) (http.Header, error) {
	return http.Header(s), nil
}

// String, GoString and MarshalText keep the credentials out of printed and logged configurations.
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

// renewTimeout bounds a renewal of credentials. A renewal goes on when the request that started it ends.
const renewTimeout = time.Minute

// authorizer calls an Auth once for concurrent requests.
type authorizer struct {
	auth  Auth
	group singleflight.Group
}

// credentials calls the Auth, once for all concurrent requests with the same question.
func (a *authorizer) credentials(ctx context.Context, refused http.Header) (http.Header, error) {
	if s, ok := a.auth.(static); ok {
		return http.Header(s), sendable(http.Header(s))
	}
	header, err := shareCall(ctx, &a.group, fingerprint(refused), func(ctx context.Context) (http.Header, error) {
		return a.auth.Credentials(ctx, refused)
	})
	if err != nil {
		return nil, err
	}
	return header, sendable(header)
}

// shareCall calls get once for concurrent callers with the same key. The call goes on when ctx ends.
func shareCall(
	ctx context.Context, group *singleflight.Group, key string, get func(context.Context) (http.Header, error),
) (http.Header, error) {
	done := group.DoChan(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), renewTimeout)
		defer cancel()
		return get(ctx)
	})
	select {
	case res := <-done:
		header, _ := res.Val.(http.Header)
		return header, res.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// sendable fails for header fields that net/http refuses to send, such as a token with a line end from a file.
func sendable(h http.Header) error {
	const marks = "!#$%&'*+-.^_`|~" // RFC 9110 section 5.6.2, beside letters and digits
	for name, values := range h {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return !alphanumeric(r) && !strings.ContainsRune(marks, r) }) {
			return faultf(ErrUnauthorized, "a header field has an invalid name")
		}
		for _, v := range values {
			if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
				return faultf(ErrUnauthorized, "a header field contains a line end or another control character")
			}
		}
	}
	return nil
}

// fingerprint is a hash of header fields, to compare them without keeping them.
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

// Scoped is an [Auth] that can describe its authorisation (who asks, for what) without revealing the credentials.
type Scoped interface {
	Auth
	Scope() string
}

// Identity returns a text for what responses depend on: the base URL and the authorisation, without credentials. Ok
// is false when the authorisation cannot be described, because the host's [Auth] is not [Scoped]: then cached
// responses must not be shared. For fixed tokens and keys the text differs between processes.
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

// digests keys the digests, so that passwords cannot be guessed from them.
var digests = rand.Text()

func (s static) digest() string {
	mac := hmac.New(sha256.New, []byte(digests))
	mac.Write([]byte(fingerprint(http.Header(s))))
	return hex.EncodeToString(mac.Sum(nil)[:8])
}
