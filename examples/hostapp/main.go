// Command hostapp is an HTTP service that embeds ResearchFlow, as a host would write it: health probes, and
// endpoints that accept a request, return its status and accept decisions at its gates. It is configured by the
// environment (see researchflow.FromEnv) and ADDR, the address to listen on (default :8080).
//
//	go run ./examples/hostapp
//	curl -d @examples/quickstart/request.json localhost:8080/requests
//	curl localhost:8080/requests/REQ-20261123-1A2B3C4D
//	curl -d '{"by":{"id":"i.falk","roles":["informatician"]},"verdict":"approve"}' localhost:8080/gates/ID-OF-THE-GATE
package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/researchflow/researchflow"
	"github.com/researchflow/researchflow/orchestrator"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	logger := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	if err := run(ctx, logger, cmp.Or(os.Getenv("ADDR"), ":8080"), func(net.Addr) {}); err != nil {
		logger.Error("hostapp failed", "error", err)
		os.Exit(1)
	}
}

// run serves until ctx ends. It calls listening with the address that it listens on.
func run(ctx context.Context, logger *slog.Logger, addr string, listening func(net.Addr)) (err error) {
	cfg := researchflow.FromEnv()
	cfg.Logger = logger
	flow, err := researchflow.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, flow.Close(context.WithoutCancel(ctx))) }()

	mux := http.NewServeMux()
	flow.Health.Routes(mux)
	mux.HandleFunc("POST /requests", submit(flow))
	mux.HandleFunc("GET /requests/{id}", status(flow))
	mux.HandleFunc("POST /gates/{id}", decide(flow))

	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	logger.Info("hostapp listens", "address", listener.Addr().String())
	listening(listener.Addr())
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	// First connections end, then Close hands running steps to other instances.
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return server.Shutdown(grace)
}

// submit accepts a request as JSON (orchestrator.NewRequest). A host with authentication sets SubmittedBy from the
// login.
func submit(flow *researchflow.Flow) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, ok := read(w, r)
		if !ok {
			return
		}
		request, err := orchestrator.ParseNewRequest(body)
		if err != nil {
			answer(w, http.StatusBadRequest, map[string]any{"error": err.Error()})
			return
		}
		id, err := flow.Orchestrator.Submit(r.Context(), request)
		if invalid := new(orchestrator.ValidationError); errors.As(err, &invalid) {
			answer(w, http.StatusUnprocessableEntity, map[string]any{"error": "the request has faults", "faults": invalid.Faults})
			return
		}
		if err != nil {
			answer(w, http.StatusServiceUnavailable, map[string]any{"error": "the request could not be stored"})
			return
		}
		w.Header().Set("Location", "/requests/"+id)
		answer(w, http.StatusCreated, map[string]any{"id": id})
	}
}

// status returns the state of a request and what it waits for.
func status(flow *researchflow.Flow) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		request, err := flow.Orchestrator.Status(r.Context(), r.PathValue("id"))
		switch {
		case errors.Is(err, orchestrator.ErrNotFound):
			answer(w, http.StatusNotFound, map[string]any{"error": "no such request"})
		case err != nil:
			answer(w, http.StatusServiceUnavailable, map[string]any{"error": "the request could not be read"})
		default:
			body := map[string]any{"id": request.ID, "title": request.Title, "state": request.State, "since": request.EnteredAt}
			if request.Gate != nil {
				body["gate"], body["waiting_for"] = request.Gate.ID, request.Gate.Roles
			}
			answer(w, http.StatusOK, body)
		}
	}
}

// decide accepts a decision as JSON (orchestrator.Decision). Here callers say who they are and which roles they have;
// a host with authentication sets By from the login.
func decide(flow *researchflow.Flow) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, ok := read(w, r)
		if !ok {
			return
		}
		var decision orchestrator.Decision
		decoder := json.NewDecoder(bytes.NewReader(body))
		decoder.DisallowUnknownFields()
		if decoder.Decode(&decision) != nil || decoder.More() {
			answer(w, http.StatusBadRequest, map[string]any{"error": "the body is not a JSON decision"})
			return
		}
		decision.Gate = r.PathValue("id")
		err := flow.Orchestrator.Decide(r.Context(), decision)
		invalid := new(orchestrator.ValidationError)
		switch {
		case err == nil:
			answer(w, http.StatusOK, map[string]any{"gate": decision.Gate, "verdict": decision.Verdict})
		case errors.As(err, &invalid):
			answer(w, http.StatusUnprocessableEntity, map[string]any{"error": "the decision has faults", "faults": invalid.Faults})
		case errors.Is(err, orchestrator.ErrNotFound):
			answer(w, http.StatusNotFound, map[string]any{"error": "no such gate"})
		case errors.Is(err, orchestrator.ErrDenied):
			answer(w, http.StatusForbidden, map[string]any{"error": err.Error()})
		case errors.Is(err, orchestrator.ErrDecided), errors.Is(err, orchestrator.ErrInvalidTransition):
			answer(w, http.StatusConflict, map[string]any{"error": "the gate was decided already, or the request has moved on"})
		default:
			answer(w, http.StatusServiceUnavailable, map[string]any{"error": "the decision could not be stored"})
		}
	}
}

// read returns the body. If it cannot, it answers the request and returns false.
func read(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		answer(w, http.StatusRequestEntityTooLarge, map[string]any{"error": "the body is larger than 1 MiB"})
	case err != nil:
		answer(w, http.StatusBadRequest, map[string]any{"error": "the body could not be read"})
	}
	return body, err == nil
}

func answer(w http.ResponseWriter, code int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body) // the client has gone away: there is nobody to tell
}
