package fhirpath

import (
	"strings"
)

// keyFunctions are those that SQL on FHIR adds
// (https://build.fhir.org/ig/FHIR/sql-on-fhir-v2/StructureDefinition-ViewDefinition.html).
var keyFunctions = []*function{
	{name: "getResourceKey", eval: fnGetResourceKey},
	{name: "getReferenceKey", max: 1, args: []argumentMode{typeName}, eval: fnGetReferenceKey},
}

// fnGetResourceKey is getResourceKey(): the key of a resource, which is its logical id. The specification only requires
// that it equals getReferenceKey(), but published views expect the plain id. A resource without an id has no key.
func fnGetResourceKey(e *Evaluator, _ *invocation, in, dst []Value) ([]Value, error) {
	for i := range in {
		dst = e.resourceKeys(dst, in[i])
	}
	return dst, nil
}

// resourceKeys appends the id of a resource.
func (e *Evaluator) resourceKeys(dst []Value, v Value) []Value {
	if v.kind != Element || v.node < 0 || v.doc.resourceType(int(v.node)) == "" {
		return dst
	}
	ids := v.doc.member(e.borrow(), v, "id")
	for i := range ids {
		if id, ok := ids[i].Text(); ok {
			dst = append(dst, NewString(id))
		}
	}
	e.release(ids)
	return dst
}

// fnGetReferenceKey is getReferenceKey([type]): the key of the resource that a Reference names, which equals the
// getResourceKey() of that resource. Relative and absolute literal references have one, with or without a version, even
// if the resource is not available; urn:uuid and other references have one if the loaded Bundle contains the resource.
// With a type, references to other types have none.
func fnGetReferenceKey(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	for i := range in {
		want := ""
		if len(c.args) > 0 {
			want = c.spec.name
		}
		key, ok, err := e.referenceKey(in[i], want, c.pos)
		if err != nil {
			return dst, err
		}
		if ok {
			dst = append(dst, key)
		}
	}
	return dst, nil
}

// referenceKey returns the key of the resource that a Reference names, if it is of type want; "" means any type.
func (e *Evaluator) referenceKey(v Value, want string, pos int) (key Value, ok bool, err error) {
	if v.kind != Element || v.node < 0 {
		return key, false, nil
	}
	ref := v.doc.field(int(v.node), "reference")
	if ref == "" || strings.ContainsAny(ref, "#?") { // contained, or conditional
		return key, false, nil
	}
	if target, found, err := e.inBundle(v.doc, ref, pos); found || err != nil {
		if err != nil || want != "" && target.doc.resourceType(int(target.node)) != want {
			return key, false, err
		}
		keys := e.resourceKeys(e.borrow(), target)
		if ok = len(keys) == 1; ok {
			key = keys[0]
		}
		e.release(keys)
		return key, ok, nil
	}
	ref, _, _ = strings.Cut(ref, "/_history/")
	slash := strings.LastIndexByte(ref, '/')
	if slash < 0 {
		return key, false, nil
	}
	ref = ref[strings.LastIndexByte(ref[:slash], '/')+1:]
	typ, id, ok := literalReference(ref)
	if !ok || want != "" && typ != want {
		return key, false, nil
	}
	return NewString(id), true, nil
}
