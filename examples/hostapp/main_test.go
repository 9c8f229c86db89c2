package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/researchflow/researchflow/internal/testdata"
)

// serve starts the service on a free port and stops it when the test ends.
func serve(t *testing.T) (base string) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("DATABASE_URL", "sqlite://"+filepath.Join(dir, "rf.db"))
	t.Setenv("RESEARCHFLOW_WORK_DIR", filepath.Join(dir, "work"))
	t.Setenv("RESEARCHFLOW_OUT_DIR", filepath.Join(dir, "out"))
	ctx, stop := context.WithCancel(t.Context())
	address, done := make(chan net.Addr, 1), make(chan error, 1)
	go func() {
		done <- run(ctx, slog.New(slog.DiscardHandler), "127.0.0.1:0", func(a net.Addr) { address <- a })
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	select {
	case a := <-address:
		return "http://" + a.String()
	case err := <-done:
		done <- err
		t.Fatalf("run: %v", err)
		return ""
	}
}

func call(t *testing.T, method, url, body string) (code int, header http.Header, answer map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return resp.StatusCode, resp.Header, answer
}

func TestRequestComesToItsFirstGate(t *testing.T) {
	base := serve(t)
	text, err := os.ReadFile(filepath.Join(testdata.Root(t), "examples", "quickstart", "request.json"))
	if err != nil {
		t.Fatal(err)
	}
	code, header, answer := call(t, http.MethodPost, base+"/requests", string(text))
	id, _ := answer["id"].(string)
	if code != http.StatusCreated || id == "" || header.Get("Location") != "/requests/"+id {
		t.Fatalf("POST: %d %v, Location %q", code, answer, header.Get("Location"))
	}
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		code, _, answer = call(t, http.MethodGet, base+"/requests/"+id, "")
		if code != http.StatusOK {
			t.Fatalf("GET: %d %v", code, answer)
		}
		if answer["state"] == "requirements_review" {
			break
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("the request did not come to its first gate: %v", answer)
		}
	}
	if roles, _ := answer["waiting_for"].([]any); len(roles) != 1 || roles[0] != "informatician" {
		t.Errorf("waits for %v, want informatician", answer["waiting_for"])
	}
}

func TestProbesAndFaults(t *testing.T) {
	base := serve(t)
	tests := []struct {
		method, path, body string
		code               int
		member, want       string
	}{
		{http.MethodGet, "/health/live", "", http.StatusOK, "status", "alive"},
		{http.MethodGet, "/requests/REQ-20260101-00000000", "", http.StatusNotFound, "error", "there is no such request"},
		{http.MethodPost, "/requests", "{", http.StatusBadRequest, "error", "orchestrator: request: line 1: the text ends too early"},
		{http.MethodPost, "/requests", "{}", http.StatusUnprocessableEntity, "error", "the request is not complete"},
		{http.MethodPost, "/requests", strings.Repeat(" ", 1<<20+1), http.StatusRequestEntityTooLarge, "error", "the body is longer than 1 MiB"},
	}
	for _, tt := range tests {
		code, _, answer := call(t, tt.method, base+tt.path, tt.body)
		if code != tt.code || answer[tt.member] != tt.want {
			t.Errorf("%s %s: %d %v, want %d with %s = %q", tt.method, tt.path, code, answer, tt.code, tt.member, tt.want)
		}
	}
}
