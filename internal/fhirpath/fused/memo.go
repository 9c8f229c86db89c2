package fused

import "github.com/researchflow/researchflow/internal/fhirjson"

// Memo remembers what a view came to on resources that a machine saw before. What a machine does depends on the shape
// of the tape and on how the texts compare that it compares, and on nothing else. So where both are as they were
// before, it would come to the same nodes again. T is whatever the caller makes of them, which must not depend on the
// texts of the resource either.
//
// Resources that come from one program have few shapes, and then looking up is much cheaper than looking again. Where
// they have many, a memo notices, and rests for a while. When it has come to 4 MB, it forgets everything and begins
// anew. The zero Memo is ready; one goroutine at a time may use it, for one view and one key set.
type Memo[T any] struct {
	shapes [memoShapes]*remembered[T] // by hash
	last   *remembered[T]
	bytes  int // of memory, about

	lookups, misses int
	rest            int // resources until the memo wakes up
}

const (
	memoShapes    = 256
	memoBytes     = 4 << 20
	memoNodes     = 1024 // on the tapes of remembered shapes
	memoDecisions = 128  // of one shape
	memoWindow    = 512  // lookups of which half must succeed
	memoRest      = 8192 // resources for which it rests otherwise
)

// remembered is what is known of one shape.
type remembered[T any] struct {
	shape     fhirjson.Shape
	first     decision[T]
	decisions int
}

// decision is where it matters how a text compares, or the end, where everything is known.
type decision[T any] struct {
	known *T
	asked bool // node is compared with text
	node  int32
	text  string
	next  [2]*decision[T] // not equal, equal
}

// check is a comparison that a machine has made.
type check struct {
	node  int32
	text  string
	equal bool
}

// Find returns what Keep was given for a resource like the machine's present one, and nil if it was given nothing.
// learn then tells whether to keep what comes of this one: the machine notes what that takes until it loads the next.
func (mm *Memo[T]) Find(m *Machine) (known *T, learn bool) {
	if mm.rest > 0 {
		mm.rest--
		return nil, false
	}
	if mm.lookups++; mm.lookups == memoWindow {
		if mm.misses > memoWindow/2 {
			mm.rest = memoRest
		}
		mm.lookups, mm.misses = 0, 0
	}
	r := mm.last
	if r == nil || !m.tape.HasShape(r.shape) {
		if len(m.nodes) > memoNodes {
			mm.misses++
			return nil, false
		}
		r = mm.shapes[m.tape.HashShape()%memoShapes]
		if r == nil || !m.tape.HasShape(r.shape) {
			r = nil
		}
		mm.last = r
	}
	if r != nil {
		d := &r.first
		for d != nil && d.known == nil && d.asked {
			n := &m.nodes[d.node]
			if string(m.src[n.Start:n.End]) == d.text {
				d = d.next[1]
			} else {
				d = d.next[0]
			}
		}
		if d != nil && d.known != nil {
			return d.known, false
		}
	}
	mm.misses++
	if r != nil && r.decisions >= memoDecisions {
		return nil, false
	}
	m.noting, m.checks = true, m.checks[:0]
	return nil, true
}

// Keep remembers what came of the machine's present resource, after Find asked for it. It takes about so many bytes of
// memory.
func (mm *Memo[T]) Keep(m *Machine, known *T, bytes int) {
	m.noting = false
	const perDecision = 64
	if bytes += 8*len(m.nodes) + perDecision*len(m.checks); mm.bytes+bytes > memoBytes {
		mm.shapes, mm.last, mm.bytes = [memoShapes]*remembered[T]{}, nil, 0
	}
	mm.bytes += bytes
	r := mm.last
	if r == nil {
		r = &remembered[T]{shape: m.tape.AppendShape(make(fhirjson.Shape, 0, len(m.nodes)))}
		mm.shapes[m.tape.HashShape()%memoShapes], mm.last = r, r
	}
	d := &r.first
	for _, c := range m.checks {
		if !d.asked {
			d.asked, d.node, d.text = true, c.node, c.text
		}
		way := &d.next[0]
		if c.equal {
			way = &d.next[1]
		}
		if *way == nil {
			*way = &decision[T]{}
			r.decisions++
		}
		d = *way
	}
	d.known = known
}
