package fhirjson

import (
	"hash/maphash"
	"math"
)

// Kind is the type of a JSON value.
type Kind uint8

// The kinds of JSON values. The zero Kind is none of them.
const (
	Object Kind = 1 + iota
	Array
	String
	Number
	True
	False
	Null
)

// String returns the kind's name in JSON's words: "object", "array", "string" and so on.
func (k Kind) String() string {
	if int(k) < len(kinds) {
		return kinds[k]
	}
	return kinds[0]
}

var kinds = [...]string{"invalid", "object", "array", "string", "number", "true", "false", "null"}

// Flags are facts about a node that were learned on the way.
type Flags uint8

// The flags of a [Node].
const (
	Escaped    Flags = 1 << iota // String whose text holds escapes
	KeyEscaped                   // member whose name holds escapes
	Integer                      // Number without fraction and exponent
)

// Node is one JSON value. Nodes lie on the tape in document order; node 0 is the root.
type Node struct {
	// The first four fields are the node's part of its tape's [Shape].
	Key   KeyID // id of the member name; 0 for array elements, the root and names outside the key set
	Kind  Kind
	Flags Flags
	// Next is the index of the node after this one and all its descendants. The children of container i
	// are i+1, Node(i+1).Next, ... up to Node(i).Next.
	Next uint32
	// KeyStart and KeyEnd enclose the text between the quotes of the member name. Both are 0 where the
	// node is not a member of an object.
	KeyStart, KeyEnd uint32
	// Start and End enclose the value: a string's text between its quotes, a number's or literal's text,
	// a container with its braces.
	Start, End uint32
}

// Limits bound what one text may cost. A field that is 0 or less means its default.
type Limits struct {
	MaxDepth int // containers inside each other; default [DefaultMaxDepth]
	MaxNodes int // values; default [DefaultMaxNodes], 24 bytes of memory each
	MaxBytes int // bytes of the text; default [DefaultMaxBytes], never 2 GiB or more
}

// What [Limits] means by 0.
const (
	DefaultMaxDepth = 500
	DefaultMaxNodes = 4 << 20
	DefaultMaxBytes = 256 << 20
)

func (l Limits) withDefaults() Limits {
	if l.MaxDepth <= 0 {
		l.MaxDepth = DefaultMaxDepth
	}
	if l.MaxNodes <= 0 {
		l.MaxNodes = DefaultMaxNodes
	}
	if l.MaxBytes <= 0 {
		l.MaxBytes = DefaultMaxBytes
	}
	l.MaxNodes = min(l.MaxNodes, math.MaxInt32)
	l.MaxBytes = min(l.MaxBytes, math.MaxInt32)
	return l
}

// Tape is the flat form of one JSON text. The zero value is ready for [Tape.Parse]. One goroutine at a
// time may use it; while nobody parses, any number may read it.
type Tape struct {
	src    []byte
	keys   *KeySet
	nodes  []Node // len: used
	stack  []frame
	index  index
	walker walker
	plain  bool // no vector instructions, for tests

	// For objects with many members or with escaped names only.
	seed  maphash.Seed
	slots []uint32
	text  []byte
	other []byte
}

// Forget empties the tape, which refers to no text then. It keeps its memory for the next parse.
func (t *Tape) Forget() { t.src, t.nodes, t.walker = nil, t.nodes[:0], walker{} }

// Len returns the number of nodes: 0 before the first parse and after a failed one.
func (t *Tape) Len() int { return len(t.nodes) }

// Node returns node i. The pointer is good until the next parse.
func (t *Tape) Node(i int) *Node { return &t.nodes[i] }

// Nodes returns all nodes in document order. The slice is good until the next parse and is not to be
// changed.
func (t *Tape) Nodes() []Node { return t.nodes }

// Source returns the text that was parsed last.
func (t *Tape) Source() []byte { return t.src }

// Keys returns the key set of the last parse, or nil.
func (t *Tape) Keys() *KeySet { return t.keys }

// Raw returns the source text of node i: between the quotes for a string, escapes as they stand; with the
// braces for a container. It is part of the source, not a copy.
func (t *Tape) Raw(i int) []byte {
	n := &t.nodes[i]
	return t.src[n.Start:n.End:n.End]
}

// KeyText returns the member name of node i, and nothing where it has none. It is part of the source,
// except where the name holds escapes: then it is a decoded copy.
func (t *Tape) KeyText(i int) []byte {
	n := &t.nodes[i]
	raw := t.src[n.KeyStart:n.KeyEnd:n.KeyEnd]
	if n.Flags&KeyEscaped != 0 {
		return appendUnescaped(nil, raw)
	}
	return raw
}

// AppendString appends the text of string node i to dst, with its escapes decoded. For a node of another
// kind it appends the source text.
func (t *Tape) AppendString(dst []byte, i int) []byte {
	n := &t.nodes[i]
	raw := t.src[n.Start:n.End]
	if n.Flags&Escaped != 0 {
		return appendUnescaped(dst, raw)
	}
	return append(dst, raw...)
}

// Field returns the index of the member of object obj with that name, which is compared after its escapes
// are decoded. It answers false where there is none, or where obj is not an object.
func (t *Tape) Field(obj int, name string) (int, bool) {
	o := &t.nodes[obj]
	if o.Kind != Object {
		return 0, false
	}
	for i := obj + 1; i < int(o.Next); i = int(t.nodes[i].Next) {
		n := &t.nodes[i]
		if n.Flags&KeyEscaped != 0 {
			if string(t.KeyText(i)) == name {
				return i, true
			}
		} else if string(t.src[n.KeyStart:n.KeyEnd]) == name {
			return i, true
		}
	}
	return 0, false
}
