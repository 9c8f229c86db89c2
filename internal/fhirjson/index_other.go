//go:build !amd64 || purego

package fhirjson

// vectors: there are no vector instructions for this machine.
const vectors = false

// indexStrings finds nothing: without vector instructions it is faster to scan each string when the parser
// comes to it.
func indexStrings([]byte, int, int, *closers) int { return 0 }

// walkVector leaves everything to walk.
func (w *walker) walkVector() need { return needWalk }
