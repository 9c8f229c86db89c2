package fhir_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/researchflow/researchflow/fhir"
	"github.com/researchflow/researchflow/internal/fhirtest"
)

// threeFields is an Auth with three fields, of which net/http would send two to another port and one anywhere.
type threeFields struct{}

func (threeFields) Credentials(context.Context, http.Header) (http.Header, error) {
	return http.Header{"Authorization": {"Bearer t"}, "X-Api-Key": {"k"}, "Cookie": {"session=1"}}, nil
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		to      func(s, other *fhirtest.Server) string
		allowed bool // the other server is an allowed host
		want    error
		carried bool // credentials arrive at the last server
		other   bool // the other server is asked
	}{
		{
			name:    "own origin",
			to:      func(s, _ *fhirtest.Server) string { return s.URL() + "/Patient?_id=p1" },
			carried: true,
		},
		{
			name:    "relative",
			to:      func(*fhirtest.Server, *fhirtest.Server) string { return "/fhir/Patient?_id=p1" },
			carried: true,
		},
		{
			name:    "another port that is allowed",
			to:      func(_, other *fhirtest.Server) string { return other.URL() + "/Patient?_id=p1" },
			allowed: true, other: true,
		},
		{
			name: "another port on a private address",
			to:   func(_, other *fhirtest.Server) string { return other.URL() + "/Patient?_id=p1" },
			want: fhir.ErrBlockedAddress,
		},
		{
			name: "a name that resolves to a private address",
			to: func(_, other *fhirtest.Server) string {
				return strings.Replace(other.URL(), "127.0.0.1", "localhost", 1) + "/Patient"
			},
			want: fhir.ErrBlockedAddress,
		},
		{
			name: "an IPv4-mapped address",
			to: func(_, other *fhirtest.Server) string {
				return strings.Replace(other.URL(), "127.0.0.1", "[::ffff:127.0.0.1]", 1) + "/Patient"
			},
			want: fhir.ErrBlockedAddress,
		},
		{
			name: "metadata service of a cloud",
			to:   func(*fhirtest.Server, *fhirtest.Server) string { return "http://169.254.169.254/latest/meta-data" },
			want: fhir.ErrBlockedAddress,
		},
		{
			name: "user information",
			to:   func(s, _ *fhirtest.Server) string { return "http://a:b@" + s.Host() + "/fhir/Patient" },
			want: fhir.ErrForeignOrigin,
		},
		{
			name: "another scheme",
			to:   func(*fhirtest.Server, *fhirtest.Server) string { return "file:///etc/passwd" },
			want: fhir.ErrForeignOrigin,
		},
		{
			name: "in circles",
			to:   func(s, _ *fhirtest.Server) string { return s.URL() + "/Patient" },
			want: fhir.ErrNotFHIR,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, other := fhirtest.New(t, fhirtest.Patients(1)), fhirtest.New(t, fhirtest.Patients(1))
			cfg := fhir.Config{Auth: threeFields{}}
			if tt.allowed {
				cfg.AllowedHosts = []string{other.Host()}
			}
			c := newClient(t, s.URL(), cfg)
			redirect := fhirtest.Redirect(tt.to(s, other))
			redirect.Match = func(r *http.Request) bool { return !r.URL.Query().Has("_id") }
			s.Always(redirect)
			got, err := patients(t, c.Search(t.Context(), "Patient", url.Values{"name": {"CANARY"}}))
			if !errors.Is(err, tt.want) || (err == nil && len(got) != 1) {
				t.Errorf("Search: %v, %v, want %v", got, err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "CANARY") {
				t.Errorf("the error holds the query: %v", err)
			}
			if asked := len(other.Requests()) > 0; asked != tt.other {
				t.Errorf("the other server was asked: %v, want %v", asked, tt.other)
			}
			last := s.Requests()[len(s.Requests())-1]
			if tt.other {
				last = other.Requests()[0]
			}
			if err == nil {
				for _, name := range []string{"Authorization", "X-Api-Key", "Cookie"} {
					if carried := last.Header.Get(name) != ""; carried != tt.carried {
						t.Errorf("%s arrives: %v, want %v", name, carried, tt.carried)
					}
				}
			}
			if ref := last.Header.Get("Referer"); ref != "" && len(s.Requests()) > 1 {
				t.Errorf("Referer: %q, which holds the query", ref)
			}
		})
	}
}

func TestCredentialsDoNotComeBack(t *testing.T) {
	t.Parallel()
	s, other := fhirtest.New(t, fhirtest.Patients(1)), fhirtest.New(t)
	c := newClient(t, s.URL(), fhir.Config{Auth: threeFields{}, AllowedHosts: []string{"127.0.0.1"}})
	s.Next(fhirtest.Redirect(other.URL() + "/away"))
	other.Next(fhirtest.Redirect(s.URL() + "/Patient/p1"))
	if _, err := c.Read(t.Context(), "Patient", "p1"); err != nil {
		t.Fatalf("Read: %v", err)
	}
	requests := s.Requests()
	if len(requests) != 2 || requests[1].Header.Get("Authorization") != "" || requests[1].Header.Get("X-Api-Key") != "" {
		t.Errorf("after a detour the request has credentials: %v", requests[len(requests)-1].Header)
	}
}

func TestRedirectFromHTTPSToHTTP(t *testing.T) {
	t.Parallel()
	plain := fhirtest.New(t, fhirtest.Patients(1))
	s := fhirtest.NewTLS(t, fhirtest.Patients(1))
	s.Always(fhirtest.Redirect(plain.URL() + "/Patient/p1"))
	transport, ok := s.HTTPServer().Client().Transport.(*http.Transport)
	if !ok {
		t.Fatal("no transport")
	}
	c := newClient(t, s.URL(), fhir.Config{TLS: transport.TLSClientConfig, AllowedHosts: []string{plain.Host()}})
	if _, err := c.Read(t.Context(), "Patient", "p1"); !errors.Is(err, fhir.ErrForeignOrigin) {
		t.Errorf("Read: %v, want ErrForeignOrigin", err)
	}
	if got := plain.Requests(); len(got) != 0 {
		t.Errorf("the plain server was asked: %v", got)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	s := fhirtest.NewTLS(t, fhirtest.Patients(1))
	s.HTTPServer().Config.ErrorLog = quiet()
	stranger := newClient(t, s.URL(), fhir.Config{})
	if _, err := stranger.Read(t.Context(), "Patient", "p1"); !errors.Is(err, fhir.ErrConnection) || !strings.Contains(err.Error(), "x509") {
		t.Errorf("Read without trust: %v", err)
	} else if e := new(fhir.Error); errors.As(err, &e) && e.Attempts != 1 {
		t.Errorf("a certificate that is not trusted: %d attempts, want 1", e.Attempts)
	}
	transport, _ := s.HTTPServer().Client().Transport.(*http.Transport)
	friend := newClient(t, s.URL(), fhir.Config{TLS: transport.TLSClientConfig})
	if _, err := friend.Read(t.Context(), "Patient", "p1"); err != nil {
		t.Errorf("Read with trust: %v", err)
	}
}

func TestProxy(t *testing.T) {
	t.Parallel()
	s, other := fhirtest.New(t, fhirtest.Patients(1)), fhirtest.New(t, fhirtest.Patients(1))
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Host)
		s.ServeHTTP(w, r)
	}))
	defer proxy.Close()
	via, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, "http://fhir.test/fhir", fhir.Config{Proxy: http.ProxyURL(via)})
	if _, err := c.Read(t.Context(), "Patient", "p1"); err != nil {
		t.Errorf("Read through a proxy: %v", err)
	}
	s.Next(fhirtest.Redirect(other.URL() + "/Patient/p1"))
	if _, err := c.Read(t.Context(), "Patient", "p1"); !errors.Is(err, fhir.ErrBlockedAddress) {
		t.Errorf("a redirect to another host through a proxy: %v, want ErrBlockedAddress", err)
	}
	if len(asked) != 2 || len(other.Requests()) != 0 {
		t.Errorf("the proxy was asked for %v", asked)
	}
}
