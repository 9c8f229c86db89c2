package fused

import (
	"github.com/researchflow/researchflow/internal/fhirjson"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
)

// Scope is where paths with the same focus meet: members that several of them visit are looked up once.
// Each visited place has a register; register 0 is the focus.
type Scope struct {
	input model.TypeID
	root  bool
	names []string // members that lead to the focus
	base  int      // first register of the scope among those of the view
	b     *Builder
	regs  []register
	// tables[r][key/2] is the register of that member of register r, 0 for none; members[r] lists them.
	tables  [][]int32
	members [][]int32
}

// register is a place that paths visit.
type register struct {
	parent int32
	key    fhirjson.KeyID // 0: the first item of the parent
	class  Class
}

// Scope returns a new scope for paths whose focus is a resource of type input.
func (b *Builder) Scope(input model.TypeID) *Scope {
	return &Scope{input: input, root: true, b: b, regs: []register{{}}, tables: make([][]int32, 1), members: make([][]int32, 1)}
}

// Below returns a new scope for paths whose focus is what a path leads to.
func (b *Builder) Below(p *Path) *Scope {
	return &Scope{input: p.typ, names: p.names, b: b, regs: []register{{}}, tables: make([][]int32, 1), members: make([][]int32, 1)}
}

// Input returns the type of the focus.
func (s *Scope) Input() model.TypeID { return s.input }

// Finish gives the scope its registers. No path may be compiled in it afterwards.
func (s *Scope) Finish() {
	s.base = s.b.registers
	s.b.registers += len(s.regs)
}

// memberOf returns the register of a member.
func (s *Scope) memberOf(parent int32, key fhirjson.KeyID, class Class) int32 {
	table := s.tables[parent]
	for len(table) <= int(key/2) {
		table = append(table, 0)
	}
	s.tables[parent] = table
	if table[key/2] == 0 {
		r := s.add(register{parent: parent, key: key, class: class})
		table[key/2] = r
		s.members[parent] = append(s.members[parent], r)
	}
	return table[key/2]
}

// firstOf returns the register of the first item of another.
func (s *Scope) firstOf(parent int32) int32 {
	for i, r := range s.regs {
		if i > 0 && r.key == 0 && r.parent == parent {
			return int32(i)
		}
	}
	return s.add(register{parent: parent})
}

func (s *Scope) add(r register) int32 {
	s.regs = append(s.regs, r)
	s.tables = append(s.tables, nil)
	s.members = append(s.members, nil)
	return int32(len(s.regs) - 1)
}
