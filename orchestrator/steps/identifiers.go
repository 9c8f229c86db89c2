package steps

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/runner"
)

// IdentifierKind says which identifier a column contains: one of those of 45 CFR 164.514(b)(2)(i) that FHIR resources
// about a patient have.
type IdentifierKind string

// The kinds of identifier.
const (
	NameIdentifier      IdentifierKind = "name"
	AddressIdentifier   IdentifierKind = "street address"
	PlaceIdentifier     IdentifierKind = "place"      // city, district, postal code
	BirthDateIdentifier IdentifierKind = "birth date" // with day or month
	DeathDateIdentifier IdentifierKind = "date of death"
	DateIdentifier      IdentifierKind = "date" // of care, with day or month
	ContactIdentifier   IdentifierKind = "telephone or e-mail"
	NumberIdentifier    IdentifierKind = "identifier number" // record, insurance, social security, device
	PhotoIdentifier     IdentifierKind = "photograph"
	NarrativeIdentifier IdentifierKind = "narrative" // free text about the patient
)

// verdict is what the quality step does with a kind of identifier at a PHI level.
type verdict int

const (
	allowed verdict = iota
	warned
	refused
)

// judge applies a PHI level. A limited data set (164.514(e)) may contain dates and places. De-identified data may
// contain neither; dates of care, which are in most clinical views, only cause a warning to the reviewer.
func judge(level orchestrator.PHILevel, kind IdentifierKind) verdict {
	switch {
	case level == orchestrator.Identified:
		return allowed
	case kind == NarrativeIdentifier:
		return warned
	case kind == DateIdentifier:
		if level == orchestrator.LimitedDataSet {
			return allowed
		}
		return warned
	case kind == PlaceIdentifier, kind == BirthDateIdentifier, kind == DeathDateIdentifier:
		if level == orchestrator.LimitedDataSet {
			return allowed
		}
	}
	return refused
}

// pathKinds returns which identifier the path of each column leads to, for the columns with one.
func pathKinds(v *runner.View) map[string]IdentifierKind {
	def := v.Definition()
	kinds := map[string]IdentifierKind{}
	var walk func(parts []runner.Select, context []string)
	walk = func(parts []runner.Select, context []string) {
		for _, part := range parts {
			inner := context[:len(context):len(context)]
			inner = append(inner, elementsOf(part.ForEach+part.ForEachOrNull)...)
			for _, path := range part.Repeat {
				inner = append(inner, elementsOf(path)...)
			}
			for _, c := range part.Column {
				if kind := pathKind(def.Resource, append(inner[:len(inner):len(inner)], elementsOf(c.Path)...), c.Path); kind != "" && kinds[c.Name] == "" {
					kinds[c.Name] = kind
				}
			}
			walk(part.Select, inner)
			walk(part.UnionAll, inner)
		}
	}
	walk(def.Select, nil)
	return kinds
}

var (
	quoted    = regexp.MustCompile(`'(?:[^'\\]|\\.)*'`)
	element   = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*\s*\(?`)
	arguments = regexp.MustCompile(`\([^()]*\)`)
	combined  = regexp.MustCompile(`[+&|]`)
	plain     = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]* ?`)
	// yesOrNo matches paths that give only a Boolean or a count.
	yesOrNo = regexp.MustCompile(`\.(exists|empty|count|hasValue|not|isDistinct)\([^()]*\)$`)
)

// elementsOf lists the names of elements in a path, in order: no literals, no functions.
func elementsOf(path string) []string {
	var names []string
	for _, name := range element.FindAllString(quoted.ReplaceAllString(path, ""), -1) {
		if !strings.HasSuffix(name, "(") {
			names = append(names, strings.TrimSpace(name))
		}
	}
	return names
}

// lastElement returns the element whose value a path gives. It is "" when the value is combined from several elements,
// or the path consists of functions.
func lastElement(path string) string {
	path = quoted.ReplaceAllString(path, "")
	for {
		shorter := arguments.ReplaceAllString(path, " ")
		if shorter == path {
			break
		}
		path = shorter
	}
	if combined.MatchString(path) {
		return ""
	}
	// name.where() has become name.where and a blank: names of functions are followed by a blank.
	last := ""
	for _, name := range plain.FindAllString(path, -1) {
		if !strings.HasSuffix(name, " ") {
			last = name
		}
	}
	return last
}

// pathKind returns the identifier that a column contains, given the elements from the resource to the value and the
// column's own path.
func pathKind(resourceType string, elements []string, path string) IdentifierKind {
	bare := quoted.ReplaceAllString(path, "")
	if yesOrNo.MatchString(bare) && !combined.MatchString(bare) {
		return ""
	}
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(elements, n) })
	}
	last := lastElement(path)
	person := resourceType == "Patient" || resourceType == "RelatedPerson" || resourceType == "Person"
	switch {
	case has("photo"):
		return PhotoIdentifier
	case has("div"):
		return NarrativeIdentifier
	case has("subject", "patient", "beneficiary") && has("display"):
		return NameIdentifier
	case has("identifier"):
		if last == "system" || last == "use" {
			return ""
		}
		return NumberIdentifier
	case !person:
		return ""
	case has("telecom"):
		if last == "system" || last == "use" || last == "rank" {
			return ""
		}
		return ContactIdentifier
	case has("birthDate"):
		return BirthDateIdentifier
	case has("deceased"):
		return DeathDateIdentifier
	case has("address"):
		switch last {
		case "state", "country", "use", "type":
			return ""
		case "city", "district", "postalCode":
			return PlaceIdentifier
		}
		return AddressIdentifier
	case has("name", "family", "given"):
		if last == "use" || last == "prefix" || last == "suffix" {
			return ""
		}
		return NameIdentifier
	}
	return ""
}

var (
	fullDate  = regexp.MustCompile(`^\d{4}-\d{2}(-\d{2}(T.*)?)?$`)
	email     = regexp.MustCompile(`[A-Za-z0-9._%+\-]+@[A-Za-z0-9\-]+(\.[A-Za-z0-9\-]+)*\.[A-Za-z]{2,}`)
	security  = regexp.MustCompile(`^\d{3}-\d{2}-\d{4}$`)
	telephone = regexp.MustCompile(`^(\+\d{1,3}[ .\-]?)?(\(\d{3}\) ?|\d{3}[ .\-])\d{3}[ .\-]\d{4}( ?x ?\d{1,5})?$`)
)

// cellKinds returns the identifiers in a cell, each once. A cell that is a list or an object in JSON may contain
// several.
func cellKinds(fromPath IdentifierKind, cell string) []IdentifierKind {
	if strings.HasPrefix(cell, "[") || strings.HasPrefix(cell, "{") {
		if kinds, ok := jsonKinds(fromPath, cell); ok {
			return kinds
		}
	}
	if kind := valueKind(fromPath, cell); kind != "" {
		return []IdentifierKind{kind}
	}
	return nil
}

// jsonKinds returns the identifiers among the values of a JSON text. It is false for other text.
func jsonKinds(fromPath IdentifierKind, text string) (kinds []IdentifierKind, ok bool) {
	var all any
	if json.Unmarshal([]byte(text), &all) != nil {
		return nil, false
	}
	var walk func(v any)
	walk = func(v any) {
		value := ""
		switch v := v.(type) {
		case string:
			value = v
		case float64:
			value = strconv.FormatFloat(v, 'f', -1, 64)
		case []any:
			for _, item := range v {
				walk(item)
			}
			return
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(v)) {
				walk(v[name])
			}
			return
		default: // null or a Boolean
			return
		}
		if kind := valueKind(fromPath, value); kind != "" && !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	walk(all)
	return kinds, true
}

// valueKind returns which identifier a value is, given the one that its column's path leads to. A Boolean is never an
// identifier.
func valueKind(fromPath IdentifierKind, value string) IdentifierKind {
	if value == "true" || value == "false" {
		return ""
	}
	switch fromPath {
	case "":
	case BirthDateIdentifier, DeathDateIdentifier:
		if fullDate.MatchString(value) {
			return fromPath
		}
	default:
		return fromPath
	}
	// Most values are codes, words and numbers; checking single bytes first avoids the patterns for them.
	if strings.IndexByte(value, '@') >= 0 && email.MatchString(value) {
		return ContactIdentifier
	}
	if len(value) < len("2020-01") || !strings.ContainsRune("0123456789+(", rune(value[0])) {
		return ""
	}
	switch {
	case fullDate.MatchString(value):
		return DateIdentifier
	case security.MatchString(value):
		return NumberIdentifier
	case telephone.MatchString(value):
		return ContactIdentifier
	}
	return ""
}
