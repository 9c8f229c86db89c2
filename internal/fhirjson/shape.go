package fhirjson

import "unsafe"

// Shape is what a tape is without its texts: which members, of which kinds, in which order, inside of which others.
// Whatever looks at nothing else comes to the same nodes on every tape of the same shape. One word per node: its key,
// kind, flags and next. Shapes of tapes with different key sets cannot be compared.
type Shape []uint64

// AppendShape appends the tape's shape to dst.
func (t *Tape) AppendShape(dst Shape) Shape {
	for i := range t.nodes {
		dst = append(dst, t.nodes[i].word())
	}
	return dst
}

// HasShape reports whether the tape has a shape.
func (t *Tape) HasShape(s Shape) bool {
	nodes := t.nodes
	if len(nodes) != len(s) {
		return false
	}
	for i := range nodes {
		if nodes[i].word() != s[i] {
			return false
		}
	}
	return true
}

// HashShape returns a number that tapes of one shape have in common, and others hardly ever.
func (t *Tape) HashShape() uint64 {
	const m1, m2 = 0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f
	nodes := t.nodes
	a, b := uint64(len(nodes)), uint64(m2)
	for len(nodes) >= 2 {
		a = (a ^ nodes[0].word()) * m1
		b = (b ^ nodes[1].word()) * m2
		a ^= a >> 32
		b ^= b >> 32
		nodes = nodes[2:]
	}
	if len(nodes) > 0 {
		a = (a ^ nodes[0].word()) * m1
	}
	h := (a ^ a>>29) * m2
	h = (h ^ b) * m1
	return h ^ h>>32
}

// word returns the node's part of the shape: the first eight bytes, which hold nothing else.
func (n *Node) word() uint64 { return *(*uint64)(unsafe.Pointer(n)) }

// The fields of word come first, without a gap.
var _ = [1]struct{}{}[unsafe.Offsetof(Node{}.KeyStart)-8]
