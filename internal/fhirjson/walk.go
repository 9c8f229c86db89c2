package fhirjson

import "math/bits"

// walker is the state of a parse between two calls of walk.
type walker struct {
	src     []byte
	nodes   []Node
	stack   []frame
	closers *closers
	// unindexed: there is no index, walk has to look for the ends of strings itself.
	unindexed bool

	// Of the key set, and of the projection: nil without one.
	table []keyEntry
	mult  uint64
	shift uint64
	rows  []uint32

	i     int // offset in the source
	end   int // of the string before i, for the states that speak of it
	n     int // nodes used
	depth int // open containers
	ci    int // number of the next closer
	state state

	// Of a projection: the row that rules the value that comes next, and whether it is kept. A value is
	// passed over, with all in it, when keep is 0; passing is the depth at which it stands.
	row     uint32
	keep    int
	passing int
}

// state is where walk goes on.
type state uint8

const (
	atElement  state = iota // an element of an array, or the root, is expected at i
	atValue                 // a value is expected at i; its node has the name already
	atText                  // the text of the string i to end has been looked at
	atName                  // a member's name is expected at i
	atKey                   // the text of the name i to end has been looked at
	atProject               // the name i to end has its key id
	atComplete              // a value ended before i
	atClosed                // the innermost container's closing byte is at i, its names have been looked at
)

// need is why walk stopped.
type need uint8

const (
	done        need = iota // the root is complete, and nothing but white space behind it
	needNodes               // there is no room for another node
	needFrame               // there is no room for another open container
	needText                // the string from i, with the closer end, has to be looked at
	needKey                 // the same for a name
	needNames               // the name i to end may be in the object already
	needCheck               // the innermost container needs checkNames
	needNumber              // the number at i is not a plain one
	needLiteral             // what begins at i may be a literal
	needWalk                // only of walkVector: walk has to go on
	badValue                // faults, at i
	badName                 //
	badColon                //
	badObject               //
	badArray                //
	badTrailing             //
)

// The bytes between a member's name and a string, and between a string and the next member, as they stand
// where there is no white space; and the literals.
const (
	nameToString = '"' | ':'<<8 | '"'<<16
	stringToName = '"' | ','<<8 | '"'<<16
	threeBytes   = 1<<24 - 1

	literalTrue  = 't' | 'r'<<8 | 'u'<<16 | 'e'<<24
	literalAlse  = 'a' | 'l'<<8 | 's'<<16 | 'e'<<24
	literalNull  = 'n' | 'u'<<8 | 'l'<<16 | 'l'<<24
	literalBytes = 4
)

// walk goes over src and writes nodes, from the state in w, until it is done or needs something. It is one
// state machine, whose labels are the states. It makes no calls: so the compiler can keep its variables in
// registers, and that is what makes it fast. Whatever is rare is left to whoever called it.
//
// A node is written in two parts: the name by name (or nothing, for what has no name), the value by value.
func (w *walker) walk() need {
	var (
		src, nodes, stack = w.src, w.nodes, w.stack
		closers           = w.closers
		rows              = w.rows
		i, end, n, ci     = w.i, w.end, w.n, w.ci
		f                 = &stack[w.depth]
		row, keep         = w.row, w.keep
		node              *Node
		why               need
	)
	switch w.state {
	case atElement:
		goto element
	case atValue:
		node = &nodes[n]
		goto value
	case atText:
		node = &nodes[n]
		goto text
	case atName:
		goto name
	case atKey:
		node = &nodes[n]
		goto key
	case atProject:
		node = &nodes[n]
		goto project
	case atComplete:
		goto complete
	default:
		goto closed
	}

element:
	if n >= len(nodes) {
		w.state, why = atElement, needNodes
		goto stop
	}
	node = &nodes[n]
	node.Key, node.Flags, node.KeyStart, node.KeyEnd = 0, 0, 0, 0
	row = f.row

value: // node is &nodes[n]
	if i >= len(src) {
		why = badValue
		goto stop
	}
	switch c := src[i]; {
	case c == '"':
		i++
		goto open
	case c == '{':
		if w.depth+1 >= len(stack) {
			w.state, why = atValue, needFrame
			goto stop
		}
		w.depth++
		f = &stack[w.depth]
		f.seen = [4]uint64{}
		f.node, f.row, f.object, f.deferred = uint32(n), row, true, false
		node.Kind, node.Start = Object, uint32(i)
		n += keep
		i++
		for i < len(src) && isSpace(src[i]) {
			i++
		}
		if i < len(src) && src[i] == '}' {
			goto closed
		}
		goto name
	case c == '[':
		if w.depth+1 >= len(stack) {
			w.state, why = atValue, needFrame
			goto stop
		}
		w.depth++
		f = &stack[w.depth]
		f.node, f.row, f.object, f.deferred = uint32(n), row, false, false
		node.Kind, node.Start = Array, uint32(i)
		n += keep
		i++
		for i < len(src) && isSpace(src[i]) {
			i++
		}
		if i < len(src) && src[i] == ']' {
			goto closed
		}
		goto element
	case c == '-' || isDigit(c):
		goto number
	case isSpace(c):
		i++
		goto value
	case i+literalBytes >= len(src): // nothing but a literal at the end of the source
		w.state, why = atComplete, needLiteral
		goto stop
	case load32(src, i) == literalTrue:
		node.Kind, end = True, i+literalBytes
	case load32(src, i) == literalNull:
		node.Kind, end = Null, i+literalBytes
	case c == 'f' && load32(src, i+1) == literalAlse:
		node.Kind, end = False, i+1+literalBytes
	default:
		w.state, why = atComplete, needLiteral
		goto stop
	}

scalar: // node's value is src[i:end], and is no string
	node.Start, node.End = uint32(i), uint32(end)
	n += keep
	node.Next = uint32(n)
	i = end
	goto complete

number:
	node.Kind = Number
	end = i
	if src[end] == '-' {
		end++
	}
	if end >= len(src) || !isDigit(src[end]) || src[end] == '0' && end+1 < len(src) && isDigit(src[end+1]) {
		goto oddNumber
	}
	for end < len(src) && isDigit(src[end]) {
		end++
	}
	if end >= len(src) {
		goto oddNumber
	}
	if src[end] == '.' {
		end++
		if end >= len(src) || !isDigit(src[end]) {
			goto oddNumber
		}
		for end < len(src) && isDigit(src[end]) {
			end++
		}
		if end >= len(src) {
			goto oddNumber
		}
	} else {
		node.Flags |= Integer
	}
	if src[end]|0x20 != 'e' {
		goto scalar
	}
oddNumber:
	node.Flags &^= Integer
	w.state, why = atComplete, needNumber
	goto stop

open: // the text of a string begins at i
	end = int(closers[ci])
	ci++
	if end >= len(src) {
		if end != noCloser || !w.unindexed {
			w.state, why = atText, needText
			goto stop
		}
		ci--
		for end = i; end+7 < len(src); end += 8 {
			v := load64(src, end)
			if m := stops(v) | v&highs; m != 0 {
				end += bits.TrailingZeros64(m) >> 3
				break
			}
		}
		if end >= len(src) || src[end] != '"' {
			end = noCloser
			w.state, why = atText, needText
			goto stop
		}
	}
text:
	node.Kind = String
	node.Start, node.End = uint32(i), uint32(end)
	n += keep
	node.Next = uint32(n)
	if keep == 0 && w.depth == w.passing {
		keep = 1
	}
	if end+3 < len(src) && load32(src, end)&threeBytes == stringToName && f.object {
		i = end + 2
		goto name
	}
	i = end + 1
	goto after

complete: // a value ended before i
	if keep == 0 && w.depth == w.passing {
		keep = 1
	}

after: // a value ended before i, and keep is that of its container
	if w.depth == 0 {
		for i < len(src) && isSpace(src[i]) {
			i++
		}
		if i < len(src) {
			why = badTrailing
		}
		goto stop
	}
	if i >= len(src) {
		why = badArray
		goto stop
	}
	if c := src[i]; f.object {
		if c == ',' {
			i++
			goto name
		}
		if c == '}' {
			if f.deferred {
				w.state, why = atClosed, needCheck
				goto stop
			}
			goto closed
		}
		if isSpace(c) {
			i++
			goto after
		}
		why = badObject
		goto stop
	} else {
		if c == ',' {
			i++
			goto element
		}
		if c == ']' {
			goto closed
		}
		if isSpace(c) {
			i++
			goto after
		}
		why = badArray
		goto stop
	}

closed:
	i++
	{
		container := &nodes[f.node]
		container.End, container.Next = uint32(i), uint32(n)
	}
	w.depth--
	f = &stack[w.depth]
	goto complete

name:
	if i >= len(src) || src[i] != '"' {
		for i < len(src) && isSpace(src[i]) {
			i++
		}
		if i >= len(src) || src[i] != '"' {
			why = badName
			goto stop
		}
	}
	if n >= len(nodes) {
		w.state, why = atName, needNodes
		goto stop
	}
	node = &nodes[n]
	i++
	end = int(closers[ci])
	ci++
	if end >= len(src) {
		if end != noCloser || !w.unindexed {
			w.state, why = atKey, needKey
			goto stop
		}
		ci--
		for end = i; end+7 < len(src); end += 8 {
			v := load64(src, end)
			if m := stops(v) | v&highs; m != 0 {
				end += bits.TrailingZeros64(m) >> 3
				break
			}
		}
		if end >= len(src) || src[end] != '"' {
			end = noCloser
			w.state, why = atKey, needKey
			goto stop
		}
	}

key:
	if keep == 0 {
		node.Flags = 0
		goto colon
	}
	{
		var head, tail uint64
		size := end - i
		switch {
		case size >= 8:
			head, tail = load64(src, i), load64(src, end-8)
		case i+7 < len(src):
			head = load64(src, i) & (1<<(size*8&63) - 1)
			tail = head
		default:
			for j := end - 1; j >= i; j-- {
				head = head<<8 | uint64(src[j])
			}
			tail = head
		}
		hash := keyHash(head, tail, size, w.mult)
		e := &w.table[hash>>(w.shift&63)&uint64(len(w.table)-1)]
		id := e.id
		if (e.head^head)|(e.tail^tail)|uint64(e.size^uint32(size)) != 0 {
			id = 0
		}
		node.Key, node.Flags = id, 0
		if rows != nil && !e.long {
			if row = rows[f.row+uint32(id)]; row == skipRow {
				keep, w.passing = 0, w.depth
				goto colon
			}
		}
		word, bit := &f.seen[hash>>62], uint64(1)<<(hash>>56&63)
		if *word&bit != 0 || e.long {
			w.state, why = atProject, needNames
			goto stop
		}
		*word |= bit
	}
	goto colon

project:
	if rows != nil && keep != 0 {
		if row = rows[f.row+uint32(node.Key)]; row == skipRow {
			keep, w.passing = 0, w.depth
		}
	}

colon:
	node.KeyStart, node.KeyEnd = uint32(i), uint32(end)
	if end+3 < len(src) && load32(src, end)&threeBytes == nameToString {
		i = end + 3
		goto open
	}
	i = end + 1
	for i < len(src) && isSpace(src[i]) {
		i++
	}
	if i >= len(src) || src[i] != ':' {
		why = badColon
		goto stop
	}
	i++
	goto value

stop:
	w.i, w.end, w.n, w.ci = i, end, n, ci
	w.row, w.keep = row, keep
	return why
}

// isSpace reports whether c is white space of JSON.
func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }
