package fhirjson

import "encoding/binary"

// frame is an open container.
type frame struct {
	seen     [4]uint64 // of an object: a bit for the hash of each name
	node     uint32
	object   bool
	deferred bool // the object's names are compared when it ends
}

// The bytes between a member's name and a string, and between a string and the next member, as they stand
// where there is no white space.
const (
	nameToString = '"' | ':'<<8 | '"'<<16
	stringToName = '"' | ','<<8 | '"'<<16
	threeBytes   = 1<<24 - 1
)

// Parse fills the tape from src, which must be one JSON text: a value with white space around it and
// nothing else. Names are resolved against keys, which may be nil.
//
// src is not copied: it must stay as it is while the tape is used. On an error, a *[SyntaxError] or a
// *[LimitError], the tape is empty.
func (t *Tape) Parse(src []byte, keys *KeySet, limits Limits) error {
	limits = limits.withDefaults()
	t.src, t.keys, t.nodes = src, keys, t.nodes[:0]
	if len(src) > limits.MaxBytes {
		return &LimitError{Offset: limits.MaxBytes, Limit: limitBytes, Max: limits.MaxBytes}
	}
	if keys == nil {
		keys = noKeys
	}
	if len(t.stack) == 0 {
		t.stack = make([]frame, 16)
	}
	t.index.fill(src, 0)
	n, err := t.parse(src, keys, limits.MaxDepth, limits.MaxNodes)
	t.nodes = t.nodes[:n]
	return err
}

// noKeys stands for no key set.
var noKeys = NewKeySet()

// parse writes the nodes into the whole capacity of t.nodes and returns how many there are.
//
// It is one state machine. Its labels are the states; what holds in a state is said there. A node is
// written in two parts: the name by name (or nothing, for what has no name), the value by value.
func (t *Tape) parse(src []byte, keys *KeySet, maxDepth, maxNodes int) (int, error) {
	var (
		nodes   = t.nodes[:min(cap(t.nodes), maxNodes)]
		n       int // nodes used; while a value is expected, nodes[n] has its name already
		i       int // offset in src
		depth   int // of open containers
		closers = t.index.closers
		ci      uint // number of the next closer
		end     int
		node    *Node
		bad     *SyntaxError
	)

element: // an element of an array, or the root, is expected at i
	if n == len(nodes) {
		if n >= maxNodes {
			return 0, &LimitError{Offset: i, Limit: limitNodes, Max: maxNodes}
		}
		nodes = t.grow(nodes, maxNodes)
	}
	node = &nodes[n]
	node.Key, node.Flags, node.KeyStart, node.KeyEnd = 0, 0, 0, 0

value: // a value is expected at i, and node is &nodes[n]
	if i >= len(src) {
		return 0, &SyntaxError{Offset: i, Kind: Truncated, Msg: "value expected"}
	}
	switch src[i] {
	case '"':
		i++
		goto text

	case '{', '[':
		if depth++; depth >= len(t.stack) {
			t.stack = append(t.stack, make([]frame, len(t.stack))...)
		}
		if depth > maxDepth {
			return 0, &LimitError{Offset: i, Limit: limitDepth, Max: maxDepth}
		}
		f := &t.stack[depth]
		f.node, f.deferred = uint32(n), false
		node.Start = uint32(i)
		n++
		i++
		if src[i-1] == '{' {
			f.seen = [4]uint64{}
			f.object = true
			node.Kind = Object
			if i < len(src) && src[i] <= ' ' {
				i = skipSpace(src, i)
			}
			if i < len(src) && src[i] == '}' {
				goto closed
			}
			goto name
		}
		f.object = false
		node.Kind = Array
		if i < len(src) && src[i] <= ' ' {
			i = skipSpace(src, i)
		}
		if i < len(src) && src[i] == ']' {
			goto closed
		}
		goto element

	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		var integer bool
		if end, integer, bad = scanNumber(src, i); bad != nil {
			return 0, bad
		}
		node.Kind = Number
		if integer {
			node.Flags |= Integer
		}
		goto scalar
	case 't':
		if end, bad = scanLiteral(src, i, "true"); bad != nil {
			return 0, bad
		}
		node.Kind = True
		goto scalar
	case 'f':
		if end, bad = scanLiteral(src, i, "false"); bad != nil {
			return 0, bad
		}
		node.Kind = False
		goto scalar
	case 'n':
		if end, bad = scanLiteral(src, i, "null"); bad != nil {
			return 0, bad
		}
		node.Kind = Null
		goto scalar

	case ' ', '\t', '\n', '\r':
		i = skipSpace(src, i)
		goto value
	}
	return 0, &SyntaxError{Offset: i, Kind: Unexpected, Msg: "value expected"}

scalar: // the number or literal of node is src[i:end]
	node.Start, node.End = uint32(i), uint32(end)
	n++
	node.Next = uint32(n)
	i = end
	goto after

text: // the text of a string begins at i
	end = int(closers[ci])
	ci++
	node.Kind = String
	if end >= len(src) {
		var escaped bool
		if end, escaped, bad = t.oddString(src, i, end); bad != nil {
			return 0, bad
		}
		if escaped {
			node.Flags |= Escaped
		}
		if t.index.fresh {
			t.index.fresh = false
			ci = 0
		}
	}
	node.Start, node.End = uint32(i), uint32(end)
	n++
	node.Next = uint32(n)
	if end+4 <= len(src) && binary.LittleEndian.Uint32(src[end:])&threeBytes == stringToName && t.stack[depth].object {
		i = end + 2
		goto name
	}
	i = end + 1

after: // a value ended before i
	if depth == 0 {
		if i = skipSpace(src, i); i != len(src) {
			return 0, &SyntaxError{Offset: i, Kind: TrailingData}
		}
		t.nodes = nodes
		return n, nil
	}
	if i >= len(src) {
		return 0, &SyntaxError{Offset: i, Kind: Truncated, Msg: "container without end"}
	}
	{
		c, object := src[i], t.stack[depth].object
		switch {
		case c == ',':
			i++
			if object {
				goto name
			}
			goto element
		case c == '}' && object, c == ']' && !object:
			goto closed
		case c == ' ', c == '\t', c == '\n', c == '\r':
			i = skipSpace(src, i)
			goto after
		case object:
			return 0, &SyntaxError{Offset: i, Kind: Unexpected, Msg: "comma or closing brace expected"}
		}
		return 0, &SyntaxError{Offset: i, Kind: Unexpected, Msg: "comma or closing bracket expected"}
	}

closed: // the innermost container's closing byte is at i
	{
		i++
		f := &t.stack[depth]
		if f.deferred {
			if bad = t.checkNames(nodes[:n], int(f.node)); bad != nil {
				return 0, bad
			}
		}
		container := &nodes[f.node]
		container.End, container.Next = uint32(i), uint32(n)
		depth--
		goto after
	}

name: // the name of a member of an object is expected at i
	if i >= len(src) || src[i] != '"' {
		if i = skipSpace(src, i); i >= len(src) {
			return 0, &SyntaxError{Offset: i, Kind: Truncated, Msg: "member name expected"}
		}
		if src[i] != '"' {
			return 0, &SyntaxError{Offset: i, Kind: Unexpected, Msg: "member name expected"}
		}
	}
	if n == len(nodes) {
		if n >= maxNodes {
			return 0, &LimitError{Offset: i, Limit: limitNodes, Max: maxNodes}
		}
		nodes = t.grow(nodes, maxNodes)
	}
	node = &nodes[n]
	i++
	end = int(closers[ci])
	ci++
	if end >= len(src) {
		var escaped bool
		if end, escaped, bad = t.oddString(src, i, end); bad != nil {
			return 0, bad
		}
		if t.index.fresh {
			t.index.fresh = false
			ci = 0
		}
		if escaped {
			node.Key, node.Flags = t.findEscaped(keys, src[i:end]), KeyEscaped
			t.stack[depth].deferred = true
			goto named
		}
	}
	{
		var head, tail uint64
		if cut := uint(8 - min(end-i, 8)); end >= 8 && i+8 <= len(src) && end > i {
			head = binary.LittleEndian.Uint64(src[i:]) << (cut * 8 & 63)
			tail = binary.LittleEndian.Uint64(src[end-8:]) >> (cut * 8 & 63)
		} else {
			head, tail = keyWords(src[i:end])
		}
		hash := keyHash(head, tail, end-i, keys.mult)
		e := &keys.table[hash>>(keys.shift&63)&uint64(len(keys.table)-1)]
		id := e.id
		if (e.head^head)|(e.tail^tail)|uint64(e.size^uint32(end-i)) != 0 {
			id = 0
		}
		if e.long {
			id = keys.find(src[i:end], head, tail, hash)
		}
		node.Key, node.Flags = id, 0
		f := &t.stack[depth]
		word, bit := &f.seen[hash>>62], uint64(1)<<(hash>>56&63)
		if *word&bit != 0 {
			if bad = t.duplicate(nodes[:n], f, src[i:end], i); bad != nil {
				return 0, bad
			}
		}
		*word |= bit
	}

named: // the name of node is src[i:end]
	node.KeyStart, node.KeyEnd = uint32(i), uint32(end)
	if end+4 <= len(src) && binary.LittleEndian.Uint32(src[end:])&threeBytes == nameToString {
		i = end + 3
		goto text
	}
	i = end + 1
	if i >= len(src) || src[i] != ':' {
		if i = skipSpace(src, i); i >= len(src) {
			return 0, &SyntaxError{Offset: i, Kind: Truncated, Msg: "colon expected"}
		}
		if src[i] != ':' {
			return 0, &SyntaxError{Offset: i, Kind: Unexpected, Msg: "colon expected"}
		}
	}
	i++
	goto value
}

// oddString is for a string, from start, whose closer is not the offset of its last quote: it is dirty or
// not indexed. It returns the closing quote's offset and whether there are escapes. When it had to index
// the next stretch it sets t.index.fresh.
func (t *Tape) oddString(src []byte, start, closer int) (end int, escaped bool, bad *SyntaxError) {
	end, escaped, bad = scanString(src, start, start, 0)
	if bad == nil && closer == noCloser {
		t.index.fill(src, end+1)
		t.index.fresh = true
	}
	return end, escaped, bad
}

// grow returns a larger copy of nodes.
func (t *Tape) grow(nodes []Node, maxNodes int) []Node {
	const least = 256
	larger := make([]Node, min(max(2*len(nodes), least), maxNodes))
	copy(larger, nodes)
	t.nodes = larger
	return larger
}
