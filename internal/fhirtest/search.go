package fhirtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

func asType[T error](err error, target *T) bool { return errors.As(err, target) }

// search is a search whose pages are being read.
type search struct {
	self  string
	found []*item
}

// search answers the first page. Pages after it are asked for on the base URL, as HAPI does.
func (s *Server) search(w http.ResponseWriter, r *http.Request, resourceType string) {
	s.mu.Lock()
	found, unsupported := s.store.find(resourceType, r.URL.Query())
	s.serial++
	id := fmt.Sprintf("861af9b4-d847-4831-b945-%012d", s.serial)
	s.searches[id] = &search{self: s.URL() + "/" + resourceType + "?" + r.URL.RawQuery, found: found}
	s.mu.Unlock()
	if unsupported != "" {
		Outcome(400, "not-supported", "HAPI-0524: Unknown search parameter "+unsupported).serve(s, w, r)
		return
	}
	s.servePage(w, r, id, 0)
}

// page answers a page after the first.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	offset, err := strconv.Atoi(r.URL.Query().Get("_getpagesoffset"))
	if err != nil {
		Outcome(400, "invalid", "_getpagesoffset").serve(s, w, r)
		return
	}
	s.servePage(w, r, r.URL.Query().Get("_getpages"), offset)
}

func (s *Server) servePage(w http.ResponseWriter, r *http.Request, id string, offset int) {
	s.mu.Lock()
	b := s.behaviour
	se := s.searches[id]
	size := b.count(r.URL.Query())
	number := offset/size + 1
	dropped := b.ExpireTimes > 0 && number == b.ExpirePage
	if dropped {
		s.behaviour.ExpireTimes--
		delete(s.searches, id)
	}
	s.serial++
	serial := s.serial
	s.mu.Unlock()
	if dropped && b.OnExpire != nil {
		b.OnExpire()
	}
	if dropped || se == nil {
		Outcome(410, "processing", `HAPI-0418: Search ID "`+id+`" does not exist and may have expired`).serve(s, w, r)
		return
	}

	from := min(offset, len(se.found))
	to := min(from+size, len(se.found))
	if b.SamePage {
		from, to = 0, min(size, len(se.found))
	}
	link := func(offset int) string {
		return fmt.Sprintf("%s?_getpages=%s&_getpagesoffset=%d&_count=%d&_bundletype=searchset", s.URL(), id, offset, size)
	}
	next := ""
	switch last := to >= len(se.found); {
	case b.SamePage:
		next = link(offset+size) + "&serial=" + strconv.Itoa(serial)
	case !last:
		next = link(to)
	case b.NextLoops == "self":
		next = s.base + r.URL.RequestURI()
	case b.NextLoops == "cycle":
		next = link(size)
	case b.EndlessEmpty:
		next = link(offset + size)
	case b.GhostPage && from < to:
		next = link(to)
	}
	s.write(w, r, 200, b.bundle(s.URL(), se, from, to, next, number == 1))
}

func (b Behaviour) count(params url.Values) int {
	size, most := b.DefaultCount, b.MaxCount
	if size == 0 {
		size = 20
	}
	if most == 0 {
		most = 1000
	}
	if n, err := strconv.Atoi(params.Get("_count")); err == nil && n > 0 {
		size = n
	}
	return min(size, most)
}

// bundle writes a page.
func (b Behaviour) bundle(base string, se *search, from, to int, next string, first bool) []byte {
	var out bytes.Buffer
	out.WriteString(`{"resourceType":"Bundle","type":"searchset"`)
	switch {
	case b.Total == nil:
		fmt.Fprintf(&out, `,"total":%d`, len(se.found))
	case *b.Total >= 0:
		fmt.Fprintf(&out, `,"total":%d`, *b.Total)
	}
	fmt.Fprintf(&out, `,"link":[{"relation":"self","url":%s}`, quote(se.self))
	if next != "" {
		if b.Next != nil {
			next = b.Next(next)
		}
		if b.RelativeNext {
			next = relative(base, next)
		}
		fmt.Fprintf(&out, `,{"relation":"next","url":%s}`, quote(next))
	}
	out.WriteString(`]`)
	n := 0
	add := func(raw json.RawMessage, fullURL, mode string) {
		if n++; n == 1 {
			out.WriteString(`,"entry":[`)
		} else {
			out.WriteByte(',')
		}
		out.WriteByte('{')
		if fullURL != "" {
			fmt.Fprintf(&out, `"fullUrl":%s,`, quote(fullURL))
		}
		out.WriteString(`"resource":`)
		out.Write(raw)
		if !b.NoMode {
			fmt.Fprintf(&out, `,"search":{"mode":%q}`, mode)
		}
		out.WriteByte('}')
	}
	if first && b.Outcome != "" {
		add(json.RawMessage(outcomeBody(b.Outcome, "incomplete", "not everything was searched")), "", "outcome")
	}
	for _, it := range se.found[from:to] {
		add(it.raw, base+"/"+it.resourceType+"/"+it.id, "match")
	}
	for _, raw := range b.Included {
		add(raw, "", "include")
	}
	if n > 0 {
		out.WriteByte(']')
	}
	out.WriteByte('}')
	return out.Bytes()
}

// relative shortens a link on the server's own origin to its path and query.
func relative(base, link string) string {
	u, err := url.Parse(base)
	if err != nil {
		return link
	}
	return strings.TrimPrefix(link, u.Scheme+"://"+u.Host)
}

func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}
