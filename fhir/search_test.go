package fhir_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/fhir"
	"github.com/researchflow/researchflow/internal/fhirtest"
)

func TestSearchReadsEveryPage(t *testing.T) {
	t.Parallel()
	s := fhirtest.New(t, fhirtest.Patients(95))
	c := newClient(t, s.URL(), fhir.Config{})
	wantAll(t, c, 95, url.Values{"_count": {"10"}})
	wantAll(t, c, 95, nil)
	if got := len(s.Requests()); got != 11 {
		t.Errorf("%d requests, want 10 + 1", got)
	}
}

// TestFaultyResourcesAreHandedOut: what is wrong inside of one resource is for its reader to find, who may go on with
// the next; the page is as good as it was.
func TestFaultyResourcesAreHandedOut(t *testing.T) {
	t.Parallel()
	want := []string{
		`{"resourceType":"Patient","id":"a","gender":"male","gender":"female"}`,
		`{"id":"b"}`,
		`{"resourceType":"Patient","id":"c"}`,
	}
	s := fhirtest.New(t)
	s.Always(fhirtest.JSON(`{"resourceType":"Bundle","entry":[{"resource":` + strings.Join(want, `},{"resource":`) +
		`},{"resource":{"resourceType":"Organization","id":"d"},"search":{"mode":"include"}}]}`))
	c := newClient(t, s.URL(), fhir.Config{})
	var got []string
	for raw, err := range c.Resources(t.Context(), "Patient", nil) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(raw))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("resources (-want +got):\n%s", diff)
	}
}

func TestByteOrderMark(t *testing.T) {
	t.Parallel()
	const bom = "\ufeff"
	s := fhirtest.New(t)
	c := newClient(t, s.URL(), fhir.Config{})
	s.Next(fhirtest.JSON(bom+`{"resourceType":"Patient","id":"p1"}`), fhirtest.Answer{Status: 404, Body: bom + `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"not-found"}]}`})
	if raw, err := c.Read(t.Context(), "Patient", "p1"); err != nil || string(raw) != `{"resourceType":"Patient","id":"p1"}` {
		t.Errorf("Read: %s, %v", raw, err)
	}
	_, err := c.Read(t.Context(), "Patient", "p1")
	var e *fhir.Error
	if !errors.As(err, &e) || e.Outcome == nil {
		t.Errorf("Read: %v, want an error with the outcome", err)
	}
}
