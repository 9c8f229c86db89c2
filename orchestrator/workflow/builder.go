package workflow

import "slices"

// Builder builds a [Definition]. It is not safe for use by several goroutines.
type Builder struct{ d Definition }

// Define begins a definition with its name and initial state.
func Define(name, initial string) *Builder {
	return &Builder{Definition{Name: name, Initial: initial}}
}

// Pass adds a state that leads to another one at once.
func (b *Builder) Pass(name, to string) *Builder {
	b.d.States = append(b.d.States, State{Name: name, Kind: Pass})
	b.d.Transitions = append(b.d.Transitions, Transition{From: name, Event: EventNext, To: to})
	return b
}

// Step adds a state that runs a step. Add its outcomes to the result.
func (b *Builder) Step(name, step string) *StateBuilder {
	b.d.States = append(b.d.States, State{Name: name, Kind: Working, Step: step})
	return &StateBuilder{b, name}
}

// Gate adds a state that waits for people. Add its outcomes to the result.
func (b *Builder) Gate(name string, rule GateRule) *StateBuilder {
	b.d.States = append(b.d.States, State{Name: name, Kind: Waiting, Gate: &rule})
	return &StateBuilder{b, name}
}

// Terminal adds a state that ends the request.
func (b *Builder) Terminal(name string) *Builder {
	b.d.States = append(b.d.States, State{Name: name, Kind: Terminal})
	return b
}

// Anywhere adds a transition from [AnyLive].
func (b *Builder) Anywhere(event, to string) *Builder {
	b.d.Transitions = append(b.d.Transitions, Transition{From: AnyLive, Event: event, To: to})
	return b
}

// Build validates the definition and returns it, or a [*DefinitionError].
func (b *Builder) Build() (*Definition, error) {
	if err := b.d.Validate(); err != nil {
		return nil, err
	}
	return b.definition(), nil
}

func (b *Builder) definition() *Definition {
	d := b.d
	d.States, d.Transitions = slices.Clone(d.States), slices.Clone(d.Transitions)
	return &d
}

// StateBuilder adds transitions to one state. It is not safe for use by several goroutines.
type StateBuilder struct {
	b    *Builder
	name string
}

// On adds a transition; its conditions must all hold.
func (s *StateBuilder) On(event, to string, when ...Condition) *StateBuilder {
	s.b.d.Transitions = append(s.b.d.Transitions, Transition{From: s.name, Event: event, To: to, When: when})
	return s
}

// Retry sets the retry policy of the state's step.
func (s *StateBuilder) Retry(p RetryPolicy) *StateBuilder {
	s.b.d.State(s.name).Retry = &p
	return s
}
