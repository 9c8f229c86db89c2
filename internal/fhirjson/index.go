package fhirjson

import "math"

// The parser finds the end of a string without looking at its bytes: before it walks a stretch of the
// source, that stretch is indexed, where the machine has the vector instructions for it. The index lists
// the quotes that close strings. A string with a byte that wants a second look (a backslash, a control
// character or one that is not ASCII) is marked, and scanned byte by byte when the parser comes to it.
const (
	indexBytes = 16 << 10 // indexed at once
	blockBytes = 64       // indexed per step

	// dirty is added to the offset of a quote that closes a string with special bytes.
	dirty = 1 << 31
	// noCloser stands behind the last closer. Like a dirty one it is no offset in the source.
	noCloser = math.MaxUint32

	// closersLen is room for all closers of a stretch, each of which has an opening quote too, for
	// noCloser, and for what the indexer writes past the end.
	closersLen = indexBytes/2 + blockBytes

	// smallBytes is the size up to which a tape's first text is not indexed: the index takes more memory than that
	// text is worth, and there may be no second one.
	smallBytes = 8 << 10
)

// closers are the offsets, in the source, of the quotes that close strings.
type closers [closersLen]uint32

// index is about the stretch of the source that ends at limit. It begins outside of strings.
type index struct {
	closers *closers
	own     *closers // memory for closers; nil until there is something to index
	limit   int
	used    bool
	plain   bool // no vector instructions
}

// unindexed are the closers of a text that is not indexed. Nobody writes to it.
var unindexed = &closers{noCloser}

// begin makes the index ready for another text.
func (x *index) begin(src []byte) {
	x.closers = x.own
	if x.own == nil && !x.used && len(src) <= smallBytes {
		x.used, x.closers = true, unindexed
	} else if x.own == nil {
		x.own = new(closers)
		x.closers = x.own
	}
}

// fill indexes the stretch of src that begins at from, which is not inside a string.
func (x *index) fill(src []byte, from int) {
	if x.closers == unindexed {
		return
	}
	x.limit = min(from+indexBytes, len(src))
	count := 0
	if !x.plain {
		count = indexStrings(src, from, x.limit, x.closers)
	}
	x.closers[count] = noCloser
}
