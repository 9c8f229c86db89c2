package workflow

import (
	"fmt"
	"maps"
	"slices"
)

// Machine is a valid definition, indexed. Its methods are pure functions; any goroutine may use it.
type Machine struct {
	def     *Definition
	hash    string
	states  map[string]*State
	out     map[string]map[string][]Transition // state -> event -> in the definition's order
	returns map[string]bool                    // states with a transition to @return
}

// Compile validates a definition and returns its machine, or a [*DefinitionError].
func Compile(d *Definition) (*Machine, error) {
	if err := d.Validate(); err != nil {
		return nil, err
	}
	hash, err := d.Hash()
	if err != nil {
		return nil, err
	}
	m := index(d)
	m.hash = hash
	return m, nil
}

// index accepts invalid definitions as well: validation uses it.
func index(d *Definition) *Machine {
	m := &Machine{
		def: d, states: map[string]*State{}, out: map[string]map[string][]Transition{}, returns: map[string]bool{},
	}
	for i := range d.States {
		m.states[d.States[i].Name] = &d.States[i]
		m.out[d.States[i].Name] = map[string][]Transition{}
	}
	for _, t := range d.Transitions {
		if events := m.out[t.From]; events != nil {
			events[t.Event] = append(events[t.Event], t)
		}
		if t.To == Return && t.From != AnyLive {
			m.returns[t.From] = true
		}
	}
	for _, t := range d.Transitions {
		if t.From != AnyLive {
			continue
		}
		for _, s := range d.States {
			own := slices.ContainsFunc(m.out[s.Name][t.Event], func(o Transition) bool { return o.From != AnyLive })
			if !own && s.Kind != Terminal && s.Kind != Pass && s.Name != t.To {
				m.out[s.Name][t.Event] = append(m.out[s.Name][t.Event], t)
			}
		}
	}
	return m
}

// Definition returns the definition. It must not be changed.
func (m *Machine) Definition() *Definition { return m.def }

// Hash returns the definition's hash.
func (m *Machine) Hash() string { return m.hash }

// State returns the state of a name, nil if there is none.
func (m *Machine) State(name string) *State { return m.states[name] }

// Transitions returns the transitions from a state on an event, those from [AnyLive] included, in order.
func (m *Machine) Transitions(state, event string) []Transition { return m.out[state][event] }

// Position is the state that a request is in. Returns says, for each state with a transition to [Return] that the
// request has entered and not left, which state it came from.
type Position struct {
	State   string
	Returns map[string]string
}

// Move is one state entered: From is "" for the initial state.
type Move struct{ From, Event, To string }

// TransitionError says that a state has no transition for an event.
type TransitionError struct{ State, Event string }

// Error names state and event.
func (e *TransitionError) Error() string {
	return fmt.Sprintf("workflow: no transition from %s on %s", e.State, e.Event)
}

// Next is the transition function: from a position, on an event, to the next position that is not in a Pass state. It
// returns each move on the way, or a [*TransitionError].
func (m *Machine) Next(p Position, event string, f Facts) ([]Move, Position, error) {
	p.Returns = maps.Clone(p.Returns)
	var moves []Move
	for {
		t, ok := m.choose(p.State, event, f)
		to := t.To
		if to == Return {
			to = p.Returns[p.State]
			ok = m.states[to] != nil
		}
		if !ok {
			return nil, Position{}, &TransitionError{p.State, event}
		}
		if t.To != Return && m.returns[to] {
			if p.Returns == nil {
				p.Returns = map[string]string{}
			}
			p.Returns[to] = p.State
		}
		if t.From != AnyLive {
			delete(p.Returns, p.State)
		}
		moves = append(moves, Move{p.State, event, to})
		p.State = to
		if m.states[to].Kind != Pass {
			if len(p.Returns) == 0 {
				p.Returns = nil
			}
			return moves, p, nil
		}
		event = EventNext
	}
}

// Begin enters the initial state.
func (m *Machine) Begin(f Facts) ([]Move, Position, error) {
	return m.Enter(Move{Event: EventSubmit, To: m.def.Initial}, nil, f)
}

// Enter makes a move that is no transition of the definition, and goes on to a position that is not in a Pass state.
func (m *Machine) Enter(move Move, returns map[string]string, f Facts) ([]Move, Position, error) {
	moves, p := []Move{move}, Position{move.To, returns}
	if m.states[move.To].Kind != Pass {
		return moves, p, nil
	}
	more, p, err := m.Next(p, EventNext, f)
	return append(moves, more...), p, err
}

func (m *Machine) choose(state, event string, f Facts) (Transition, bool) {
	for _, t := range m.out[state][event] {
		if !slices.ContainsFunc(t.When, func(c Condition) bool { return !c.holds(f) }) {
			return t, true
		}
	}
	return Transition{}, false
}
