package workflow

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Mermaid draws the definition as a Mermaid state diagram. Given all moves of a request, the states it entered and the
// one it is in now are marked, and each transition it took has the numbers of its moves, counted from 1.
func (d *Definition) Mermaid(path ...Move) string {
	var b strings.Builder
	b.WriteString("stateDiagram-v2\n")
	for _, s := range d.States {
		label := s.Name
		switch s.Kind {
		case Working:
			label += "\\nstep " + s.Step
		case Waiting:
			label += "\\ngate: " + mermaidText.Replace(strings.Join(s.Gate.Roles, ", "))
			if s.Gate.Timeout > 0 {
				label += ", " + hours(s.Gate.Timeout)
			}
		case Pass, Terminal:
		}
		fmt.Fprintf(&b, "    state \"%s\" as %s\n", label, mermaidID(s.Name))
	}
	fmt.Fprintf(&b, "    [*] --> %s\n", mermaidID(d.Initial))
	for _, e := range d.edges(path, "#35;") { // in Mermaid # begins the name of a character
		fmt.Fprintf(&b, "    %s --> %s: %s\n", mermaidID(e.from), mermaidID(e.to), e.label())
	}
	for i, t := range d.anywhere() {
		if i == 0 {
			b.WriteString("    state \"any live state\" as ANY\n")
		}
		fmt.Fprintf(&b, "    ANY --> %s: %s\n", mermaidID(t.To), t.Event)
	}
	for _, s := range d.States {
		if s.Kind == Terminal {
			fmt.Fprintf(&b, "    %s --> [*]\n", mermaidID(s.Name))
		}
	}
	b.WriteString("    classDef gate fill:#fff3cd,stroke:#b58900\n    classDef terminal fill:#eeeeee,stroke:#666666\n")
	for _, s := range d.States {
		switch s.Kind {
		case Waiting:
			fmt.Fprintf(&b, "    class %s gate\n", mermaidID(s.Name))
		case Terminal:
			fmt.Fprintf(&b, "    class %s terminal\n", mermaidID(s.Name))
		case Pass, Working:
		}
	}
	if len(path) > 0 {
		b.WriteString("    classDef entered fill:#d4edda,stroke:#28a745\n    classDef now fill:#28a745,color:#ffffff,stroke-width:3px\n")
		now := path[len(path)-1].To
		for _, s := range d.States {
			switch {
			case s.Name == now:
				fmt.Fprintf(&b, "    class %s now\n", mermaidID(s.Name))
			case slices.ContainsFunc(path, func(h Move) bool { return h.To == s.Name }):
				fmt.Fprintf(&b, "    class %s entered\n", mermaidID(s.Name))
			}
		}
	}
	return b.String()
}

// DOT draws the definition in the language of Graphviz, with the same marks as [Definition.Mermaid].
func (d *Definition) DOT(path ...Move) string {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph \"%s\" {\n  rankdir=TB;\n  node [shape=box, style=\"rounded,filled\", fillcolor=white, fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", fontsize=10];\n", dotText.Replace(d.Name))
	fmt.Fprintf(&b, "  START [shape=point];\n  START -> %s;\n", dotID(d.Initial))
	now := ""
	if len(path) > 0 {
		now = path[len(path)-1].To
	}
	for _, s := range d.States {
		label, color, extra := s.Name, "white", ""
		switch s.Kind {
		case Working:
			label += `\nstep ` + s.Step
		case Waiting:
			color = "#fff3cd"
			label += `\ngate: ` + dotText.Replace(strings.Join(s.Gate.Roles, ", "))
			if s.Gate.Timeout > 0 {
				label += ", " + hours(s.Gate.Timeout)
			}
		case Terminal:
			color, extra = "#eeeeee", ", peripheries=2"
		case Pass:
		}
		switch {
		case s.Name == now:
			color, extra = "#28a745", extra+", penwidth=3"
		case slices.ContainsFunc(path, func(h Move) bool { return h.To == s.Name }):
			color = "#d4edda"
		}
		fmt.Fprintf(&b, "  %s [label=\"%s\", fillcolor=\"%s\"%s];\n", dotID(s.Name), label, color, extra)
	}
	for i, t := range d.anywhere() {
		if i == 0 {
			b.WriteString("  ANY [label=\"any live state\", style=dashed];\n")
		}
		fmt.Fprintf(&b, "  ANY -> %s [label=\"%s\", style=dashed];\n", dotID(t.To), t.Event)
	}
	for _, e := range d.edges(path, "#") {
		style := ""
		if e.taken() {
			style = ", color=\"#28a745\", penwidth=2"
		}
		fmt.Fprintf(&b, "  %s -> %s [label=\"%s\"%s];\n", dotID(e.from), dotID(e.to), e.label(), style)
	}
	b.WriteString("}\n")
	return b.String()
}

// Names that the drawings add (ANY, START, those below) have capital letters, which names of states do not have.

// mermaidID is a state's name, changed where it is a word of Mermaid's own.
func mermaidID(name string) string {
	switch name {
	case "class", "click", "default", "href", "note", "scale", "state", "style":
		return "S_" + name
	}
	return name
}

// dotID is a state's name, in quotes where it is a word of the DOT language.
func dotID(name string) string {
	switch name {
	case "digraph", "edge", "graph", "node", "strict", "subgraph":
		return `"` + name + `"`
	}
	return name
}

var (
	mermaidText = strings.NewReplacer(`"`, "#quot;", "#", "#35;", `\`, "#92;", "\r", " ", "\n", " ")
	dotText     = strings.NewReplacer(`"`, `\"`, `\`, `\\`, "\r", " ", "\n", " ")
)

// edge joins two states, with all events that lead from one to the other.
type edge struct {
	from, to string
	events   []label
}

// label is an event, with the numbers of the moves it caused.
type label struct{ event, condition, numbers string }

func (e *edge) label() string {
	parts := make([]string, len(e.events))
	for i, l := range e.events {
		parts[i] = l.event + l.condition + l.numbers
	}
	return strings.Join(parts, ", ")
}

func (e *edge) taken() bool {
	return slices.ContainsFunc(e.events, func(l label) bool { return l.numbers != "" })
}

// anywhere are the transitions from every live state.
func (d *Definition) anywhere() []Transition {
	return slices.DeleteFunc(slices.Clone(d.Transitions), func(t Transition) bool { return t.From != AnyLive })
}

// edges are the arrows to draw, one for all transitions between the same two states. A transition from AnyLive is
// included only where the path took it. A return leads to each state that it may lead to.
func (d *Definition) edges(path []Move, number string) []edge {
	var all []edge
	find := func(from, to string) *edge {
		i := slices.IndexFunc(all, func(e edge) bool { return e.from == from && e.to == to })
		if i < 0 {
			all = append(all, edge{from: from, to: to})
			i = len(all) - 1
		}
		return &all[i]
	}
	add := func(from, to string, l label) {
		if e := find(from, to); !slices.Contains(e.events, l) {
			e.events = append(e.events, l)
		}
	}
	for _, t := range d.Transitions {
		l := label{event: t.Event}
		if len(t.When) > 0 {
			l.condition = " (if)"
		}
		switch {
		case t.From == AnyLive:
		case t.To == Return:
			for _, u := range d.Transitions {
				if u.To == t.From && u.From != AnyLive && u.From != t.From {
					add(t.From, u.From, l)
				}
			}
		default:
			add(t.From, t.To, l)
		}
	}
	for i, h := range path {
		if h.From == "" || d.State(h.From) == nil || d.State(h.To) == nil {
			continue
		}
		e := find(h.From, h.To)
		at := slices.IndexFunc(e.events, func(l label) bool { return l.event == h.Event })
		if at < 0 {
			at = len(e.events)
			e.events = append(e.events, label{event: h.Event})
		}
		e.events[at].numbers += fmt.Sprintf(" %s%d", number, i+1)
	}
	return all
}

func hours(d Duration) string {
	if d.D()%time.Hour == 0 {
		return fmt.Sprintf("%d h", int(d.D().Hours()))
	}
	return d.D().String()
}
