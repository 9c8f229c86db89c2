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
	// Source describes where the cases come from, in any form.
	Source json.RawMessage `json:"source"`
	// Model is the default model of the cases. Its own default is the model in the file's name or source, otherwise r4.
	Model Optional `json:"model"`
	// Dirs are the folders of the input files.
	Dirs []string `json:"-"`
}

// FHIRPathCase is a case: an expression with its result.
type FHIRPathCase struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Group      string `json:"group"`
	Expression string `json:"expression"`
	// InputFile is the file of the resource, Input the resource itself; both may be absent.
	InputFile string          `json:"inputfile"`
	Input     json.RawMessage `json:"input"`
	// Model is r4, r4b or r5; null means no model. The default is that of the suite.
	Model Optional `json:"model"`
	// Mode is "strict" if warnings of the static check are errors.
	Mode string `json:"mode"`
	// Context is an expression on the input. Its result is %context, and the case's expression starts from it, unless
	// that begins with the type of the input or, if the input has no type, with one of its members.
	Context string `json:"context"`
	// Variables are environment variables by name.
	Variables map[string]json.RawMessage `json:"variables"`
	// Predicate is "true" if the result is converted to a Boolean: whether there is one.
	Predicate Flag `json:"predicate"`
	// Invalid is syntax, semantic, execution or true if the expression must fail.
	Invalid Flag `json:"invalid"`
	// CheckOrdered is "true" if functions that depend on an order are errors on collections without one.
	CheckOrdered Flag `json:"checkOrderedFunctions"`
	// Ordered is "false" if the result may be in any order.
	Ordered Flag             `json:"ordered"`
	Outputs []FHIRPathOutput `json:"outputs"`
}

// FHIRPathOutput is an item of a result.
type FHIRPathOutput struct {
	// Type is the name of the item's type in FHIR (boolean, dateTime, HumanName); nil means any.
	Type *string `json:"type"`
	// Value is the item's text; dates and times begin with @, complex items are JSON.
	Value OutputText `json:"value"`

	quantity string // the value of a Quantity element, as a literal
}

// Optional is a JSON string that can be null or absent.
type Optional struct {
	Set  bool
	Text string // empty for null
}

// UnmarshalJSON reads a string or null.
func (o *Optional) UnmarshalJSON(raw []byte) error {
	o.Set = true
	return json.Unmarshal(raw, &o.Text)
}

// UnmarshalJSON reads an object with value or type, or any other JSON as a value without a type.
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

// isOutput reports whether an object has only the members of an output.
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

// OutputText is the text of an output: the content of a JSON string, or any other JSON as written.
type OutputText string

// UnmarshalJSON reads any JSON.
func (t *OutputText) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '"' {
		return json.Unmarshal(raw, (*string)(t))
	}
	*t = OutputText(raw)
	return nil
}

// LoadFHIRPath reads a file of cases. inputs are the folders of the input files, by default inputs-r4, inputs-r4b,
// inputs-r5 and inputs next to the file. A folder whose name contains the model of a case is searched first. Cases
// without an id are named after their group and name, with a number if these are not unique.
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
