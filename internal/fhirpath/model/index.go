package model

import "math/bits"

// index builds the hash indexes over a version's tables. Every index is an open table of a power of two
// slots, at most half full, probed one slot at a time.
func index(v Version, t *tables) *Model {
	m := &Model{
		version:      v,
		data:         t,
		typeIndex:    make([]uint16, slots(len(t.types))),
		elementIndex: make([]uint16, slots(len(t.elements))),
		keyIndex:     make([]uint16, slots(len(t.keys))),
	}
	for id := 1; id < len(t.types)-1; id++ {
		typ, next := &t.types[id], &t.types[id+1]
		put(m.typeIndex, hash(0, t.name(typ.name)), uint16(id))
		for e := typ.element; e < next.element; e++ {
			put(m.elementIndex, hash(uint32(id), t.name(t.elements[e].name)), e)
		}
		for k := typ.key; k < next.key; k++ {
			put(m.keyIndex, hash(uint32(id), t.name(t.keys[k].name)), k+1)
		}
	}
	return m
}

func slots(n int) int { return 1 << bits.Len(uint(2*n-1)) }

func put(table []uint16, h uint32, v uint16) {
	mask := uint32(len(table) - 1)
	for h &= mask; table[h] != 0; h = (h + 1) & mask {
	}
	table[h] = v
}

// hash mixes a name with the type whose element it is, eight bytes at a time.
func hash(t uint32, s string) uint32 {
	const k = 0x9E3779B97F4A7C15
	h := (uint64(t)<<32 | uint64(len(s))) * k
	for len(s) >= 8 {
		h = (h ^ load(s, 8)) * k
		h ^= h >> 32
		s = s[8:]
	}
	h = (h ^ load(s, len(s))) * k
	return uint32(h >> 32)
}

// load reads the first n bytes of s, at most 8, as a little-endian number.
func load(s string, n int) uint64 {
	if n == 8 {
		_ = s[7]
		return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
	}
	var v uint64
	for i := range n {
		v |= uint64(s[i]) << (8 * i)
	}
	return v
}
