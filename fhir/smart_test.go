package fhir_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/researchflow/researchflow/fhir"
	"github.com/researchflow/researchflow/internal/fhirtest"
)

var keys = sync.OnceValue(func() map[string]crypto.Signer {
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return map[string]crypto.Signer{"RS384": r, "ES384": e}
})

// authServer is a token endpoint that checks assertions against the client's JWKS.
type authServer struct {
	t        *testing.T
	audience string
	expires  string // expires_in as JSON; "": left out
	now      func() time.Time

	mu     sync.Mutex
	jwks   []byte
	jti    map[string]bool
	tokens int
	accept func(token string)
}

func (a *authServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := r.ParseForm(); err != nil {
		a.t.Error(err)
	}
	for name, want := range map[string]string{
		"grant_type": "client_credentials", "scope": "system/Patient.rs system/Condition.rs",
		"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
	} {
		if got := r.PostForm.Get(name); got != want {
			a.t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	claims := jwt.MapClaims{}
	token, err := jwt.ParseWithClaims(r.PostForm.Get("client_assertion"), claims, a.key,
		jwt.WithValidMethods([]string{"RS384", "ES384"}), jwt.WithAudience(a.audience), jwt.WithIssuer("me"), jwt.WithSubject("me"),
		jwt.WithExpirationRequired(), jwt.WithTimeFunc(a.now))
	if err != nil {
		a.t.Errorf("assertion: %v", err)
		w.WriteHeader(401)
		fmt.Fprint(w, `{"error":"invalid_client","error_description":"CANARY"}`)
		return
	}
	if token.Header["typ"] != "JWT" || token.Header["jku"] != "https://me.example.org/jwks.json" {
		a.t.Errorf("assertion header: %v", token.Header)
	}
	exp, _ := claims.GetExpirationTime()
	if life := exp.Sub(a.now()); life <= 0 || life > 5*time.Minute {
		a.t.Errorf("the assertion lives %v, at most 5 minutes are allowed", life)
	}
	jti, _ := claims["jti"].(string)
	if jti == "" || a.jti[jti] {
		a.t.Errorf("jti %q is missing or was used before", jti)
	}
	a.jti[jti] = true
	a.tokens++
	name := fmt.Sprintf("token%d", a.tokens)
	a.accept(name)
	expires := ""
	if a.expires != "" {
		expires = `,"expires_in":` + a.expires
	}
	fmt.Fprintf(w, `{"access_token":%q,"token_type":"bearer","scope":"system/Patient.rs"%s}`, name, expires)
}

// key finds the public key in the JWKS, as a server would.
func (a *authServer) key(t *jwt.Token) (any, error) {
	var set struct {
		Keys []struct{ Kty, Kid, Alg, N, E, Crv, X, Y string }
	}
	if err := json.Unmarshal(a.jwks, &set); err != nil {
		return nil, err
	}
	number := func(s string) *big.Int {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			a.t.Error(err)
		}
		return new(big.Int).SetBytes(b)
	}
	for _, k := range set.Keys {
		if k.Kid != t.Header["kid"] || k.Alg != t.Method.Alg() {
			continue
		}
		if k.Kty == "RSA" {
			return &rsa.PublicKey{N: number(k.N), E: int(number(k.E).Int64())}, nil
		}
		point := make([]byte, 97)
		point[0] = 4
		number(k.X).FillBytes(point[1:49])
		number(k.Y).FillBytes(point[49:])
		return ecdsa.ParseUncompressedPublicKey(elliptic.P384(), point)
	}
	return nil, errors.New("no such key")
}

// smart is a FHIR server with its token endpoint, and a client of both.
func smart(t *testing.T, alg, expires string, change func(*fhir.BackendServicesConfig)) (*fhirtest.Pipe, *authServer, *fhir.Client, *fhir.BackendServices) {
	t.Helper()
	s := fhirtest.NewPipe(t, fhirtest.Patients(3))
	t.Cleanup(s.Close)
	auth := &authServer{t: t, audience: s.URL() + "/token", expires: expires, now: time.Now, jti: make(map[string]bool), accept: s.Require}
	s.Require("none yet")
	s.Always(fhirtest.Answer{
		Match: func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/fhir/token") },
	}.With(auth.ServeHTTP))
	cfg := fhir.BackendServicesConfig{
		ClientID: "me", Key: keys()[alg], JWKSURL: "https://me.example.org/jwks.json",
		Scopes: []string{"system/Patient.rs", "system/Condition.rs"}, BaseURL: s.URL(),
	}
	if change != nil {
		change(&cfg)
	}
	services, err := fhir.NewBackendServices(cfg)
	if err != nil {
		t.Fatal(err)
	}
	services.SetDial(s.Dial)
	t.Cleanup(services.CloseIdleConnections)
	auth.jwks = services.JWKS()
	c, err := fhir.NewClient(s.URL(), fhir.Config{Auth: services})
	if err != nil {
		t.Fatal(err)
	}
	c.SetDial(s.Dial)
	t.Cleanup(c.CloseIdleConnections)
	return s, auth, c, services
}

func mustRead(t *testing.T, c *fhir.Client) {
	t.Helper()
	if _, err := c.Read(t.Context(), "Patient", "p1"); err != nil {
		t.Errorf("Read: %v", err)
	}
}

func TestBackendServices(t *testing.T) {
	t.Parallel()
	for _, alg := range []string{"RS384", "ES384"} {
		for _, expires := range []string{`300`, `"300"`, `300.0`, `3e2`} {
			t.Run(alg+" "+expires, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					_, auth, c, _ := smart(t, alg, expires, nil)
					mustRead(t, c)
					<-time.After(269 * time.Second) // 30 s before its end a token is renewed
					mustRead(t, c)
					if auth.tokens != 1 {
						t.Errorf("%d tokens within the first's life, want 1", auth.tokens)
					}
					<-time.After(2 * time.Second)
					mustRead(t, c)
					if auth.tokens != 2 {
						t.Errorf("%d tokens after the first's life, want 2", auth.tokens)
					}
				})
			})
		}
	}
}

func TestTokenLives(t *testing.T) {
	t.Parallel()
	for expires, want := range map[string]time.Duration{ // from then on a new token is fetched
		``: 4*time.Minute + 30*time.Second, `null`: 4*time.Minute + 30*time.Second, `"soon"`: 4*time.Minute + 30*time.Second,
		`{}`: 4*time.Minute + 30*time.Second, `10`: 9 * time.Second, `1e300`: 24*time.Hour - 30*time.Second, `0`: 0, `-5`: 0,
	} {
		t.Run("expires_in "+expires, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				_, auth, c, _ := smart(t, "ES384", expires, nil)
				mustRead(t, c)
				if want > 0 {
					<-time.After(want - time.Second)
					mustRead(t, c)
				}
				if auth.tokens != 1 {
					t.Errorf("%d tokens before %v, want 1", auth.tokens, want)
				}
				<-time.After(time.Second)
				mustRead(t, c)
				if auth.tokens != 2 {
					t.Errorf("%d tokens after %v, want 2", auth.tokens, want)
				}
			})
		})
	}
}

func TestTokenIsFetchedOnceForManyRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, auth, c, _ := smart(t, "ES384", `300`, nil)
		for want := 1; want <= 2; want++ {
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() { mustRead(t, c) })
			}
			wg.Wait()
			if auth.tokens != want {
				t.Errorf("%d tokens, want %d", auth.tokens, want)
			}
			s.Require("revoked") // now the token is refused before its time
		}
	})
}

func TestTokenURLWithAQuery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, auth, c, _ := smart(t, "ES384", `300`, func(cfg *fhir.BackendServicesConfig) {
			cfg.TokenURL = cfg.BaseURL + "/token?p=policy"
		})
		auth.audience += "?p=policy"
		mustRead(t, c)
		if auth.tokens != 1 {
			t.Errorf("%d tokens, want 1", auth.tokens)
		}
	})
}

func TestTokenEndpointRecovers(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]fhirtest.Answer{
		"429": fhirtest.Throttled("3"), "503": fhirtest.Busy(503, ""), "500": fhirtest.Status(500), "reset": fhirtest.Reset(), "stall": fhirtest.StallHeader(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, auth, c, _ := smart(t, "ES384", `300`, func(cfg *fhir.BackendServicesConfig) {
					cfg.HTTP.HeaderTimeout = time.Second
				})
				s.Next(fault.For("token").Repeat(3))
				mustRead(t, c) // every attempt has another jti, which authServer checks
				if auth.tokens != 1 {
					t.Errorf("%d tokens, want 1", auth.tokens)
				}
			})
		})
	}
}

func TestTokenEndpointRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		answer fhirtest.Answer
		want   string
	}{
		{"invalid client", fhirtest.Answer{Status: 401, Body: `{"error":"invalid_client","error_description":"CANARY"}`}, "invalid_client"},
		{"invalid scope", fhirtest.Answer{Status: 400, Body: `{"error":"invalid_scope"}`}, "invalid_scope"},
		{"unknown code", fhirtest.Answer{Status: 400, Body: `{"error":"CANARY"}`}, "the token endpoint refused"},
		{"HTML", fhirtest.HTML(400), "the token endpoint refused"},
		{"no token", fhirtest.JSON(`{}`), "no bearer token"},
		{"another type", fhirtest.JSON(`{"access_token":"CANARY","token_type":"mac"}`), "no bearer token"},
		{"a token that breaks headers", fhirtest.JSON(`{"access_token":"CANARY\r\nX: y","token_type":"bearer"}`), "no bearer token"},
		{"forbidden", fhirtest.Status(403), "forbidden"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, _, c, _ := smart(t, "ES384", `300`, nil)
				s.Next(tt.answer.For("token"))
				_, err := c.Read(t.Context(), "Patient", "p1")
				if !errors.Is(err, fhir.ErrUnauthorized) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "CANARY") {
					t.Errorf("Read: %v, want ErrUnauthorized, %s", err, tt.want)
				}
				for _, r := range s.Requests() {
					if r.Path == "Patient/p1" {
						t.Error("the request was sent without credentials")
					}
				}
			})
		})
	}
}

func TestMissingTokenEndpointIsNoMissingResource(t *testing.T) {
	t.Parallel()
	for _, status := range []int{404, 410} {
		for _, path := range []string{".well-known", "token"} {
			t.Run(fmt.Sprint(status, " ", path), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s, _, c, _ := smart(t, "ES384", `300`, nil)
					s.Next(fhirtest.Status(status).For(path))
					_, err := c.Read(t.Context(), "Patient", "p1")
					if errors.Is(err, fhir.ErrNotFound) || errors.Is(err, fhir.ErrGone) || !errors.Is(err, fhir.ErrUnauthorized) {
						t.Errorf("Read: %v, want ErrUnauthorized alone", err)
					}
				})
			})
		}
	}
}

func TestDiscoveryThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		body string
		want error
	}{
		"no endpoint":       {`{}`, fhir.ErrNotFHIR},
		"no JSON":           {`<html>`, fhir.ErrNotFHIR},
		"other algorithm":   {`{"token_endpoint":"/token","token_endpoint_auth_signing_alg_values_supported":["RS384"]}`, fhir.ErrRejected},
		"user information":  {`{"token_endpoint":"http://a:b@pipe.test/token"}`, fhir.ErrForeignOrigin},
		"other scheme":      {`{"token_endpoint":"file:///token"}`, fhir.ErrForeignOrigin},
		"a private address": {`{"token_endpoint":"http://127.0.0.1:1/token"}`, fhir.ErrBlockedAddress},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fhirtest.New(t)
			s.Always(fhirtest.JSON(tt.body))
			services, err := fhir.NewBackendServices(fhir.BackendServicesConfig{ClientID: "me", Key: keys()["ES384"], BaseURL: s.URL()})
			if err != nil {
				t.Fatal(err)
			}
			defer services.CloseIdleConnections()
			if _, err := services.Credentials(t.Context(), nil); !errors.Is(err, tt.want) {
				t.Errorf("Credentials: %v, want %v", err, tt.want)
			}
		})
	}
}

func TestNewBackendServicesRefuses(t *testing.T) {
	t.Parallel()
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Skip("keys this small cannot even be made")
	}
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]fhir.BackendServicesConfig{
		"no client id": {Key: keys()["RS384"], BaseURL: "https://h"},
		"no key":       {ClientID: "me", BaseURL: "https://h"},
		"small key":    {ClientID: "me", Key: small, BaseURL: "https://h"},
		"other curve":  {ClientID: "me", Key: p256, BaseURL: "https://h"},
		"no URL":       {ClientID: "me", Key: keys()["RS384"]},
	} {
		if _, err := fhir.NewBackendServices(cfg); err == nil {
			t.Errorf("%s: NewBackendServices succeeded", name)
		}
	}
}

func TestParsePrivateKey(t *testing.T) {
	t.Parallel()
	for alg, key := range keys() {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		got, err := fhir.ParsePrivateKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
		if err != nil {
			t.Errorf("%s: %v", alg, err)
			continue
		}
		if want, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !want.Equal(got.Public()) {
			t.Errorf("%s: another key came back", alg)
		}
	}
	if _, err := fhir.ParsePrivateKey([]byte("CANARY")); err == nil || strings.Contains(err.Error(), "CANARY") {
		t.Errorf("ParsePrivateKey of no key: %v", err)
	}
}

func TestScopeNamesTheClient(t *testing.T) {
	t.Parallel()
	services, err := fhir.NewBackendServices(fhir.BackendServicesConfig{ClientID: "me", Key: keys()["ES384"], TokenURL: "https://auth.example.org/token"})
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, "https://h", fhir.Config{Auth: services})
	if got, ok := c.Identity(); got != "https://h client me scope system/*.rs" || !ok {
		t.Errorf("Identity = %q, %v", got, ok)
	}
}
