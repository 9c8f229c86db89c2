package fhirtest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// Server is a FHIR server. Any number of goroutines may use it at once.
type Server struct {
	tb     testing.TB
	base   string           // origin
	http   *httptest.Server // nil for a Pipe
	closed chan struct{}

	mu        sync.Mutex
	behaviour Behaviour
	store     store
	script    []Answer // for the next requests, in order
	always    *Answer
	requests  []Request
	inFlight  int
	maxFlight int
	searches  map[string]*search
	exports   map[string]*export
	serial    int
	token     string // accepted; "": any, or none
}

// Request is a request that the server got.
type Request struct {
	Method string
	Path   string // below the base URL, without a slash at its start
	Query  url.Values
	Header http.Header
	Body   string
}

// Behaviour says how the server answers. The zero value is a well-behaved server.
type Behaviour struct {
	// RelativeNext sends next links relative to the request.
	RelativeNext bool
	// Next rewrites next links, before RelativeNext.
	Next func(next string) string
	// NextLoops makes the next link of the last page lead to that page ("self") or to the second page ("cycle").
	NextLoops string
	// SamePage answers every page with the content of the first, under addresses that are always new.
	SamePage bool
	// GhostPage adds a page without entries at the end, as HAPI does.
	GhostPage bool
	// EndlessEmpty adds pages without entries at the end, and never stops.
	EndlessEmpty bool
	// ExpirePage is the number of a page (from 1) that is gone (410) the next ExpireTimes times it is asked for.
	ExpirePage, ExpireTimes int
	// OnExpire is called when a page is gone, so that a test can change what is stored.
	OnExpire func()
	// Total replaces the total; below zero it is left out.
	Total *int
	// MaxCount is the largest _count that the server honours; 0: 1000.
	MaxCount int
	// DefaultCount is the page size when there is no _count; 0: 20.
	DefaultCount int
	// Outcome adds an OperationOutcome entry with this severity to the first page.
	Outcome string
	// Included is added to every page as entries with search.mode include.
	Included []json.RawMessage
	// NoMode leaves out search.mode.
	NoMode bool
	// Gzip compresses answers for clients that accept it.
	Gzip bool
	// Export says how Bulk Data export behaves.
	Export ExportBehaviour
}

// Option configures a new [Server].
type Option func(*Server)

// New starts a server that is closed when the test ends.
func New(tb testing.TB, opts ...Option) *Server {
	tb.Helper()
	s := newServer(tb, opts)
	s.http = httptest.NewServer(s)
	s.base = s.http.URL
	tb.Cleanup(s.Close)
	return s
}

// NewTLS is New with https. Its certificate is trusted by the client of [Server.Client].
func NewTLS(tb testing.TB, opts ...Option) *Server {
	tb.Helper()
	s := newServer(tb, opts)
	s.http = httptest.NewTLSServer(s)
	s.base = s.http.URL
	tb.Cleanup(s.Close)
	return s
}

func newServer(tb testing.TB, opts []Option) *Server {
	s := &Server{
		tb: tb, closed: make(chan struct{}), store: newStore(),
		searches: make(map[string]*search), exports: make(map[string]*export),
	}
	for _, opt := range opts {
		opt(s)
	}
	return s
}

// Close ends the server and its hanging responses.
func (s *Server) Close() {
	s.mu.Lock()
	select {
	case <-s.closed:
		s.mu.Unlock()
		return
	default:
		close(s.closed)
	}
	s.mu.Unlock()
	if s.http != nil {
		s.http.CloseClientConnections()
		s.http.Close()
	}
}

// URL is the server's base URL.
func (s *Server) URL() string { return s.base + "/fhir" }

// Host is the server's host and port.
func (s *Server) Host() string {
	return strings.TrimPrefix(strings.TrimPrefix(s.base, "https://"), "http://")
}

// HTTPServer is the server below, for its certificate.
func (s *Server) HTTPServer() *httptest.Server { return s.http }

// Configure changes how the server answers from now on.
func (s *Server) Configure(change func(*Behaviour)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.behaviour)
}

// Next gives these answers, in this order, to the next requests that each matches.
func (s *Server) Next(answers ...Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = append(s.script, answers...)
}

// Always gives this answer to every request that it matches, after those of Next.
func (s *Server) Always(a Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.always = &a
}

// Require makes the server answer 401 to requests without this bearer token, except at the token endpoint.
func (s *Server) Require(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = token
}

// Requests returns the requests so far, in order of arrival.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// MaxInFlight returns the maximum number of concurrent requests so far.
func (s *Server) MaxInFlight() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.maxFlight
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/fhir"), "/")
	body := readAll(r)
	s.mu.Lock()
	s.requests = append(s.requests, Request{Method: r.Method, Path: path, Query: r.URL.Query(), Header: r.Header.Clone(), Body: body})
	s.inFlight++
	s.maxFlight = max(s.maxFlight, s.inFlight)
	token := s.token
	answer, scripted := s.scripted(r)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.inFlight--
		s.mu.Unlock()
	}()
	switch {
	case scripted:
		answer.serve(s, w, r)
	case token != "" && path != "token" && !strings.HasPrefix(path, ".well-known/") && r.Header.Get("Authorization") != "Bearer "+token:
		Outcome(401, "login", "the token is not accepted").serve(s, w, r)
	default:
		s.right(w, r)
	}
}

// scripted finds the answer that replaces the right one, under the lock.
func (s *Server) scripted(r *http.Request) (Answer, bool) {
	for i, a := range s.script {
		if a.Match == nil || a.Match(r) {
			if s.script[i].Times--; s.script[i].Times <= 0 {
				s.script = append(s.script[:i:i], s.script[i+1:]...)
			}
			return a, true
		}
	}
	if a := s.always; a != nil && (a.Match == nil || a.Match(r)) {
		return *a, true
	}
	return Answer{}, false
}

// right returns the correct response.
func (s *Server) right(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/fhir"), "/")
	parts := strings.Split(path, "/")
	switch {
	case s.serveExport(w, r, parts):
	case r.Method != http.MethodGet:
		Outcome(405, "not-supported", "").serve(s, w, r)
	case path == ".well-known/smart-configuration":
		s.write(w, r, 200, []byte(`{"token_endpoint":"`+s.URL()+`/token","grant_types_supported":["client_credentials"],`+
			`"token_endpoint_auth_signing_alg_values_supported":["RS384","ES384"],"capabilities":["client-confidential-asymmetric"]}`))
	case path == "metadata":
		s.write(w, r, 200, []byte(capability))
	case r.URL.Query().Has("_getpages"):
		s.page(w, r)
	case len(parts) == 1 && parts[0] != "":
		s.search(w, r, parts[0])
	case len(parts) == 2:
		s.read(w, r, parts[0], parts[1])
	default:
		Outcome(404, "not-found", "").serve(s, w, r)
	}
}

func (s *Server) read(w http.ResponseWriter, r *http.Request, resourceType, id string) {
	s.mu.Lock()
	res, ok := s.store.get(resourceType, id)
	s.mu.Unlock()
	if !ok {
		Outcome(404, "not-found", "HAPI-2001: Resource "+resourceType+"/"+id+" is not known").serve(s, w, r)
		return
	}
	s.write(w, r, 200, res.raw)
}

const capability = `{"resourceType":"CapabilityStatement","status":"active","date":"2026-01-01","kind":"instance",` +
	`"software":{"name":"fhirtest","version":"1"},"fhirVersion":"4.0.1","format":["json"],"rest":[{"mode":"server",` +
	`"resource":[{"type":"Patient","interaction":[{"code":"read"},{"code":"search-type"}],` +
	`"searchParam":[{"name":"_id","type":"token"},{"name":"gender","type":"token"}]}],` +
	`"operation":[{"name":"export","definition":"http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export"}]}]}`

// ResetMaxInFlight makes [Server.MaxInFlight] count anew.
func (s *Server) ResetMaxInFlight() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.maxFlight = s.inFlight
}
