package workflow

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/researchflow/researchflow/orchestrator/internal/input"
)

var wordName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// ValidName says whether a state, a step or an event may have a name: lower case letters, digits and _.
func ValidName(name string) bool { return wordName.MatchString(name) }

// Validate returns a [*DefinitionError] that names every fault, or nil. Faults are wrong names and kinds, missing gate
// outcomes, transitions that are never taken, states that cannot be reached, states from which no terminal state can
// be reached, and cycles of Pass states.
func (d *Definition) Validate() error {
	v := definitionFaults{}
	if d.Name == "" {
		v.add("name", "is missing")
	}
	v.plain("name", d.Name)
	names := map[string]*State{}
	for i := range d.States {
		v.state(&d.States[i], fmt.Sprintf("states[%d]", i), names)
	}
	switch s := names[d.Initial]; {
	case s == nil:
		v.add("initial", fmt.Sprintf("names no state: %q", d.Initial))
	case s.Kind == Terminal:
		v.add("initial", "is a terminal state")
	}
	for i, t := range d.Transitions {
		v.transition(t, fmt.Sprintf("transitions[%d]", i), names)
	}
	m := index(d)
	if m.returns[d.Initial] {
		v.add("initial", "returns to the previous state, and there is none")
	}
	v.ambiguity(d)
	for i := range d.States {
		v.outcomes(m, &d.States[i], fmt.Sprintf("states[%d] (%s)", i, d.States[i].Name))
	}
	// The walks need valid states and transitions.
	if len(v.Faults) == 0 {
		v.walks(m)
	}
	if len(v.Faults) > 0 {
		return &v.DefinitionError
	}
	return nil
}

type definitionFaults struct{ DefinitionError }

func (v *definitionFaults) add(path, message string) {
	v.Faults = append(v.Faults, Fault{path, message})
}

// plain refuses text that databases or canonical JSON cannot hold.
func (v *definitionFaults) plain(path, text string) {
	if fault := input.TextFault(text); fault != "" {
		v.add(path, fault)
	}
}

func (v *definitionFaults) state(s *State, path string, names map[string]*State) {
	path = fmt.Sprintf("%s (%s)", path, s.Name)
	if !ValidName(s.Name) {
		v.add(path, "has a name with other characters than lower case letters, digits and _")
	} else if names[s.Name] != nil {
		v.add(path, "is defined twice")
	}
	names[s.Name] = s
	switch s.Kind {
	case Pass, Working, Waiting, Terminal:
	default:
		v.add(path, "has a kind that is not pass, step, gate or terminal")
	}
	if s.Kind == Working && !ValidName(s.Step) {
		v.add(path, "names no step")
	}
	if s.Kind != Working && (s.Step != "" || s.Retry != nil) {
		v.add(path, "names a step but is not of kind step")
	}
	if s.Kind != Waiting && s.Gate != nil {
		v.add(path, "has a gate but is not of kind gate")
	}
	if r := s.Retry; r != nil && (r.Attempts < 1 || r.Takeovers < 0 || r.Backoff < 0 || r.MaxBackoff < r.Backoff || r.Timeout < 0) {
		v.add(path, "has a retry policy with fewer than one attempt, a negative number, or maxBackoff below backoff")
	}
	if s.Kind == Waiting {
		v.gate(s.Gate, path)
	}
}

func (v *definitionFaults) gate(g *GateRule, path string) {
	if g == nil {
		v.add(path, "has no gate")
		return
	}
	if len(g.Roles) == 0 || slices.Contains(g.Roles, "") {
		v.add(path, "has a gate without roles")
	}
	for i, role := range g.Roles {
		v.role(fmt.Sprintf("%s.gate.roles[%d]", path, i), role)
	}
	for i, role := range g.EscalateTo {
		at := fmt.Sprintf("%s.gate.escalateTo[%d]", path, i)
		if v.role(at, role); role == "" {
			v.add(at, "is missing")
		}
	}
	if g.Timeout < 0 || g.Quorum.Approvals < 0 {
		v.add(path, "has a gate with a negative number")
	}
	if len(g.EscalateTo) > 0 && g.Timeout == 0 {
		v.add(path, "has roles to escalate to but no timeout")
	}
	for _, r := range g.Reminders {
		if r <= 0 || (g.Timeout > 0 && r >= g.Timeout) {
			v.add(path, "has a reminder that is not after the opening and before the timeout")
		}
	}
}

// role refuses |, which stores use as a separator.
func (v *definitionFaults) role(path, role string) {
	v.plain(path, role)
	if strings.Contains(role, "|") {
		v.add(path, "contains |")
	}
}

func (v *definitionFaults) transition(t Transition, path string, names map[string]*State) {
	path = fmt.Sprintf("%s (%s on %s)", path, t.From, t.Event)
	switch from := names[t.From]; {
	case t.From == AnyLive:
		if t.To == Return {
			v.add(path, "returns from any state")
		}
	case from == nil:
		v.add(path, fmt.Sprintf("leads from no state: %q", t.From))
	case from.Kind == Terminal:
		v.add(path, "leads from a terminal state")
	case from.Kind == Pass && t.Event != EventNext:
		v.add(path, "leads from a pass state on another event than next")
	}
	if t.To != Return && names[t.To] == nil {
		v.add(path, fmt.Sprintf("leads to no state: %q", t.To))
	}
	if !ValidName(t.Event) {
		v.add(path, "has an event with other characters than lower case letters, digits and _")
	}
	for i, w := range t.When {
		if f := w.fault(); f != "" {
			v.add(fmt.Sprintf("%s.when[%d]", path, i), f)
		}
	}
}

// ambiguity finds transitions that are never taken, and conditional ones without a fallback. It looks at the
// transitions as written, so that those from AnyLive are compared with each other only.
func (v *definitionFaults) ambiguity(d *Definition) {
	type key struct{ from, event string }
	fallback := map[key]bool{}    // an unconditional one was seen
	conditional := map[key]bool{} // conditional ones were seen
	for i, t := range d.Transitions {
		k := key{t.From, t.Event}
		if fallback[k] {
			v.add(fmt.Sprintf("transitions[%d] (%s on %s)", i, t.From, t.Event), "is never taken: an earlier transition for the event has no conditions")
		}
		if len(t.When) == 0 {
			fallback[k] = true
		} else {
			conditional[k] = true
		}
	}
	for i, t := range d.Transitions {
		k := key{t.From, t.Event}
		if conditional[k] && !fallback[k] {
			v.add(fmt.Sprintf("transitions[%d] (%s on %s)", i, t.From, t.Event), "has conditions but is not followed by a transition without any")
			delete(conditional, k)
		}
	}
}

func (v *definitionFaults) outcomes(m *Machine, s *State, path string) {
	out := m.out[s.Name]
	missing := func(events ...string) {
		for _, e := range events {
			if len(out[e]) == 0 {
				v.add(path, fmt.Sprintf("is a dead end: it has no transition on %s", e))
			}
		}
	}
	switch s.Kind {
	case Pass:
		missing(EventNext)
	case Waiting:
		for _, e := range []string{EventApprove, EventReject, EventModify} {
			if len(out[e]) == 0 {
				v.add(path, "has no transition for the gate outcome "+e)
			}
		}
	case Working:
		missing(EventStepFailed)
		if !slices.ContainsFunc(slices.Collect(maps.Keys(out)), func(e string) bool {
			return e != EventStepFailed && out[e][0].From != AnyLive
		}) {
			v.add(path, "is a dead end: its step has no outcome")
		}
	}
}

func (v *definitionFaults) walks(m *Machine) {
	// A state that returns may lead to any state that leads to it.
	back := map[string][]string{}
	edges := map[string][]string{} // without AnyLive: withdrawing does not make up for a dead end
	all := map[string][]string{}
	for _, s := range m.def.States {
		for _, ts := range m.out[s.Name] {
			for _, t := range ts {
				if t.To == Return {
					continue
				}
				back[t.To] = append(back[t.To], s.Name)
				all[s.Name] = append(all[s.Name], t.To)
				if t.From != AnyLive {
					edges[s.Name] = append(edges[s.Name], t.To)
				}
			}
		}
	}
	for name := range m.returns {
		all[name] = append(all[name], back[name]...)
		edges[name] = append(edges[name], back[name]...)
	}
	seen := reach(all, m.def.Initial)
	for i, s := range m.def.States {
		path := fmt.Sprintf("states[%d] (%s)", i, s.Name)
		if !seen[s.Name] {
			v.add(path, "cannot be reached")
			continue
		}
		if !slices.ContainsFunc(m.def.States, func(t State) bool { return t.Kind == Terminal && reach(edges, s.Name)[t.Name] }) {
			v.add(path, "is a dead end: no terminal state can be reached from it")
		}
		if s.Kind == Pass {
			passes := map[string][]string{}
			for from, tos := range edges {
				if m.states[from].Kind == Pass {
					passes[from] = tos
				}
			}
			for _, to := range passes[s.Name] {
				if reach(passes, to)[s.Name] {
					v.add(path, "leads back to itself through pass states only")
					break
				}
			}
		}
	}
}

func reach(edges map[string][]string, from string) map[string]bool {
	seen := map[string]bool{from: true}
	for todo := []string{from}; len(todo) > 0; {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, to := range edges[at] {
			if !seen[to] {
				seen[to] = true
				todo = append(todo, to)
			}
		}
	}
	return seen
}
