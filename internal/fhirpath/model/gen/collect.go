package main

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// fhirType is a type to write to the tables.
type fhirType struct {
	name                                  string
	base                                  string // "" for a root
	primitive, resource, abstract, inline bool
	system                                string
	elements                              []*element // in order of definition; inherited ones only where redefined
}

// element is one element of a fhirType.
type element struct {
	name                   string
	types                  []string
	choice, many, required bool
}

// systemTypes are the System types that primitives convert to; others are Strings. Quantity converts as well.
var systemTypes = map[string]string{
	"boolean": "Boolean", "integer": "Integer", "unsignedInt": "Integer", "positiveInt": "Integer", "integer64": "Long",
	"decimal": "Decimal", "date": "Date", "dateTime": "DateTime", "instant": "DateTime", "time": "Time",
}

// collect converts definitions to types, sorted so that parents come before all types that derive from them.
func collect(r *release, defs []*definition) ([]*fhirType, error) {
	byName := map[string]*fhirType{}
	for _, def := range defs {
		if def.Kind == "logical" || def.Derivation == "constraint" {
			continue
		}
		if def.FHIRVersion != r.version {
			return nil, fmt.Errorf("definition of %s is of FHIR version %s, want %s", def.Type, def.FHIRVersion, r.version)
		}
		if byName[def.Type] != nil {
			return nil, fmt.Errorf("two definitions of %s", def.Type)
		}
		if err := addTypes(byName, def); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{"Element", "BackboneElement", "Resource", "DomainResource", "Patient", "string"} {
		if byName[name] == nil {
			return nil, fmt.Errorf("no definition of %s", name)
		}
	}
	sorted, err := sortByBase(byName)
	if err != nil {
		return nil, err
	}
	for _, t := range sorted {
		base := byName[t.base]
		if base != nil {
			t.resource = t.resource || base.resource
			if t.system == "" {
				t.system = base.system
			}
		}
		t.elements = slices.DeleteFunc(t.elements, func(e *element) bool {
			was := inherited(byName, t.base, e.name)
			return was != nil && was.choice == e.choice && was.many == e.many && slices.Equal(was.types, e.types)
		})
		for _, e := range t.elements {
			for _, name := range e.types {
				if byName[name] == nil {
					return nil, fmt.Errorf("%s.%s is of type %q, which is not defined", t.name, e.name, name)
				}
			}
		}
	}
	return sorted, nil
}

// addTypes adds the type that def defines and those of its elements that have children of their own.
func addTypes(byName map[string]*fhirType, def *definition) error {
	root := &fhirType{
		name: def.Type, base: path.Base(def.BaseDefinition), abstract: def.Abstract,
		primitive: def.Kind == "primitive-type", resource: def.Type == "Resource",
	}
	if def.BaseDefinition == "" {
		root.base = ""
	}
	if root.primitive {
		if root.system = systemTypes[def.Type]; root.system == "" {
			root.system = "String"
		}
	} else if def.Type == "Quantity" {
		root.system = "Quantity"
	}
	byName[root.name] = root
	parents := map[string]bool{}
	for _, e := range def.Elements {
		if i := strings.LastIndexByte(e.Path, '.'); i > 0 {
			parents[e.Path[:i]] = true
		}
	}
	for _, e := range def.Elements {
		i := strings.LastIndexByte(e.Path, '.')
		if i < 0 || e.Max == "0" || root.primitive && e.Path == root.name+".value" {
			continue
		}
		owner := byName[e.Path[:i]]
		if owner == nil {
			return fmt.Errorf("element %s comes before its parent", e.Path)
		}
		el := &element{name: e.Path[i+1:], many: e.Max != "1", required: e.Min != "0"}
		if name, ok := strings.CutSuffix(el.name, "[x]"); ok {
			el.name, el.choice = name, true
		}
		switch {
		case e.ContentReference != "":
			_, target, _ := strings.Cut(e.ContentReference, "#")
			el.types = []string{target}
		case parents[e.Path]:
			if len(e.Types) != 1 {
				return fmt.Errorf("element %s has children and %d types", e.Path, len(e.Types))
			}
			byName[e.Path] = &fhirType{name: e.Path, base: e.Types[0].Code, inline: true}
			el.types = []string{e.Path}
		default:
			for _, t := range e.Types {
				if name := typeName(root, e.Path, t); !slices.Contains(el.types, name) {
					el.types = append(el.types, name)
				}
			}
		}
		if len(el.types) == 0 || len(el.types) > 1 && !el.choice {
			return fmt.Errorf("element %s has %d types", e.Path, len(el.types))
		}
		owner.elements = append(owner.elements, el)
	}
	return nil
}

// typeName returns the FHIR type that a type reference of an element stands for.
func typeName(root *fhirType, elementPath string, t typeReference) string {
	switch {
	case !strings.HasPrefix(t.Code, "http://hl7.org/fhirpath/System."):
		return t.Code
	case elementPath == root.name+".id" && (root.resource || root.base == "Resource" || root.base == "DomainResource"):
		return "id" // R4 and R4B note string
	case strings.HasSuffix(elementPath, ".id"):
		return "string" // noted as id on some types of R5, though Element.id is a string
	case t.FHIRType != "":
		return t.FHIRType
	}
	return "string"
}

// inherited finds an element that a type has or inherits.
func inherited(byName map[string]*fhirType, name, el string) *element {
	for t := byName[name]; t != nil; t = byName[t.base] {
		for _, e := range t.elements {
			if e.name == el {
				return e
			}
		}
	}
	return nil
}

// sortByBase orders types along the tree of inheritance, siblings by name.
func sortByBase(byName map[string]*fhirType) ([]*fhirType, error) {
	children := map[string][]*fhirType{}
	for _, t := range byName {
		if t.base != "" && byName[t.base] == nil {
			return nil, fmt.Errorf("%s derives from %s, which is not defined", t.name, t.base)
		}
		children[t.base] = append(children[t.base], t)
	}
	var sorted []*fhirType
	var visit func(base string)
	visit = func(base string) {
		slices.SortFunc(children[base], func(a, b *fhirType) int { return strings.Compare(a.name, b.name) })
		for _, t := range children[base] {
			sorted = append(sorted, t)
			visit(t.name)
		}
	}
	visit("")
	if len(sorted) != len(byName) {
		return nil, fmt.Errorf("%d of %d types derive from one another in a cycle", len(byName)-len(sorted), len(byName))
	}
	return sorted, nil
}
