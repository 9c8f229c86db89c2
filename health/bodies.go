package health

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	probe "github.com/alexliesenfeld/health"
)

// Status is the status of an instance or of a component in /health.
type Status string

// The values of [Status]. A component is healthy or unhealthy; an instance is degraded when a component that is not
// critical is unhealthy.
const (
	Healthy   Status = "healthy"
	Degraded  Status = "degraded"
	Unhealthy Status = "unhealthy"
)

// Bodies are the response bodies of the three probes at one moment.
type Bodies struct {
	Health json.RawMessage // of /health
	Live   json.RawMessage // of /health/live
	Ready  json.RawMessage // of /health/ready

	Status  Status // of the instance; /health answers 503 when it is unhealthy, otherwise 200
	IsReady bool   // /health/ready answers 200 when true, otherwise 503
}

// alive is the body of liveness: the process can answer.
const alive = `{"status":"alive"}`

// Bodies returns the current response bodies. It runs no check and does not block.
func (c *Checker) Bodies() Bodies {
	b := Bodies{Status: Healthy, IsReady: true, Live: json.RawMessage(alive)}
	var details map[string]probe.CheckResult
	if current := c.running(); current != nil {
		// All checks are periodic, so this reads the results under a mutex and runs nothing.
		details = current.Check(context.Background()).Details
	} else {
		b.IsReady = false
		if len(c.components) > 0 {
			b.Status = Degraded
		}
	}

	var health, ready []byte
	for _, p := range c.components {
		result, known := details[p.Name]
		up := known && result.Status == probe.StatusUp
		switch {
		case up:
		case p.Critical:
			b.Status, b.IsReady = Unhealthy, false
		case b.Status == Healthy:
			b.Status = Degraded
		}
		health = appendName(health, p.Name)
		if up {
			health = append(append(append(health, `{"status":"healthy"`...), p.lastDetails()...), '}')
		} else {
			class := ErrorClass(result.Error)
			if class == "" {
				class = ClassNotChecked
			}
			health = append(health, `{"status":"unhealthy","error":"`+class+`"}`...)
		}
		if p.Critical || !p.NotInReady {
			ready = appendName(ready, p.Name)
			ready = strconv.AppendQuote(ready, readiness(up))
		}
	}

	b.Health = slices.Concat([]byte(`{"status":"`+string(b.Status)+`","timestamp":"`+c.clock().UTC().Format(time.RFC3339)+`","components":{`),
		health, []byte("}}"))
	b.Ready = slices.Concat([]byte(`{"status":"`+readiness(b.IsReady)+`","components":{`), ready, []byte("}}"))
	return b
}

// Routes registers GET (and HEAD) of /health, /health/live and /health/ready on mux. It panics, as mux does, if one of
// them is registered already.
func (c *Checker) Routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		b := c.Bodies()
		answer(w, b.Status != Unhealthy, b.Health)
	})
	mux.HandleFunc("GET /health/live", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, true, []byte(alive))
	})
	mux.HandleFunc("GET /health/ready", func(w http.ResponseWriter, _ *http.Request) {
		b := c.Bodies()
		answer(w, b.IsReady, b.Ready)
	})
}

func answer(w http.ResponseWriter, ok bool, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = w.Write(body) // the client of the probe may have disconnected
}

func readiness(ready bool) string {
	if ready {
		return "ready"
	}
	return "not_ready"
}

// appendName appends a member name, which needs no escapes.
func appendName(dst []byte, name string) []byte {
	if len(dst) > 0 {
		dst = append(dst, ',')
	}
	return append(dst, `"`+name+`":`...)
}

// appendDetails appends the details of a check as members of the component's object. It omits a detail with an
// invalid or duplicate name, or with a value that JSON cannot represent, because probes must be answered whatever a
// check returns.
func appendDetails(dst []byte, details map[string]any) []byte {
	for _, name := range slices.Sorted(maps.Keys(details)) {
		if !isName(name) || name == "status" || name == "error" {
			continue
		}
		var buf bytes.Buffer
		enc := json.NewEncoder(&buf)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(details[name]); err != nil {
			continue
		}
		dst = append(dst, `,"`+name+`":`...)
		dst = append(dst, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...)
	}
	return dst
}
