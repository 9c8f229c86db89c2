// Package fhirjson turns the bytes of one JSON text, usually one FHIR resource, into a flat tape.
//
// A [Tape] holds one [Node] for each JSON value, in document order. A node does not hold the value: it
// holds where the value's text begins and ends in the source, so strings are copied and escapes decoded
// only when the text is asked for ([Tape.AppendString]). The index behind a container's last
// descendant is [Node.Next], hence a subtree is skipped in one step:
//
//	for i := obj + 1; i != int(t.Node(obj).Next); i = int(t.Node(i).Next) {
//		// i is a member of the object obj
//	}
//
// Member names of interest are put into a [KeySet] once. Parsing resolves them to small
// integers, so that later steps compare integers and not text.
//
// # Strictness
//
// The parser accepts exactly RFC 8259 and, of it, only what cannot be read in two ways. Besides the
// grammar these are errors with a byte offset: invalid UTF-8 (a byte order mark included), control
// characters in strings, escaped surrogates that are no pair, duplicate member names (compared after
// their escapes are decoded), and anything after the value. Depth, nodes and bytes are limited
// ([Limits]). Errors never hold text from the source.
//
// # Cost
//
// Parsing is one walk over the text, without recursion. On amd64 with AVX2 the walk is in assembly, and
// the ends of strings are found 64 bytes at a time before it; elsewhere, and with the build tag purego, the
// same is done in Go. A tape keeps its buffers, so once they have grown to the largest text seen, parsing
// allocates nothing.
package fhirjson
