package fhir_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/fhir"
	"github.com/researchflow/researchflow/internal/fhirtest"
)

func TestNewClientRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		base string
		cfg  fhir.Config
		want string
	}{
		{"", fhir.Config{}, "fhir: base URL is not an absolute http or https URL"},
		{"https://a:b@h", fhir.Config{}, "fhir: base URL contains user information; use Config.Auth"},
		{"https://h", fhir.Config{MaxPages: -1}, "fhir: config: MaxPages is negative"},
		{"https://h", fhir.Config{IdleTimeout: -1}, "fhir: config: IdleTimeout is negative"},
	}
	for _, tt := range tests {
		if _, err := fhir.NewClient(tt.base, tt.cfg); err == nil || err.Error() != tt.want {
			t.Errorf("NewClient(%q): %v, want %s", tt.base, err, tt.want)
		}
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	s := fhirtest.New(t, fhirtest.Patients(2))
	c := newClient(t, s.URL()+"/", fhir.Config{})
	if got := c.BaseURL(); got != s.URL() {
		t.Errorf("BaseURL() = %q, want %q", got, s.URL())
	}
	tests := []struct {
		resourceType, id string
		want             string
		err              error
	}{
		{"Patient", "p2", `{"resourceType":"Patient","id":"p2","meta":{"versionId":"1"},"gender":"male"}`, nil},
		{"Patient", "p3", "", fhir.ErrNotFound},
		{"Condition", "p1", "", fhir.ErrNotFound},
		{"Patient", "", "", fhir.ErrRejected},
		{"Patient", "..", "", fhir.ErrRejected},
		{"Patient", "p1/_history", "", fhir.ErrRejected},
		{"Patient", "p1?x", "", fhir.ErrRejected},
		{"Patient", strings.Repeat("a", 65), "", fhir.ErrRejected},
		{"patient", "p1", "", fhir.ErrRejected},
		{"", "p1", "", fhir.ErrRejected},
	}
	for _, tt := range tests {
		got, err := c.Read(t.Context(), tt.resourceType, tt.id)
		if string(got) != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("Read(%s, %s) = %s, %v, want %s, %v", tt.resourceType, tt.id, got, err, tt.want, tt.err)
		}
	}
	if got := len(s.Requests()); got != 3 {
		t.Errorf("%d requests, want 3: what is wrong is not sent", got)
	}
	for _, body := range []string{`{"resourceType":"Patient","id":"p1"}`, `{"resourceType":"Person","id":"p2"}`, `{"id":"p2"}`} {
		s.Next(fhirtest.JSON(body))
		if _, err := c.Read(t.Context(), "Patient", "p2"); !errors.Is(err, fhir.ErrNotFHIR) {
			t.Errorf("Read answered with %s: %v, want ErrNotFHIR", body, err)
		}
	}
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	s := fhirtest.New(t)
	c := newClient(t, s.URL(), fhir.Config{})
	got, err := c.Metadata(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.FHIRVersion != "4.0.1" || got.Software != "fhirtest 1" || len(got.Raw) == 0 {
		t.Errorf("Metadata = %q, %q", got.FHIRVersion, got.Software)
	}
	for _, tt := range []struct {
		resourceType, interaction string
		want                      bool
	}{{"Patient", "read", true}, {"Patient", "search-type", true}, {"Patient", "delete", false}, {"Condition", "read", false}} {
		if got := got.Supports(tt.resourceType, tt.interaction); got != tt.want {
			t.Errorf("Supports(%s, %s) = %v, want %v", tt.resourceType, tt.interaction, got, tt.want)
		}
	}
	if diff := cmp.Diff([]string{"export"}, got.Rest[0].Operations); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
	for _, body := range []string{`{"resourceType":"Patient"}`, `{"resourceType":"CapabilityStatement","rest":7}`} {
		s.Next(fhirtest.JSON(body))
		if _, err := c.Metadata(t.Context()); !errors.Is(err, fhir.ErrNotFHIR) {
			t.Errorf("Metadata answered with %s: %v, want ErrNotFHIR", body, err)
		}
	}
}

func TestUnreachableServer(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	c := newClient(t, "http://"+address, fhir.Config{MaxRetries: 2})
	_, err = c.Metadata(t.Context())
	want := "fhir: GET metadata: connection failed: dial tcp " + address + ": connect: connection refused after 3 attempts"
	if !errors.Is(err, fhir.ErrConnection) || err.Error() != want {
		t.Errorf("Metadata: %v, want %s", err, want)
	}
}

func TestSpellingsOfTheHost(t *testing.T) {
	t.Parallel()
	s := fhirtest.New(t, fhirtest.Patients(1))
	for _, host := range []string{"localhost", "LocalHost"} {
		c := newClient(t, strings.Replace(s.URL(), "127.0.0.1", host, 1), fhir.Config{})
		if _, err := c.Read(t.Context(), "Patient", "p1"); err != nil {
			t.Errorf("base URL with %s: %v", host, err)
		}
	}
}

// TestClientIsShared uses one client from many goroutines while the server misbehaves, for the race detector.
func TestClientIsShared(t *testing.T) {
	t.Parallel()
	s := fhirtest.New(t, fhirtest.Patients(40))
	s.HTTPServer().Config.ErrorLog = quiet()
	c := newClient(t, s.URL(), fhir.Config{PageSize: 7, MaxConcurrent: 4, MaxRetries: 30})
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(1, uint64(w)))
			for range 15 {
				switch rnd.IntN(6) {
				case 0:
					s.Next(fhirtest.Reset(), fhirtest.CutSilently(20))
				case 1:
					s.Next(fhirtest.Busy(503, "0"))
				case 2:
					if _, err := c.Read(t.Context(), "Patient", fmt.Sprintf("p%d", 1+rnd.IntN(40))); err != nil {
						t.Errorf("Read: %v", err)
					}
				case 3:
					ctx, cancel := context.WithCancel(t.Context())
					go cancel()
					if _, err := patients(t, c.Resources(ctx, "Patient", nil)); err != nil && !errors.Is(err, context.Canceled) {
						t.Errorf("Resources: %v", err)
					}
				case 4:
					for _, err := range c.Search(t.Context(), "Patient", nil) {
						if err != nil {
							t.Errorf("Search: %v", err)
						}
						break
					}
				default:
					wantAll(t, c, 40, nil)
				}
			}
		})
	}
	wg.Wait()
}
