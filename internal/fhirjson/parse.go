package fhirjson

import (
	"encoding/binary"
	"math/bits"
)

// frame is an open container around the innermost one.
type frame struct {
	node    uint32
	members uint32
	seen    uint64
}

const (
	// walkMembers is up to how many members an object's names are compared one by one when their hashes
	// meet. The names of larger objects are compared when the object ends, through a hash table.
	walkMembers = 32
	// escapedName is added to the count of members for a name with escapes: its bytes say nothing, so
	// the object's names are compared when it ends.
	escapedName = 1 << 31
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
	n, err := t.parse(src, keys, limits.MaxDepth, limits.MaxNodes)
	t.nodes = t.nodes[:n]
	return err
}

// parse writes the nodes into the whole capacity of t.nodes and returns how many there are.
func (t *Tape) parse(src []byte, keys *KeySet, maxDepth, maxNodes int) (int, error) {
	var (
		nodes   = t.nodes[:min(cap(t.nodes), maxNodes)]
		n       int    // nodes used
		i       int    // offset in src
		depth   int    // open containers
		cur     uint32 // innermost open container
		object  bool   // it is an object
		members uint32 // how many members it has so far
		seen    uint64 // one bit for each hash of its names

		key              KeyID // of the member whose value comes next
		flags            Flags
		keyStart, keyEnd int

		c     byte
		end   int
		start int
		esc   bool
		bad   *SyntaxError
		w     uint64
		mult  = uint64(keyMult)
	)
	if keys != nil {
		mult = keys.mult
	}
	t.stack = t.stack[:0]

value: // a value begins at i
	if n == len(nodes) {
		if n >= maxNodes {
			return 0, &LimitError{Offset: i, Limit: limitNodes, Max: maxNodes}
		}
		nodes = t.grow(nodes, maxNodes)
	}
	if i >= len(src) {
		return 0, &SyntaxError{Offset: i, Kind: Truncated, Msg: "value expected"}
	}
	c = src[i]
	if c == '"' {
		start = i + 1
		i = start
		for i+8 <= len(src) {
			w = binary.LittleEndian.Uint64(src[i:])
			if w&highs != 0 {
				break
			}
			if m := stops(w); m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		if i < len(src) && src[i] == '"' {
			end = i
		} else {
			if end, esc, bad = scanString(src, start, i, 0); bad != nil {
				return 0, bad
			}
			if esc {
				flags |= Escaped
			}
		}
		nodes[n] = Node{
			Key: key, Kind: String, Flags: flags, KeyStart: uint32(keyStart), KeyEnd: uint32(keyEnd),
			Start: uint32(start), End: uint32(end), Next: uint32(n + 1),
		}
		n++
		i = end + 1
		goto after
	}
	switch c {
	case '{', '[':
		if depth >= maxDepth {
			return 0, &LimitError{Offset: i, Limit: limitDepth, Max: maxDepth}
		}
		if depth > 0 {
			t.stack = append(t.stack, frame{cur, members, seen})
		}
		depth++
		object = c == '{'
		kind := Array
		if object {
			kind = Object
		}
		nodes[n] = Node{
			Key: key, Kind: kind, Flags: flags, KeyStart: uint32(keyStart), KeyEnd: uint32(keyEnd),
			Start: uint32(i),
		}
		cur, members, seen = uint32(n), 0, 0
		n++
		i++
		if i < len(src) && src[i] <= ' ' {
			i = skipSpace(src, i)
		}
		if object {
			if i < len(src) && src[i] == '}' {
				goto closed
			}
			goto name
		}
		if i < len(src) && src[i] == ']' {
			goto closed
		}
		key, flags, keyStart, keyEnd = 0, 0, 0, 0
		goto value
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		if end, esc, bad = scanNumber(src, i); bad != nil {
			return 0, bad
		}
		if esc {
			flags |= Integer
		}
		nodes[n] = Node{
			Key: key, Kind: Number, Flags: flags, KeyStart: uint32(keyStart), KeyEnd: uint32(keyEnd),
			Start: uint32(i), End: uint32(end), Next: uint32(n + 1),
		}
		n++
		i = end
		goto after
	case 't', 'f', 'n':
		kind, text := True, "true"
		switch c {
		case 'f':
			kind, text = False, "false"
		case 'n':
			kind, text = Null, "null"
		}
		if end, bad = scanLiteral(src, i, text); bad != nil {
			return 0, bad
		}
		nodes[n] = Node{
			Key: key, Kind: kind, Flags: flags, KeyStart: uint32(keyStart), KeyEnd: uint32(keyEnd),
			Start: uint32(i), End: uint32(end), Next: uint32(n + 1),
		}
		n++
		i = end
		goto after
	case ' ', '\t', '\n', '\r':
		i = skipSpace(src, i)
		goto value
	}
	return 0, &SyntaxError{Offset: i, Kind: Unexpected, Msg: "value expected"}

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
	c = src[i]
	if c == ',' {
		i++
		if object {
			goto name
		}
		key, flags, keyStart, keyEnd = 0, 0, 0, 0
		goto value
	}
	if c == '}' && object || c == ']' && !object {
		goto closed
	}
	if c <= ' ' {
		if end = skipSpace(src, i); end > i {
			i = end
			goto after
		}
	}
	if object {
		return 0, &SyntaxError{Offset: i, Kind: Unexpected, Msg: "comma or closing brace expected"}
	}
	return 0, &SyntaxError{Offset: i, Kind: Unexpected, Msg: "comma or closing bracket expected"}

closed: // the innermost container's closing byte is at i
	i++
	nodes[cur].End, nodes[cur].Next = uint32(i), uint32(n)
	if members > walkMembers {
		if bad = t.checkNames(nodes[:n], int(cur), members); bad != nil {
			return 0, bad
		}
	}
	depth--
	if depth > 0 {
		f := &t.stack[depth-1]
		cur, members, seen = f.node, f.members, f.seen
		object = nodes[cur].Kind == Object
		t.stack = t.stack[:depth-1]
	}
	goto after

name: // a member's name begins at i
	if i >= len(src) || src[i] != '"' {
		if i < len(src) && src[i] <= ' ' {
			if end = skipSpace(src, i); end > i {
				i = end
				goto name
			}
		}
		if i >= len(src) {
			return 0, &SyntaxError{Offset: i, Kind: Truncated, Msg: "member name expected"}
		}
		return 0, &SyntaxError{Offset: i, Kind: Unexpected, Msg: "member name expected"}
	}
	i++
	keyStart, flags = i, 0
	for i+8 <= len(src) {
		w = binary.LittleEndian.Uint64(src[i:])
		if w&highs != 0 {
			break
		}
		if m := stops(w); m != 0 {
			i += bits.TrailingZeros64(m) >> 3
			break
		}
		i += 8
	}
	if i < len(src) && src[i] == '"' {
		keyEnd = i
	} else {
		if keyEnd, esc, bad = scanString(src, keyStart, i, 0); bad != nil {
			return 0, bad
		}
		if esc {
			flags = KeyEscaped
			members |= escapedName
		}
	}
	{
		var head, tail uint64
		name := src[keyStart:keyEnd]
		if len(name) >= 8 {
			head, tail = binary.LittleEndian.Uint64(name), binary.LittleEndian.Uint64(name[len(name)-8:])
		} else if keyStart+8 <= len(src) {
			head = binary.LittleEndian.Uint64(src[keyStart:]) & (1<<(uint(len(name)*8)&63) - 1)
		} else {
			head, tail = keyWords(name)
		}
		hash := keyHash(head, tail, len(name), mult)
		key = 0
		if keys != nil {
			if flags == 0 {
				key = keys.find(name, head, tail, hash)
			} else {
				key = t.findEscaped(keys, name)
			}
		}
		bit := uint64(1) << (hash >> 58)
		if seen&bit != 0 && members < walkMembers {
			if bad = duplicate(src, nodes[:n], int(cur), name, keyStart); bad != nil {
				return 0, bad
			}
		}
		seen |= bit
		members++
	}
	i = keyEnd + 1
	if i < len(src) && src[i] == ':' {
		i++
		goto value
	}
	if i = skipSpace(src, i); i >= len(src) {
		return 0, &SyntaxError{Offset: i, Kind: Truncated, Msg: "colon expected"}
	}
	if src[i] != ':' {
		return 0, &SyntaxError{Offset: i, Kind: Unexpected, Msg: "colon expected"}
	}
	i++
	goto value
}

// grow returns a larger copy of nodes.
func (t *Tape) grow(nodes []Node, maxNodes int) []Node {
	const least = 256
	larger := make([]Node, min(max(2*len(nodes), least), maxNodes))
	copy(larger, nodes)
	t.nodes = larger
	return larger
}
