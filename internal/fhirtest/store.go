package fhirtest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// item is a stored resource with what searches look at.
type item struct {
	raw          json.RawMessage
	resourceType string
	id           string
	gender       string
	patient      string // id of the Patient that it refers to
	codings      []string
	updated      time.Time
}

type store struct {
	types map[string][]*item // in the order in which they were added
	index map[string]*item   // by Type/id
}

func newStore() store { return store{types: make(map[string][]*item), index: make(map[string]*item)} }

func (st *store) get(resourceType, id string) (*item, bool) {
	it, ok := st.index[resourceType+"/"+id]
	return it, ok
}

// put adds a resource, or replaces the one with its type and id.
func (st *store) put(raw json.RawMessage) error {
	type reference struct {
		Reference string `json:"reference"`
	}
	var r struct {
		ResourceType string `json:"resourceType"`
		ID           string `json:"id"`
		Gender       string `json:"gender"`
		Meta         struct {
			LastUpdated time.Time `json:"lastUpdated"`
		} `json:"meta"`
		Subject     json.RawMessage `json:"subject"`
		Patient     json.RawMessage `json:"patient"`
		Beneficiary json.RawMessage `json:"beneficiary"`
		Code        struct {
			Coding []struct {
				System string `json:"system"`
				Code   string `json:"code"`
			} `json:"coding"`
		} `json:"code"`
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		var wrongType *json.UnmarshalTypeError
		if !asType(err, &wrongType) { // another shape of code or gender is fine, it is not found by them then
			return err
		}
	}
	if r.ResourceType == "" {
		return fmt.Errorf("no resourceType")
	}
	it := &item{raw: raw, resourceType: r.ResourceType, id: r.ID, gender: r.Gender, updated: r.Meta.LastUpdated}
	for _, member := range []json.RawMessage{r.Subject, r.Patient, r.Beneficiary} {
		var ref reference
		if json.Unmarshal(member, &ref) == nil {
			if at := strings.LastIndex(ref.Reference, "Patient/"); at >= 0 && it.patient == "" {
				it.patient, _, _ = strings.Cut(ref.Reference[at+len("Patient/"):], "/")
			} else if id, ok := strings.CutPrefix(ref.Reference, "urn:uuid:"); ok && it.patient == "" {
				it.patient = id
			}
		}
	}
	if it.resourceType == "Patient" {
		it.patient = it.id
	}
	for _, c := range r.Code.Coding {
		it.codings = append(it.codings, c.Code, c.System+"|"+c.Code)
	}
	key := it.resourceType + "/" + it.id
	if old := st.index[key]; old != nil && it.id != "" {
		list := st.types[it.resourceType]
		list[slices.Index(list, old)] = it // searches under way keep the old one
		st.index[key] = it
		return nil
	}
	st.types[it.resourceType] = append(st.types[it.resourceType], it)
	st.index[key] = it
	return nil
}

// ignored are parameters that do not choose resources.
var ignored = []string{"_count", "_format", "_summary", "_elements", "_sort", "_include", "_revinclude", "_pretty", "_total"}

// find returns the resources that match all parameters, or the name of one that is not supported.
func (st *store) find(resourceType string, params url.Values) (found []*item, unsupported string) {
	found = slices.Clone(st.types[resourceType])
	for name, values := range params {
		match := matcher(name)
		if match == nil {
			if slices.Contains(ignored, name) {
				continue
			}
			return nil, name
		}
		for _, value := range values {
			found = slices.DeleteFunc(found, func(it *item) bool {
				return !slices.ContainsFunc(strings.Split(value, ","), func(v string) bool { return match(it, v) })
			})
		}
	}
	return found, ""
}

func matcher(name string) func(*item, string) bool {
	switch name {
	case "_id":
		return func(it *item, v string) bool { return it.id == v }
	case "gender":
		return func(it *item, v string) bool { return it.gender == v }
	case "patient", "subject", "beneficiary":
		return func(it *item, v string) bool {
			return it.patient != "" && it.patient == strings.TrimPrefix(v, "Patient/")
		}
	case "code":
		return func(it *item, v string) bool { return slices.Contains(it.codings, v) }
	case "_lastUpdated":
		return func(it *item, v string) bool {
			after, ok := strings.CutPrefix(v, "ge")
			at, err := time.Parse(time.RFC3339, after)
			return ok && err == nil && !it.updated.Before(at)
		}
	}
	return nil
}

// Put adds resources to the server, or replaces those with the same type and id.
func (s *Server) Put(resources ...json.RawMessage) {
	s.tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, raw := range resources {
		if err := s.store.put(raw); err != nil {
			s.tb.Fatalf("fhirtest: resource %d: %v", i, err)
		}
	}
}

// Resources is an option: the server holds these.
func Resources(resources ...json.RawMessage) Option {
	return func(s *Server) { s.tb.Helper(); s.Put(resources...) }
}

// Patients is an option: the server holds n patients with the ids p1 to pn, by turns female and male.
func Patients(n int) Option {
	return func(s *Server) {
		s.tb.Helper()
		for i := 1; i <= n; i++ {
			s.Put(json.RawMessage(fmt.Sprintf(
				`{"resourceType":"Patient","id":"p%d","meta":{"versionId":"1"},"gender":%q}`, i, []string{"male", "female"}[i%2])))
		}
	}
}

// Dir is an option: the server holds the resources of a directory's files, which are NDJSON (.ndjson, .ndjson.gz) or
// JSON (.json: a resource, an array of them, or a Bundle, whose entries are meant).
func Dir(path string) Option {
	return func(s *Server) {
		s.tb.Helper()
		files, err := os.ReadDir(path)
		if err != nil {
			s.tb.Fatalf("fhirtest: %v", err)
		}
		for _, f := range files {
			if err := s.load(filepath.Join(path, f.Name())); err != nil {
				s.tb.Fatalf("fhirtest: %s: %v", f.Name(), err)
			}
		}
	}
}

func (s *Server) load(path string) error {
	name := strings.TrimSuffix(path, ".gz")
	if !strings.HasSuffix(name, ".ndjson") && !strings.HasSuffix(name, ".json") {
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	var r io.Reader = file
	if name != path {
		z, err := gzip.NewReader(file)
		if err != nil {
			return err
		}
		r = z
	}
	if strings.HasSuffix(name, ".ndjson") {
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, 64<<20)
		for lines.Scan() {
			if line := bytes.TrimSpace(lines.Bytes()); len(line) > 0 {
				s.Put(bytes.Clone(line))
			}
		}
		return lines.Err()
	}
	body, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	var list []json.RawMessage
	if json.Unmarshal(body, &list) == nil {
		s.Put(list...)
		return nil
	}
	var b struct {
		ResourceType string `json:"resourceType"`
		Entry        []struct {
			Resource json.RawMessage `json:"resource"`
		} `json:"entry"`
	}
	if err := json.Unmarshal(body, &b); err != nil {
		return err
	}
	if b.ResourceType != "Bundle" {
		s.Put(body)
		return nil
	}
	for _, e := range b.Entry {
		s.Put(e.Resource)
	}
	return nil
}
