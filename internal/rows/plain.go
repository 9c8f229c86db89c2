package rows

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/researchflow/researchflow/internal/fhirpath"
)

// RowIndexName is the name of the variable %rowIndex.
const RowIndexName = "rowIndex"

// plain is the evaluator that runs every path with package fhirpath.
type plain struct {
	ev    *fhirpath.Evaluator
	env   fhirpath.Env
	index int32 // what %rowIndex is in env
	out   *Table
}

// nothing is the value that a focus of nothing stands for.
var nothing fhirpath.Value

// run evaluates a path with %rowIndex set. The result is good until the next resource.
func (e *plain) run(ctx context.Context, p *fhirpath.Program, on *fhirpath.Value, index int32) (fhirpath.Collection, error) {
	if index != e.index {
		e.setIndex(index)
	}
	if on == nil {
		on = &nothing
	}
	result, err := e.ev.Eval(ctx, p, *on, &e.env)
	if err != nil {
		return nil, EvalError(err)
	}
	return result, nil
}

func (e *plain) setIndex(index int32) {
	e.index = index
	e.env.Set(RowIndexName, fhirpath.NewInteger(index))
}

func (e *plain) items(ctx context.Context, p *Part, path int, on focus) (items, error) {
	values, err := e.run(ctx, p.Paths[path], on.value, on.index)
	if err != nil {
		return items{}, p.pathFault(path, err)
	}
	return items{values: values, count: len(values)}, nil
}

func (e *plain) enter(_ *Part, list items, i int) focus { return focus{value: &list.values[i]} }

func (e *plain) leave(items) {}

// test: true keeps the resource, false and nothing drop it.
func (e *plain) test(ctx context.Context, c *Condition, on focus) (bool, error) {
	fault := func(err error) error { return &Fault{Element: c.Element, Expression: c.Path, Err: err} }
	result, err := e.run(ctx, c.Program, on.value, 0)
	if err != nil {
		return false, fault(err)
	}
	what := "several items"
	switch len(result) {
	case 0:
		return false, nil
	case 1:
		if b, ok := result[0].Bool(); ok {
			return b, nil
		}
		if result[0].SystemKind() == 0 && result[0].Span() == nil {
			return false, nil // a primitive that has extensions and no value
		}
		if what = result[0].TypeName(); what == "" {
			what = "an element"
		}
	}
	return false, fault(fmt.Errorf("%w: it gives %s", ErrNotBoolean, what))
}

func (e *plain) cell(ctx context.Context, _ *Part, c *Column, on focus) (Cell, error) {
	if c.RowIndex {
		return e.rowIndex(c, on.index)
	}
	result, err := e.run(ctx, c.Program, on.value, on.index)
	if err != nil {
		return Cell{}, c.fault(err)
	}
	first := len(e.out.Items)
	var only Cell
	for i := range result {
		next := e.value(result[i])
		switch {
		case next.Kind == Null: // a primitive that has extensions and no value
		case only.Kind != Null && !c.Collection:
			return Cell{}, c.fault(errManyValues)
		case !c.Want.allows(next.Kind):
			return Cell{}, c.contradiction(next.Kind)
		case c.Collection:
			e.out.Items = append(e.out.Items, next)
		default:
			only = next
		}
	}
	if c.Collection {
		return e.out.list(first), nil
	}
	return only, nil
}

// rowIndex makes the cell of a column whose path is %rowIndex.
func (e *plain) rowIndex(c *Column, index int32) (Cell, error) {
	if !c.Want.allows(Integer) {
		return Cell{}, c.contradiction(Integer)
	}
	cell := e.out.integer(int(index))
	if c.Collection {
		e.out.Items = append(e.out.Items, cell)
		cell = e.out.list(len(e.out.Items) - 1)
	}
	return cell, nil
}

// value makes a cell of a value. It refers to the source where it can.
func (e *plain) value(v fhirpath.Value) Cell {
	out := e.out
	switch v.Kind() {
	case fhirpath.Element:
		return e.element(v)
	case fhirpath.Boolean:
		b, _ := v.Bool()
		return booleanCell(b)
	case fhirpath.Integer, fhirpath.Long:
		n, _ := v.Int64()
		return out.integer(int(n))
	case fhirpath.Decimal:
		return out.made(Decimal, v.AppendText(out.Arena))
	case fhirpath.String:
		s, _ := v.Text()
		return out.made(String, append(out.Arena, s...))
	case fhirpath.Date, fhirpath.DateTime, fhirpath.Time:
		return out.made(String, v.AppendText(out.Arena))
	}
	return out.made(Object, v.AppendJSON(out.Arena))
}

// element makes a cell of an element of the resource.
func (e *plain) element(v fhirpath.Value) Cell {
	out, raw := e.out, v.Span()
	if len(raw) == 0 {
		return Cell{}
	}
	switch raw[0] {
	case '"':
		raw = raw[1 : len(raw)-1]
		if k := v.SystemKind(); (k == fhirpath.Long || k == fhirpath.Integer) && isInteger(raw) {
			return out.text(Integer, raw) // integer64 is written as a string
		}
		c := out.text(String, raw)
		if bytes.IndexByte(raw, '\\') >= 0 {
			c.Flags |= Escaped
		}
		return c
	case 't', 'f':
		return booleanCell(raw[0] == 't')
	case 'n':
		return Cell{}
	case '{', '[':
		if bytes.IndexByte(raw, '\n') < 0 {
			return out.text(Object, raw)
		}
		var line bytes.Buffer // an object is one line in NDJSON
		if json.Compact(&line, raw) != nil {
			return Cell{}
		}
		return out.made(Object, append(out.Arena, line.Bytes()...))
	}
	if isInteger(raw) && v.SystemKind() != fhirpath.Decimal {
		return out.text(Integer, raw)
	}
	return out.text(Decimal, raw)
}

// isInteger reports whether text is a whole number in JSON's form.
func isInteger(text []byte) bool {
	if len(text) > 0 && text[0] == '-' {
		text = text[1:]
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(text) > 0 && (text[0] != '0' || len(text) == 1)
}
