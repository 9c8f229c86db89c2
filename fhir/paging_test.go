package fhir_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/fhir"
	"github.com/researchflow/researchflow/internal/fhirtest"
)

func ptr[T any](v T) *T { return &v }

func TestPaging(t *testing.T) {
	t.Parallel()
	ten := url.Values{"_count": {"10"}}
	tests := []struct {
		name         string
		behaviour    fhirtest.Behaviour
		params       url.Values
		wantRequests int
	}{
		{"plain", fhirtest.Behaviour{}, ten, 4},
		{"relative next link", fhirtest.Behaviour{RelativeNext: true}, ten, 4},
		{"query-only next link", fhirtest.Behaviour{Next: func(next string) string { return next[strings.Index(next, "?"):] }}, ten, 4},
		{"next link with what must be encoded", fhirtest.Behaviour{Next: func(next string) string { return " " + next + "&name=Jean <Müller>\n" }}, ten, 4},
		{"ghost page at the end", fhirtest.Behaviour{GhostPage: true}, ten, 5},
		{"_count clamped by the server", fhirtest.Behaviour{MaxCount: 7}, url.Values{"_count": {"1000"}}, 5},
		{"total too small", fhirtest.Behaviour{Total: ptr(3)}, ten, 4},
		{"total too large", fhirtest.Behaviour{Total: ptr(3_000_000)}, ten, 4},
		{"total 0", fhirtest.Behaviour{Total: ptr(0)}, ten, 4},
		{"no total", fhirtest.Behaviour{Total: ptr(-1)}, ten, 4},
		{"no search.mode", fhirtest.Behaviour{NoMode: true}, ten, 4},
		{"a warning beside the matches", fhirtest.Behaviour{Outcome: "warning"}, ten, 4},
		{"a warning, no search.mode", fhirtest.Behaviour{Outcome: "information", NoMode: true}, ten, 4},
		{"gzip", fhirtest.Behaviour{Gzip: true}, ten, 4},
		{"first page expires once", fhirtest.Behaviour{ExpirePage: 2, ExpireTimes: 1}, ten, 1 + 1 + 4},
		{"last page expires once", fhirtest.Behaviour{ExpirePage: 4, ExpireTimes: 1}, ten, 3 + 1 + 4},
		{"pages expire twice", fhirtest.Behaviour{ExpirePage: 3, ExpireTimes: 2}, ten, 3 + 3 + 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := fhirtest.New(t, fhirtest.Patients(35))
			s.Configure(func(b *fhirtest.Behaviour) { *b = tt.behaviour })
			c := newClient(t, s.URL(), fhir.Config{})
			wantAll(t, c, 35, tt.params)
			if got := len(s.Requests()); got != tt.wantRequests {
				t.Errorf("%d requests, want %d", got, tt.wantRequests)
			}
			for _, r := range s.Requests() {
				if got := r.Query.Get("name"); got != "" && got != "Jean <Müller>" {
					t.Errorf("the server read %q from its link", got)
				}
			}
		})
	}
}

func TestPagingThatFails(t *testing.T) {
	t.Parallel()
	other := fhirtest.New(t, fhirtest.Patients(1))
	swap := func(s string) func(string) string { // replaces scheme, host and port
		return func(next string) string { return s + next[strings.Index(next, "/fhir"):] }
	}
	tests := []struct {
		name      string
		behaviour fhirtest.Behaviour
		cfg       fhir.Config
		want      error
	}{
		{"next leads to itself", fhirtest.Behaviour{NextLoops: "self"}, fhir.Config{}, fhir.ErrPagingLoop},
		{"next leads back", fhirtest.Behaviour{NextLoops: "cycle"}, fhir.Config{}, fhir.ErrPagingLoop},
		{"the same page under new addresses", fhirtest.Behaviour{SamePage: true}, fhir.Config{}, fhir.ErrPagingLoop},
		{"empty pages for ever", fhirtest.Behaviour{EndlessEmpty: true}, fhir.Config{}, fhir.ErrPagingLoop},
		{"too many pages", fhirtest.Behaviour{}, fhir.Config{MaxPages: 3}, fhir.ErrPagingLoop},
		{"another port", fhirtest.Behaviour{Next: swap("http://" + other.Host())}, fhir.Config{}, fhir.ErrForeignOrigin},
		{"another port, allowed for files", fhirtest.Behaviour{Next: swap("http://" + other.Host())}, fhir.Config{AllowedHosts: []string{other.Host()}}, fhir.ErrForeignOrigin},
		{"another host", fhirtest.Behaviour{Next: swap("http://fhir.example.org")}, fhir.Config{}, fhir.ErrForeignOrigin},
		{"another scheme", fhirtest.Behaviour{Next: func(next string) string { return strings.Replace(next, "http:", "https:", 1) }}, fhir.Config{}, fhir.ErrForeignOrigin},
		{"scheme-relative", fhirtest.Behaviour{Next: swap("//" + other.Host())}, fhir.Config{}, fhir.ErrForeignOrigin},
		{"user information", fhirtest.Behaviour{Next: func(next string) string { return strings.Replace(next, "http://", "http://user:pw@", 1) }}, fhir.Config{}, fhir.ErrForeignOrigin},
		{"a host that looks like ours", fhirtest.Behaviour{Next: func(next string) string { return strings.Replace(next, "127.0.0.1", "127.0.0.1.example.org", 1) }}, fhir.Config{}, fhir.ErrForeignOrigin},
		{"file", fhirtest.Behaviour{Next: func(string) string { return "file:///etc/passwd" }}, fhir.Config{}, fhir.ErrForeignOrigin},
		{"no URL", fhirtest.Behaviour{Next: func(string) string { return "http://[::1" }}, fhir.Config{}, fhir.ErrNotFHIR},
		{"an error beside the matches", fhirtest.Behaviour{Outcome: "error"}, fhir.Config{}, fhir.ErrOutcome},
		{"a fatal error beside the matches", fhirtest.Behaviour{Outcome: "fatal", NoMode: true}, fhir.Config{}, fhir.ErrOutcome},
		{"pages expire too often", fhirtest.Behaviour{ExpirePage: 2, ExpireTimes: 3}, fhir.Config{}, fhir.ErrExpired},
		{"pages expire, no restarts", fhirtest.Behaviour{ExpirePage: 2, ExpireTimes: 1}, fhir.Config{MaxRestarts: -1}, fhir.ErrExpired},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := fhirtest.New(t, fhirtest.Patients(35))
			s.Configure(func(b *fhirtest.Behaviour) { *b = tt.behaviour })
			tt.cfg.Auth = fhir.BearerToken("secret")
			c := newClient(t, s.URL(), tt.cfg)
			_, err := patients(t, c.Search(t.Context(), "Patient", url.Values{"_count": {"10"}}))
			if !errors.Is(err, tt.want) {
				t.Errorf("Search: %v, want %v", err, tt.want)
			}
			if _, ok := errors.AsType[*fhir.Error](err); !ok {
				t.Errorf("Search: %T, want *fhir.Error", err)
			}
			if got := len(s.Requests()); got > 60 {
				t.Errorf("%d requests", got)
			}
		})
	}
	t.Cleanup(func() {
		if got := other.Requests(); len(got) != 0 {
			t.Errorf("the foreign server was asked: %v", got)
		}
	})
}

func TestRestartMeetsChangedData(t *testing.T) {
	t.Parallel()
	newVersion := json.RawMessage(`{"resourceType":"Patient","id":"p3","meta":{"versionId":"2"},"gender":"male"}`)
	added := json.RawMessage(`{"resourceType":"Patient","id":"p36","meta":{"versionId":"1"},"gender":"male"}`)
	tests := []struct {
		name string
		put  json.RawMessage
		want error
		n    int
	}{
		{"another version of what was yielded", newVersion, fhir.ErrChanged, 0},
		{"a new resource", added, nil, 36},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := fhirtest.New(t, fhirtest.Patients(35))
			s.Configure(func(b *fhirtest.Behaviour) {
				b.ExpirePage, b.ExpireTimes = 3, 1
				b.OnExpire = func() { s.Put(tt.put) }
			})
			c := newClient(t, s.URL(), fhir.Config{PageSize: 10})
			got, err := patients(t, c.Search(t.Context(), "Patient", nil))
			if !errors.Is(err, tt.want) || (err == nil && len(got) != tt.n) {
				t.Errorf("Search: %d patients, %v, want %d, %v", len(got), err, tt.n, tt.want)
			}
		})
	}
}

func TestIncludedResources(t *testing.T) {
	t.Parallel()
	s := fhirtest.New(t, fhirtest.Patients(3))
	s.Configure(func(b *fhirtest.Behaviour) {
		b.Outcome = "warning"
		b.Included = []json.RawMessage{
			json.RawMessage(`{"resourceType":"Practitioner","id":"dr"}`), json.RawMessage(`{"resourceType":"Patient","id":"linked"}`),
		}
	})
	c := newClient(t, s.URL(), fhir.Config{})
	got, err := patients(t, c.Search(t.Context(), "Patient", nil))
	if diff := cmp.Diff([]string{"p1", "p2", "p3", "dr", "linked"}, got); diff != "" || err != nil {
		t.Errorf("Search: %v (-want +got):\n%s", err, diff)
	}
	got, err = patients(t, c.Resources(t.Context(), "Patient", nil))
	if diff := cmp.Diff([]string{"p1", "p2", "p3"}, got); diff != "" || err != nil {
		t.Errorf("Resources: %v (-want +got):\n%s", err, diff)
	}
}

func TestSearchPages(t *testing.T) {
	t.Parallel()
	s := fhirtest.New(t, fhirtest.Patients(25))
	c := newClient(t, s.URL(), fhir.Config{PageSize: 10})
	n := 0
	for page, err := range c.SearchPages(t.Context(), "Patient", nil) {
		if err != nil {
			t.Fatalf("SearchPages: %v", err)
		}
		var b struct {
			ResourceType string
			Entry        []any
		}
		if err := json.Unmarshal(page, &b); err != nil || b.ResourceType != "Bundle" {
			t.Errorf("page %d: %v %s", n, err, b.ResourceType)
		}
		n++
	}
	if n != 3 {
		t.Errorf("%d pages, want 3", n)
	}
	s.Configure(func(b *fhirtest.Behaviour) { b.ExpirePage, b.ExpireTimes = 2, 1 })
	var last error
	for _, err := range c.SearchPages(t.Context(), "Patient", nil) {
		last = err
	}
	if !errors.Is(last, fhir.ErrExpired) || !errors.Is(last, fhir.ErrGone) {
		t.Errorf("SearchPages with expired pages: %v, want ErrExpired", last)
	}
}

func TestNextPageIsFetchedMeanwhile(t *testing.T) {
	t.Parallel()
	piped(t, fhir.Config{PageSize: 1}, func(t *testing.T, s *fhirtest.Pipe, c *fhir.Client) {
		n := 0
		for _, err := range c.Search(t.Context(), "Patient", nil) {
			if err != nil {
				t.Fatal(err)
			}
			n++
			synctest.Wait()
			if got, want := len(s.Requests()), min(n+1, 4); got != want {
				t.Errorf("while patient %d is consumed: %d requests, want %d", n, got, want)
			}
		}
	}, fhirtest.Patients(4))
}

func TestBreakingOutEndsTheRequests(t *testing.T) {
	t.Parallel()
	piped(t, fhir.Config{PageSize: 10}, func(t *testing.T, s *fhirtest.Pipe, c *fhir.Client) {
		stall := fhirtest.StallHeader()
		stall.Match = func(r *http.Request) bool { return r.URL.Query().Has("_getpages") }
		s.Always(stall)
		for _, err := range c.Search(t.Context(), "Patient", nil) {
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // the next page is being fetched
			break
		}
		synctest.Wait() // the bubble would report what is left
	}, fhirtest.Patients(35))
}

func TestSearchOfNothing(t *testing.T) {
	t.Parallel()
	s := fhirtest.New(t)
	c := newClient(t, s.URL(), fhir.Config{})
	if got, err := patients(t, c.Search(t.Context(), "Patient", nil)); err != nil || len(got) != 0 {
		t.Errorf("Search: %v, %v, want nothing", got, err)
	}
	for _, resourceType := range []string{"", "patient", "Patient/1", "Patient?x", "../admin", "$export"} {
		_, err := patients(t, c.Search(t.Context(), resourceType, nil))
		if !errors.Is(err, fhir.ErrRejected) || (resourceType != "" && strings.Contains(err.Error(), resourceType)) {
			t.Errorf("Search(%q): %v, want ErrRejected", resourceType, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := patients(t, c.Search(ended, "Patient", nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("Search with an ended context: %v", err)
	}
	if got := len(s.Requests()); got != 1 {
		t.Errorf("%d requests, want 1", got)
	}
}

func TestYieldedResourcesStayAsTheyWere(t *testing.T) {
	t.Parallel()
	s := fhirtest.New(t, fhirtest.Patients(50))
	c := newClient(t, s.URL(), fhir.Config{PageSize: 5})
	var kept []json.RawMessage
	for raw, err := range c.Search(t.Context(), "Patient", nil) {
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, raw)
		_ = append(raw, "overwritten?"...) // must not reach the neighbour
	}
	for i, raw := range kept {
		want := fmt.Sprintf(`{"resourceType":"Patient","id":"p%d","meta":{"versionId":"1"},"gender":%q}`, i+1, []string{"male", "female"}[(i+1)%2])
		if string(raw) != want {
			t.Errorf("patient %d: %s, want %s", i, raw, want)
		}
	}
}
