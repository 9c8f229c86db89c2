// Package syntax reads and writes the text of FHIRPath expressions.
//
// [Parse] turns the text into a tree of [Expr] nodes, [Print] turns a tree back into text, and parsing
// that text again gives an equal tree. The package knows the grammar only: names of functions,
// types and elements mean nothing to it, and literals keep their source text.
//
// The grammar is that of FHIRPath 2.0.0 (https://hl7.org/fhirpath/N1/grammar.html) with, of FHIRPath 3.0,
// the Long literal (1L) and the direction of a sort key (sort(name desc)). Words that are units of time
// (day, hours) are accepted as identifiers as well.
package syntax
