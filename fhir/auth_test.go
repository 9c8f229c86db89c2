package fhir_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/researchflow/researchflow/fhir"
	"github.com/researchflow/researchflow/internal/fhirtest"
)

// tokens is an Auth that gives t1, and t2 when t1 was refused, and so on.
type tokens struct {
	renewals atomic.Int64
	n        atomic.Int64
	err      error
	slow     time.Duration
}

func (a *tokens) Credentials(ctx context.Context, refused http.Header) (http.Header, error) {
	current := func() http.Header { return http.Header{"Authorization": {fmt.Sprintf("Bearer t%d", a.n.Load())}} }
	if refused != nil && refused.Get("Authorization") == current().Get("Authorization") {
		a.renewals.Add(1)
		if a.slow > 0 {
			<-time.After(a.slow)
		}
		if a.err != nil {
			return nil, a.err
		}
		a.n.Add(1)
	}
	return current(), nil
}

func TestExpiredTokenIsRenewedOnce(t *testing.T) {
	t.Parallel()
	piped(t, fhir.Config{MaxConcurrent: 20}, func(t *testing.T, s *fhirtest.Pipe, _ *fhir.Client) {
		auth := &tokens{slow: time.Second}
		c, err := fhir.NewClient(s.URL(), fhir.Config{Auth: auth, MaxConcurrent: 20})
		if err != nil {
			t.Fatal(err)
		}
		c.SetDial(s.Dial)
		defer c.CloseIdleConnections()
		s.Require("t1")
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if _, err := c.Read(t.Context(), "Patient", "p1"); err != nil {
					t.Errorf("Read: %v", err)
				}
			})
		}
		wg.Wait()
		if got := auth.renewals.Load(); got != 1 {
			t.Errorf("%d renewals for 20 requests, want 1", got)
		}
		if got := len(s.Requests()); got != 40 {
			t.Errorf("%d requests, want 20 refused and 20 repeated", got)
		}
	}, fhirtest.Patients(1))
}

func TestTokenExpiresInTheMiddleOfASearch(t *testing.T) {
	t.Parallel()
	s := fhirtest.New(t, fhirtest.Patients(35))
	auth := &tokens{}
	c := newClient(t, s.URL(), fhir.Config{Auth: auth, PageSize: 10})
	s.Require("t0")
	n := 0
	for _, err := range c.Search(t.Context(), "Patient", nil) {
		if err != nil {
			t.Fatalf("Search: %v", err)
		}
		if n++; n == 5 {
			s.Require("t1")
		}
	}
	if n != 35 || auth.renewals.Load() != 1 {
		t.Errorf("%d patients, %d renewals, want 35, 1", n, auth.renewals.Load())
	}
}

func TestRefusedCredentials(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name         string
		auth         fhir.Auth
		wantRequests int
	}{
		{"none", nil, 1},
		{"fixed token", fhir.BearerToken("CANARY"), 1},
		{"basic", fhir.BasicAuth("user", "CANARY"), 1},
		{"fresh token refused too", &tokens{}, 2},
		{"no fresh token", &tokens{err: errors.New("down")}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := fhirtest.New(t, fhirtest.Patients(1))
			s.Require("another")
			c := newClient(t, s.URL(), fhir.Config{Auth: tt.auth})
			_, err := c.Read(t.Context(), "Patient", "p1")
			var e *fhir.Error
			if !errors.Is(err, fhir.ErrUnauthorized) || !errors.As(err, &e) || e.Outcome == nil || strings.Contains(err.Error(), "CANARY") {
				t.Errorf("Read: %v, want ErrUnauthorized with the outcome", err)
			}
			if got := len(s.Requests()); got != tt.wantRequests {
				t.Errorf("%d requests, want %d", got, tt.wantRequests)
			}
		})
	}
}

type unresolved struct{}

func (unresolved) Credentials(context.Context, http.Header) (http.Header, error) {
	return nil, &net.DNSError{Err: "no such host", Name: "CANARY.internal", IsNotFound: true}
}

// TestWhyThereAreNoCredentials checks that errors.As finds what stopped an Auth, which health checks show as a class.
func TestWhyThereAreNoCredentials(t *testing.T) {
	t.Parallel()
	c := newClient(t, fhirtest.New(t).URL(), fhir.Config{Auth: unresolved{}})
	_, err := c.Metadata(t.Context())
	var dns *net.DNSError
	if !errors.As(err, &dns) || !dns.IsNotFound || !errors.Is(err, fhir.ErrUnauthorized) {
		t.Errorf("Metadata: %v, want ErrUnauthorized because of a DNS error", err)
	}
}

// TestFixedCredentials checks the header fields of the ready Auths, which a host's own Auth may delegate to.
func TestFixedCredentials(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		auth        fhir.Auth
		field, want string
	}{
		{fhir.BearerToken("t"), "Authorization", "Bearer t"},
		{fhir.BasicAuth("user", "password"), "Authorization", "Basic dXNlcjpwYXNzd29yZA=="},
		{fhir.APIKey("x-key", "k"), "X-Key", "k"},
	} {
		for _, refused := range []http.Header{nil, {tt.field: {tt.want}}} { // they have no others
			got, err := tt.auth.Credentials(t.Context(), refused)
			if err != nil || len(got) != 1 || got.Get(tt.field) != tt.want {
				t.Errorf("Credentials(%v) = %v, %v, want %s: %s", refused, got, err, tt.field, tt.want)
			}
		}
	}
}

type failing struct{}

func (failing) Credentials(context.Context, http.Header) (http.Header, error) {
	return nil, errors.New("CANARY https://token.internal/?secret")
}

func TestNoCredentialsNoRequest(t *testing.T) {
	t.Parallel()
	s := fhirtest.New(t)
	c := newClient(t, s.URL(), fhir.Config{Auth: failing{}})
	_, err := c.Metadata(t.Context())
	if !errors.Is(err, fhir.ErrUnauthorized) || strings.Contains(err.Error(), "CANARY") || len(s.Requests()) != 0 {
		t.Errorf("Metadata: %v, %d requests", err, len(s.Requests()))
	}
}

type given http.Header

func (g given) Credentials(context.Context, http.Header) (http.Header, error) {
	return http.Header(g), nil
}

func TestCredentialsThatNoHeaderCanHold(t *testing.T) {
	t.Parallel()
	for name, auth := range map[string]fhir.Auth{
		"a line end after a token": fhir.BearerToken("CANARY\n"),
		"a field's name":           fhir.APIKey("X Key", "CANARY"),
		"no name":                  fhir.APIKey("", "CANARY"),
		"from the host":            given{"Authorization": {"Bearer CANARY\r\nX: y"}},
	} {
		s := fhirtest.New(t)
		c := newClient(t, s.URL(), fhir.Config{Auth: auth})
		_, err := c.Metadata(t.Context())
		if !errors.Is(err, fhir.ErrUnauthorized) || errors.Is(err, fhir.ErrConnection) || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: %v, want ErrUnauthorized", name, err)
		}
	}
}

func TestCallerLeavesDuringRenewal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := fhirtest.NewPipe(t, fhirtest.Patients(1))
		defer s.Close()
		c, err := fhir.NewClient(s.URL(), fhir.Config{Auth: &tokens{slow: 10 * time.Second}})
		if err != nil {
			t.Fatal(err)
		}
		c.SetDial(s.Dial)
		defer c.CloseIdleConnections()
		s.Require("t1")
		var wg sync.WaitGroup
		wg.Go(func() {
			ctx, cancel := contextWithTimeout(t, time.Second)
			defer cancel()
			if _, err := c.Read(ctx, "Patient", "p1"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the caller who leaves: %v", err)
			}
		})
		synctest.Wait()
		if _, err := c.Read(t.Context(), "Patient", "p1"); err != nil {
			t.Errorf("the caller who stays: %v", err)
		}
		wg.Wait()
	})
}

func TestCredentialsAreSent(t *testing.T) {
	t.Parallel()
	tests := []struct {
		auth         fhir.Auth
		header, want string
	}{
		{fhir.BearerToken("abc"), "Authorization", "Bearer abc"},
		{fhir.BasicAuth("Aladdin", "open sesame"), "Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
		{fhir.APIKey("x-api-key", "k"), "X-Api-Key", "k"},
	}
	for _, tt := range tests {
		s := fhirtest.New(t, fhirtest.Patients(1))
		c := newClient(t, s.URL(), fhir.Config{Auth: tt.auth, UserAgent: "test/1"})
		if _, err := c.Read(t.Context(), "Patient", "p1"); err != nil {
			t.Fatal(err)
		}
		h := s.Requests()[0].Header
		if got := h.Get(tt.header); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.header, got, tt.want)
		}
		if got := h.Get("User-Agent"); got != "test/1" {
			t.Errorf("User-Agent: %q", got)
		}
		given, err := tt.auth.Credentials(t.Context(), h)
		if err != nil || given.Get(tt.header) != tt.want {
			t.Errorf("Credentials: %q, %v; want %q", given.Get(tt.header), err, tt.want)
		}
		if got := h.Get("Accept"); !strings.HasPrefix(got, "application/fhir+json") {
			t.Errorf("Accept: %q", got)
		}
	}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	identity := func(auth fhir.Auth) string {
		c := newClient(t, "https://fhir.example.org/r4/", fhir.Config{Auth: auth})
		id, ok := c.Identity()
		if !ok {
			return ""
		}
		return id
	}
	if got, want := identity(nil), "https://fhir.example.org/r4 anonymous"; got != want {
		t.Errorf("Identity = %q, want %q", got, want)
	}
	a, again, b := identity(fhir.BearerToken("a")), identity(fhir.BearerToken("a")), identity(fhir.BearerToken("b"))
	if a == "" || a != again || a == b || strings.Contains(a, "Bearer") {
		t.Errorf("Identity of tokens: %q, %q, %q", a, again, b)
	}
	if got, want := newClient(t, "https://fhir.example.org/r4/", fhir.Config{}).BaseURL(), "https://fhir.example.org/r4"; got != want {
		t.Errorf("BaseURL = %q, want %q", got, want)
	}
	if got := identity(&tokens{}); got != "" {
		t.Errorf("Identity of an unnamed Auth: %q, want none", got)
	}
}
