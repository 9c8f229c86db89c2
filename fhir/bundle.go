package fhir

import (
	"encoding/json"
	"errors"
	"slices"
	"sync"

	"github.com/researchflow/researchflow/internal/fhirjson"
)

// names are the members that this package reads.
var names = fhirjson.NewKeySet("resourceType", "id", "meta", "versionId", "lastUpdated", "link", "relation", "url",
	"entry", "fullUrl", "resource", "search", "mode", "type")

// projection selects what this package reads of a body. The rest of a resource is not checked here, so that the caller
// can skip a faulty resource and continue with the next.
var projection = fhirjson.NewProjection(names, append(heads("entry", "resource"), append(heads(),
	[]string{"link", "relation"}, []string{"link", "url"},
	[]string{"entry", "fullUrl"}, []string{"entry", "search", "mode"},
)...)...)

// heads returns the paths that [head] reads below the path at.
func heads(at ...string) [][]string {
	var paths [][]string
	for _, path := range [][]string{{"resourceType"}, {"id"}, {"meta", "versionId"}, {"meta", "lastUpdated"}} {
		paths = append(paths, append(slices.Clone(at), path...))
	}
	return paths
}

// tapes reuses tapes with their buffers.
var tapes = sync.Pool{New: func() any { return new(fhirjson.Tape) }}

// resource is the head of a resource.
type resource struct {
	raw          json.RawMessage
	resourceType string // "" where there is none: not a resource; the reader of the resource reports it
	id           string
	version      string // meta.versionId, else meta.lastUpdated
}

// entry is an entry of a searchset.
type entry struct {
	resource
	fullURL string
	mode    string // match, include, outcome or ""
}

// bundle is a page of a search.
type bundle struct {
	body    []byte
	next    string // the next link as the server wrote it; "": none
	entries []entry
}

// readTape parses a body, which must be one object, and calls read with its tape.
func readTape(body []byte, read func(t *fhirjson.Tape) error) error {
	t, _ := tapes.Get().(*fhirjson.Tape)
	defer tapes.Put(t)
	if err := t.ParseProjected(body, projection, fhirjson.Limits{}); err != nil {
		return jsonFault(body, err)
	}
	if t.Node(0).Kind != fhirjson.Object {
		return faultf(ErrNotFHIR, "not a JSON object")
	}
	return read(t)
}

// jsonFault makes an error of this package from one of the parser.
func jsonFault(body []byte, err error) error {
	var syntax *fhirjson.SyntaxError
	switch {
	case errors.Is(err, fhirjson.ErrLimit):
		return faultf(ErrTooLarge, "too deep, or too many values")
	case notJSON(body):
		return faultf(ErrNotFHIR, "not JSON")
	case errors.As(err, &syntax) && syntax.Kind == fhirjson.Truncated:
		return faultf(ErrTruncated, "the JSON does not end")
	}
	return faultf(ErrNotFHIR, err.Error()) // kind and offset
}

// member returns a string member of an object, or "".
func member(t *fhirjson.Tape, object int, name string) string {
	i, ok := t.Field(object, name)
	if !ok || t.Node(i).Kind != fhirjson.String {
		return ""
	}
	return string(t.AppendString(nil, i))
}

// object returns an object member.
func object(t *fhirjson.Tape, of int, name string) (int, bool) {
	i, ok := t.Field(of, name)
	return i, ok && t.Node(i).Kind == fhirjson.Object
}

func head(t *fhirjson.Tape, i int) resource {
	raw := t.Raw(i)
	r := resource{raw: raw[:len(raw):len(raw)], resourceType: member(t, i, "resourceType"), id: member(t, i, "id")}
	if meta, ok := object(t, i, "meta"); ok {
		if r.version = member(t, meta, "versionId"); r.version == "" {
			r.version = member(t, meta, "lastUpdated")
		}
	}
	return r
}

// parseHead reads the head of a body that is one object.
func parseHead(body []byte) (r resource, err error) {
	err = readTape(body, func(t *fhirjson.Tape) error {
		r = head(t, 0)
		return nil
	})
	return r, err
}

// parseResource reads the head of a body that is one resource.
func parseResource(body []byte) (resource, error) {
	r, err := parseHead(body)
	if err == nil && r.resourceType == "" {
		err = faultf(ErrNotFHIR, "no resourceType")
	}
	return r, err
}

// parseBundle reads a body that is a page of a search. The raw resources of its entries share the body's memory.
func parseBundle(body []byte) (*bundle, error) {
	b := &bundle{body: body}
	err := readTape(body, func(t *fhirjson.Tape) error {
		if member(t, 0, "resourceType") != "Bundle" {
			return faultf(ErrNotFHIR, "not a Bundle")
		}
		for link := range elements(t, 0, "link") {
			if b.next == "" && member(t, link, "relation") == "next" {
				b.next = member(t, link, "url")
			}
		}
		for i := range elements(t, 0, "entry") {
			at, ok := object(t, i, "resource")
			if !ok {
				continue // no resource: an entry of _summary=count or of a deletion
			}
			e := entry{resource: head(t, at), fullURL: member(t, i, "fullUrl")}
			if search, ok := object(t, i, "search"); ok {
				e.mode = member(t, search, "mode")
			}
			b.entries = append(b.entries, e)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return b, nil
}

// elements yields the objects in an array member.
func elements(t *fhirjson.Tape, of int, name string) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		array, ok := t.Field(of, name)
		if !ok || t.Node(array).Kind != fhirjson.Array {
			return
		}
		for i := array + 1; i < int(t.Node(array).Next); i = int(t.Node(i).Next) {
			if t.Node(i).Kind == fhirjson.Object && !yield(i) {
				return
			}
		}
	}
}
