package fhir_test

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/researchflow/researchflow/fhir"
	"github.com/researchflow/researchflow/internal/fhirtest"
)

func TestBodyLimits(t *testing.T) {
	t.Parallel()
	big := func(n int) string {
		return `{"resourceType":"Patient","id":"p1","x":"` + strings.Repeat("x", n-43) + `"}`
	}
	tests := []struct {
		name   string
		answer fhirtest.Answer
		cfg    fhir.Config
		want   error
	}{
		{"just within", fhirtest.JSON(big(1000)), fhir.Config{MaxBodyBytes: 1000}, nil},
		{"one byte more", fhirtest.JSON(big(1001)), fhir.Config{MaxBodyBytes: 1000}, fhir.ErrTooLarge},
		{"without a length", fhirtest.Chunked(big(100_000)), fhir.Config{MaxBodyBytes: 1000}, fhir.ErrTooLarge},
		{"compressed, within", gzipAnswer(big(1000)), fhir.Config{MaxBodyBytes: 1000}, nil},
		{"compressed, one byte more", gzipAnswer(big(1001)), fhir.Config{MaxBodyBytes: 1000}, fhir.ErrTooLarge},
		{"compressed beyond the ratio", gzipAnswer(big(4 << 20)), fhir.Config{}, fhir.ErrTooLarge},
		{"the ratio is the host's to set", gzipAnswer(big(4 << 20)), fhir.Config{MaxCompressionRatio: 2000}, nil},
		{"a high ratio of little", gzipAnswer(big(1 << 19)), fhir.Config{}, nil},
		{"deep", fhirtest.Deep(9000), fhir.Config{}, fhir.ErrTooLarge},
		{"no gzip", fhirtest.Answer{Header: http.Header{"Content-Encoding": {"gzip"}}, Body: "{}{}{}{}{}{}{}"}, fhir.Config{MaxRetries: -1}, fhir.ErrTruncated},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := fhirtest.New(t)
			s.Always(tt.answer)
			c := newClient(t, s.URL(), tt.cfg)
			_, err := c.Read(t.Context(), "Patient", "p1")
			if !errors.Is(err, tt.want) {
				t.Errorf("Read: %v, want %v", err, tt.want)
			}
		})
	}
}

func gzipAnswer(body string) fhirtest.Answer {
	return fhirtest.Answer{Header: http.Header{"Content-Encoding": {"gzip"}}, Body: gzipped(body)}
}

// Not parallel: it measures the memory that the process allocates.
func TestBombCostsLittleMemory(t *testing.T) {
	s := fhirtest.New(t)
	s.Always(fhirtest.Bomb(1 << 30)) // 1 MB that unpacks to 1 GB
	c := newClient(t, s.URL(), fhir.Config{})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := c.Read(t.Context(), "Patient", "p1"); !errors.Is(err, fhir.ErrTooLarge) {
		t.Errorf("Read: %v, want ErrTooLarge", err)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 64<<20 {
		t.Errorf("%d bytes allocated for a bomb", got)
	}
}

func TestManyIssues(t *testing.T) {
	t.Parallel()
	s := fhirtest.New(t)
	issue := `{"severity":"error","code":"invalid"},{"severity":"error","code":"required","diagnostics":"HAPI-1 x"},`
	s.Always(fhirtest.Answer{Status: 400, Body: `{"resourceType":"OperationOutcome","issue":[` + strings.Repeat(issue, 5000) + `{}]}`})
	c := newClient(t, s.URL(), fhir.Config{})
	_, err := c.Read(t.Context(), "Patient", "p1")
	var e *fhir.Error
	if !errors.As(err, &e) || e.Outcome == nil || len(e.Outcome.Issues) != 100 || len(err.Error()) > 200 {
		t.Errorf("Read: %v", err)
	}
}

func TestMalformedOutcomes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		body string
		want string // of the outcome; "-": none
	}{
		{``, "-"},
		{`{`, "-"},
		{`[]`, "-"},
		{`"x"`, "-"},
		{`{}`, "-"},
		{`{"resourceType":"Patient","issue":[{"severity":"error"}]}`, "-"},
		{`{"resourceType":"OperationOutcome"}`, ""},
		{`{"resourceType":"OperationOutcome","issue":null}`, ""},
		{`{"resourceType":"OperationOutcome","issue":{}}`, "-"},
		{`{"resourceType":"OperationOutcome","issue":[1,"x",null]}`, "unknown unknown"},
		{`{"issue":[{"severity":"error","code":"throttled"}]}`, "error throttled"}, // without resourceType, as one server did
		{`{"resourceType":"OperationOutcome","issue":[{"severity":7,"code":"CANARY","diagnostics":{"x":1},"details":"CANARY","expression":"x"}]}`, "unknown unknown"},
		{`{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"invalid","diagnostics":"HAPI-0513: CANARY"}]}`, "error invalid HAPI-0513"},
		{`{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"invalid","diagnostics":"HAPI-CANARY"}]}`, "error invalid"},
	}
	for i, tt := range tests {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			s := fhirtest.New(t)
			s.Always(fhirtest.Answer{Status: 422, Body: tt.body})
			c := newClient(t, s.URL(), fhir.Config{})
			_, err := c.Read(t.Context(), "Patient", "p1")
			var e *fhir.Error
			if !errors.As(err, &e) || !errors.Is(err, fhir.ErrRejected) || e.Status != 422 {
				t.Fatalf("Read: %v, want ErrRejected", err)
			}
			got := "-"
			if e.Outcome != nil {
				got = e.Outcome.String()
			}
			if got != tt.want {
				t.Errorf("outcome %q, want %q", got, tt.want)
			}
			if strings.Contains(err.Error(), "CANARY") {
				t.Errorf("the error quotes the server: %v", err)
			}
		})
	}
}
