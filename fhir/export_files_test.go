package fhir_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/researchflow/researchflow/fhir"
	"github.com/researchflow/researchflow/internal/fhirtest"
)

// TestExportsOfOneMoment: exports with the same transactionTime in one directory leave each other's files alone.
func TestExportsOfOneMoment(t *testing.T) {
	t.Parallel()
	inBulk(t, fhir.Config{}, fhirtest.ExportBehaviour{}, func(t *testing.T, b *bulk) {
		all, err := b.client.Export(t.Context(), b.cfg)
		b.wantExport(t, all, err)
		b.Configure(func(s *fhirtest.Behaviour) { s.Export.FileLines = 5 })
		again := b.cfg
		again.Store = fhir.FileExportStore(filepath.Join(b.cfg.Dir, "again.json"))
		if _, err := b.client.Export(t.Context(), again); err != nil {
			t.Fatal(err)
		}
		b.wantExport(t, all, nil)
	})
}

func TestHalfFilesOfAKilledProcessGo(t *testing.T) {
	t.Parallel()
	inBulk(t, fhir.Config{}, fhirtest.ExportBehaviour{}, func(t *testing.T, b *bulk) {
		sum := sha256.Sum256([]byte(b.URL() + "/bulkstatus/export-1"))
		left := filepath.Join(b.cfg.Dir, "20260102T030405.678000000Z-"+hex.EncodeToString(sum[:4]), ".part-123")
		if err := os.MkdirAll(filepath.Dir(left), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(left, []byte(`{"resourceType":"Patient"`), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := b.client.Export(t.Context(), b.cfg)
		b.wantExport(t, r, err)
	})
}

func TestDownloadsAreBounded(t *testing.T) {
	t.Parallel()
	inBulk(t, fhir.Config{}, fhirtest.ExportBehaviour{FileLines: 1}, func(t *testing.T, b *bulk) {
		b.cfg.MaxConcurrent = 3
		b.Always(fhirtest.Slow(time.Second).For("bulkfile"))
		r, err := b.client.Export(t.Context(), b.cfg)
		b.wantExport(t, r, err)
		if got := b.MaxInFlight(); got != 3 {
			t.Errorf("%d downloads at a time, want 3", got)
		}
	})
}

func TestFilesOnAnotherHost(t *testing.T) {
	t.Parallel()
	files := fhirtest.New(t)
	files.Always(fhirtest.Answer{Body: `{"resourceType":"Patient","id":"p1"}` + "\n"})
	s := fhirtest.New(t, fhirtest.Patients(1))
	s.Require("secret")
	s.Configure(func(b *fhirtest.Behaviour) {
		b.Export.FileURL = func(url string) string { return strings.Replace(url, s.Host(), files.Host(), 1) }
	})
	c := newClient(t, s.URL(), fhir.Config{Auth: fhir.BearerToken("secret"), AllowedHosts: []string{files.Host()}})
	if _, err := c.Export(t.Context(), fhir.ExportConfig{Dir: t.TempDir(), Patients: true}); err != nil {
		t.Fatalf("Export: %v", err)
	}
	requests := files.Requests()
	if len(requests) != 1 || requests[0].Header.Get("Authorization") != "" {
		t.Errorf("the file host got %d requests, with credentials %q", len(requests), requests[0].Header.Get("Authorization"))
	}
	if got := s.Requests()[0].Path; got != "Patient/$export" {
		t.Errorf("kick-off at %s", got)
	}
}

// TestSignedURLsExpire has a file host that says so as real ones do: S3 and Azure with 403, Google with 400
// (ExpiredToken).
func TestSignedURLsExpire(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 401, 403, 404, 410} {
		files := fhirtest.New(t)
		files.Always(fhirtest.Answer{Body: `{"resourceType":"Patient","id":"p1"}` + "\n"})
		files.Next(fhirtest.Status(status))
		s := fhirtest.New(t, fhirtest.Patients(1))
		s.Configure(func(b *fhirtest.Behaviour) {
			b.Export.FileURL = func(url string) string { return strings.Replace(url, s.Host(), files.Host(), 1) }
		})
		c := newClient(t, s.URL(), fhir.Config{AllowedHosts: []string{files.Host()}})
		if _, err := c.Export(t.Context(), fhir.ExportConfig{Dir: t.TempDir()}); err != nil || len(files.Requests()) != 2 {
			t.Errorf("%d: %v after %d downloads, want the second to do", status, err, len(files.Requests()))
		}
	}
}
