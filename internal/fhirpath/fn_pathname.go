package fhirpath

import (
	"strconv"

	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
)

// fnPathname is pathname([short]) (section "Utility functions"): the paths of items in the loaded resource, as names of
// elements and indexes. Items that were computed or are in another resource are left out. With short set there is an
// index only if the resource has an array.
func fnPathname(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	short := unknown
	if len(c.args) > 0 {
		var err error
		if short, err = e.truth(c.args[0], c.pos, c.fn.label); err != nil {
			return dst, err
		}
	}
	for i := range in {
		if in[i].kind != Element || !in[i].doc.main {
			continue
		}
		path, steps := in[i].doc.path(in[i], short == yes)
		if err := e.step(c.pos, steps); err != nil {
			return dst, err
		}
		if err := e.checkText(c.pos, len(path)); err != nil {
			return dst, err
		}
		dst = append(dst, NewString(path))
	}
	return dst, nil
}

// path returns the path to an element, and how many steps it took to find it.
func (d *document) path(v Value, short bool) (path string, steps int) {
	target := int(v.node)
	if v.node < 0 {
		target = int(v.sibling)
	}
	at := Value{}
	for i, root := range d.roots(nil) {
		if d.within(target, int(root.node)) {
			at, path = root, d.resourceType(int(root.node))
			if root.node > 0 {
				path = "[" + strconv.Itoa(i) + "]"
			}
		}
	}
	if at.kind == 0 {
		return path, 1
	}
	for obj, typ := int(at.node), at.typ; obj != target; {
		name, child, index, array, n := d.below(obj, typ, target)
		steps += n
		if name == "" {
			return path, steps
		}
		if path != "" {
			path += "."
		}
		path += syntax.Print(&syntax.Member{Name: name})
		if array || !short {
			path += "[" + strconv.Itoa(index) + "]"
		}
		if obj, typ = int(child.node), child.typ; !d.within(target, obj) {
			obj = int(child.sibling)
		}
	}
	return path, steps
}

// below finds the member of the object obj that contains target. It returns the member's name, the item that contains
// target, the item's index, and whether the resource has an array there. The name is empty if there is no such member.
func (d *document) below(obj int, typ model.TypeID, target int) (name string, item Value, index int, array bool, steps int) {
	for i := obj + 1; i < int(d.tape.Node(obj).Next); i = int(d.tape.Node(i).Next) {
		steps++
		if !d.within(target, i) {
			continue
		}
		value, sibling, bare := i, 0, d.key(i)
		if bare != "" && bare[0] == '_' {
			bare, sibling = bare[1:], i
			var ok bool
			if value, ok = d.find(obj, bare); !ok {
				value = -1
			}
		} else {
			sibling = d.sibling(obj, bare)
		}
		name = bare
		child := model.TypeID(0)
		if typ != 0 {
			if el, found, ok := d.schema.model.JSONKey(typ, bare); ok {
				name, child = el.Name, found
			}
		}
		array = d.isArray(value) || d.isArray(sibling)
		items := d.items(nil, value, sibling, child)
		steps += len(items) / 4
		for n, it := range items {
			steps++
			if d.within(target, int(it.node)) || it.sibling > 0 && d.within(target, int(it.sibling)) {
				return name, it, n, array, steps
			}
		}
		return "", item, 0, false, steps
	}
	return "", item, 0, false, steps
}

// within reports whether a node is the node of, or below it.
func (d *document) within(node, of int) bool {
	return of >= 0 && node >= of && node < int(d.tape.Node(of).Next)
}
