package fhirpath

// Env holds the values of the variables that programs were compiled with ([WithVariable]). The zero value holds none.
// It can also override %context, %resource and %rootResource, which are otherwise the focus of the evaluation and the
// resources that contain it. One goroutine at a time may change it or evaluate with it.
type Env struct {
	entries []entry
}

type entry struct {
	name   string
	values []Value
}

// Set sets a variable, to the empty collection if there are no values. The name has no percent sign.
func (env *Env) Set(name string, values ...Value) {
	for i := range env.entries {
		if env.entries[i].name == name {
			env.entries[i].values = append(env.entries[i].values[:0], values...)
			return
		}
	}
	env.entries = append(env.entries, entry{name, append([]Value(nil), values...)})
}

// lookup returns the value of a variable.
func (env *Env) lookup(name string) (values []Value, ok bool) {
	if env == nil {
		return nil, false
	}
	for i := range env.entries {
		if env.entries[i].name == name {
			return env.entries[i].values, true
		}
	}
	return nil, false
}
