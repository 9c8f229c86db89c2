package fhirpath

// typeFunctions are those of sections "Types" and "Reflection".
var typeFunctions = []*function{
	{name: "is", min: 1, max: 1, args: []argumentMode{typeName}, eval: fnIs},
	{name: "as", min: 1, max: 1, args: []argumentMode{typeName}, eval: fnAs},
	{name: "type", eval: fnType},
}

// fnIs is is(type) (section "Types").
func fnIs(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	return isType(e, &c.spec, in, c.pos, dst)
}

// fnAs is as(type) (section "Types").
func fnAs(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	return asType(e, &c.spec, in, c.pos, dst)
}

// fnType is type() (section "Reflection").
func fnType(_ *Evaluator, _ *invocation, in, dst []Value) ([]Value, error) {
	for i := range in {
		if info, ok := typeInfo(in[i]); ok {
			dst = append(dst, info)
		}
	}
	return dst, nil
}
