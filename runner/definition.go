package runner

import (
	"encoding/json"
	"fmt"
	"maps"
)

// ViewDefinition is the decoded form of a SQL on FHIR ViewDefinition. It may be read from JSON by [Decode] or
// filled in by Go code; [Compile] checks it either way. It marshals to JSON in the 3.0.0-ballot form.
//
// It is plain data: do not change it while another goroutine reads it.
type ViewDefinition struct {
	// URL is the canonical address, without a version.
	URL string `json:"url,omitempty"`
	// Version is metadata, as are Title, Status and Description: running a view needs none of them.
	Version string `json:"version,omitempty"`
	// Name names the view where a table name is needed: a letter, then letters, digits and underscores.
	Name        string `json:"name,omitempty"`
	Title       string `json:"title,omitempty"`
	Status      string `json:"status,omitempty"`
	Description string `json:"description,omitempty"`
	// Resource is the FHIR resource type that the view runs on. It is required.
	Resource string `json:"resource,omitempty"`
	// Profile lists profiles the view was written against. They do not filter resources.
	Profile []string `json:"profile,omitempty"`
	// FHIRVersion lists the FHIR versions the view works with, such as "4.0.1".
	FHIRVersion []string `json:"fhirVersion,omitempty"`
	// Constant lists the values that paths refer to as %name.
	Constant []Constant `json:"constant,omitempty"`
	// Where lists the conditions of a resource: it has rows only if all of them are true.
	Where []Where `json:"where,omitempty"`
	// Select lists the parts of a row. At least one is required.
	Select []Select `json:"select,omitzero"`
	// MetaProfile lists the profiles that the definition itself claims in meta.profile, such as
	// ShareableViewDefinition.
	MetaProfile []string `json:"-"`
	// Extra holds the members of the resource that have no field here (identifier, publisher, text, ...),
	// unchanged.
	Extra map[string]json.RawMessage `json:"-"`
	// Warnings lists what [Decode] noticed: members below the resource's own that the specification does not
	// have.
	Warnings []string `json:"-"`
}

// Constant is a named value of a view (constant element).
type Constant struct {
	// Name is what paths call it, without the %. It follows the rule of [ViewDefinition.Name]; rowIndex is
	// reserved.
	Name string
	// Type is the FHIR type in value[x], such as "string", "code", "integer64" or "dateTime". Empty means that
	// there is no value, which is a fault.
	Type string
	// Value is the value's text in FHIR's form: "true", "10.0", "2020-01-01".
	Value string
}

// Where is one condition of a view (where element).
type Where struct {
	// Path is a FHIRPath expression that gives true, false or nothing for a resource.
	Path string `json:"path"`
	// Description says what the condition is for.
	Description string `json:"description,omitempty"`
}

// Select is one part of a view's rows (select element). At most one of ForEach, ForEachOrNull and Repeat may be
// given.
type Select struct {
	// ForEach selects the elements that this part runs on: one row for each.
	ForEach string `json:"forEach,omitempty"`
	// ForEachOrNull is like ForEach, but gives one row of nulls where there are no elements.
	ForEachOrNull string `json:"forEachOrNull,omitempty"`
	// Repeat lists paths that are followed recursively from every element they find, depth first.
	Repeat []string `json:"repeat,omitempty"`
	// Column lists the columns of this part.
	Column []ColumnDefinition `json:"column,omitempty"`
	// Select lists nested parts: their rows are combined with this part's (Cartesian product).
	Select []Select `json:"select,omitempty"`
	// UnionAll lists alternatives with the same columns: their rows follow one another.
	UnionAll []Select `json:"unionAll,omitempty"`
}

// ColumnDefinition is a column of a select (column element).
type ColumnDefinition struct {
	// Name is the column's name. It is required, follows the rule of [ViewDefinition.Name], and is unique in
	// the view.
	Name string `json:"name"`
	// Path is the FHIRPath expression of the value. It is required.
	Path string `json:"path"`
	// Description says what the column holds.
	Description string `json:"description,omitempty"`
	// Collection says that the value is a list.
	Collection bool `json:"collection,omitempty"`
	// Type is the FHIR type of the value, such as "date", or its StructureDefinition's URL. If it is empty, the
	// type is inferred.
	Type string `json:"type,omitempty"`
	// Tag lists further facts for databases, such as ansi/type.
	Tag []Tag `json:"tag,omitempty"`
}

// Tag is a name and a value attached to a column (tag element).
type Tag struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// MarshalJSON writes the definition in the 3.0.0-ballot form, the members of Extra last.
func (d *ViewDefinition) MarshalJSON() ([]byte, error) {
	var meta map[string]json.RawMessage
	if raw := d.Extra["meta"]; raw != nil {
		if err := json.Unmarshal(raw, &meta); err != nil {
			return nil, fmt.Errorf("runner: meta: %w", err)
		}
	}
	delete(meta, "profile")
	if len(d.MetaProfile) > 0 {
		if meta == nil {
			meta = make(map[string]json.RawMessage)
		}
		meta["profile"], _ = json.Marshal(d.MetaProfile) // strings cannot fail
	}
	type members ViewDefinition // has no MarshalJSON
	out, err := json.Marshal(struct {
		ResourceType string                     `json:"resourceType"`
		Meta         map[string]json.RawMessage `json:"meta,omitempty"`
		*members
	}{"ViewDefinition", meta, (*members)(d)})
	extra := maps.Clone(d.Extra)
	delete(extra, "meta")
	if err != nil || len(extra) == 0 {
		return out, err
	}
	more, err := json.Marshal(extra)
	if err != nil {
		return nil, err
	}
	return append(append(out[:len(out)-1], ','), more[1:]...), nil
}

// UnmarshalJSON is [Decode] for encoding/json.
func (d *ViewDefinition) UnmarshalJSON(data []byte) error {
	got, err := Decode(data)
	if err != nil {
		return err
	}
	*d = *got
	return nil
}

// MarshalJSON writes name and value[x]. It fails if the value is not of the type.
func (c Constant) MarshalJSON() ([]byte, error) {
	members := map[string]any{"name": c.Name}
	if c.Type == "" {
		return json.Marshal(members)
	}
	key, ok := constantKey(c.Type)
	if !ok {
		return nil, fmt.Errorf("runner: constant %s: unknown type %s", c.Name, c.Type)
	}
	switch c.Type {
	case "boolean", "decimal", "integer", "positiveInt", "unsignedInt":
		if !json.Valid([]byte(c.Value)) || c.Value[0] == '"' || c.Value[0] == '{' || c.Value[0] == '[' {
			return nil, fmt.Errorf("runner: constant %s: the value is not of type %s", c.Name, c.Type)
		}
		members[key] = json.RawMessage(c.Value)
	default:
		members[key] = c.Value
	}
	return json.Marshal(members)
}
