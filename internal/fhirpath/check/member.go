package check

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
)

// firstName returns the type of a name that has nothing before it: the type of the focus, as in Patient.name,
// or an element of the focus.
func (c *checker) firstName(focus Type, e *syntax.Member) Type {
	if c.Options.Model == nil {
		return Any()
	}
	id, isType := c.model.Type(e.Name)
	if isType && !focus.Known {
		if strings.ToUpper(e.Name[:1]) == e.Name[:1] {
			return focus.with([]Ref{{FHIR: id}}).least(0)
		}
		return Any()
	}
	if isType {
		refs := []Ref{}
		for _, r := range focus.Refs {
			switch {
			case r.System != 0:
			case c.model.IsSubtype(r.FHIR, id):
				refs = append(refs, r)
			case c.model.IsSubtype(id, r.FHIR):
				refs = append(refs, Ref{FHIR: id})
			}
		}
		if len(refs) > 0 {
			return focus.with(refs).least(min(focus.Least, 1))
		}
	}
	return c.member(focus, e.Name, e.Offset)
}

// member returns the type of an element of t's items.
func (c *checker) member(t Type, name string, offset int) Type {
	if !t.Known || c.Options.Model == nil {
		return Type{Unordered: t.Unordered}
	}
	if t.isEmpty() {
		return t
	}
	out := Type{Single: t.Single, Unordered: t.Unordered, Known: true, Refs: []Ref{}}
	found := false
	for _, r := range t.Refs {
		u, ok := c.elementOf(r, name)
		if !ok {
			continue
		}
		found = true
		out.Single = out.Single && u.Single
		if !u.Known || !out.Known {
			out.Known, out.Refs = false, nil
			continue
		}
		out = out.with(joinRefs(out.Refs, u.Refs))
	}
	if !found {
		if c.silent > 0 { // a round of repeat() that does not know all types yet
			return Type{Known: true, Single: true}
		}
		found := c.byJSONName(t, name)
		if !c.full() {
			level := Strict
			if t.Asserted && len(t.Refs) == 1 && !found.Known {
				level = Wrong // whatever the data, an item of the type that was asked for has no such element
			}
			c.add(Fault{Level: level, Offset: offset, Msg: c.noElement(t, name), Nowhere: !knownNames()[name]})
		}
		return found
	}
	return out
}

// elementOf returns the type of an element of one item of type r.
func (c *checker) elementOf(r Ref, name string) (Type, bool) {
	switch r.System {
	case 0:
	case Quantity:
		switch name {
		case "value":
			return OfSystem(Decimal), true
		case "unit", "code", "system":
			return OfSystem(String), true
		}
		return Any(), false
	case TypeInfo:
		if name == "name" || name == "namespace" {
			return OfSystem(String), true
		}
		return Any(), true
	default:
		return Any(), false
	}
	if el, ok := c.model.Element(r.FHIR, name); ok {
		refs := make([]Ref, len(el.Types))
		for i, id := range el.Types {
			refs[i] = Ref{FHIR: id}
		}
		t := Type{Single: !el.Many}.with(refs)
		return t, true
	}
	if name == "value" && c.model.IsPrimitive(r.FHIR) {
		s, _ := systemNamed(c.model.SystemType(r.FHIR))
		return OfSystem(s), true
	}
	return Any(), c.model.IsAbstract(r.FHIR) && c.subtypeHas(r.FHIR, name)
}

// inSubtype asks whether a type that derives from another has an element.
type subtypeElement struct {
	super model.TypeID
	name  string
}

// subtypeHas reports whether some type that derives from super has an element.
func (c *checker) subtypeHas(super model.TypeID, name string) bool {
	key := subtypeElement{super, name}
	has, known := c.subtypes[key]
	if known {
		return has
	}
	for id := range c.model.Types() {
		if id == super || !c.model.IsSubtype(id, super) {
			continue
		}
		if _, ok := c.model.Element(id, name); ok || name == "value" && c.model.IsPrimitive(id) {
			has = true
			break
		}
	}
	c.subtypes[key] = has
	return has
}

// byJSONName returns the type of what an evaluator that is not strict finds under a JSON name such as valueQuantity.
func (c *checker) byJSONName(t Type, name string) Type {
	out := Type{Known: true, Single: t.Single, Unordered: t.Unordered}
	for _, r := range t.Refs {
		if r.System != 0 {
			continue
		}
		if el, typ, ok := c.model.JSONKey(r.FHIR, name); ok && el.Choice {
			out = out.with(joinRefs(out.Refs, []Ref{{FHIR: typ}}))
		}
	}
	if len(out.Refs) == 0 {
		return Any()
	}
	return out
}

// somewhere is every name that an element has in any type of any known version, in paths or in JSON, and every name
// of a type. It is made when it is asked for the first time, and does not change.
var knownNames = sync.OnceValue(func() map[string]bool {
	names := make(map[string]bool)
	for _, v := range []model.Version{model.R4, model.R4B, model.R5} {
		m := model.Load(v)
		for t := range m.Types() {
			names[m.Name(t)] = true
			for el := range m.Elements(t) {
				if names[el.Name] = true; !el.Choice {
					continue
				}
				for _, typ := range el.Types {
					names[m.ChoiceKey(el, typ)] = true
				}
			}
		}
	}
	return names
})

// noElement says that no item of type t has an element, and what may have been meant.
func (c *checker) noElement(t Type, name string) string {
	var names []string
	for _, r := range t.Refs {
		if r.System != 0 {
			continue
		}
		if el, typ, ok := c.model.JSONKey(r.FHIR, name); ok && el.Choice {
			return fmt.Sprintf("no element %q in %s; use %s.ofType(%s)", name, c.describe(t), el.Name, c.model.Name(typ))
		}
		for el := range c.model.Elements(r.FHIR) {
			if !slices.Contains(names, el.Name) {
				names = append(names, el.Name)
			}
		}
	}
	if id, ok := c.model.Type(name); ok && c.model.IsResource(id) {
		return fmt.Sprintf("no element %q in %s: the expression is for another resource type", name, c.describe(t))
	}
	return fmt.Sprintf("no element %q in %s%s", name, c.describe(t), didYouMean(name, names, ""))
}

// describe names the types of t for an error: "HumanName", "Quantity or string", "System.Integer".
func (c *checker) describe(t Type) string {
	if !t.Known {
		return "anything"
	}
	var names []string
	for _, r := range t.Refs {
		name := strings.TrimPrefix(r.Name(c.model), "FHIR.")
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	const most = 4
	switch n := len(names); {
	case n == 0:
		return "the empty collection"
	case n == 1:
		return names[0]
	case n > most:
		return strings.Join(names[:most-1], ", ") + fmt.Sprintf(" or %d other types", n-most+1)
	default:
		return strings.Join(names[:n-1], ", ") + " or " + names[n-1]
	}
}

// typeNamed finds the type that a type specifier names. known is false if it cannot be told whether there is
// such a type, because there is no model.
func (c *checker) typeNamed(parts []string, offset int) (r Ref, known bool) {
	name := parts[len(parts)-1]
	namespace := ""
	if len(parts) == 2 {
		namespace = parts[0]
	}
	if name == "Any" && (namespace == "" || namespace == "System") {
		return Ref{}, false
	}
	if len(parts) > 2 || namespace != "" && namespace != "FHIR" && namespace != "System" {
		if joined := strings.Join(parts, "."); c.Options.Model != nil {
			if id, ok := c.model.Type(strings.TrimPrefix(joined, "FHIR.")); ok {
				return Ref{FHIR: id}, true // a backbone element by its path
			}
		}
		c.fault(Certain, offset, "unknown type %s", strings.Join(parts, "."))
		return Ref{}, false
	}
	if namespace != "System" {
		if c.Options.Model == nil {
			if s, ok := systemNamed(name); ok && namespace == "" {
				return Ref{System: s}, true
			}
			return Ref{}, false
		}
		if id, ok := c.model.Type(name); ok {
			return Ref{FHIR: id}, true
		}
	}
	if namespace != "FHIR" {
		if s, ok := systemNamed(name); ok {
			return Ref{System: s}, true
		}
	}
	if c.full() {
		return Ref{}, false
	}
	var names []string
	if namespace != "System" {
		for id := range c.model.Types() {
			names = append(names, c.model.Name(id))
		}
	}
	if namespace != "FHIR" {
		names = append(names, systemNames[Boolean:TypeInfo]...)
	}
	level := Certain
	if _, ok := c.model.Type(name); ok && namespace == "System" && c.Options.Model != nil {
		level = Strict // a type of the model in the wrong namespace: one that nothing has
	}
	c.fault(level, offset, "unknown type %s%s", strings.Join(parts, "."), didYouMean(name, names, ""))
	return Ref{}, false
}

// narrow returns the part of t that is of type r, and whether t can hold such a thing.
func (c *checker) narrow(t Type, r Ref) (Type, bool) {
	out := t.least(0)
	if !t.Known {
		return out.with([]Ref{r}), true
	}
	refs := []Ref{}
	for _, have := range t.Refs {
		switch {
		case have == r, have.System == 0 && r.System == 0 && c.model.IsSubtype(have.FHIR, r.FHIR):
			refs = joinRefs(refs, []Ref{have})
		case have.System == 0 && r.System == 0 && c.model.IsSubtype(r.FHIR, have.FHIR),
			have.System != r.System && c.sameSystem(have, r):
			refs = joinRefs(refs, []Ref{r})
		}
	}
	if len(refs) == 0 {
		return out.with([]Ref{r}), t.isEmpty()
	}
	if r.System == 0 && c.model.IsPrimitive(r.FHIR) && slices.Contains(refs, r) {
		refs = []Ref{r} // a primitive is taken as exactly its own type
	}
	return out.with(refs), true
}

// sameSystem reports whether one of a and b is the System type that the other, a FHIR type, stands for.
func (c *checker) sameSystem(a, b Ref) bool {
	return (a.System == 0) != (b.System == 0) && c.kindsOf(a)&c.kindsOf(b) != 0
}

// typeOp returns the type of `x is T` or `x as T`, by operator or function.
func (c *checker) typeOp(x Type, is bool, what string, name syntax.TypeName, offset int) Type {
	r, known := c.typeNamed(name.Parts, name.Offset)
	c.oneItem(x, offset, "%s needs a single item", what)
	if is {
		return OfSystem(Boolean).least(min(x.Least, 1))
	}
	if !known {
		return x.anything().least(0)
	}
	t, can := c.narrow(x, r)
	if !can {
		c.fault(Doubtful, name.Offset, "%s cannot be of type %s", c.describe(x), name)
	}
	t.Asserted = true
	return t
}

// typeArgument reads an argument that names a type: Quantity or System.Integer.
func typeArgument(e syntax.Expr) (syntax.TypeName, bool) {
	var parts []string
	for {
		m, ok := e.(*syntax.Member)
		if !ok {
			return syntax.TypeName{}, false
		}
		parts = append(parts, m.Name)
		if m.X == nil {
			slices.Reverse(parts)
			return syntax.TypeName{Parts: parts, Offset: m.Offset}, true
		}
		e = m.X
	}
}
