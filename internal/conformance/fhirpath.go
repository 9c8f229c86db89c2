package conformance

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode"
)

// FHIRPathSuite is a file of FHIRPath cases.
type FHIRPathSuite struct {
	Cases []FHIRPathCase `json:"tests"`
	// Source is where the cases come from, in any form.
	Source json.RawMessage `json:"source"`
	// Model is that of cases which name none: r4 where the file does not say, in its name or source, that it is
	// another one.
	Model Optional `json:"model"`
	// Dirs are the folders of the input files.
	Dirs []string `json:"-"`
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
	// Model is r4, r4b or r5; null is no model, and that of the suite where the member is absent.
	Model Optional `json:"model"`
	// Mode is "strict" where doubts of the static check are errors.
	Mode string `json:"mode"`
	// Context is an expression on the input: what it gives is %context, and what the case's expression starts from
	// unless that names the type of the input or, where that has none, one of its members.
	Context string `json:"context"`
	// Variables are environment variables by name.
	Variables map[string]json.RawMessage `json:"variables"`
	// Predicate asks for the result as a Boolean: whether there is one.
	Predicate Flag `json:"predicate"`
	// Invalid is syntax, semantic, execution or true if the expression must fail.
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

// UnmarshalJSON reads an object with value or type, and any other JSON as a value without a type.
func (o *FHIRPathOutput) UnmarshalJSON(raw []byte) error {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil || !isOutput(members) {
		return o.Value.UnmarshalJSON(raw)
	}
	if raw, ok := members["type"]; ok {
		if err := json.Unmarshal(raw, &o.Type); err != nil {
			return err
		}
	}
	if raw, ok := members["value"]; ok {
		return o.Value.UnmarshalJSON(raw)
	}
	return nil
}

// isOutput reports whether an object has no members but those of an output.
func isOutput(members map[string]json.RawMessage) bool {
	n := len(members)
	for _, name := range []string{"value", "type"} {
		if _, ok := members[name]; ok {
			n--
		}
	}
	return n == 0 && len(members) > 0
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

// LoadFHIRPath reads a file of cases. inputs are the folders of the input files; without any they are inputs-r4,
// inputs-r4b, inputs-r5 and inputs beside the file. A folder whose name tells the model of a case is searched first
// for it. Cases without an id are named after their group and name, and by number where these are not unique.
func LoadFHIRPath(path string, inputs ...string) (*FHIRPathSuite, error) {
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
	if !s.Model.Set {
		s.Model = Optional{Set: true, Text: "r4"}
		if name, ok := modelNamed(filepath.Base(path), string(s.Source)); ok {
			s.Model.Text = name
		}
	}
	s.Dirs = inputs
	if len(inputs) == 0 {
		for _, name := range []string{"inputs-r4", "inputs-r4b", "inputs-r5", "inputs"} {
			s.Dirs = append(s.Dirs, filepath.Join(filepath.Dir(path), name))
		}
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
		if !c.Model.Set {
			c.Model = s.Model
		}
	}
	return &s, nil
}

// modelNamed returns the model that one of the texts names as a word (tests-fhir-r5.json).
func modelNamed(texts ...string) (model string, ok bool) {
	for _, text := range texts {
		words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		for _, word := range words {
			if word == "r5" || word == "r4b" || word == "r4" {
				return word, true
			}
		}
	}
	return "", false
}
