package fhir_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"iter"
	"log"
	"net/url"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/researchflow/researchflow/fhir"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// quick makes retries take no time.
func quick(cfg fhir.Config) fhir.Config {
	if cfg.MinBackoff == 0 {
		cfg.MinBackoff, cfg.MaxBackoff = time.Microsecond, time.Millisecond
	}
	if cfg.MaxRetryAfter == 0 {
		cfg.MaxRetryAfter = time.Millisecond
	}
	return cfg
}

func newClient(t *testing.T, baseURL string, cfg fhir.Config) *fhir.Client {
	t.Helper()
	c, err := fhir.NewClient(baseURL, quick(cfg))
	if err != nil {
		t.Fatalf("NewClient: %v", err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// patients collects the ids of a sequence, until its error.
func patients(t *testing.T, seq iter.Seq2[json.RawMessage, error]) (ids []string, err error) {
	t.Helper()
	for raw, err := range seq {
		if err != nil {
			return ids, err
		}
		var r struct{ ID string }
		if err := json.Unmarshal(raw, &r); err != nil {
			t.Errorf("a resource that is not JSON: %v", err)
		}
		ids = append(ids, r.ID)
	}
	return ids, nil
}

// wantAll checks that a search yields each of the patients p1 to pn once.
func wantAll(t *testing.T, c *fhir.Client, n int, params url.Values) {
	t.Helper()
	got, err := patients(t, c.Search(t.Context(), "Patient", params))
	if err != nil {
		t.Errorf("Search: %v", err)
	}
	seen := make(map[string]bool)
	for _, id := range got {
		if seen[id] {
			t.Errorf("Patient/%s was yielded twice", id)
		}
		seen[id] = true
	}
	if len(seen) != n {
		t.Errorf("%d patients, want %d", len(seen), n)
	}
}

func contextWithTimeout(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), d)
}

func gzipped(s string) string {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	z.Write([]byte(s))
	z.Close()
	return buf.String()
}

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
