package fhirpath

import (
	"strings"

	"github.com/researchflow/researchflow/internal/fhirjson"
)

// fnResolve is resolve() (https://hl7.org/fhir/R4/fhirpath.html#functions): the resources that References, canonicals
// and uris name. Fragments are looked up in the containing resource, others in the loaded Bundle, if it is one, and
// then with the evaluator's [Resolver]. Resources that are not found are left out.
func fnResolve(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	for i := range in {
		ref := in[i].reference()
		if err := e.step(c.pos, 1+len(ref)/textPerStep); err != nil {
			return dst, err
		}
		if ref == "" {
			continue
		}
		v, ok, err := e.resolve(in[i], ref, c.pos)
		if err != nil {
			return dst, err
		}
		if ok {
			dst = append(dst, v)
		}
	}
	return dst, nil
}

// reference returns the text of a reference: a string, or the element reference of a Reference.
func (v Value) reference() string {
	if v.SystemKind() == String {
		s, _ := v.Text()
		return s
	}
	if v.kind == Element && v.node >= 0 {
		return v.doc.field(int(v.node), "reference")
	}
	return ""
}

func (e *Evaluator) resolve(from Value, ref string, pos int) (v Value, ok bool, err error) {
	if id, local := strings.CutPrefix(ref, "#"); local {
		if from.kind != Element {
			return v, false, nil
		}
		v, ok = from.doc.contained(from, id)
		return v, ok, nil
	}
	if from.kind == Element {
		if v, ok, err = e.inBundle(from.doc, ref, pos); ok || err != nil {
			return v, ok, err
		}
	}
	return e.fetch(ref, pos)
}

// contained returns the contained resource with an id in the resource that holds v, or that resource if id is "".
func (d *document) contained(v Value, id string) (Value, bool) {
	_, container := d.holders(int(max(v.node, v.sibling)))
	if id == "" {
		return d.element(container, 0, 0), true
	}
	list, ok := d.find(container, "contained")
	if !ok || d.tape.Node(list).Kind != fhirjson.Array {
		return Value{}, false
	}
	for i := list + 1; i < int(d.tape.Node(list).Next); i = int(d.tape.Node(i).Next) {
		if d.field(i, "id") == id {
			return d.element(i, 0, 0), true
		}
	}
	return Value{}, false
}

// holders returns the innermost resource that holds a node, or is the node, and the innermost one that is not
// contained in another. Either is the root if there is none.
func (d *document) holders(node int) (resource, container int) {
	inContained := false
	for at := 0; ; {
		n := d.tape.Node(at)
		if d.key(at) == "contained" {
			inContained = true
		}
		if n.Kind == fhirjson.Object && d.resourceType(at) != "" {
			resource = at
			if !inContained {
				container = at
			}
		}
		child := at + 1
		for child < int(n.Next) && int(d.tape.Node(child).Next) <= node {
			child = int(d.tape.Node(child).Next)
			*d.work++
		}
		if child >= int(n.Next) || child > node {
			return resource, container
		}
		at = child
	}
}

// inBundle looks up a reference in the entries of a Bundle: by fullUrl or, for Type/id, by the resource's type and id.
func (e *Evaluator) inBundle(d *document, ref string, pos int) (v Value, ok bool, err error) {
	if d.resourceType(0) != "Bundle" {
		return v, false, nil
	}
	list, ok := d.find(0, "entry")
	if !ok || d.tape.Node(list).Kind != fhirjson.Array {
		return v, false, nil
	}
	typ, id, relative := literalReference(ref)
	for i := list + 1; i < int(d.tape.Node(list).Next); i = int(d.tape.Node(i).Next) {
		if err := e.step(pos, 1); err != nil {
			return v, false, err
		}
		resource, has := d.find(i, "resource")
		if !has {
			continue
		}
		if d.field(i, "fullUrl") == ref ||
			relative && d.field(resource, "id") == id && d.resourceType(resource) == typ {
			return d.element(resource, 0, 0), true, nil
		}
	}
	return v, false, nil
}

// literalReference splits Type/id, possibly with a version; relative is false for any other reference.
func literalReference(ref string) (typ, id string, relative bool) {
	typ, id, ok := strings.Cut(ref, "/")
	id, version, versioned := strings.Cut(id, "/_history/")
	if !ok || typ == "" || id == "" || strings.Contains(id, "/") || versioned && version == "" || !startsUpper(typ) {
		return "", "", false
	}
	return typ, id, true
}

// fetch asks the resolver, once for each reference and loaded resource.
func (e *Evaluator) fetch(ref string, pos int) (v Value, ok bool, err error) {
	if e.config.Resolver == nil {
		return v, false, nil
	}
	doc, asked := e.byURL[ref]
	if !asked {
		if len(e.docs) >= e.limits.MaxDocuments {
			return v, false, limit(pos, "resolve() loads more than %d resources", e.limits.MaxDocuments)
		}
		raw, err := e.config.Resolver.Resolve(e.ctx, ref)
		if err != nil {
			return v, false, &failure{kind: Execution, offset: pos, msg: "resolve(): the resolver failed", err: err}
		}
		if raw != nil {
			doc = &document{tape: new(fhirjson.Tape), schema: e.prog.schema, work: &e.work}
			if err := doc.tape.Parse(raw, e.config.Keys, e.config.JSON); err != nil {
				return v, false, &failure{kind: Execution, offset: pos, msg: "resolve(): the resource cannot be read", err: err}
			}
			e.docs = append(e.docs, doc)
		}
		if e.byURL == nil {
			e.byURL = map[string]*document{}
		}
		e.byURL[strings.Clone(ref)] = doc
	}
	if doc == nil {
		return v, false, nil
	}
	return doc.element(0, 0, 0), true, nil
}
