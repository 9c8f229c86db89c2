package fhir_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/fhir"
	"github.com/researchflow/researchflow/internal/fhirtest"
	"github.com/researchflow/researchflow/internal/testdata"
)

func fixture(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(testdata.Shared(t, "server-fixtures"), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var nextLink = regexp.MustCompile(`"relation":\s*"next",\s*"url":\s*"(https?://[^/"]+)([^"]*)"|"url":\s*"(https?://[^/"]+)([^"]*)",\s*"relation":\s*"next"`)

// TestRecordedPages reads pages that servers and the specification have published. Their next links lead to where they
// were recorded: left as they are they must be refused, and with our server's origin in place they are followed.
func TestRecordedPages(t *testing.T) {
	t.Parallel()
	tests := []struct {
		file         string
		resourceType string
		all          int // matches and included
		ofType       int
		next         bool
	}{
		{"gcp-searchset-next.json", "Patient", 10, 10, true},
		{"gcp-searchset-empty.json", "Patient", 0, 0, false},
		{"openmrs-hapi-searchset-next.json", "Patient", 1, 1, true},
		{"openmrs-hapi-searchset-last.json", "Observation", 6, 6, false},
		{"openmrs-hapi-searchset-relative.json", "Observation", 2, 1, true},
		{"hl7-searchset-next.json", "MedicationRequest", 2, 1, true},
		{"hl7-searchset-outcome-warning.json", "Observation", 0, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			page := fixture(t, tt.file)
			s := fhirtest.New(t)
			c := newClient(t, s.URL(), fhir.Config{})
			link := nextLink.FindStringSubmatch(page)
			if (link != nil) != tt.next {
				t.Fatalf("next link: %q", link)
			}
			const last = `{"resourceType":"Bundle","type":"searchset"}`
			if tt.next {
				s.Next(fhirtest.JSON(page))
				if _, err := patients(t, c.Search(t.Context(), tt.resourceType, nil)); !errors.Is(err, fhir.ErrForeignOrigin) {
					t.Errorf("Search with the recorded next link: %v, want ErrForeignOrigin", err)
				}
				page = strings.ReplaceAll(page, link[1]+link[3], "http://"+s.Host())
			}
			for ofType, want := range map[bool]int{false: tt.all, true: tt.ofType} {
				s.Next(fhirtest.JSON(page), fhirtest.JSON(last))
				seq := c.Search(t.Context(), tt.resourceType, nil)
				if ofType {
					seq = c.Resources(t.Context(), tt.resourceType, nil)
				}
				got, err := patients(t, seq)
				if err != nil || len(got) != want {
					t.Errorf("of the type only %v: %d resources, %v, want %d", ofType, len(got), err, want)
				}
				if !tt.next { // the answer for the next page was not used
					_, _ = c.Read(t.Context(), "Patient", "x")
				}
			}
			if tt.next {
				requests := s.Requests()
				var text string
				if err := json.Unmarshal([]byte(`"`+link[2]+link[4]+`"`), &text); err != nil {
					t.Fatal(err)
				}
				want, err := url.Parse(text)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want.Query(), requests[len(requests)-1].Query); diff != "" {
					t.Errorf("query of the next page (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestRecordedOutcomes(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"gateway-operationoutcome-error.json":       "error exception",
		"hl7-operationoutcome-searchfail.json":      "fatal code-invalid",
		"hl7-operationoutcome-exception.json":       "error exception",
		"hl7-operationoutcome-validationfail.json":  "error structure",
		"hl7-operationoutcome-break-the-glass.json": "information suppressed",
		"hl7-operationoutcome-allok.json":           "information informational",
	} {
		s := fhirtest.New(t)
		c := newClient(t, s.URL(), fhir.Config{})
		s.Always(fhirtest.Answer{Status: 400, Body: fixture(t, file)})
		_, err := c.Read(t.Context(), "Patient", "x")
		var e *fhir.Error
		if !errors.As(err, &e) || e.Outcome == nil || e.Outcome.String() != want {
			t.Errorf("%s: %v, want %s", file, err, want)
		}
	}
}

// TestKindsOfOutcomes answers with status 200 and an OperationOutcome, whose code then decides the kind of failure.
func TestKindsOfOutcomes(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]error{
		"not-found": fhir.ErrNotFound, "deleted": fhir.ErrGone, "throttled": fhir.ErrThrottled, "login": fhir.ErrUnauthorized,
		"suppressed": fhir.ErrForbidden, "timeout": fhir.ErrUnavailable, "incomplete": fhir.ErrUnavailable, "invalid": fhir.ErrRejected,
	} {
		s := fhirtest.New(t)
		s.Always(fhirtest.Outcome(200, code, ""))
		_, err := newClient(t, s.URL(), fhir.Config{MaxRetries: -1}).Read(t.Context(), "Patient", "x")
		if !errors.Is(err, want) || !errors.Is(err, fhir.ErrOutcome) {
			t.Errorf("Read answered with %s: %v, want %v", code, err, want)
		}
	}
}

func TestRecordedCapabilities(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"gateway-capability.json": "4.0.1", "crucible-r4-capabilitystatement.json": "4.0.0",
	} {
		s := fhirtest.New(t)
		c := newClient(t, s.URL(), fhir.Config{})
		s.Always(fhirtest.JSON(fixture(t, file)))
		got, err := c.Metadata(t.Context())
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		var raw struct{ FHIRVersion string }
		if err := json.Unmarshal(got.Raw, &raw); err != nil || raw.FHIRVersion != got.FHIRVersion || got.FHIRVersion != want {
			t.Errorf("%s: FHIR version %q, want %q", file, got.FHIRVersion, want)
		}
	}
}

// TestSmallData searches the shared data set, page by page, and compares with the files.
func TestSmallData(t *testing.T) {
	t.Parallel()
	dir := testdata.Shared(t, "data", "small")
	s := fhirtest.New(t, fhirtest.Dir(dir))
	c := newClient(t, s.URL(), fhir.Config{PageSize: 100})
	for _, resourceType := range []string{"Patient", "Condition", "Encounter"} {
		b, err := os.ReadFile(filepath.Join(dir, resourceType+".ndjson"))
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Split(strings.TrimSpace(string(b)), "\n")
		var got []string
		for raw, err := range c.Resources(t.Context(), resourceType, nil) {
			if err != nil {
				t.Fatalf("%s: %v", resourceType, err)
			}
			got = append(got, string(raw))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: the resources are not those of the file, byte by byte", resourceType)
		}
	}
}

func TestRecordedManifest(t *testing.T) {
	t.Parallel()
	s := fhirtest.New(t)
	page := strings.ReplaceAll(fixture(t, "bulk-export-manifest.json"), "https://example.com", "http://"+s.Host())
	s.Always(fhirtest.Answer{}.With(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "$export"):
			w.Header().Set("Content-Location", "/fhir/status")
			w.WriteHeader(http.StatusAccepted)
		case r.URL.Path == "/fhir/status":
			io.WriteString(w, page)
		case strings.Contains(r.URL.Path, "patient_file_1"):
			io.WriteString(w, `{"resourceType":"Patient","id":"a"}`) // no line feed at the end
		case strings.Contains(r.URL.Path, "patient_file_2"):
			io.WriteString(w, "{\"resourceType\":\"Patient\",\"id\":\"b\"}\r\n\r\n")
		case strings.Contains(r.URL.Path, "del_file"):
			io.WriteString(w, `{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"Patient/c"}}]}`)
		case strings.Contains(r.URL.Path, "err_file"):
			io.WriteString(w, `{"resourceType":"OperationOutcome","issue":[{"severity":"warning","code":"incomplete"}]}`)
		}
	}))
	c := newClient(t, s.URL(), fhir.Config{})
	r, err := c.Export(t.Context(), fhir.ExportConfig{Dir: t.TempDir()})
	if err != nil {
		t.Fatalf("Export: %v", err)
	}
	ids, err := patients(t, r.Resources(t.Context(), "Patient", nil))
	if diff := cmp.Diff([]string{"a", "b"}, ids); diff != "" || err != nil {
		t.Errorf("Resources: %v (-want +got):\n%s", err, diff)
	}
	if len(r.Files) != 5 || len(r.Outcomes) != 1 || r.Outcomes[0].String() != "warning incomplete" {
		t.Errorf("result: %d files, %v", len(r.Files), r.Outcomes)
	}
}
