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

// await polls a request's status until it reaches a state.
func await(t *testing.T, url, state string) map[string]any {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		code, _, answer := call(t, http.MethodGet, url, "")
		if code != http.StatusOK {
			t.Fatalf("GET: %d %v", code, answer)
		}
		if answer["state"] == state {
			return answer
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("the request did not reach %s: %v", state, answer)
		}
	}
}

func TestRequestReachesItsFirstGate(t *testing.T) {
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
	answer = await(t, base+"/requests/"+id, "requirements_review")
	if roles, _ := answer["waiting_for"].([]any); len(roles) != 1 || roles[0] != "informatician" {
		t.Errorf("waits for %v, want informatician", answer["waiting_for"])
	}
}

func TestGateIsDecided(t *testing.T) {
	base := serve(t)
	text, err := os.ReadFile(filepath.Join(testdata.Root(t), "examples", "quickstart", "request.json"))
	if err != nil {
		t.Fatal(err)
	}
	_, header, _ := call(t, http.MethodPost, base+"/requests", string(text))
	request := base + header.Get("Location")
	gate, _ := await(t, request, "requirements_review")["gate"].(string)
	const by = `{"by":{"id":"i.falk","roles":["informatician"]},`
	tests := []struct {
		gate, body string
		code       int
		member     string
		want       any
	}{
		{"none", by + `"verdict":"approve"}`, http.StatusNotFound, "error", "no such gate"},
		{gate, `{"verdict":`, http.StatusBadRequest, "error", "the body is not a JSON decision"},
		{gate, by + `"verdikt":"approve"}`, http.StatusBadRequest, "error", "the body is not a JSON decision"},
		{gate, by + `"verdict":"approve"} {}`, http.StatusBadRequest, "error", "the body is not a JSON decision"},
		{gate, by + `"verdict":"reject"}`, http.StatusUnprocessableEntity, "error", "the decision has faults"},
		{gate, `{"by":{"id":"x"},"verdict":"approve"}`, http.StatusForbidden, "error", "orchestrator: denied (role): the actor has none of the roles that may do this"},
		{gate, by + `"verdict":"approve"}`, http.StatusOK, "gate", gate},
		{gate, by + `"verdict":"approve"}`, http.StatusOK, "gate", gate}, // a repeat
		{gate, by + `"verdict":"reject","reason":"no"}`, http.StatusConflict, "error", "the gate was decided already, or the request has moved on"},
	}
	for _, tt := range tests {
		code, _, answer := call(t, http.MethodPost, base+"/gates/"+tt.gate, tt.body)
		if code != tt.code || answer[tt.member] != tt.want {
			t.Errorf("%s: %d %v, want %d with %s = %q", tt.body, code, answer, tt.code, tt.member, tt.want)
		}
	}
	await(t, request, "phenotype_review")
}

func TestProbesAndFaults(t *testing.T) {
	base := serve(t)
	tests := []struct {
		method, path, body string
		code               int
		member, want       string
	}{
		{http.MethodGet, "/health/live", "", http.StatusOK, "status", "alive"},
		{http.MethodGet, "/requests/REQ-20260101-00000000", "", http.StatusNotFound, "error", "no such request"},
		{http.MethodPost, "/requests", "{", http.StatusBadRequest, "error", "orchestrator: request: line 1: the text ends too early"},
		{http.MethodPost, "/requests", "{}", http.StatusUnprocessableEntity, "error", "the request has faults"},
		{http.MethodPost, "/requests", strings.Repeat(" ", 1<<20+1), http.StatusRequestEntityTooLarge, "error", "the body is larger than 1 MiB"},
	}
	for _, tt := range tests {
		code, _, answer := call(t, tt.method, base+tt.path, tt.body)
		if code != tt.code || answer[tt.member] != tt.want {
			t.Errorf("%s %s: %d %v, want %d with %s = %q", tt.method, tt.path, code, answer, tt.code, tt.member, tt.want)
		}
	}
}
