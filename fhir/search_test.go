package fhir_test

import (
	"net/url"
	"testing"

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
