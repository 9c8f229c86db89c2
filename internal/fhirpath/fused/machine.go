package fused

import (
	"github.com/researchflow/researchflow/internal/fhirjson"
)

// absent is the value of a register whose place does not exist in the resource. Smaller values are arrays of
// several items: array node n is -2 - n.
const absent = -1

// Machine runs paths over one resource at a time. Its buffers are kept from one resource to the next.
type Machine struct {
	tape     *fhirjson.Tape
	nodes    []fhirjson.Node
	src      []byte
	regs     []int32
	expanded []bool // the members of the register's node have been looked up
	list     []int32
	work     int // nodes passed, about
	limit    int // of work, beyond which the resource is odd

	// For a Memo.
	noting bool
	checks []check // since noting
}

// The work that a resource may take: for any, and more for each of its nodes.
const (
	workAny     = 10_000_000
	workPerNode = 1_000
)

// Load makes the machine ready for a resource that was parsed with the key set of [Builder.Keys]; registers is what
// [Builder.Registers] gave once all scopes were finished.
func (m *Machine) Load(tape *fhirjson.Tape, registers int) {
	m.tape, m.nodes, m.src = tape, tape.Nodes(), tape.Source()
	m.noting = false
	if len(m.regs) < registers {
		m.regs = make([]int32, registers)
		m.expanded = make([]bool, registers)
	}
	m.list = m.list[:0]
	m.work, m.limit = 0, workAny+workPerNode*len(m.nodes)
}

// Forget lets go of the resource that was loaded last.
func (m *Machine) Forget() { m.tape, m.nodes, m.src = nil, nil, nil }

// Focus makes a node the focus of a scope.
func (m *Machine) Focus(s *Scope, node int32) {
	m.regs[s.base] = node
	clear(m.expanded[s.base : s.base+len(s.regs)])
}

// expand looks up the members of a register that paths visit. ok is false where the resource is odd.
func (m *Machine) expand(s *Scope, r int32) (ok bool) {
	regs := m.regs[s.base : s.base+len(s.regs)]
	for _, c := range s.members[r] {
		regs[c] = absent
	}
	m.expanded[s.base+int(r)] = true
	at := regs[r]
	o := &m.nodes[at]
	if o.Kind != fhirjson.Object {
		return false
	}
	m.work += int(o.Next) - int(at)
	table, nodes := s.tables[r], m.nodes
	for i := at + 1; i < int32(o.Next); {
		n := &nodes[i]
		next := int32(n.Next)
		k := int(n.Key)
		if k/2 < len(table) && table[k/2] != 0 {
			c := table[k/2]
			if k&1 != 0 {
				return false // id or extensions of a primitive
			}
			class := s.regs[c].class
			switch {
			case class.fits(n.Kind):
				regs[c] = i
			case n.Kind != fhirjson.Array || !m.items(i, class):
				return false
			case int32(nodes[i+1].Next) == next:
				regs[c] = i + 1
			default:
				regs[c] = -2 - i
			}
		}
		i = next
	}
	return true
}

// items reports whether an array has items, and only such of a class.
func (m *Machine) items(array int32, class Class) bool {
	next := int32(m.nodes[array].Next)
	i := array + 1
	for ; i < next; i = int32(m.nodes[i].Next) {
		if !class.fits(m.nodes[i].Kind) {
			return false
		}
	}
	return next > array+1
}

// walk goes along the registers of a path. It returns the register's value that it stopped at, and how many of the
// registers it has passed: all, or those up to an array of several items or an absent place.
func (m *Machine) walk(p *Path) (value int32, passed int, ok bool) {
	s := p.scope
	value = m.regs[s.base]
	from := int32(0)
	for i, r := range p.regs {
		if s.regs[r].key == 0 { // first
			if value < absent {
				value = -2 - value + 1
			}
			m.regs[s.base+int(r)] = value
		} else {
			if value < 0 {
				return value, i, true
			}
			if !m.expanded[s.base+int(from)] && !m.expand(s, from) {
				return 0, 0, false
			}
			value = m.regs[s.base+int(r)]
		}
		if value == absent {
			return absent, i + 1, true
		}
		from = r
	}
	return value, len(p.regs), true
}

// Nodes puts the nodes that a path leads to on the machine's list, which [Machine.Item] reads. It returns where
// they begin and how many there are. [Machine.Drop] takes them off again.
func (m *Machine) Nodes(p *Path) (start, count int, ok bool) {
	value, passed, ok := m.walk(p)
	start = len(m.list)
	if !ok || value == absent {
		return start, 0, ok
	}
	m.push(value)
	if !m.registers(p, passed, start) || !m.steps(p.rest, start) {
		return start, 0, false
	}
	return start, len(m.list) - start, true
}

// from is Nodes for a path without a scope.
func (m *Machine) from(p *Path, focus int32) (start, count int, ok bool) {
	if p.scope != nil {
		return m.Nodes(p)
	}
	start = len(m.list)
	m.list = append(m.list, focus)
	if !m.steps(p.rest, start) {
		return start, 0, false
	}
	return start, len(m.list) - start, true
}

// Item returns node i of the list.
func (m *Machine) Item(i int) int32 { return m.list[i] }

// Items returns what is on the list from start on. It is good until the machine does anything else.
func (m *Machine) Items(start int) []int32 { return m.list[start:] }

// Drop takes everything from start on off the list.
func (m *Machine) Drop(start int) { m.list = m.list[:start] }

// push puts a register's value on the list.
func (m *Machine) push(value int32) {
	if value >= 0 {
		m.list = append(m.list, value)
		return
	}
	array := -2 - value
	for i := array + 1; i < int32(m.nodes[array].Next); i = int32(m.nodes[i].Next) {
		m.list = append(m.list, i)
	}
}

// registers does with the list what the registers of a path from number passed on stand for.
func (m *Machine) registers(p *Path, passed, base int) bool {
	for _, r := range p.regs[passed:] {
		reg := &p.scope.regs[r]
		if reg.key == 0 {
			m.list = m.list[:min(len(m.list), base+1)]
		} else if !m.members(reg.key, reg.class, base) {
			return false
		}
	}
	return true
}

// steps applies steps to the list from base on.
func (m *Machine) steps(steps []step, base int) bool {
	for i := range steps {
		st := &steps[i]
		if len(m.list) == base {
			return true
		}
		if m.work += len(m.list) - base; m.work > m.limit {
			return false
		}
		switch st.kind {
		case stepMember:
			if !m.members(st.key, st.class, base) {
				return false
			}
		case stepFirst:
			m.list = m.list[:base+1]
		case stepIndex:
			if base+st.index >= len(m.list) {
				m.list = m.list[:base]
				continue
			}
			m.list[base] = m.list[base+st.index]
			m.list = m.list[:base+1]
		case stepWhere:
			kept, end := base, len(m.list)
			for j := base; j < end; j++ {
				item := m.list[j]
				t, ok := m.test(st.cond, item)
				if !ok {
					return false
				}
				if t == isTrue {
					m.list[kept] = item
					kept++
				}
			}
			m.list = m.list[:kept]
		}
	}
	return true
}

// members replaces the nodes of the list by those of one of their members.
func (m *Machine) members(key fhirjson.KeyID, class Class, base int) bool {
	end := len(m.list)
	for j := base; j < end; j++ {
		v, ok := m.member(m.list[j], key, class)
		if !ok {
			return false
		}
		if v != absent {
			m.push(v)
		}
	}
	m.list = m.list[:base+copy(m.list[base:], m.list[end:])]
	return true
}

// member returns a member of an object as a register's value.
func (m *Machine) member(object int32, key fhirjson.KeyID, class Class) (value int32, ok bool) {
	o := &m.nodes[object]
	if o.Kind != fhirjson.Object {
		return 0, false
	}
	m.work += int(o.Next) - int(object)
	value = absent
	for i := object + 1; i < int32(o.Next); i = int32(m.nodes[i].Next) {
		n := &m.nodes[i]
		if n.Key&^1 != key {
			continue
		}
		switch {
		case n.Key != key:
			return 0, false
		case class.fits(n.Kind):
			value = i
		case n.Kind == fhirjson.Array && m.items(i, class):
			value = -2 - i
			if m.nodes[i+1].Next == n.Next {
				value = i + 1
			}
		default:
			return 0, false
		}
	}
	return value, true
}

// truth is a value of three-valued logic.
type truth uint8

const (
	unknown truth = iota // the empty collection
	isFalse
	isTrue
)

func truthOf(b bool) truth {
	if b {
		return isTrue
	}
	return isFalse
}

// Test evaluates a condition of a scope. known is false for the empty collection.
func (m *Machine) Test(c *Condition) (value, known, ok bool) {
	t, ok := m.test(c, 0)
	return t == isTrue, t != unknown, ok
}

// test evaluates a condition; focus is that of paths without a scope.
func (m *Machine) test(c *Condition, focus int32) (truth, bool) {
	switch c.kind {
	case condAnd, condOr:
		x, ok := m.test(c.x, focus)
		if !ok {
			return unknown, false
		}
		short := isFalse
		if c.kind == condOr {
			short = isTrue
		}
		if x == short {
			return x, true
		}
		y, ok := m.test(c.y, focus)
		if x == unknown && y != short {
			y = unknown
		}
		return y, ok
	case condNot:
		x, ok := m.test(c.x, focus)
		switch x {
		case isTrue:
			x = isFalse
		case isFalse:
			x = isTrue
		}
		return x, ok
	}
	start, count, ok := m.from(c.path, focus)
	if !ok {
		return unknown, false
	}
	t, ok := m.verdict(c, start, count)
	m.list = m.list[:start]
	return t, ok
}

// verdict evaluates a condition on the nodes of its path.
func (m *Machine) verdict(c *Condition, start, count int) (truth, bool) {
	switch c.kind {
	case condExists:
		return truthOf(count > 0), true
	case condEmpty:
		return truthOf(count == 0), true
	}
	if count == 0 {
		return unknown, true
	}
	n := &m.nodes[m.list[start]]
	if c.kind == condTruth {
		// More than one is an error, which is not ours to report.
		return truthOf(n.Kind == fhirjson.True), count == 1
	}
	if n.Flags&fhirjson.Escaped != 0 {
		return unknown, false
	}
	equal := false
	if count == 1 {
		equal = string(m.src[n.Start:n.End]) == c.text
		if m.noting {
			m.checks = append(m.checks, check{node: m.list[start], text: c.text, equal: equal})
		}
	}
	return truthOf(equal == (c.kind == condEqual)), true
}
