package fhirjson

import (
	"math"
	"math/bits"
)

// KeyID stands for a member name of a [KeySet]. 0 is every name that is not in the set.
type KeyID uint16

// KeySet maps the member names of interest to the ids 1 to n. It does not change once built,
// and any number of goroutines may share it. The nil set holds no name.
type KeySet struct {
	table []keyEntry // first entry of each slot; the length is a power of two
	more  []keyEntry // further entries, from index 1
	names []string   // names[id-1]
	mult  uint64
	shift uint64 // a hash shifted right by it is a slot
}

// keyEntry holds what tells one name from another: for names up to 16 bytes the three numbers suffice.
type keyEntry struct {
	head, tail uint64
	size       uint32
	id         KeyID  // 0: the slot is empty
	next       uint16 // index into more; 0: none
	long       bool   // there is a next, or the numbers do not suffice
}

const keyMult = 0x9E3779B97F4A7C15 // 2^64 divided by the golden ratio

// NewKeySet returns a set in which the first of the names has id 1, the second id 2, and so on. A name
// given again keeps its first id and takes no new one. Names after the 65,535th are left out.
func NewKeySet(names ...string) *KeySet {
	s := &KeySet{}
	var entries []keyEntry
	known := make(map[string]bool, len(names))
	for _, name := range names {
		if known[name] || len(s.names) == math.MaxUint16 || len(name) > math.MaxInt32 {
			continue
		}
		known[name] = true
		head, tail := keyWords([]byte(name))
		s.names = append(s.names, name)
		entries = append(entries, keyEntry{
			head: head, tail: tail, size: uint32(len(name)), id: KeyID(len(s.names)), long: len(name) > 16,
		})
	}
	s.shift = uint64(64 - max(bits.Len(uint(4*len(s.names))), 1))
	s.mult = bestMultiplier(entries, s.shift)
	s.table = make([]keyEntry, 1<<(64-s.shift))
	s.more = make([]keyEntry, 1)
	for i := len(entries) - 1; i >= 0; i-- {
		e := entries[i]
		slot := &s.table[keyHash(e.head, e.tail, int(e.size), s.mult)>>s.shift]
		if slot.id != 0 {
			e.next, e.long = uint16(len(s.more)), true
			s.more = append(s.more, *slot)
		}
		*slot = e
	}
	return s
}

// bestMultiplier returns, of some odd multipliers, the one with which the fewest names share a slot.
func bestMultiplier(entries []keyEntry, shift uint64) uint64 {
	const tries = 64
	best, bestShared := uint64(keyMult), math.MaxInt
	used := make([]bool, 1<<(64-shift))
	for try, mult := 0, uint64(keyMult); try < tries && bestShared > 0; try++ {
		clear(used)
		shared := 0
		for _, e := range entries {
			slot := keyHash(e.head, e.tail, int(e.size), mult) >> shift
			if used[slot] {
				shared++
			}
			used[slot] = true
		}
		if shared < bestShared {
			best, bestShared = mult, shared
		}
		mult = mult*0xD1342543DE82EF95 + 2 // stays odd
	}
	return best
}

// ID returns the id of name, or 0 where the set does not hold it.
func (s *KeySet) ID(name string) KeyID {
	if s == nil {
		return 0
	}
	b := []byte(name)
	head, tail := keyWords(b)
	return s.find(b, head, tail, keyHash(head, tail, len(b), s.mult))
}

// Name returns the name with that id, or "" where there is none.
func (s *KeySet) Name(id KeyID) string {
	if s == nil || id == 0 || int(id) > len(s.names) {
		return ""
	}
	return s.names[id-1]
}

// Len returns how many names the set holds: the largest id.
func (s *KeySet) Len() int {
	if s == nil {
		return 0
	}
	return len(s.names)
}

// find returns the id of key, whose words and hash (with s.mult) are given.
func (s *KeySet) find(key []byte, head, tail, hash uint64) KeyID {
	e := &s.table[hash>>s.shift&uint64(len(s.table)-1)]
	for {
		if e.id != 0 && e.head == head && e.tail == tail && int(e.size) == len(key) &&
			(len(key) <= 16 || string(key) == s.names[e.id-1]) {
			return e.id
		}
		if e.next == 0 {
			return 0
		}
		e = &s.more[e.next]
	}
}

// keyWords returns the first and the last eight bytes of key as numbers. A key under eight bytes is both
// times the whole key, padded with zero bytes.
func keyWords(key []byte) (head, tail uint64) {
	if len(key) >= 8 {
		return load64(key, 0), load64(key, len(key)-8)
	}
	for i := len(key) - 1; i >= 0; i-- {
		head = head<<8 | uint64(key[i])
	}
	return head, head
}

// keyHash mixes the words and the length of a key. The upper bits are the good ones.
func keyHash(head, tail uint64, size int, mult uint64) uint64 {
	return ((head ^ bits.RotateLeft64(tail, 25)) + uint64(size)) * mult
}
