package orchestrator

import (
	"maps"
	"slices"
)

// compiled is a valid definition, ready to look things up in; it does not change.
type compiled struct {
	*Definition
	hash    string
	states  map[string]*State
	out     map[string]map[string][]Transition // state -> event -> in order
	returns map[string]bool                    // states with a transition to @return
}

func compile(d *Definition) (*compiled, error) {
	if err := d.Validate(); err != nil {
		return nil, err
	}
	hash, err := d.Hash()
	if err != nil {
		return nil, err
	}
	return index(d, hash), nil
}

// index needs no valid definition; the validation itself uses it.
func index(d *Definition, hash string) *compiled {
	c := &compiled{
		Definition: d, hash: hash, states: map[string]*State{}, out: map[string]map[string][]Transition{},
		returns: map[string]bool{},
	}
	for i := range d.States {
		c.states[d.States[i].Name] = &d.States[i]
		c.out[d.States[i].Name] = map[string][]Transition{}
	}
	for _, t := range d.Transitions {
		if events := c.out[t.From]; events != nil {
			events[t.Event] = append(events[t.Event], t)
		}
		if t.To == Return && t.From != AnyLive {
			c.returns[t.From] = true
		}
	}
	for _, t := range d.Transitions {
		if t.From != AnyLive {
			continue
		}
		for _, s := range d.States {
			own := slices.ContainsFunc(c.out[s.Name][t.Event], func(o Transition) bool { return o.From != AnyLive })
			if !own && s.Kind != Terminal && s.Kind != Pass && s.Name != t.To {
				c.out[s.Name][t.Event] = append(c.out[s.Name][t.Event], t)
			}
		}
	}
	return c
}

// place is where a request is.
type place struct {
	state   string
	returns map[string]string
}

// hop is one state entered.
type hop struct{ from, event, to string }

// next is the transition function: from a place, on an event, to the next place where the request rests,
// through any Pass states in between. It depends on nothing else and changes nothing.
func (c *compiled) next(p place, event string, f facts) ([]hop, place, error) {
	p.returns = maps.Clone(p.returns)
	var hops []hop
	for {
		t, ok := c.choose(p.state, event, f)
		if !ok {
			return nil, place{}, &TransitionError{State: p.state, Event: event}
		}
		to := t.To
		if to == Return {
			to = p.returns[p.state]
			if c.states[to] == nil {
				return nil, place{}, &TransitionError{State: p.state, Event: event}
			}
		} else if c.returns[to] {
			if p.returns == nil {
				p.returns = map[string]string{}
			}
			p.returns[to] = p.state
		}
		if t.From != AnyLive {
			delete(p.returns, p.state)
		}
		hops = append(hops, hop{p.state, event, to})
		p.state = to
		if c.states[to].Kind != Pass {
			if len(p.returns) == 0 {
				p.returns = nil
			}
			return hops, p, nil
		}
		event = EventNext
	}
}

// begin enters the initial state.
func (c *compiled) begin(f facts) ([]hop, place, error) {
	hops := []hop{{"", EventSubmit, c.Initial}}
	p := place{state: c.Initial}
	if c.states[c.Initial].Kind != Pass {
		return hops, p, nil
	}
	more, p, err := c.next(p, EventNext, f)
	return append(hops, more...), p, err
}

func (c *compiled) choose(state, event string, f facts) (Transition, bool) {
	for _, t := range c.out[state][event] {
		if !slices.ContainsFunc(t.When, func(w Condition) bool { return !w.holds(f) }) {
			return t, true
		}
	}
	return Transition{}, false
}
