// Package workflow describes workflows as data: states, the steps and gates in them, and the transitions between them.
//
// A [Definition] is built in Go (a literal, or [Define]) or read from JSON ([Parse]); [Definition.Validate] names
// everything that is wrong with it, and [Definition.Mermaid] and [Definition.DOT] draw it. [Default] is the workflow
// of a clinical data request, with names for its states, steps, events and roles.
//
// [Compile] makes the [Machine] of a definition: pure functions from a [Position] and an event to the next position. A
// transition may depend on [Facts] about a request ([Condition]). Package orchestrator runs requests through it, and
// stores where they are.
package workflow
