package rows

import (
	"context"

	"github.com/researchflow/researchflow/internal/fhirjson"
	"github.com/researchflow/researchflow/internal/fhirpath/fused"
)

// tape is the evaluator that runs paths straight on the JSON tape. Where it meets anything out of the ordinary, or an
// error, which is for the plain evaluator to report, it fails with errOdd.
type tape struct {
	*plain  // for columns and conditions that the tape's paths cannot express
	machine *fused.Machine
	json    *fhirjson.Tape // what resources are loaded on
	offset  uint32         // of the resource in the source
}

// load makes the evaluator ready for the resource on the tape, which is at offset in the source.
func (t *tape) load(p *tapePlan, offset uint32) {
	t.offset = offset
	t.machine.Load(t.json, p.registers)
	t.machine.Focus(p.scope, 0)
}

func (t *tape) test(ctx context.Context, c *Condition, on focus) (bool, error) {
	if c.tape == nil {
		return t.plain.test(ctx, c, on)
	}
	value, known, ok := t.machine.Test(c.tape)
	if !ok {
		return false, errOdd
	}
	return value && known, nil
}

func (t *tape) items(_ context.Context, p *Part, _ int, _ focus) (items, error) {
	start, count, ok := t.machine.Nodes(p.path)
	if !ok {
		return items{}, errOdd
	}
	return items{start: start, count: count}, nil
}

func (t *tape) enter(p *Part, list items, i int) focus {
	node := t.machine.Item(list.start + i)
	t.machine.Focus(p.scope, node)
	return focus{node: node}
}

func (t *tape) leave(list items) { t.machine.Drop(list.start) }

func (t *tape) cell(ctx context.Context, p *Part, c *Column, on focus) (Cell, error) {
	switch {
	case c.RowIndex:
		return t.rowIndex(c, on.index)
	case c.tape == nil:
		value := t.ev.Element(c.Program, int(on.node), p.input)
		return t.plain.cell(ctx, p, c, focus{value: &value, index: on.index})
	case c.Collection:
		return t.list(c)
	}
	return t.single(c)
}

// single makes the cell of a column as a single value.
func (t *tape) single(c *Column) (Cell, error) {
	o, list, err := t.origin(c)
	if err != nil {
		return Cell{}, err
	}
	if o.kind == fromSeveral {
		return t.oneOf(c, list)
	}
	cell, err := t.make(&o, c, t.machine.Items(list))
	t.machine.Drop(list)
	return cell, err
}

// origin says where the cell of a column comes from. It depends on the shape of the resource and on how the texts
// compare that the view compares, and on nothing else, so that it holds for every resource that is alike in both.
type origin struct {
	kind  originKind
	made  Cell  // of fromConstant; of fromSpan, the kind and flags
	node  int32 // of fromSpan and fromKey; of fromJoin, the first on a list of nodes
	count int32 // of fromJoin
}

type originKind uint8

const (
	fromNothing  originKind = iota // null
	fromConstant                   // the same for all resources that are alike
	fromSpan                       // the text of a node
	fromKey                        // the key in the text of a node
	fromJoin                       // the texts of nodes
	fromSeveral                    // of several nodes, at most one of which has a value
)

// origin says where the cell of a column with a tape path comes from, as a single value. The nodes that the path
// leads to are on the machine's list from list on; the caller drops them.
func (t *tape) origin(c *Column) (o origin, list int, err error) {
	f := c.tape
	if f.Kind == fused.ColumnCondition {
		value, known, ok := t.machine.Test(f.Condition)
		switch {
		case !ok || known && !c.Want.allows(Boolean):
			return o, 0, errOdd
		case known:
			o = origin{kind: fromConstant, made: booleanCell(value)}
		}
		return o, len(t.machine.Items(0)), nil
	}
	list, count, ok := t.machine.Nodes(f.Path)
	var node int32
	if count > 0 {
		node = t.machine.Item(list)
	}
	switch {
	case !ok:
		return o, list, errOdd
	case count == 0:
		if f.EmptyText {
			o = origin{kind: fromJoin}
		}
	case f.Kind == fused.ColumnJoin && count > 1:
		o = origin{kind: fromJoin, count: int32(count)}
	case f.Kind == fused.ColumnReference && count > 1:
		o.kind = fromSeveral
	case count > 1:
		return o, list, errOdd
	case f.Kind == fused.ColumnReference:
		o = origin{kind: fromKey, node: node}
	default:
		o.kind, o.node = fromSpan, node
		if o.made, ok = t.span(f, node); !ok || !c.Want.allows(o.made.Kind) {
			return o, list, errOdd
		}
		if o.made.Flags&InSource == 0 {
			o.kind = fromConstant
		}
	}
	if o.kind == fromJoin && !c.Want.allows(String) {
		return o, list, errOdd
	}
	return o, list, nil
}

// make makes the cell that an origin stands for. nodes is the list that origins of joins refer to.
func (t *tape) make(o *origin, c *Column, nodes []int32) (Cell, error) {
	switch o.kind {
	case fromConstant:
		return o.made, nil
	case fromSpan:
		n := t.json.Node(int(o.node))
		return Cell{Start: t.offset + n.Start, Len: n.End - n.Start, Kind: o.made.Kind, Flags: o.made.Flags}, nil
	case fromKey:
		return t.key(c, o.node)
	case fromJoin:
		return t.join(nodes[o.node:o.node+o.count], c.tape.Text), nil
	}
	return Cell{}, nil
}

// span makes the cell of a node of a primitive type.
func (t *tape) span(f *fused.Column, node int32) (c Cell, ok bool) {
	n := t.json.Node(int(node))
	c = Cell{Start: t.offset + n.Start, Len: n.End - n.Start, Kind: String, Flags: InSource}
	switch f.Path.Class() {
	case fused.Text:
		if n.Flags&fhirjson.Escaped != 0 {
			c.Flags |= Escaped
		}
	case fused.Boolean:
		c = booleanCell(n.Kind == fhirjson.True)
	case fused.Integer:
		c.Kind = Integer
		return c, n.Flags&fhirjson.Integer != 0
	case fused.Decimal:
		c.Kind = Decimal
	}
	return c, true
}

// key makes the cell of the key in a node with a reference: null where it has none.
func (t *tape) key(c *Column, node int32) (Cell, error) {
	start, end, ok := t.machine.ReferenceKey(node, c.tape.Text)
	if !ok || start < end && !c.Want.allows(String) {
		return Cell{}, errOdd
	}
	if start == end {
		return Cell{}, nil
	}
	return Cell{Start: t.offset + start, Len: end - start, Kind: String, Flags: InSource}, nil
}

// join makes the cell of the texts of nodes with a separator between them.
func (t *tape) join(nodes []int32, separator string) Cell {
	arena := t.out.Arena
	for i, n := range nodes {
		if i > 0 {
			arena = append(arena, separator...)
		}
		arena = t.json.AppendString(arena, int(n))
	}
	return t.out.made(String, arena)
}

// list makes the cell of a collection column.
func (t *tape) list(c *Column) (Cell, error) {
	first := len(t.out.Items)
	if k := c.tape.Kind; k == fused.ColumnCondition || k == fused.ColumnJoin {
		cell, err := t.single(c)
		if err != nil {
			return Cell{}, err
		}
		if cell.Kind != Null {
			t.out.Items = append(t.out.Items, cell)
		}
		return t.out.list(first), nil
	}
	start, _, ok := t.machine.Nodes(c.tape.Path)
	if !ok {
		return Cell{}, errOdd
	}
	if err := t.values(c, start); err != nil {
		return Cell{}, err
	}
	return t.out.list(first), nil
}

// oneOf makes the cell of a column that several nodes lead to, of which one may have a value.
func (t *tape) oneOf(c *Column, start int) (Cell, error) {
	first := len(t.out.Items)
	if err := t.values(c, start); err != nil {
		return Cell{}, err
	}
	values := t.out.Items[first:]
	t.out.Items = t.out.Items[:first]
	switch len(values) {
	case 0:
		return Cell{}, nil
	case 1:
		return values[0], nil
	}
	return Cell{}, errOdd
}

// values appends the values of the nodes on the machine's list to the table's items, and drops the nodes.
func (t *tape) values(c *Column, start int) error {
	for _, node := range t.machine.Items(start) {
		var cell Cell
		var err error
		if c.tape.Kind == fused.ColumnReference {
			cell, err = t.key(c, node)
		} else if span, ok := t.span(c.tape, node); ok && c.Want.allows(span.Kind) {
			cell = span
		} else {
			err = errOdd
		}
		if err != nil {
			return err
		}
		if cell.Kind != Null {
			t.out.Items = append(t.out.Items, cell)
		}
	}
	t.machine.Drop(start)
	return nil
}
