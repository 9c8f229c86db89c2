package workflow

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"strconv"
	"strings"
)

// Condition is a test of the facts about a request. The facts are one JSON document:
//
//	{"requirements": {...}, "priority": "routine", "output": ...}
//
// where output is that of the step that raised the event. A condition on a fact that is absent does not hold.
type Condition struct {
	// Path is a JSON pointer (RFC 6901) into the facts, for example "/requirements/phiLevel".
	Path string `json:"path"`
	// Op is eq, ne, lt, le, gt or ge (of two numbers or two texts), in (Value is an array), or exists.
	Op string `json:"op"`
	// Value is JSON; exists has none.
	Value json.RawMessage `json:"value,omitempty"`
}

// Facts are the document that conditions look at; see [NewFacts].
type Facts map[string]any

// NewFacts makes facts of a request's priority and requirements (a value that encodes to JSON) and of the output of
// the step that raised the event (JSON; empty for none).
func NewFacts(priority string, requirements any, output json.RawMessage) (Facts, error) {
	f := Facts{"priority": priority}
	raw, err := json.Marshal(requirements)
	if err != nil {
		return nil, fmt.Errorf("workflow: facts: %w", err)
	}
	if f["requirements"], err = decodeNumbers(raw); err != nil {
		return nil, err
	}
	if len(output) > 0 {
		if f["output"], err = decodeNumbers(output); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func decodeNumbers(raw []byte) (any, error) {
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("workflow: facts: %w", err)
	}
	return v, nil
}

func (c Condition) fault() string {
	if !strings.HasPrefix(c.Path, "/") {
		return "its path is not a JSON pointer"
	}
	switch root, _, _ := strings.Cut(c.Path[1:], "/"); root {
	case "requirements", "priority", "output":
	default:
		return "its path does not begin with /requirements, /priority or /output"
	}
	var v any
	if c.Op != "exists" {
		var err error
		if v, err = decodeNumbers(c.Value); err != nil || !json.Valid(c.Value) {
			return "its value is not JSON"
		}
	}
	switch c.Op {
	case "eq", "ne":
	case "lt", "le", "gt", "ge":
		switch v.(type) {
		case json.Number, string:
		default:
			return "its value is neither a number nor a text"
		}
	case "in":
		if _, ok := v.([]any); !ok {
			return "its value is not an array"
		}
	case "exists":
		if len(c.Value) > 0 {
			return "exists takes no value"
		}
	default:
		return "its op is not eq, ne, lt, le, gt, ge, in or exists"
	}
	return ""
}

// holds is false for an absent fact, whatever the operator.
func (c Condition) holds(f Facts) bool {
	got, ok := lookup(map[string]any(f), c.Path)
	if !ok {
		return false
	}
	if c.Op == "exists" {
		return true
	}
	want, err := decodeNumbers(c.Value)
	if err != nil {
		return false
	}
	switch c.Op {
	case "eq":
		return equalJSON(got, want)
	case "ne":
		return !equalJSON(got, want)
	case "in":
		list, _ := want.([]any)
		for _, w := range list {
			if equalJSON(got, w) {
				return true
			}
		}
		return false
	}
	order, ok := compareJSON(got, want)
	if !ok {
		return false
	}
	switch c.Op {
	case "lt":
		return order < 0
	case "le":
		return order <= 0
	case "gt":
		return order > 0
	default:
		return order >= 0
	}
}

func compareJSON(a, b any) (int, bool) {
	switch x := a.(type) {
	case json.Number:
		y, ok := b.(json.Number)
		if !ok {
			return 0, false
		}
		p, ok1 := new(big.Rat).SetString(x.String())
		q, ok2 := new(big.Rat).SetString(y.String())
		if !ok1 || !ok2 {
			return 0, false
		}
		return p.Cmp(q), true
	case string:
		y, ok := b.(string)
		return cmp.Compare(x, y), ok
	}
	return 0, false
}

func equalJSON(a, b any) bool {
	if order, ok := compareJSON(a, b); ok {
		return order == 0
	}
	return reflect.DeepEqual(a, b)
}

func lookup(doc any, pointer string) (any, bool) {
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	for part := range strings.SplitSeq(pointer[1:], "/") {
		part = unescape.Replace(part)
		switch v := doc.(type) {
		case map[string]any:
			var ok bool
			if doc, ok = v[part]; !ok {
				return nil, false
			}
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(v) {
				return nil, false
			}
			doc = v[i]
		default:
			return nil, false
		}
	}
	return doc, true
}
