package main

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// contexts is how many elements are listed for an invariant that many elements share.
const maxContexts = 3

// invariants lists the invariants of all definitions, one a line: the resource or data type they are stated in,
// the type of the element they are stated for, and the expression, in quotes.
func invariants(r *release, defs []*definition, types []*fhirType) []byte {
	known := map[string]bool{}
	for _, t := range types {
		known[t.name] = true
	}
	type line struct{ root, context, expression string }
	var lines []line
	for _, def := range defs {
		if !known[def.Type] || def.Kind == "logical" || def.Derivation == "constraint" {
			continue
		}
		for _, e := range def.Elements {
			context := e.Path
			if !known[context] {
				if len(e.Types) != 1 || !known[e.Types[0].Code] {
					continue
				}
				context = e.Types[0].Code
			}
			for _, expression := range e.Invariants {
				if expression != "" {
					lines = append(lines, line{def.Type, context, expression})
				}
			}
		}
	}
	slices.SortFunc(lines, func(a, b line) int {
		return cmp.Or(cmp.Compare(a.expression, b.expression), cmp.Compare(a.context, b.context), cmp.Compare(a.root, b.root))
	})
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Invariants of HL7 FHIR %s (%s), in the public domain (CC0 1.0), written by internal/fhirpath/model/gen.\n",
		r.name, r.version)
	seen := map[string]int{}
	last := line{}
	for _, l := range lines {
		if l.expression == last.expression && l.context == last.context || seen[l.expression] >= maxContexts {
			continue
		}
		seen[l.expression]++
		last = l
		fmt.Fprintf(&b, "%s\n", strings.Join([]string{l.root, l.context, fmt.Sprintf("%q", l.expression)}, "\t"))
	}
	return b.Bytes()
}
