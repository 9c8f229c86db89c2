// Package syntax reads and writes the text of FHIRPath expressions.
//
// [Parse] turns the text into a tree of [Expr] nodes, [Print] turns a tree back into text, and parsing
// that text again gives an equal tree. The package implements only the grammar: it does not know functions,
// types and elements, and literals keep their source text.
//
// The grammar is that of FHIRPath 2.0.0 (https://hl7.org/fhirpath/N1/grammar.html), with the Long literal (1L), the
// direction of a sort key (sort(name desc)) and instance selectors of FHIRPath 3.0. Units of time (day, hours) are also
// accepted as identifiers.
package syntax
