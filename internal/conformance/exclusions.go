package conformance

import (
	"embed"
	"encoding/json"
	"fmt"
)

//go:embed exclusions/*.json
var exclusionFiles embed.FS

// The classes of exclusions.
const (
	caseIsWrong = "case is wrong"
	notYet      = "not yet"
)

// Exclusion is a case that the engine is not held to.
type Exclusion struct {
	// ID is the case's id within its suite.
	ID string `json:"id"`
	// Class is CaseIsWrong or NotYet.
	Class string `json:"class"`
	// Reason says what the specification demands instead, or what is missing.
	Reason string `json:"reason"`
	// Link leads to the text or discussion behind the reason.
	Link string `json:"link,omitempty"`
}

// Exclusions returns the exclusions of a suite ("fhirpath") by case. Each has a class and a reason; otherwise the
// list itself is an error.
func loadExclusions(suite string) (map[string]Exclusion, error) {
	raw, err := exclusionFiles.ReadFile("exclusions/" + suite + ".json")
	if err != nil {
		return nil, fmt.Errorf("conformance: exclusions of %s: %w", suite, err)
	}
	var list []Exclusion
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("conformance: exclusions of %s: %w", suite, err)
	}
	m := make(map[string]Exclusion, len(list))
	for _, e := range list {
		if _, twice := m[e.ID]; twice || e.ID == "" || e.Reason == "" || e.Class != caseIsWrong && e.Class != notYet {
			return nil, fmt.Errorf("conformance: exclusion of %s %q is there twice or lacks its class or reason", suite, e.ID)
		}
		m[e.ID] = e
	}
	return m, nil
}
