package fhirjson

import (
	"bytes"
	"hash/maphash"
	"math/bits"
)

// walkMembers is up to how many members an object's names are compared one by one when their hashes meet.
// The names of larger objects are compared when the object ends, through a hash table.
const walkMembers = 32

// duplicate returns an error if the object of f, which is the innermost one, has a member called name, which
// stands at offset. It may put the answer off until the object ends.
func (t *Tape) duplicate(nodes []Node, f *frame, name []byte, offset int) *SyntaxError {
	if f.deferred {
		return nil
	}
	members := 0
	for i := int(f.node) + 1; i < len(nodes); i = int(nodes[i].Next) {
		m := &nodes[i]
		if int(m.KeyEnd-m.KeyStart) == len(name) && bytes.Equal(t.src[m.KeyStart:m.KeyEnd], name) {
			return &SyntaxError{Offset: offset, Kind: DuplicateKey}
		}
		if members++; members == walkMembers {
			f.deferred = true
			break
		}
	}
	return nil
}

// checkNames returns an error if two members of object obj, which is the innermost one, have the same name.
func (t *Tape) checkNames(nodes []Node, obj int) *SyntaxError {
	count := 0
	for i := obj + 1; i < len(nodes); i = int(nodes[i].Next) {
		count++
	}
	size := 1 << bits.Len(uint(2*count))
	if cap(t.slots) < size {
		t.slots = make([]uint32, size)
		t.seed = maphash.MakeSeed()
	}
	slots := t.slots[:size]
	clear(slots)
	for i := obj + 1; i < len(nodes); i = int(nodes[i].Next) {
		var name []byte
		t.text, name = t.decodedName(t.text, &nodes[i])
		for h := int(maphash.Bytes(t.seed, name)); ; h++ {
			slot := &slots[h&(size-1)]
			if *slot == 0 {
				*slot = uint32(i)
				break
			}
			var other []byte
			t.other, other = t.decodedName(t.other, &nodes[*slot])
			if bytes.Equal(name, other) {
				return &SyntaxError{Offset: int(nodes[i].KeyStart), Kind: DuplicateKey}
			}
		}
	}
	return nil
}

// decodedName returns the name of member m; buf is used and returned where it has escapes.
func (t *Tape) decodedName(buf []byte, m *Node) (newBuf, name []byte) {
	raw := t.src[m.KeyStart:m.KeyEnd]
	if m.Flags&KeyEscaped == 0 {
		return buf, raw
	}
	buf = appendUnescaped(buf[:0], raw)
	return buf, buf
}

// findEscaped is KeySet.find for a name with escapes.
func (t *Tape) findEscaped(keys *KeySet, raw []byte) KeyID {
	t.text = appendUnescaped(t.text[:0], raw)
	head, tail := keyWords(t.text)
	return keys.find(t.text, head, tail, keyHash(head, tail, len(t.text), keys.mult))
}
