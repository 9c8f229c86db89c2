package fhirpath

import (
	"strings"

	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
)

// typeSpec is a resolved type specifier. If neither fhir nor system is set the type is unknown, which is only possible
// without a model; it is compared by name then.
type typeSpec struct {
	name, namespace string
	fhir            model.TypeID // the type in the model; 0 for none
	system          Kind         // the type in System; 0 for none
	any             bool         // System.Any
	pos             int
}

// is reports whether v is of the type or of one derived from it (operator is).
func (t *typeSpec) is(s *schema, v Value) bool {
	if t.any {
		return v.kind != Element
	}
	if v.kind != Element {
		return t.system != 0 && v.kind == t.system
	}
	if v.typ != 0 {
		return s.isA(v.typ, t.fhir)
	}
	return t.isUntyped(v)
}

// isUntyped is is for an element of unknown type. It goes by the resourceType or, for primitives, by the System type of
// the JSON value.
func (t *typeSpec) isUntyped(v Value) bool {
	if v.node >= 0 {
		if name := v.doc.resourceType(int(v.node)); name != "" {
			return name == t.name
		}
	}
	k := v.SystemKind()
	return k != 0 && strings.EqualFold(k.String(), t.name)
}

// selects reports whether ofType and as select v. For complex types the answer is that of is. A primitive is selected
// only by exactly its own type, as in HL7's test suite: a code is a string, but code as string is empty.
func (t *typeSpec) selects(s *schema, v Value) bool {
	if v.kind == Element && v.typ != 0 && s.isPrimitive(v.typ) && s.isPrimitive(t.fhir) {
		return v.typ == t.fhir
	}
	return t.is(s, v)
}

// typeOp is X is Type and X as Type (section "Types").
type typeOp struct {
	op   syntax.Op
	x    operation
	spec typeSpec
	pos  int
}

func (n *typeOp) eval(e *Evaluator, dst []Value) ([]Value, error) {
	in, err := e.operand(n.x)
	if err != nil {
		return dst, err
	}
	if n.op == syntax.OpIs {
		dst, err = isType(e, &n.spec, in, n.pos, dst)
	} else {
		dst, err = asType(e, &n.spec, in, n.pos, dst)
	}
	e.release(in)
	return dst, err
}

func isType(e *Evaluator, spec *typeSpec, in []Value, pos int, dst []Value) ([]Value, error) {
	switch len(in) {
	case 0:
		return dst, nil
	case 1:
		return append(dst, NewBoolean(spec.is(e.prog.schema, in[0]))), nil
	}
	return dst, fail(pos, "is needs a single item, not several")
}

func asType(e *Evaluator, spec *typeSpec, in []Value, pos int, dst []Value) ([]Value, error) {
	if len(in) > 1 {
		return dst, fail(pos, "as needs a single item, not several; ofType() takes many")
	}
	if len(in) == 1 && spec.selects(e.prog.schema, in[0]) {
		dst = append(dst, in[0])
	}
	return dst, nil
}

// typeInfo returns the TypeInfo of a value; ok is false if the type is not known. Without a model a primitive has the
// type of its System value.
func typeInfo(v Value) (info Value, ok bool) {
	name := v.TypeName()
	switch {
	case v.kind == Element && v.typ != 0:
		v.typ = v.doc.schema.code(v.typ)
		name = v.TypeName()
	case name == "":
		if s, ok := v.System(); ok {
			v, name = s, s.TypeName()
		}
	}
	return Value{kind: TypeInfo, text: name, typ: v.typ, doc: v.doc}, name != ""
}

// typeMember navigates within a TypeInfo (section "Reflection").
func typeMember(dst []Value, v Value, name string) []Value {
	namespace, typ, _ := strings.Cut(v.text, ".")
	switch name {
	case "namespace":
		return append(dst, NewString(namespace))
	case "name":
		return append(dst, NewString(typ))
	case "baseType":
		if namespace == "System" {
			return append(dst, NewString("System.Any"))
		}
		if s := v.doc.schema; s.model != nil {
			if base := s.model.Base(v.typ); base != 0 {
				return append(dst, NewString("FHIR."+s.model.Name(base)))
			}
		}
	}
	return dst
}
