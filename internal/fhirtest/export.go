package fhirtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ExportBehaviour says how Bulk Data export behaves. The zero value is a server that is done at once, with a file of at
// most 1000 lines for each part of a type.
type ExportBehaviour struct {
	// Polls is how often the status is 202 before the export is complete; RetryAfter goes with it.
	Polls      int
	RetryAfter string
	// FileLines is the number of lines of a file.
	FileLines int
	// NoCounts leaves out count; ExtraCount is added to it.
	NoCounts   bool
	ExtraCount int
	// Errors are lines of an error file, Deleted the references of a deleted file.
	Errors  []string
	Deleted []string
	// Twice puts every resource in twice.
	Twice bool
	// FileURL rewrites the URLs of files.
	FileURL func(url string) string
	// ExpireFiles is how many downloads are answered with 403 until the manifest is fetched again, which has other URLs.
	ExpireFiles int
	// TransactionTime is the server's; zero: 2026-01-02T03:04:05.678Z.
	TransactionTime time.Time
	// Pages puts one file on each page of the manifest.
	Pages bool
	// FilesByQuery tells files apart by the query of their URLs, which have one path.
	FilesByQuery bool
	// Reorder lists the files in the opposite order in every second manifest.
	Reorder bool
	// Public says that files need no token.
	Public bool
	// Forget makes the server forget the export (404) once, at the next poll.
	Forget bool
	// StatusURL rewrites the Content-Location.
	StatusURL func(url string) string
}

type export struct {
	query   map[string][]string
	polls   int
	expired int
	served  int // manifests
	files   []exportFile
}

type exportFile struct {
	kind, typ string
	lines     [][]byte
}

// serveExport answers what belongs to Bulk Data export, and reports whether the request did.
func (s *Server) serveExport(w http.ResponseWriter, r *http.Request, parts []string) bool {
	switch {
	case parts[len(parts)-1] == "$export":
		s.kickOff(w, r, parts)
	case parts[0] == "bulkstatus" && len(parts) == 2:
		s.exportStatus(w, r, parts[1])
	case parts[0] == "bulkfile" && len(parts) == 1 && r.URL.Query().Has("file"):
		file := strings.Split(r.URL.Query().Get("file")+"/", "/")
		s.exportFile(w, r, file[0], file[1], "")
	case parts[0] == "bulkfile" && len(parts) == 4:
		s.exportFile(w, r, parts[1], parts[2], parts[3])
	default:
		return false
	}
	return true
}

func (s *Server) kickOff(w http.ResponseWriter, r *http.Request, parts []string) {
	if r.Header.Get("Prefer") != "respond-async" {
		Outcome(400, "processing", "HAPI-0513: Must request async processing for $export").serve(s, w, r)
		return
	}
	s.mu.Lock()
	b := s.behaviour.Export
	e := &export{query: r.URL.Query(), expired: b.ExpireFiles}
	types := slices.Sorted(maps.Keys(s.store.types))
	if only := r.URL.Query().Get("_type"); only != "" {
		types = strings.Split(only, ",")
	}
	size := b.FileLines
	if size == 0 {
		size = 1000
	}
	since, _ := time.Parse(time.RFC3339Nano, r.URL.Query().Get("_since"))
	for _, typ := range types {
		var lines [][]byte
		for _, it := range s.store.types[typ] {
			if parts[0] != "$export" && it.patient == "" || !since.IsZero() && it.updated.Before(since) {
				continue
			}
			var line bytes.Buffer
			if err := json.Compact(&line, it.raw); err != nil {
				s.tb.Errorf("fhirtest: %v", err)
			}
			lines = append(lines, line.Bytes())
			if b.Twice {
				lines = append(lines, line.Bytes())
			}
		}
		for part := range slices.Chunk(lines, size) {
			e.files = append(e.files, exportFile{"output", typ, part})
		}
	}
	if len(b.Deleted) > 0 {
		var lines [][]byte
		for _, ref := range b.Deleted {
			lines = append(lines, fmt.Appendf(nil, `{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":%q}}]}`, ref))
		}
		e.files = append(e.files, exportFile{"deleted", "Bundle", lines})
	}
	if len(b.Errors) > 0 {
		var lines [][]byte
		for _, line := range b.Errors {
			lines = append(lines, []byte(line))
		}
		e.files = append(e.files, exportFile{"error", "OperationOutcome", lines})
	}
	s.serial++
	id := "export-" + strconv.Itoa(s.serial)
	s.exports[id] = e
	s.mu.Unlock()
	location := s.URL() + "/bulkstatus/" + id
	if b.StatusURL != nil {
		location = b.StatusURL(location)
	}
	w.Header().Set("Content-Location", location)
	w.WriteHeader(http.StatusAccepted)
}

func (s *Server) exportStatus(w http.ResponseWriter, r *http.Request, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := &s.behaviour.Export
	e := s.exports[id]
	if b.Forget {
		b.Forget = false
		delete(s.exports, id)
		e = nil
	}
	if e == nil {
		Outcome(404, "not-found", "no such export").serve(s, w, r)
		return
	}
	if r.Method == http.MethodDelete {
		delete(s.exports, id)
		w.WriteHeader(http.StatusAccepted)
		return
	}
	if e.polls++; e.polls <= b.Polls {
		w.Header().Set("X-Progress", fmt.Sprintf("%d of %d", e.polls, b.Polls))
		if b.RetryAfter != "" {
			w.Header().Set("Retry-After", b.RetryAfter)
		}
		w.WriteHeader(http.StatusAccepted)
		return
	}
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	etag := fmt.Sprintf(`W/"%s-%d"`, id, e.served)
	if page == 0 && e.served > 0 && r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if page == 0 {
		e.served++
		e.expired = 0
		if e.served == 1 {
			e.expired = b.ExpireFiles
		}
		etag = fmt.Sprintf(`W/"%s-%d"`, id, e.served)
	}
	w.Header().Set("ETag", etag)
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, s.manifest(id, e, page))
}

// manifest writes the manifest, or a page of it, under the lock.
func (s *Server) manifest(id string, e *export, page int) string {
	b := s.behaviour.Export
	type file struct {
		Type  string `json:"type"`
		URL   string `json:"url"`
		Count *int   `json:"count,omitempty"`
	}
	lists := map[string][]file{"output": {}, "deleted": {}, "error": {}}
	for i, f := range e.files {
		if b.Reorder && e.served%2 == 0 {
			i = len(e.files) - 1 - i
			f = e.files[i]
		}
		if b.Pages && i != page {
			continue
		}
		url := fmt.Sprintf("%s/bulkfile/%s/%d/%s?signature=%d", s.URL(), id, i, f.typ, e.served)
		if b.FilesByQuery {
			url = fmt.Sprintf("%s/bulkfile?file=%s/%d&signature=%d", s.URL(), id, i, e.served)
		}
		if b.FileURL != nil {
			url = b.FileURL(url)
		}
		count := len(f.lines) + b.ExtraCount
		out := file{Type: f.typ, URL: url}
		if !b.NoCounts {
			out.Count = &count
		}
		lists[f.kind] = append(lists[f.kind], out)
	}
	at := b.TransactionTime
	if at.IsZero() {
		at = time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	}
	doc := map[string]any{
		"transactionTime": at.Format(time.RFC3339Nano), "request": s.URL() + "/$export", "requiresAccessToken": !b.Public,
		"output": lists["output"], "deleted": lists["deleted"], "error": lists["error"],
	}
	if b.Pages && page+1 < len(e.files) {
		doc["link"] = []map[string]string{{"relation": "next", "url": fmt.Sprintf("%s/bulkstatus/%s?page=%d", s.URL(), id, page+1)}}
	}
	text, err := json.Marshal(doc)
	if err != nil {
		s.tb.Errorf("fhirtest: %v", err)
	}
	return string(text)
}

func (s *Server) exportFile(w http.ResponseWriter, r *http.Request, id, number, _ string) {
	s.mu.Lock()
	e := s.exports[id]
	i, err := strconv.Atoi(number)
	if e == nil || err != nil || i < 0 || i >= len(e.files) {
		s.mu.Unlock()
		Outcome(404, "not-found", "no such file").serve(s, w, r)
		return
	}
	if e.expired > 0 || r.URL.Query().Get("signature") != strconv.Itoa(e.served) {
		e.expired--
		s.mu.Unlock()
		Answer{Status: 403, Header: http.Header{"Content-Type": {"application/xml"}}, Body: "<Error><Code>AccessDenied</Code></Error>"}.serve(s, w, r)
		return
	}
	lines := e.files[i].lines
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/fhir+ndjson")
	s.write(w, r, 200, append(bytes.Join(lines, []byte("\n")), '\n'))
}

// Exports is how many exports the server knows.
func (s *Server) Exports() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.exports)
}
