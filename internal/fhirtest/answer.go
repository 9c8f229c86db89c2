package fhirtest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"
)

// Answer is a response that replaces the correct one. The functions of this package make the usual ones; their fields
// may be changed.
type Answer struct {
	// Match chooses the requests to answer; nil: all.
	Match func(*http.Request) bool
	// Times is how often the answer is given by [Server.Next]; 0 means once.
	Times int

	Status int // 0: 200
	Header http.Header
	Body   string

	handle func(s *Server, w http.ResponseWriter, r *http.Request)
}

// For returns a copy of the answer for requests whose path (below the base URL) begins with prefix.
func (a Answer) For(prefix string) Answer {
	a.Match = func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/fhir/"+prefix) }
	return a
}

// Repeat returns a copy of the answer that [Server.Next] gives n times.
func (a Answer) Repeat(n int) Answer {
	a.Times = n
	return a
}

func (a Answer) serve(s *Server, w http.ResponseWriter, r *http.Request) {
	if a.handle != nil {
		a.handle(s, w, r)
		return
	}
	for name, values := range a.Header {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/fhir+json")
	}
	w.WriteHeader(max(a.Status, 200))
	io.WriteString(w, a.Body)
}

// JSON answers 200 with a body.
func JSON(body string) Answer { return Answer{Body: body} }

// Status answers with a status and no body.
func Status(status int) Answer { return Answer{Status: status} }

// Throttled answers 429, with Retry-After when it is not "".
func Throttled(retryAfter string) Answer { return Busy(429, retryAfter) }

// Busy answers with a status and an OperationOutcome, with Retry-After when it is not "".
func Busy(status int, retryAfter string) Answer {
	a := Outcome(status, "throttled", "too many requests")
	if retryAfter != "" {
		a.Header = http.Header{"Retry-After": {retryAfter}}
	}
	return a
}

// Outcome answers with a status and an OperationOutcome with one issue.
func Outcome(status int, code, diagnostics string) Answer {
	return Answer{Status: status, Body: outcomeBody("error", code, diagnostics)}
}

func outcomeBody(severity, code, diagnostics string) string {
	text, _ := json.Marshal(diagnostics)
	return fmt.Sprintf(`{"resourceType":"OperationOutcome","issue":[{"severity":%q,"code":%q,"diagnostics":%s}]}`, severity, code, text)
}

// HTML answers with a gateway's page.
func HTML(status int) Answer {
	return Answer{Status: status, Header: http.Header{"Content-Type": {"text/html"}}, Body: "<!DOCTYPE html>\n<html><body>Please sign in</body></html>"}
}

// Redirect answers 307 with a Location. "%s" in it stands for the request's path and query.
func Redirect(location string) Answer {
	return Answer{handle: func(_ *Server, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", strings.ReplaceAll(location, "%s", r.URL.RequestURI()))
		w.WriteHeader(http.StatusTemporaryRedirect)
	}}
}

// Reset breaks the connection instead of answering.
func Reset() Answer {
	return Answer{handle: func(*Server, http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }}
}

// Cut gives the right answer, but the connection breaks after n bytes of the body: the client's net/http sees it.
func Cut(n int) Answer {
	return Answer{handle: func(s *Server, w http.ResponseWriter, r *http.Request) {
		status, header, body := s.record(r)
		maps.Copy(w.Header(), header)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		w.Write(body[:min(n, len(body))])
		flush(w)
		panic(http.ErrAbortHandler)
	}}
}

// CutSilently gives the right answer, but only n bytes of the body, with Connection: close and no length: the client's
// net/http takes that for the end.
func CutSilently(n int) Answer {
	return Answer{handle: func(s *Server, w http.ResponseWriter, r *http.Request) {
		_, _, body := s.record(r)
		conn, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			s.tb.Errorf("fhirtest: %v", err)
			return
		}
		defer conn.Close()
		buf.WriteString("HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nConnection: close\r\n\r\n")
		buf.Write(body[:min(n, len(body))])
		buf.Flush()
	}}
}

// ByteOrderMark gives the right answer behind a byte order mark.
func ByteOrderMark() Answer {
	return Answer{handle: func(s *Server, w http.ResponseWriter, r *http.Request) {
		status, header, body := s.record(r)
		maps.Copy(w.Header(), header)
		w.Header().Del("Content-Length")
		w.WriteHeader(status)
		io.WriteString(w, "\ufeff")
		w.Write(body)
	}}
}

// StallHeader never answers.
func StallHeader() Answer {
	return Answer{handle: func(s *Server, _ http.ResponseWriter, r *http.Request) { s.hang(r) }}
}

// StallBody gives the right answer, but hangs after n bytes of the body.
func StallBody(n int) Answer {
	return Answer{handle: func(s *Server, w http.ResponseWriter, r *http.Request) {
		status, header, body := s.record(r)
		maps.Copy(w.Header(), header)
		w.WriteHeader(status)
		w.Write(body[:min(n, len(body))])
		flush(w)
		s.hang(r)
	}}
}

// Bomb answers with a Bundle that is n bytes of white space long, compressed with gzip.
func Bomb(n int) Answer {
	return Answer{handle: func(_ *Server, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/fhir+json")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		defer z.Close()
		io.WriteString(z, `{"resourceType":"Bundle","type":"searchset"`)
		blank := bytes.Repeat([]byte(" "), 1<<16)
		for left := n; left > 0; left -= len(blank) {
			if _, err := z.Write(blank); err != nil {
				return // the client has enough
			}
		}
		io.WriteString(z, `}`)
	}}
}

// Deep answers with a Bundle that holds arrays n deep.
func Deep(n int) Answer {
	return JSON(`{"resourceType":"Bundle","type":"searchset","entry":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`)
}

// Garbage answers with bytes that are not HTTP.
func Garbage(bytes string) Answer {
	return Answer{handle: func(s *Server, w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			s.tb.Errorf("fhirtest: %v", err)
			return
		}
		defer conn.Close()
		io.WriteString(conn, bytes)
	}}
}

// hang waits until the client or the server goes away.
func (s *Server) hang(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-s.closed:
	}
}

// record makes the correct response without sending it.
func (s *Server) record(r *http.Request) (int, http.Header, []byte) {
	rec := httptest.NewRecorder()
	s.right(rec, r)
	return rec.Code, rec.Header(), rec.Body.Bytes()
}

func flush(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }

// write sends a correct response.
func (s *Server) write(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	s.mu.Lock()
	zip := s.behaviour.Gzip
	s.mu.Unlock()
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/fhir+json;charset=utf-8")
	}
	if zip && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		var buf bytes.Buffer
		z := gzip.NewWriter(&buf)
		z.Write(body)
		z.Close()
		body = buf.Bytes()
		w.Header().Set("Content-Encoding", "gzip")
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body)
}

func readAll(r *http.Request) string {
	if r.Body == nil {
		return ""
	}
	b, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	r.Body = io.NopCloser(bytes.NewReader(b))
	return string(b)
}

// Drip gives the right answer, one byte each d.
func Drip(d time.Duration) Answer {
	return Answer{handle: func(s *Server, w http.ResponseWriter, r *http.Request) {
		status, header, body := s.record(r)
		maps.Copy(w.Header(), header)
		w.WriteHeader(status)
		for i := range body {
			if _, err := w.Write(body[i : i+1]); err != nil {
				return
			}
			flush(w)
			if !s.sleep(r, d) {
				return
			}
		}
	}}
}

// Slow gives the right answer after d.
func Slow(d time.Duration) Answer {
	return Answer{handle: func(s *Server, w http.ResponseWriter, r *http.Request) {
		if s.sleep(r, d) {
			s.right(w, r)
		}
	}}
}

// sleep waits, and reports whether client and server are still there.
func (s *Server) sleep(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
	case <-s.closed:
	}
	return false
}

// With returns a copy of the answer that is given by a function.
func (a Answer) With(handler http.HandlerFunc) Answer {
	a.handle = func(_ *Server, w http.ResponseWriter, r *http.Request) { handler(w, r) }
	return a
}

// Chunked answers 200 with a body of unknown length.
func Chunked(body string) Answer {
	return Answer{handle: func(_ *Server, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/fhir+json")
		flush(w)
		io.WriteString(w, body)
	}}
}
