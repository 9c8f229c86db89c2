package fused

import (
	"slices"

	"github.com/researchflow/researchflow/internal/fhirjson"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
)

// Builder compiles the expressions of one view. All of them share a key set, which is complete once the last
// expression was compiled.
type Builder struct {
	model     *model.Model
	constants map[string]string
	emptyJoin bool
	ids       map[string]fhirjson.KeyID
	names     []string
	registers int
	wanted    [][]string // members that paths lead to, from the resource on
}

// NewBuilder returns a builder for views on a model. constants are those of the view's constants whose System
// type is String. With emptyJoin, join() of nothing is the empty text instead of nothing.
func NewBuilder(m *model.Model, constants map[string]string, emptyJoin bool) *Builder {
	// Id 1 belongs to resourceType, so that names have even ids and their siblings with an underscore the
	// odd ones that follow.
	return &Builder{
		model: m, constants: constants, emptyJoin: emptyJoin,
		ids: map[string]fhirjson.KeyID{}, names: []string{"resourceType"},
	}
}

// Keys returns the key set that resources are to be parsed with.
func (b *Builder) Keys() *fhirjson.KeySet { return fhirjson.NewKeySet(b.names...) }

// nowhere is a member that no element has: what leads to it wants an element, and nothing in it.
const nowhere = "resourceType"

// Projection returns the projection of resources to what the expressions visit, their types and ids. keys is what
// Keys returned.
func (b *Builder) Projection(keys *fhirjson.KeySet) *fhirjson.Projection {
	wanted := append([][]string{{"resourceType"}, {"id"}}, b.wanted...)
	return fhirjson.NewProjection(keys, wanted...)
}

// want notes that a path ends at a member.
func (b *Builder) want(names []string, class Class) {
	end := len(names)
	if class == Complex {
		b.wanted = append(b.wanted, append(slices.Clone(names), nowhere))
		return
	}
	b.wanted = append(b.wanted, slices.Clone(names))
	if end > 0 {
		sibling := slices.Clone(names)
		sibling[end-1] = "_" + sibling[end-1]
		b.wanted = append(b.wanted, append(sibling, nowhere))
	}
}

// Registers returns the number of registers of all scopes, for [Machine.Load].
func (b *Builder) Registers() int { return b.registers }

// key returns the id of a member name.
func (b *Builder) key(name string) fhirjson.KeyID {
	id, ok := b.ids[name]
	if !ok {
		b.names = append(b.names, name, "_"+name)
		id = fhirjson.KeyID(len(b.names) - 1)
		b.ids[name] = id
	}
	return id
}

// Class is the System type of the primitives that a path gives.
type Class uint8

// The classes. Complex elements have none.
const (
	Complex Class = iota
	Text          // a JSON string: everything whose System type is String, Date, DateTime or Time
	Boolean
	Integer
	Decimal
)

// fits tells whether a node has the JSON kind of the class.
func (c Class) fits(k fhirjson.Kind) bool {
	switch c {
	case Text:
		return k == fhirjson.String
	case Boolean:
		return k == fhirjson.True || k == fhirjson.False
	case Integer, Decimal:
		return k == fhirjson.Number
	}
	return k == fhirjson.Object
}

// class returns the class of a type; ok is false for types that are better left alone.
func (b *Builder) class(t model.TypeID) (c Class, ok bool) {
	if !b.model.IsPrimitive(t) {
		return Complex, true
	}
	switch b.model.SystemType(t) {
	case "String", "Date", "DateTime", "Time":
		return Text, true
	case "Boolean":
		return Boolean, true
	case "Integer":
		return Integer, true
	case "Decimal":
		return Decimal, true
	}
	return 0, false
}

// typed is what is known of the items that a path leads to.
type typed struct {
	typ    model.TypeID
	choice model.Element // the choice element whose type is not decided yet; its ID is 0 where there is none
}

// Path leads from a focus to nodes. It does not change.
type Path struct {
	scope *Scope
	regs  []int32 // registers of the scope, from its focus to the last that the plain part of the path reaches
	rest  []step
	class Class
	typ   model.TypeID
	names []string // members from the resource on
}

// Class returns the class of the nodes that the path gives.
func (p *Path) Class() Class { return p.class }

// Type returns the FHIR type of the nodes that the path gives.
func (p *Path) Type() model.TypeID { return p.typ }

type stepKind uint8

const (
	stepMember stepKind = iota + 1
	stepFirst
	stepIndex
	stepWhere
)

// step is one step over a list of nodes.
type step struct {
	kind  stepKind
	key   fhirjson.KeyID
	class Class // of the member's nodes
	index int
	cond  *Condition
}

// pathBuilder makes one path. The steps that registers can hold go there as long as there was no other step.
type pathBuilder struct {
	b     *Builder
	p     *Path
	known typed
}

// Path compiles an expression that gives nodes of one type, in a scope. ok is false where it is not one that
// the package takes on.
func (b *Builder) Path(tree syntax.Expr, s *Scope) (p *Path, ok bool) {
	return b.path(tree, s, pathStart{typ: s.input, root: s.root, names: s.names})
}

// pathStart is where a path begins: the type of the focus, whether it is the resource, and the members that lead there.
type pathStart struct {
	typ   model.TypeID
	root  bool
	names []string
}

// path compiles in a scope, or from some other focus where s is nil.
func (b *Builder) path(tree syntax.Expr, s *Scope, from pathStart) (*Path, bool) {
	pb := pathBuilder{b: b, p: &Path{scope: s, names: slices.Clip(from.names)}, known: typed{typ: from.typ}}
	if from.typ == 0 || !pb.add(tree, from.root) || pb.known.choice.ID != 0 {
		return nil, false
	}
	class, ok := b.class(pb.known.typ)
	if !ok {
		return nil, false
	}
	pb.p.class, pb.p.typ = class, pb.known.typ
	b.want(pb.p.names, class)
	return pb.p, true
}

// add appends the steps of an expression.
func (pb *pathBuilder) add(e syntax.Expr, root bool) bool {
	switch e := e.(type) {
	case *syntax.Special:
		return e.Kind == syntax.This && e.X == nil
	case *syntax.Member:
		if e.X == nil {
			if root && e.Name == pb.b.model.Name(pb.known.typ) {
				return true
			}
			return pb.member(e.Name)
		}
		return pb.add(e.X, root) && pb.member(e.Name)
	case *syntax.Index:
		lit, ok := e.Index.(*syntax.Literal)
		if !ok || lit.Kind != syntax.Integer || len(lit.Text) > 6 || !pb.add(e.X, root) || pb.known.choice.ID != 0 {
			return false
		}
		n := 0
		for _, c := range lit.Text {
			n = n*10 + int(c-'0')
		}
		if n == 0 {
			return pb.first()
		}
		return pb.append(step{kind: stepIndex, index: n})
	case *syntax.Call:
		return (e.X == nil || pb.add(e.X, root)) && pb.call(e)
	}
	return false
}

func (pb *pathBuilder) call(e *syntax.Call) bool {
	switch {
	case e.Name == "first" && len(e.Args) == 0:
		return pb.known.choice.ID == 0 && pb.first()
	case e.Name == "where" && len(e.Args) == 1:
		return pb.where(func() (*Condition, bool) { return pb.b.condition(e.Args[0], nil, pb.here()) })
	case e.Name == "ofType" && len(e.Args) == 1:
		return pb.ofType(e.Args[0])
	case e.Name == "extension" && len(e.Args) == 1:
		url, ok := pb.b.text(e.Args[0])
		return ok && pb.known.choice.ID == 0 && pb.b.classOrText(pb.known.typ) == Complex && pb.member("extension") &&
			pb.where(func() (*Condition, bool) { return pb.b.url(url, pb.here()) })
	}
	return false
}

// classOrText returns the class of a type, and Text where that has none: it is not Complex.
func (b *Builder) classOrText(t model.TypeID) Class {
	c, ok := b.class(t)
	if !ok {
		return Text
	}
	return c
}

func (pb *pathBuilder) first() bool {
	if len(pb.p.rest) == 0 && pb.p.scope != nil {
		pb.p.regs = append(pb.p.regs, pb.p.scope.firstOf(pb.last()))
		return true
	}
	return pb.append(step{kind: stepFirst})
}

func (pb *pathBuilder) where(compile func() (*Condition, bool)) bool {
	if pb.known.choice.ID != 0 {
		return false
	}
	cond, ok := compile()
	return ok && pb.append(step{kind: stepWhere, cond: cond})
}

// member goes to an element of the present type. A choice element waits for its ofType.
func (pb *pathBuilder) member(name string) bool {
	if pb.known.choice.ID != 0 || pb.b.classOrText(pb.known.typ) != Complex {
		return false
	}
	el, ok := pb.b.model.Element(pb.known.typ, name)
	if !ok {
		return false
	}
	if el.Choice {
		pb.known.choice = el
		return true
	}
	if len(el.Types) != 1 {
		return false
	}
	return pb.visit(el.Name, el.Types[0])
}

// Paths that are longer, and views that visit more, are left to the plain way.
const (
	maxNames  = 64
	maxWanted = 50_000
)

// visit goes to a JSON member.
func (pb *pathBuilder) visit(key string, typ model.TypeID) bool {
	m := pb.b.model
	class, ok := pb.b.class(typ)
	if !ok || m.IsResource(typ) || m.IsAbstract(typ) && !m.IsBackbone(typ) ||
		len(pb.p.names) >= maxNames || len(pb.b.wanted) >= maxWanted {
		return false
	}
	pb.known.typ = typ
	pb.p.names = append(pb.p.names, key)
	id := pb.b.key(key)
	if len(pb.p.rest) == 0 && pb.p.scope != nil {
		pb.p.regs = append(pb.p.regs, pb.p.scope.memberOf(pb.last(), id, class))
		return true
	}
	return pb.append(step{kind: stepMember, key: id, class: class})
}

// here is where a path begins that goes on from this one.
func (pb *pathBuilder) here() pathStart { return pathStart{typ: pb.known.typ, names: pb.p.names} }

// last returns the register that the path has reached.
func (pb *pathBuilder) last() int32 {
	if n := len(pb.p.regs); n > 0 {
		return pb.p.regs[n-1]
	}
	return 0
}

func (pb *pathBuilder) append(s step) bool {
	pb.p.rest = append(pb.p.rest, s)
	return true
}

// ofType decides a choice. It is taken on only where exactly one JSON member can hold the type.
func (pb *pathBuilder) ofType(arg syntax.Expr) bool {
	m := pb.b.model
	name, ok := typeName(arg)
	if !ok || pb.known.choice.ID == 0 {
		return false
	}
	want, ok := m.Type(name)
	if !ok {
		return false
	}
	el := pb.known.choice
	var only model.TypeID
	for _, t := range el.Types {
		if m.IsSubtype(t, want) {
			if only != 0 {
				return false
			}
			only = t
		}
	}
	if only != want {
		return false
	}
	pb.known.choice = model.Element{}
	return pb.visit(m.ChoiceKey(el, want), want)
}

// typeName reads a type specifier of the FHIR namespace that stands as an argument.
func typeName(e syntax.Expr) (string, bool) {
	m, ok := e.(*syntax.Member)
	if !ok {
		return "", false
	}
	if m.X == nil {
		return m.Name, true
	}
	if ns, ok := m.X.(*syntax.Member); ok && ns.X == nil && ns.Name == "FHIR" {
		return m.Name, true
	}
	return "", false
}

// text returns the text of a string literal or of a constant of that type.
func (b *Builder) text(e syntax.Expr) (string, bool) {
	switch e := e.(type) {
	case *syntax.Literal:
		return e.Text, e.Kind == syntax.String
	case *syntax.External:
		s, ok := b.constants[e.Name]
		return s, ok
	}
	return "", false
}
