package fhirpath

import (
	"strings"
)

// keyFunctions are those that SQL on FHIR adds
// (https://build.fhir.org/ig/FHIR/sql-on-fhir-v2/StructureDefinition-ViewDefinition.html).
var keyFunctions = []*function{
	{name: "getResourceKey", eval: fnGetResourceKey, result: oneString},
	{name: "getReferenceKey", max: 1, args: []argument{typeName}, eval: fnGetReferenceKey, result: oneString},
}

// fnGetResourceKey is getResourceKey(): the key of a resource, which is its type and logical id joined by a
// slash. A resource without an id has none.
func fnGetResourceKey(e *Evaluator, _ *call, in, dst []Value) ([]Value, error) {
	for i := range in {
		if key, ok := e.resourceKey(in[i]); ok {
			dst = append(dst, key)
		}
	}
	return dst, nil
}

func (e *Evaluator) resourceKey(v Value) (key Value, ok bool) {
	if v.kind != Element || v.node < 0 {
		return key, false
	}
	typ, id := v.doc.resourceType(int(v.node)), v.doc.field(int(v.node), "id")
	if typ == "" || id == "" {
		return key, false
	}
	return NewString(e.join(typ, "/", id)), true
}

// join concatenates texts into the memory that lives until the next Load.
func (e *Evaluator) join(parts ...string) string {
	start := len(e.arena)
	for _, part := range parts {
		e.arena = append(e.arena, part...)
	}
	return view(e.arena[start:])
}

// fnGetReferenceKey is getReferenceKey([type]): the key of the resource that a Reference names, which equals
// that resource's getResourceKey(). Relative and absolute literal references have one whether or not the
// resource is at hand, with or without a version; urn:uuid and other references where the loaded Bundle has
// the resource. With a type, references to other types have none.
func fnGetReferenceKey(e *Evaluator, c *call, in, dst []Value) ([]Value, error) {
	for i := range in {
		key, ok, err := e.referenceKey(in[i], c.pos)
		if err != nil {
			return dst, err
		}
		if ok && (len(c.args) == 0 || strings.HasPrefix(key, c.spec.name) && strings.HasPrefix(key[len(c.spec.name):], "/")) {
			dst = append(dst, NewString(key))
		}
	}
	return dst, nil
}

func (e *Evaluator) referenceKey(v Value, pos int) (key string, ok bool, err error) {
	if v.kind != Element || v.node < 0 {
		return "", false, nil
	}
	ref := v.doc.field(int(v.node), "reference")
	if ref == "" || ref[0] == '#' {
		return "", false, nil
	}
	if target, found, err := e.inBundle(v.doc, ref, pos); found || err != nil {
		k, ok := e.resourceKey(target)
		return k.text, ok, err
	}
	ref, _, _ = strings.Cut(ref, "/_history/")
	slash := strings.LastIndexByte(ref, '/')
	if slash < 0 {
		return "", false, nil
	}
	ref = ref[strings.LastIndexByte(ref[:slash], '/')+1:]
	_, _, ok = literalReference(ref)
	return ref, ok, nil
}
