package runner

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sort"
)

// ViewDefinition is the decoded form of a SQL on FHIR ViewDefinition. It may be read from JSON by [Decode] or
// filled in by Go code; [Compile] checks it either way. It marshals to JSON in the 3.0.0-ballot form.
//
// It is plain data: not to be changed while another goroutine reads it.
type ViewDefinition struct {
	// URL is the canonical address, without a version.
	URL string
	// Name names the view where a table name is needed: a letter, then letters, digits and underscores.
	Name string
	// Version, Title, Status and Description are metadata. Status is not required to run a view.
	Version, Title, Status, Description string
	// Resource is the FHIR resource type that the view runs on. It is required.
	Resource string
	// Profile lists profiles the view was written against. They do not filter resources.
	Profile []string
	// FHIRVersion lists the FHIR versions the view works with, such as "4.0.1".
	FHIRVersion []string
	// MetaProfile lists the profiles the definition itself claims in meta.profile, such as that of
	// ShareableViewDefinition.
	MetaProfile []string
	// Constant are the values that paths may name as %name.
	Constant []Constant
	// Where are the conditions of a resource: it has rows when every one is true.
	Where []Where
	// Select are the parts of a row. At least one is required.
	Select []Select
	// Extra holds the members of the resource that have no field here (identifier, publisher, text, ...), as
	// they were read.
	Extra map[string]json.RawMessage
	// Warnings are remarks of [Decode]: members of select and column that the specification does not know.
	Warnings []string
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
	Path string
	// Description says what the condition is for.
	Description string
}

// Select is one part of a view's rows (select element). At most one of ForEach, ForEachOrNull and Repeat may be
// given.
type Select struct {
	// Column are the columns of this part.
	Column []ColumnDefinition
	// Select are nested parts: their rows are combined with this part's (Cartesian product).
	Select []Select
	// ForEach gives the elements that this part runs on: a row for each.
	ForEach string
	// ForEachOrNull is like ForEach, but gives one row of nulls where there are no elements.
	ForEachOrNull string
	// Repeat are paths that are followed again and again from each element found, depth first.
	Repeat []string
	// UnionAll are alternatives with the same columns: their rows follow each other.
	UnionAll []Select
}

// ColumnDefinition is a column of a select (column element).
type ColumnDefinition struct {
	// Path is the FHIRPath expression of the value. It is required.
	Path string
	// Name is the column's name. It is required, follows the rule of [ViewDefinition.Name], and is unique in
	// the view.
	Name string
	// Description says what the column holds.
	Description string
	// Type is the FHIR type of the value, such as "date", or its StructureDefinition's URL. Empty: inferred.
	Type string
	// Collection says that the value is a list.
	Collection bool
	// Tag are further facts for databases, such as ansi/type.
	Tag []Tag
}

// Tag is a name and a value attached to a column (tag element).
type Tag struct{ Name, Value string }

// MarshalJSON writes the definition in the 3.0.0-ballot form, members in the specification's order.
func (d *ViewDefinition) MarshalJSON() ([]byte, error) {
	var o object
	o.text("resourceType", "ViewDefinition", true)
	if err := d.addMeta(&o); err != nil {
		return nil, err
	}
	o.text("url", d.URL, false)
	o.text("version", d.Version, false)
	o.text("name", d.Name, false)
	o.text("title", d.Title, false)
	o.text("status", d.Status, false)
	o.text("description", d.Description, false)
	names := make([]string, 0, len(d.Extra))
	for name := range d.Extra {
		if name != "meta" {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	for _, name := range names {
		o.add(name, d.Extra[name])
	}
	o.text("resource", d.Resource, false)
	if len(d.Profile) > 0 {
		o.add("profile", d.Profile)
	}
	if len(d.FHIRVersion) > 0 {
		o.add("fhirVersion", d.FHIRVersion)
	}
	if len(d.Constant) > 0 {
		o.add("constant", d.Constant)
	}
	if len(d.Where) > 0 {
		o.add("where", d.Where)
	}
	if d.Select != nil {
		o.add("select", d.Select)
	}
	return o.close()
}

// addMeta writes meta: what was read, with the profiles as they are now.
func (d *ViewDefinition) addMeta(o *object) error {
	meta := make(map[string]json.RawMessage)
	if raw := d.Extra["meta"]; raw != nil {
		if err := json.Unmarshal(raw, &meta); err != nil {
			return fmt.Errorf("runner: meta: %w", err)
		}
	}
	delete(meta, "profile")
	if len(d.MetaProfile) > 0 {
		profiles, err := json.Marshal(d.MetaProfile)
		if err != nil {
			return err
		}
		meta["profile"] = profiles
	}
	if len(meta) > 0 {
		o.add("meta", meta)
	}
	return nil
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

// MarshalJSON writes name and value[x]. It fails when the value is not of the type.
func (c Constant) MarshalJSON() ([]byte, error) {
	var o object
	o.text("name", c.Name, true)
	if c.Type == "" {
		return o.close()
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
		o.add(key, json.RawMessage(c.Value))
	default:
		o.text(key, c.Value, true)
	}
	return o.close()
}

// MarshalJSON writes path and description.
func (w Where) MarshalJSON() ([]byte, error) {
	var o object
	o.text("path", w.Path, true)
	o.text("description", w.Description, false)
	return o.close()
}

// MarshalJSON writes the members that are there.
func (s Select) MarshalJSON() ([]byte, error) {
	var o object
	o.text("forEach", s.ForEach, false)
	o.text("forEachOrNull", s.ForEachOrNull, false)
	if len(s.Repeat) > 0 {
		o.add("repeat", s.Repeat)
	}
	if len(s.Column) > 0 {
		o.add("column", s.Column)
	}
	if len(s.Select) > 0 {
		o.add("select", s.Select)
	}
	if len(s.UnionAll) > 0 {
		o.add("unionAll", s.UnionAll)
	}
	return o.close()
}

// MarshalJSON writes the members that are there.
func (c ColumnDefinition) MarshalJSON() ([]byte, error) {
	var o object
	o.text("name", c.Name, true)
	o.text("path", c.Path, true)
	o.text("description", c.Description, false)
	if c.Collection {
		o.add("collection", true)
	}
	o.text("type", c.Type, false)
	if len(c.Tag) > 0 {
		o.add("tag", c.Tag)
	}
	return o.close()
}

// MarshalJSON writes name and value.
func (t Tag) MarshalJSON() ([]byte, error) {
	var o object
	o.text("name", t.Name, true)
	o.text("value", t.Value, true)
	return o.close()
}

// object writes a JSON object with its members in order.
type object struct {
	buf bytes.Buffer
	err error
}

func (o *object) add(key string, value any) {
	text, err := json.Marshal(value)
	if err != nil && o.err == nil {
		o.err = err
	}
	if o.buf.Len() == 0 {
		o.buf.WriteByte('{')
	} else {
		o.buf.WriteByte(',')
	}
	name, _ := json.Marshal(key) // a string cannot fail
	o.buf.Write(name)
	o.buf.WriteByte(':')
	o.buf.Write(text)
}

func (o *object) text(key, value string, always bool) {
	if always || value != "" {
		o.add(key, value)
	}
}

func (o *object) close() ([]byte, error) {
	if o.err != nil {
		return nil, o.err
	}
	if o.buf.Len() == 0 {
		return []byte("{}"), nil
	}
	o.buf.WriteByte('}')
	return o.buf.Bytes(), nil
}

// MarshalJSON makes an object a value of another.
func (o *object) MarshalJSON() ([]byte, error) { return o.close() }
