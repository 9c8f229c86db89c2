package fhir

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/sync/singleflight"
)

// BackendServicesConfig configures [NewBackendServices].
type BackendServicesConfig struct {
	// ClientID is the id under which the server knows this client.
	ClientID string
	// Key signs the assertions: an *rsa.PrivateKey of at least 2048 bits (RS384) or an *ecdsa.PrivateKey on P-384
	// (ES384).
	Key crypto.Signer
	// KeyID names the key in the client's JWKS. "" means the key's thumbprint (RFC 7638).
	KeyID string
	// JWKSURL is the URL of the client's JWKS, sent as jku. "" omits it.
	JWKSURL string
	// Scopes are requested. Nil means "system/*.rs".
	Scopes []string
	// BaseURL is the base URL of the FHIR server, whose .well-known/smart-configuration names the token endpoint. It is
	// not needed with TokenURL.
	BaseURL string
	// TokenURL is the token endpoint. "" means discovery from BaseURL.
	TokenURL string
	// HTTP configures the requests; its Auth is not used. A discovered token endpoint on a private address other than
	// BaseURL's must be among its AllowedHosts.
	HTTP Config
}

// BackendServices is an [Auth] by SMART Backend Services
// (http://hl7.org/fhir/smart-app-launch/backend-services.html): it gets access tokens with signed assertions, keeps
// each until shortly before it expires, and gets a new one after 401. Any number of goroutines may share it.
type BackendServices struct {
	cfg    BackendServicesConfig
	method jwt.SigningMethod
	client *Client // of TokenURL, or of BaseURL
	group  singleflight.Group

	mu       sync.Mutex
	endpoint *url.URL // nil: not looked up yet
	token    accessToken
}

type accessToken struct {
	header http.Header // nil: there is none
	until  time.Time
}

const (
	// assertionLife is the validity of an assertion; the specification allows five minutes.
	assertionLife = 4 * time.Minute
	// defaultTokenLife is assumed if a server omits expires_in.
	defaultTokenLife = 5 * time.Minute
	maxTokenLife     = 24 * time.Hour
)

// NewBackendServices checks cfg; it sends nothing. It fails when the client id, the key or the URL is missing or
// unusable.
func NewBackendServices(cfg BackendServicesConfig) (*BackendServices, error) {
	b := &BackendServices{cfg: cfg}
	if cfg.ClientID == "" {
		return nil, errors.New("fhir: backend services: no client id")
	}
	switch key := cfg.Key.(type) {
	case *rsa.PrivateKey:
		if key.N == nil || key.N.BitLen() < 2048 {
			return nil, errors.New("fhir: backend services: RSA key has fewer than 2048 bits")
		}
		b.method = jwt.SigningMethodRS384
	case *ecdsa.PrivateKey:
		if key.Curve != elliptic.P384() {
			return nil, errors.New("fhir: backend services: key is not on P-384")
		}
		b.method = jwt.SigningMethodES384
	default:
		return nil, errors.New("fhir: backend services: key is neither RSA nor ECDSA")
	}
	if len(b.cfg.Scopes) == 0 {
		b.cfg.Scopes = []string{"system/*.rs"}
	}
	if b.cfg.KeyID == "" {
		b.cfg.KeyID = thumbprint(b.jwk())
	}
	cfg.HTTP.Auth = nil
	base := cfg.BaseURL
	var err error
	if cfg.TokenURL != "" {
		if b.endpoint, err = url.Parse(strings.TrimSpace(cfg.TokenURL)); err != nil {
			return nil, errors.New("fhir: backend services: token URL cannot be parsed")
		}
		of := *b.endpoint
		of.RawQuery, of.ForceQuery = "", false // a token endpoint may have a query (RFC 6749 section 3.2)
		base = of.String()
	}
	if b.client, err = NewClient(base, cfg.HTTP); err != nil {
		return nil, err
	}
	return b, nil
}

// ParsePrivateKey reads an RSA or ECDSA private key in PEM (PKCS #1, SEC 1 or PKCS #8).
func ParsePrivateKey(pem []byte) (crypto.Signer, error) {
	if key, err := jwt.ParseRSAPrivateKeyFromPEM(pem); err == nil {
		return key, nil
	}
	if key, err := jwt.ParseECPrivateKeyFromPEM(pem); err == nil {
		return key, nil
	}
	return nil, errors.New("fhir: not an RSA or ECDSA private key in PEM")
}

// Scope implements [Scoped].
func (b *BackendServices) Scope() string {
	return "client " + b.cfg.ClientID + " scope " + strings.Join(b.cfg.Scopes, " ")
}

// String is Scope: neither key nor token.
func (b *BackendServices) String() string { return b.Scope() }

// GoString is String.
func (b *BackendServices) GoString() string { return b.Scope() }

// Credentials implements [Auth].
func (b *BackendServices) Credentials(ctx context.Context, refused http.Header) (http.Header, error) {
	b.mu.Lock()
	if b.token.header != nil && refused != nil && b.token.header.Get("Authorization") == refused.Get("Authorization") {
		b.token = accessToken{}
	}
	token := b.token
	b.mu.Unlock()
	if token.header != nil && b.client.cfg.Clock().Before(token.until) {
		return token.header, nil
	}
	return shareCall(ctx, &b.group, "", func(ctx context.Context) (http.Header, error) {
		token, err := b.fetch(ctx)
		if err != nil {
			return nil, err
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.token = token
		return token.header, nil
	})
}

// CloseIdleConnections closes connections to the token endpoint.
func (b *BackendServices) CloseIdleConnections() { b.client.CloseIdleConnections() }

// fetch gets a token. Each attempt has its own assertion, because a server may accept each jti only once.
func (b *BackendServices) fetch(ctx context.Context) (accessToken, error) {
	endpoint, err := b.discover(ctx)
	if err != nil {
		return accessToken{}, err
	}
	for attempt := 0; ; attempt++ {
		token, err := b.request(ctx, endpoint)
		var e *Error
		passes := errors.Is(err, ErrThrottled) || errors.Is(err, ErrUnavailable) || errors.Is(err, ErrConnection) || errors.Is(err, ErrStalled)
		if err == nil || !passes || attempt >= b.client.cfg.MaxRetries || !errors.As(err, &e) {
			return token, err
		}
		if err := sleep(ctx, b.client.pause(attempt, e.RetryAfter, e.RetryAfter > 0)); err != nil {
			return token, err
		}
	}
}

// sleep waits, or returns ctx's error.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// discover reads the token endpoint from the server's SMART configuration.
func (b *BackendServices) discover(ctx context.Context) (*url.URL, error) {
	b.mu.Lock()
	endpoint := b.endpoint
	b.mu.Unlock()
	if endpoint != nil {
		return endpoint, nil
	}
	q := &interaction{
		method: http.MethodGet, resourceType: "smart-configuration", url: b.client.base.JoinPath(".well-known", "smart-configuration"),
		header: http.Header{"Accept": {"application/json"}}, idempotent: true,
	}
	q.decode = func(a *answer) error {
		var doc struct {
			TokenEndpoint string   `json:"token_endpoint"`
			Algorithms    []string `json:"token_endpoint_auth_signing_alg_values_supported"`
		}
		if err := json.Unmarshal(a.body, &doc); err != nil || doc.TokenEndpoint == "" {
			return faultf(ErrNotFHIR, "no token_endpoint")
		}
		if len(doc.Algorithms) > 0 && !slices.Contains(doc.Algorithms, b.method.Alg()) {
			return faultf(ErrRejected, "the server does not accept "+b.method.Alg())
		}
		u, err := resolve(a.url, doc.TokenEndpoint)
		if err != nil {
			return err
		}
		if u.Scheme != "https" && b.client.base.Scheme == "https" {
			return faultf(ErrForeignOrigin, "the token endpoint is not https")
		}
		endpoint = u
		return nil
	}
	if _, err := b.client.do(ctx, q); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.endpoint = endpoint
	return endpoint, nil
}

// assertion is a signed authentication JWT for the token endpoint.
func (b *BackendServices) assertion(audience string) (string, error) {
	now := b.client.cfg.Clock()
	t := jwt.NewWithClaims(b.method, jwt.MapClaims{
		"iss": b.cfg.ClientID, "sub": b.cfg.ClientID, "aud": audience,
		"iat": now.Unix(), "exp": now.Add(assertionLife).Unix(), "jti": rand.Text(),
	})
	t.Header["kid"] = b.cfg.KeyID
	if b.cfg.JWKSURL != "" {
		t.Header["jku"] = b.cfg.JWKSURL
	}
	signed, err := t.SignedString(b.cfg.Key)
	if err != nil {
		return "", errors.New("fhir: backend services: the assertion cannot be signed")
	}
	return signed, nil
}

// oauthErrors are the codes of RFC 6749 section 5.2. Any other text of a server stays out of errors.
var oauthErrors = []string{"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope"}

func (b *BackendServices) request(ctx context.Context, endpoint *url.URL) (token accessToken, err error) {
	assertion, err := b.assertion(endpoint.String())
	if err != nil {
		return token, err
	}
	form := url.Values{
		"grant_type":            {"client_credentials"},
		"scope":                 {strings.Join(b.cfg.Scopes, " ")},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {assertion},
	}
	q := &interaction{
		method: http.MethodPost, resourceType: "token", url: endpoint, body: []byte(form.Encode()),
		header: http.Header{"Accept": {"application/json"}, "Content-Type": {"application/x-www-form-urlencoded"}},
		accept: func(status int) bool { return status == 200 || status == 400 || status == 401 },
	}
	now := b.client.cfg.Clock()
	q.decode = func(a *answer) error {
		var doc struct {
			Error       string          `json:"error"`
			AccessToken string          `json:"access_token"`
			TokenType   string          `json:"token_type"`
			ExpiresIn   json.RawMessage `json:"expires_in"`
		}
		err := json.Unmarshal(a.body, &doc)
		if a.status != http.StatusOK {
			if !slices.Contains(oauthErrors, doc.Error) {
				doc.Error = "the token endpoint refused"
			}
			return faultf(ErrUnauthorized, doc.Error)
		}
		if err != nil || doc.AccessToken == "" || !strings.EqualFold(doc.TokenType, "bearer") || strings.ContainsFunc(doc.AccessToken, notToken) {
			return faultf(ErrUnauthorized, "the token endpoint returned no bearer token")
		}
		life := tokenLife(doc.ExpiresIn)
		token = accessToken{
			header: http.Header{"Authorization": {"Bearer " + doc.AccessToken}},
			until:  now.Add(life - min(life/10, 30*time.Second)), // shortly before
		}
		return nil
	}
	_, err = b.client.do(ctx, q)
	return token, err
}

// notToken reports whether a character is not allowed in a bearer token.
func notToken(r rune) bool { return r <= ' ' || r > '~' }

// tokenLife parses expires_in: seconds, as a number or, from some servers, a string.
func tokenLife(raw json.RawMessage) time.Duration {
	text := string(bytes.Trim(raw, `"`))
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(seconds) {
		return defaultTokenLife
	}
	return time.Duration(min(max(seconds, 0), maxTokenLife.Seconds()) * float64(time.Second))
}

// JWKS returns the public half of the key as a JSON Web Key Set (RFC 7517), to be published for the server.
func (b *BackendServices) JWKS() []byte {
	key := b.jwk()
	key["kid"], key["alg"], key["use"], key["key_ops"] = b.cfg.KeyID, b.method.Alg(), "sig", []string{"verify"}
	set, err := json.Marshal(map[string]any{"keys": []any{key}})
	if err != nil {
		panic(fmt.Sprintf("fhir: a JWKS of strings cannot be encoded: %v", err))
	}
	return set
}

// jwk returns the members of the public key.
func (b *BackendServices) jwk() map[string]any {
	encode := base64.RawURLEncoding.EncodeToString
	switch key := b.cfg.Key.(type) {
	case *rsa.PrivateKey:
		return map[string]any{"kty": "RSA", "n": encode(key.N.Bytes()), "e": encode(big.NewInt(int64(key.E)).Bytes())}
	case *ecdsa.PrivateKey:
		point, err := key.PublicKey.Bytes() // 4, X, Y
		if err != nil || len(point) != 97 {
			return map[string]any{"kty": "EC", "crv": "P-384"}
		}
		return map[string]any{"kty": "EC", "crv": "P-384", "x": encode(point[1:49]), "y": encode(point[49:])}
	}
	return nil
}

// thumbprint is the SHA-256 thumbprint of RFC 7638: of the members in the order of their names, which is what
// encoding/json writes for a map.
func thumbprint(key map[string]any) string {
	b, err := json.Marshal(key)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
