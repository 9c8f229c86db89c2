package fhir

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
)

// CapabilityStatement is what a server says that it can do (http://hl7.org/fhir/capabilitystatement.html), as far as
// this package needs it; Raw is the rest.
type CapabilityStatement struct {
	FHIRVersion string // such as "4.0.1"
	Software    string // name and version, or ""
	Formats     []string
	Rest        []CapabilityRest

	Raw json.RawMessage // as the server sent it
}

// CapabilityRest is one entry of rest.
type CapabilityRest struct {
	Mode       string // server or client
	Resources  []CapabilityResource
	Operations []string // names, such as "export"
	TokenURL   string   // of SMART's oauth-uris extension, or ""
}

// CapabilityResource is one entry of rest.resource.
type CapabilityResource struct {
	Type         string
	Interactions []string // codes, such as "read" and "search-type"
	SearchParams []string // names
	Operations   []string // names
}

// Supports reports whether the server lists an interaction, such as "read" or "search-type", for a resource type.
func (c *CapabilityStatement) Supports(resourceType, interaction string) bool {
	return slices.ContainsFunc(c.Rest, func(rest CapabilityRest) bool {
		return rest.Mode == "server" && slices.ContainsFunc(rest.Resources, func(r CapabilityResource) bool {
			return r.Type == resourceType && slices.Contains(r.Interactions, interaction)
		})
	})
}

const oauthURIs = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"

// Metadata returns the server's CapabilityStatement (http://hl7.org/fhir/http.html#capabilities).
func (c *Client) Metadata(ctx context.Context) (*CapabilityStatement, error) {
	return c.metadata(ctx, true)
}

// Probe is [Client.Metadata] without retries, for periodic health checks: it fails at once when the server is down, and
// leaves the retry budget to requests.
func (c *Client) Probe(ctx context.Context) (*CapabilityStatement, error) {
	return c.metadata(ctx, false)
}

func (c *Client) metadata(ctx context.Context, repeat bool) (*CapabilityStatement, error) {
	q := &interaction{method: http.MethodGet, resourceType: "metadata", url: c.base.JoinPath("metadata"), idempotent: repeat}
	var statement *CapabilityStatement
	q.decode = func(a *answer) error {
		r, err := parseResource(a.body)
		if err == nil && r.resourceType != "CapabilityStatement" {
			err = faultf(ErrNotFHIR, "not a CapabilityStatement")
		}
		if err == nil {
			statement, err = parseCapability(a.body)
		}
		if err != nil {
			return c.unexpected(q, a, err)
		}
		return nil
	}
	if _, err := c.do(ctx, q); err != nil {
		return nil, err
	}
	return statement, nil
}

func parseCapability(body []byte) (*CapabilityStatement, error) {
	type named struct {
		Name string `json:"name"`
		Code string `json:"code"`
	}
	var raw struct {
		FHIRVersion string   `json:"fhirVersion"`
		Format      []string `json:"format"`
		Software    struct {
			Name    string `json:"name"`
			Version string `json:"version"`
		} `json:"software"`
		Rest []struct {
			Mode     string `json:"mode"`
			Security struct {
				Extension []struct {
					URL       string `json:"url"`
					Extension []struct {
						URL      string `json:"url"`
						ValueURI string `json:"valueUri"`
					} `json:"extension"`
				} `json:"extension"`
			} `json:"security"`
			Resource []struct {
				Type        string  `json:"type"`
				Interaction []named `json:"interaction"`
				SearchParam []named `json:"searchParam"`
				Operation   []named `json:"operation"`
			} `json:"resource"`
			Operation []named `json:"operation"`
		} `json:"rest"`
	}
	if err := json.Unmarshal(body, &raw); err != nil {
		return nil, faultf(ErrNotFHIR, "a member of the CapabilityStatement has a wrong type")
	}
	list := func(from []named, field func(named) string) (out []string) {
		for _, n := range from {
			out = append(out, field(n))
		}
		return out
	}
	name := func(n named) string { return n.Name }
	code := func(n named) string { return n.Code }

	c := &CapabilityStatement{FHIRVersion: raw.FHIRVersion, Software: raw.Software.Name, Formats: raw.Format, Raw: body}
	if raw.Software.Version != "" {
		c.Software += " " + raw.Software.Version
	}
	for _, r := range raw.Rest {
		rest := CapabilityRest{Mode: r.Mode, Operations: list(r.Operation, name)}
		for _, e := range r.Security.Extension {
			for _, inner := range e.Extension {
				if e.URL == oauthURIs && inner.URL == "token" {
					rest.TokenURL = inner.ValueURI
				}
			}
		}
		for _, res := range r.Resource {
			rest.Resources = append(rest.Resources, CapabilityResource{
				Type: res.Type, Interactions: list(res.Interaction, code),
				SearchParams: list(res.SearchParam, name), Operations: list(res.Operation, name),
			})
		}
		c.Rest = append(c.Rest, rest)
	}
	return c, nil
}
