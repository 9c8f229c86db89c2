// Package rows makes the rows of a view from one resource at a time.
//
// A [Plan] is a compiled view: conditions, and a tree of parts with columns. How the rows of parts are combined
// (nested selects, unionAll, forEachOrNull, repeat, %rowIndex, limits) is written once, in the combiner. It asks an
// evaluator three things: whether the resource meets a condition, which items a part iterates over, and what the cell
// of a column is. There are three evaluators:
//
//   - the plain one runs every path with package fhirpath. It can do everything, and it alone reports errors of paths;
//   - the tape's runs paths of common shapes straight on the JSON tape (package fused), and asks the plain one for the
//     columns and conditions that do not have such a shape;
//   - the recorder is the tape's, but instead of a cell it notes where the cell comes from. What it notes is a
//     template, from which later resources of the same shape get their rows without any path being walked.
//
// The tape's evaluator and templates give up on a resource that is out of the ordinary rather than guess; the plain
// evaluator then starts from the beginning. docs/engine.md draws this, and says how to extend each way.
package rows
