package conformance

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// FHIRPathSuite is a file of FHIRPath cases.
type FHIRPathSuite struct {
	Cases []FHIRPathCase `json:"tests"`
	// Dir is the folder of the input files.
	Dir string `json:"-"`
}

// FHIRPathCase is one case: an expression and what it gives.
type FHIRPathCase struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Group      string `json:"group"`
	Expression string `json:"expression"`
	// InputFile names the resource, Input is the resource itself; without either there is no input.
	InputFile string          `json:"inputfile"`
	Input     json.RawMessage `json:"input"`
	// Model is r4, r4b or r5; null is no model, and r4 where the member is absent.
	Model Optional `json:"model"`
	// Mode is "strict" where doubts of the static check are errors.
	Mode string `json:"mode"`
	// Context is an expression whose first item on the input is %context.
	Context string `json:"context"`
	// Variables are environment variables by name.
	Variables map[string]json.RawMessage `json:"variables"`
	// Predicate asks for the result as a Boolean: whether there is one.
	Predicate bool `json:"predicate"`
	// Invalid is syntax, semantic, execution or true where the expression must fail.
	Invalid Flag `json:"invalid"`
	// CheckOrdered is "true" where functions that depend on an order are wrong on collections without one.
	CheckOrdered Flag `json:"checkOrderedFunctions"`
	// Ordered is "false" where the order of the result is free.
	Ordered Flag             `json:"ordered"`
	Outputs []FHIRPathOutput `json:"outputs"`
}

// FHIRPathOutput is an item of a result.
type FHIRPathOutput struct {
	// Type is the name of the item's type in FHIR (boolean, dateTime, HumanName); nil leaves it open.
	Type *string `json:"type"`
	// Value is the item's text; dates and times begin with @, complex items are JSON.
	Value OutputText `json:"value"`

	quantity string // what a Quantity element stands for, as a literal
}

// Optional is a string member of JSON that tells null from absent.
type Optional struct {
	Set  bool
	Text string // empty for null
}

// UnmarshalJSON reads a string or null.
func (o *Optional) UnmarshalJSON(raw []byte) error {
	o.Set = true
	return json.Unmarshal(raw, &o.Text)
}

// Flag is a member that is written as a string or as a Boolean.
type Flag string

// UnmarshalJSON reads a string, a Boolean or null.
func (f *Flag) UnmarshalJSON(raw []byte) error {
	switch string(raw) {
	case "null":
		return nil
	case "true", "false":
		*f = Flag(raw)
		return nil
	}
	return json.Unmarshal(raw, (*string)(f))
}

// OutputText is the text of an output: the content of a JSON string, and any other JSON as it is.
type OutputText string

// UnmarshalJSON reads any JSON.
func (t *OutputText) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '"' {
		return json.Unmarshal(raw, (*string)(t))
	}
	*t = OutputText(raw)
	return nil
}

// LoadFHIRPath reads a file of cases. inputs is the folder of the input files; "" is inputs-r4 beside the file. Cases
// without an id are named after their group and name, and by number where these are not unique.
func LoadFHIRPath(path, inputs string) (*FHIRPathSuite, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("conformance: %w", err)
	}
	var s FHIRPathSuite
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, fmt.Errorf("conformance: %s: %w", filepath.Base(path), err)
	}
	if len(s.Cases) == 0 {
		return nil, fmt.Errorf("conformance: %s holds no cases", filepath.Base(path))
	}
	s.Dir = inputs
	if s.Dir == "" {
		s.Dir = filepath.Join(filepath.Dir(path), "inputs-r4")
	}
	seen := map[string]int{}
	for i := range s.Cases {
		c := &s.Cases[i]
		if c.ID == "" {
			c.ID = c.Group + "/" + c.Name
		}
		if seen[c.ID]++; seen[c.ID] > 1 {
			c.ID = fmt.Sprintf("%s#%d", c.ID, seen[c.ID])
		}
	}
	return &s, nil
}
