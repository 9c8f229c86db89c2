package fhirpath

import (
	"hash/maphash"
	"math"

	"github.com/researchflow/researchflow/internal/fhirjson"
)

// itemSet finds out whether an item equals one of those that were added to a slice, from an index on. Small sets
// compare one by one; larger ones by hash first, unless there are quantities, which can be equal in too many forms.
type itemSet struct {
	e          *Evaluator
	start      int
	quantities bool
	// For a large set, last is the position of the last item with a hash, and before has, for each position, the one
	// before it with the same hash. Positions are relative to start, plus 1; 0 means none.
	last   map[uint64]int32
	before []int32
}

// smallSet is the number of items up to which comparing one by one is faster.
const smallSet = 16

// smallSetOfObjects is smallSet for elements with children, which take longer to compare.
const smallSetOfObjects = 4

func newItemSet(e *Evaluator, start int) itemSet { return itemSet{e: e, start: start} }

// add appends v to dst unless an item equal to it is there; added reports which.
func (s *itemSet) add(dst []Value, v Value, pos int) (_ []Value, added bool, err error) {
	found, err := s.contains(dst, v, pos)
	if err != nil || found {
		return dst, false, err
	}
	s.quantities = s.quantities || v.SystemKind() == Quantity
	dst = append(dst, v)
	switch {
	case s.last != nil:
		s.enter(v)
	case len(dst)-s.start > smallSet, len(dst)-s.start > smallSetOfObjects && v.SystemKind() == 0:
		s.last = make(map[uint64]int32, 8*smallSet)
		for i := range dst[s.start:] {
			s.enter(dst[s.start+i])
		}
	}
	return dst, true, s.e.step(pos, 2)
}

// enter puts the next item into the index.
func (s *itemSet) enter(v Value) {
	h := s.hash(v)
	s.before = append(s.before, s.last[h])
	s.last[h] = int32(len(s.before))
}

// contains reports whether c, which must hold the items that were added, has an item equal to v.
func (s *itemSet) contains(c []Value, v Value, pos int) (bool, error) {
	if s.last == nil || s.quantities || v.SystemKind() == Quantity {
		return s.e.holds(c[s.start:], v, pos)
	}
	for i := s.last[s.hash(v)]; i != 0; i = s.before[i-1] {
		t, err := s.e.related(equalTo, c[s.start+int(i)-1], v, pos)
		if err != nil || t == yes {
			return err == nil, err
		}
	}
	return false, nil
}

// hash hashes an item, and counts steps for its size.
func (s *itemSet) hash(v Value) uint64 {
	s.e.work += v.size() / workPerStep
	if v.kind == Element && v.node >= 0 {
		s.e.work += 6 * (int(v.doc.tape.Node(int(v.node)).Next) - int(v.node))
	}
	return hash(v)
}

// seed makes hashes of text hard to predict.
var seed = maphash.MakeSeed()

// hash returns the same number for values that are equal, except for quantities. All dates and times, which can be
// equal in many forms, have the same hash.
func hash(v Value) uint64 {
	switch v.SystemKind() {
	case 0:
		if v.kind == Element && v.node >= 0 {
			return hashNode(v.doc.tape, int(v.node))
		}
		return 0
	case String:
		s, _ := v.Text()
		return hashText([]byte(s))
	case Boolean:
		b, _ := v.Bool()
		if b {
			return 2
		}
		return 3
	case Integer, Long, Decimal:
		d, _ := v.Decimal()
		if d.IsZero() {
			return 0
		}
		return math.Float64bits(d.Float64()) * 0x9E3779B97F4A7C15
	}
	return 1
}

// hashText hashes a text. A text that may be a date or time has the hash of dates and times.
func hashText(s []byte) uint64 {
	if len(s) == 0 || s[0] >= '0' && s[0] <= '9' {
		return 1
	}
	return maphash.Bytes(seed, s)
}

// hashNode combines the member names and strings of a node so that the order of members does not matter. All objects
// that may be quantities have the same hash.
func hashNode(t *fhirjson.Tape, node int) uint64 {
	n := t.Node(node)
	h := uint64(n.Kind)
	switch n.Kind {
	case fhirjson.Object:
		if i, ok := t.Field(node, "value"); ok && t.Node(i).Kind == fhirjson.Number {
			return 1
		}
		for i := node + 1; i < int(n.Next); i = int(t.Node(i).Next) {
			h += maphash.Bytes(seed, t.KeyText(i)) * (hashNode(t, i)*2 + 1)
		}
	case fhirjson.Array:
		for i := node + 1; i < int(n.Next); i = int(t.Node(i).Next) {
			h = h*31 + hashNode(t, i)
		}
	case fhirjson.String:
		if n.Flags&fhirjson.Escaped != 0 {
			return hashText(t.AppendString(nil, node))
		}
		return hashText(t.Raw(node))
	}
	return h
}
