package fhir_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/researchflow/researchflow/fhir"
	"github.com/researchflow/researchflow/internal/fhirtest"
)

// TestCanaries puts marked strings wherever patient data and secrets can be, lets every fault happen, and looks for
// them in everything that a host may print.
func TestCanaries(t *testing.T) {
	t.Parallel()
	const canary = "CANARY"
	faults := map[string]fhirtest.Answer{
		"400":                  fhirtest.Outcome(400, canary, "name "+canary+" is wrong"),
		"401":                  fhirtest.Outcome(401, "login", canary),
		"404":                  fhirtest.Outcome(404, "not-found", canary),
		"410":                  fhirtest.Outcome(410, "deleted", canary),
		"501":                  fhirtest.Outcome(501, "not-supported", canary),
		"200 outcome":          fhirtest.Outcome(200, "invalid", canary),
		"HTML with data":       {Header: http.Header{"Content-Type": {"text/html"}}, Body: "<html>" + canary},
		"JSON with data":       fhirtest.JSON(`{"` + canary + `":"` + canary + `"}`),
		"broken JSON":          fhirtest.JSON(`{"resourceType":"Bundle",` + canary + `}`),
		"broken string":        fhirtest.JSON(`{"resourceType":"Bundle","` + canary + `":"` + canary + `\x"}`),
		"duplicate member":     fhirtest.JSON(`{"resourceType":"Bundle","` + canary + `":1,"entry":[],"entry":[]}`),
		"other type":           fhirtest.JSON(`{"resourceType":"` + canary + `"}`),
		"cut":                  fhirtest.JSON(`{"resourceType":"Bundle","entry":[{"resource":{"name":"` + canary),
		"status line":          fhirtest.Garbage("HTTP/1.1 " + canary + "\r\n\r\n"),
		"no HTTP":              fhirtest.Garbage(canary + "\r\n\r\n"),
		"bad header":           fhirtest.Garbage("HTTP/1.1 200 OK\r\n" + canary + "\r\n\r\n"),
		"bad length":           fhirtest.Garbage("HTTP/1.1 200 OK\r\nContent-Length: " + canary + "\r\n\r\n"),
		"bad coding":           fhirtest.Garbage("HTTP/1.1 200 OK\r\nTransfer-Encoding: " + canary + "\r\n\r\n"),
		"bad chunk":            fhirtest.Garbage("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + canary + "\r\n"),
		"unknown coding":       {Header: http.Header{"Content-Encoding": {canary}}},
		"Retry-After":          fhirtest.Busy(429, canary),
		"reset":                fhirtest.Reset(),
		"redirect to a host":   fhirtest.Redirect("http://" + canary + ".invalid/"),
		"redirect to nonsense": fhirtest.Redirect("http://[" + canary),
		"redirect to a port":   fhirtest.Redirect("http://x:" + canary + "/"),
		"redirect to a scheme": fhirtest.Redirect(canary + ":x"),
		"redirect with a user": fhirtest.Redirect("http://" + canary + ":" + canary + "@x/"),
		"next elsewhere":       fhirtest.JSON(`{"resourceType":"Bundle","link":[{"relation":"next","url":"http://` + canary + `.invalid/?` + canary + `"}]}`),
		"next is nonsense":     fhirtest.JSON(`{"resourceType":"Bundle","link":[{"relation":"next","url":"http://x:` + canary + `/"}]}`),
		"next is the same":     fhirtest.JSON(`{"resourceType":"Bundle","link":[{"relation":"next","url":"?` + canary + `"}]}`),
		"outcome entry":        fhirtest.JSON(`{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"invalid","diagnostics":"` + canary + `"}]},"search":{"mode":"outcome"}}]}`),
		"warning entry":        fhirtest.JSON(`{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"OperationOutcome","id":"` + canary + `","issue":[{"severity":"warning","code":"` + canary + `","diagnostics":"` + canary + `"}]},"search":{"mode":"outcome"}}]}`),
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			s := fhirtest.New(t)
			s.HTTPServer().Config.ErrorLog = quiet()
			s.Always(fault)
			cfg := fhir.Config{
				Auth: fhir.BearerToken(canary), MaxRetries: 1, HeaderTimeout: 10 * time.Second,
				Logger: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
			}
			c := newClient(t, s.URL(), cfg)
			_, searchErr := patients(t, c.Search(t.Context(), "Patient", url.Values{"name": {canary}}))
			_, readErr := c.Read(t.Context(), "Patient", "p1")
			_, metaErr := c.Metadata(t.Context())
			for _, err := range []error{searchErr, readErr, metaErr} {
				if err == nil {
					continue
				}
				cfg.Logger.Error("failed", "error", err)
				encoded, _ := json.Marshal(err)
				for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), string(encoded), fmt.Sprint(errors.Unwrap(err))} {
					if strings.Contains(strings.ToUpper(text), canary) {
						t.Errorf("an error holds data: %s", text)
					}
				}
			}
			if strings.Contains(strings.ToUpper(log.String()), canary) || strings.Contains(log.String(), "?") {
				t.Errorf("the log holds data or a query:\n%s", &log)
			}
			if searchErr == nil && name != "warning entry" {
				t.Errorf("Search succeeded")
			}
		})
	}
}

func TestDiagnosticsCanBeRead(t *testing.T) {
	t.Parallel()
	s := fhirtest.New(t)
	c := newClient(t, s.URL(), fhir.Config{})
	s.Always(fhirtest.Answer{Status: 422, Body: `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"value",` +
		`"details":{"text":"bad date"},"diagnostics":"not a date: 2026-99-99","expression":["Patient.birthDate"]}]}`})
	_, err := c.Read(t.Context(), "Patient", "p1")
	var e *fhir.Error
	if !errors.As(err, &e) || e.Outcome == nil || len(e.Outcome.Issues) != 1 {
		t.Fatalf("Read: %v", err)
	}
	issue := e.Outcome.Issues[0]
	if issue.Diagnostics() != "not a date: 2026-99-99" || issue.Text() != "bad date" || fmt.Sprint(issue.Expression()) != "[Patient.birthDate]" {
		t.Errorf("issue = %q, %q, %v", issue.Diagnostics(), issue.Text(), issue.Expression())
	}
	if got, want := err.Error(), "fhir: GET Patient/p1: status 422: request rejected (error value)"; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
}

func TestCredentialsAreNotPrinted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, auth, c, services := smart(t, "ES384", `300`, nil)
		mustRead(t, c)
		for name, a := range map[string]fhir.Auth{
			"token1":               services,
			"CANARY":               fhir.BearerToken("CANARY"),
			"Y2FuYXJ5OnNlY3JldA==": fhir.BasicAuth("canary", "secret"),
			"CANARY KEY":           fhir.APIKey("X-Key", "CANARY KEY"),
		} {
			var log bytes.Buffer
			for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
				slog.New(h).Info("config", "auth", a, "config", fhir.Config{Auth: a})
			}
			for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
				fmt.Fprintf(&log, format+format+"\n", a, fhir.Config{Auth: a})
			}
			if strings.Contains(log.String(), name) {
				t.Errorf("%T is printed with its credentials:\n%s", a, &log)
			}
		}
		if auth.tokens != 1 {
			t.Errorf("%d tokens, want 1", auth.tokens)
		}
	})
}

func TestFilesThatAreRefusedTellWhy(t *testing.T) {
	t.Parallel()
	inBulk(t, fhir.Config{}, fhirtest.ExportBehaviour{}, func(t *testing.T, b *bulk) {
		b.Always(fhirtest.Outcome(403, "forbidden", "the scope does not cover files").For("bulkfile"))
		_, err := b.client.Export(t.Context(), b.cfg)
		var e *fhir.Error
		if !errors.Is(err, fhir.ErrExpired) || !errors.Is(err, fhir.ErrForbidden) || !errors.As(err, &e) || e.Outcome == nil || e.Status != 403 {
			t.Errorf("Export: %v, want ErrExpired with the server's status and outcome", err)
		}
	})
}
