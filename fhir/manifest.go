package fhir

import (
	"encoding/json"
	"net/url"
	"strconv"
	"time"
)

// manifest is what a finished Bulk Data export consists of
// (https://hl7.org/fhir/uv/bulkdata/export.html#response---complete-status).
type manifest struct {
	transactionTime time.Time
	requiresToken   bool
	files           []manifestFile
	next            string // of a manifest in pages; "": none
}

// The kinds of files of an export.
const (
	kindOutput  = "output"
	kindDeleted = "deleted"
	kindError   = "error"
)

type manifestFile struct {
	kind  string
	typ   string // resource type of its lines
	url   string
	count int64 // lines; -1: not told
}

// parseManifest reads a complete manifest. Members that it does not know are ignored, those that it knows must be
// right: a file that is not understood would be missing silently.
func parseManifest(body []byte) (*manifest, error) {
	// A tape tells a manifest that does not end from one that is wrong.
	r, err := parseHead(body)
	if err != nil {
		return nil, err
	}
	if r.resourceType != "" {
		return nil, faultf(ErrNotFHIR, "a resource instead of a manifest")
	}
	type file struct {
		Type  string      `json:"type"`
		URL   string      `json:"url"`
		Count json.Number `json:"count"`
	}
	var raw struct {
		TransactionTime     string  `json:"transactionTime"`
		RequiresAccessToken *bool   `json:"requiresAccessToken"`
		Output              *[]file `json:"output"`
		Deleted             []file  `json:"deleted"`
		Error               []file  `json:"error"`
		Link                []struct {
			Relation string `json:"relation"`
			URL      string `json:"url"`
		} `json:"link"`
	}
	if err := json.Unmarshal(body, &raw); err != nil {
		return nil, faultf(ErrNotFHIR, "a member of the manifest has a wrong type")
	}
	m := &manifest{requiresToken: raw.RequiresAccessToken == nil || *raw.RequiresAccessToken}
	if m.transactionTime, err = time.Parse(time.RFC3339Nano, raw.TransactionTime); err != nil {
		return nil, faultf(ErrNotFHIR, "the manifest has no transactionTime")
	}
	if y := m.transactionTime.UTC().Year(); y < 1 || y > 9999 {
		return nil, faultf(ErrNotFHIR, "the manifest has no usable transactionTime")
	}
	if raw.Output == nil {
		return nil, faultf(ErrNotFHIR, "the manifest has no output")
	}
	add := func(kind string, files []file, typ string) error {
		for _, f := range files {
			out := manifestFile{kind: kind, typ: f.Type, url: f.URL, count: -1}
			if f.Type == "" {
				out.typ = typ
			}
			if f.Count != "" {
				if out.count, err = strconv.ParseInt(f.Count.String(), 10, 64); err != nil || out.count < 0 {
					return faultf(ErrNotFHIR, "a file of the manifest has a wrong count")
				}
			}
			if _, err := url.Parse(f.URL); err != nil || f.URL == "" || !isType(out.typ) {
				return faultf(ErrNotFHIR, "a file of the manifest has no type or no URL")
			}
			m.files = append(m.files, out)
		}
		return nil
	}
	if err := add(kindOutput, *raw.Output, ""); err != nil {
		return nil, err
	}
	if err := add(kindDeleted, raw.Deleted, "Bundle"); err != nil {
		return nil, err
	}
	if err := add(kindError, raw.Error, "OperationOutcome"); err != nil {
		return nil, err
	}
	for _, l := range raw.Link {
		if l.Relation == "next" && m.next == "" {
			m.next = l.URL
		}
	}
	return m, nil
}
