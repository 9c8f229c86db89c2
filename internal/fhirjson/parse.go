package fhirjson

// frame is an open container.
type frame struct {
	seen     [4]uint64 // of an object: a bit for the hash of each name
	node     uint32
	row      uint32 // of the projection
	object   bool
	deferred bool // the object's names are compared when it ends
}

// Parse fills the tape from src, which must be one JSON text: a value with white space around it and
// nothing else. Names are resolved against keys, which may be nil.
//
// src is not copied: it must stay as it is while the tape is used. On an error, a *[SyntaxError] or a
// *[LimitError], the tape is empty.
func (t *Tape) Parse(src []byte, keys *KeySet, limits Limits) error {
	if keys == nil {
		keys = noKeys
	}
	return t.parse(src, keys, nil, limits)
}

// ParseProjected is [Tape.Parse] for callers that want some known members only: members that
// are not in the projection p get no node, and neither does anything in them. Names are resolved against
// the key set of p. The whole text is still checked, except that names that get no node may be there
// twice.
func (t *Tape) ParseProjected(src []byte, p *Projection, limits Limits) error {
	return t.parse(src, p.keys, p.rows, limits)
}

// noKeys stands for no key set.
var noKeys = NewKeySet()

func (t *Tape) parse(src []byte, keys *KeySet, rows []uint32, limits Limits) error {
	limits = limits.withDefaults()
	t.src, t.keys, t.nodes = src, keys, t.nodes[:0]
	if len(src) > limits.MaxBytes {
		return &LimitError{Offset: limits.MaxBytes, Limit: limitBytes, Max: limits.MaxBytes}
	}
	if len(t.stack) == 0 {
		t.stack = make([]frame, 16)
	}
	t.stack[0].row = rootRow(keys)
	t.index.plain = t.plain
	t.index.begin(src)
	t.index.fill(src, 0)
	n, err := t.run(src, keys, rows, limits)
	t.nodes = t.nodes[:n]
	return err
}

// run writes the nodes into the whole capacity of t.nodes and returns how many there are.
func (t *Tape) run(src []byte, keys *KeySet, rows []uint32, limits Limits) (int, error) {
	w := &t.walker
	*w = walker{
		src: src, nodes: t.nodes[:min(cap(t.nodes), limits.MaxNodes)], stack: t.stack[:min(len(t.stack), limits.MaxDepth+1)],
		closers: t.index.closers, unindexed: t.plain || !vectors || t.index.closers == unindexed,
		table: keys.table, mult: keys.mult, shift: keys.shift, rows: rows,
		keep: 1,
	}
	for {
		why := needWalk
		if !w.unindexed {
			why = w.walkVector()
		}
		if why == needWalk {
			why = w.walk()
		}
		switch why {
		case done:
			return w.n, nil
		case needNodes:
			if len(w.nodes) >= limits.MaxNodes {
				return 0, &LimitError{Offset: w.i, Limit: limitNodes, Max: limits.MaxNodes}
			}
			w.nodes = t.grow(w.nodes, limits.MaxNodes)
		case needFrame:
			if w.depth >= limits.MaxDepth {
				return 0, &LimitError{Offset: w.i, Limit: limitDepth, Max: limits.MaxDepth}
			}
			t.stack = append(t.stack, make([]frame, len(t.stack))...)
			w.stack = t.stack[:min(len(t.stack), limits.MaxDepth+1)]
		case needText, needKey:
			escaped, bad := t.scan(w)
			if bad != nil {
				return 0, bad
			}
			if escaped {
				t.escaped(w, why, keys)
			}
		case needNames:
			if bad := t.name(w, keys); bad != nil {
				return 0, bad
			}
		case needCheck:
			if bad := t.checkNames(w.nodes[:w.n], int(w.stack[w.depth].node)); bad != nil {
				return 0, bad
			}
		case needNumber:
			if bad := w.number(); bad != nil {
				return 0, bad
			}
		case needLiteral:
			if bad := w.literal(); bad != nil {
				return 0, bad
			}
		default:
			return 0, fault(why, src, w.i, w.stack[w.depth].object)
		}
	}
}

// scan looks at the string from w.i whose closer w.end says nothing, sets w.end to its end, and indexes the
// next stretch where this one has no more closers.
func (t *Tape) scan(w *walker) (escaped bool, bad *SyntaxError) {
	end, escaped, bad := scanString(w.src, w.i, w.i, 0)
	if bad == nil && w.end == noCloser {
		t.index.fill(w.src, end+1)
		w.ci = 0
	}
	w.end = end
	return escaped, bad
}

// escaped notes that the string or name w.i to w.end has escapes.
func (t *Tape) escaped(w *walker, why need, keys *KeySet) {
	node := &w.nodes[w.n]
	if why == needText {
		node.Flags |= Escaped
		return
	}
	w.state = atProject
	if w.keep != 0 {
		node.Key, node.Flags = t.findEscaped(keys, t.src[w.i:w.end]), KeyEscaped
		w.stack[w.depth].deferred = true
	}
}

// name looks up the name w.i to w.end again, of which walk could not tell whether it is the key set's or
// the object's.
func (t *Tape) name(w *walker, keys *KeySet) *SyntaxError {
	name := t.src[w.i:w.end]
	head, tail := keyWords(name)
	hash := keyHash(head, tail, len(name), keys.mult)
	id := keys.find(name, head, tail, hash)
	w.nodes[w.n].Key = id
	f := &w.stack[w.depth]
	if w.rows != nil && w.rows[f.row+uint32(id)] == skipRow {
		return nil
	}
	word, bit := &f.seen[hash>>62], uint64(1)<<(hash>>56&63)
	if *word&bit != 0 {
		return t.duplicate(w.nodes[:w.n], f, name, w.i)
	}
	*word |= bit
	return nil
}

// number finds the end of the number at w.i and completes its node.
func (w *walker) number() *SyntaxError {
	node := &w.nodes[w.n]
	end, integer, bad := scanNumber(w.src, w.i)
	if bad != nil {
		return bad
	}
	if integer {
		node.Flags |= Integer
	}
	w.finish(node, end)
	return nil
}

// literal completes the node of the literal at w.i, or says what else is there.
func (w *walker) literal() (bad *SyntaxError) {
	src, node, text := w.src, &w.nodes[w.n], ""
	switch src[w.i] {
	case 't':
		node.Kind, text = True, "true"
	case 'f':
		node.Kind, text = False, "false"
	case 'n':
		node.Kind, text = Null, "null"
	default:
		return fault(badValue, src, w.i, false)
	}
	end, bad := scanLiteral(src, w.i, text)
	if bad == nil {
		w.finish(node, end)
	}
	return bad
}

// finish completes node, whose value is no string and ends before end.
func (w *walker) finish(node *Node, end int) {
	node.Start, node.End = uint32(w.i), uint32(end)
	w.n += w.keep
	node.Next = uint32(w.n)
	w.i = end
}

// fault returns the error for what walk found at offset i.
func fault(why need, src []byte, i int, object bool) *SyntaxError {
	e := &SyntaxError{Offset: i, Kind: Unexpected}
	switch why {
	case badTrailing:
		e.Kind = TrailingData
		return e
	case badValue:
		e.Msg = "value expected"
	case badName:
		e.Msg = "member name expected"
	case badColon:
		e.Msg = "colon expected"
	default:
		e.Msg = "comma or closing bracket expected"
		if object {
			e.Msg = "comma or closing brace expected"
		}
	}
	if i >= len(src) {
		e.Kind = Truncated
	}
	return e
}

// grow returns a larger copy of nodes.
func (t *Tape) grow(nodes []Node, maxNodes int) []Node {
	const least = 256
	larger := make([]Node, min(max(2*len(nodes), least), maxNodes))
	copy(larger, nodes)
	t.nodes = larger
	return larger
}
