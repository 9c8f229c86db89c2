package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/researchflow/researchflow/internal/fhirpath"
)

// column evaluates one column on one element (S13).
func (w *worker) column(ctx context.Context, n *node, p *columnPlan, f *focus, index int) (cell, error) {
	if w.template != nil {
		return w.note(n, p, f, index)
	}
	if p.rowIndex {
		if !p.want.allows(KindInteger) {
			return cell{}, w.contradiction(p, KindInteger)
		}
		return w.position(p, index), nil
	}
	value := f.value
	if w.fused {
		if p.fused != nil {
			c, ok := w.fusedColumn(p)
			if !ok {
				return cell{}, errOdd
			}
			return c, nil
		}
		value = w.ev.Element(p.prog, int(f.node), n.typeName)
	}
	result, err := w.eval(ctx, p.prog, value, index)
	if err != nil {
		return cell{}, w.at(p.element, p.name, p.prog.String(), err)
	}
	if p.collection {
		return w.list(p, result)
	}
	var c cell
	for _, v := range result {
		next := w.value(v)
		switch {
		case next.kind == KindNull: // a primitive that has extensions and no value
		case c.kind != KindNull:
			return cell{}, w.at(p.element, p.name, p.prog.String(), errManyValues)
		case !p.want.allows(next.kind):
			return cell{}, w.contradiction(p, next.kind)
		default:
			c = next
		}
	}
	return c, nil
}

// errManyValues is ErrManyValues with what to do about it.
var errManyValues = fmt.Errorf("%w: choose one by first() or where(), or make it a collection, or iterate by forEach", ErrManyValues)

// contradiction is the error of a value that is not of its column's declared type.
func (w *worker) contradiction(p *columnPlan, found Kind) error {
	declared := "no type is declared"
	if p.declared != "" {
		declared = "declared " + p.declared
	}
	err := fmt.Errorf("%w: %s, found %s", ErrType, declared, found)
	return w.at(p.element, p.name, p.prog.String(), err)
}

// list makes the cell of a collection column: a list of one for one value, and the empty list for none, as the
// official suite wants it.
func (w *worker) list(p *columnPlan, result fhirpath.Collection) (cell, error) {
	first := len(w.b.items)
	for _, v := range result {
		c := w.value(v)
		if c.kind == KindNull {
			continue
		}
		if !p.want.allows(c.kind) {
			return cell{}, w.contradiction(p, c.kind)
		}
		w.b.items = append(w.b.items, c)
	}
	return cell{kind: KindList, off: uint32(first), n: uint32(len(w.b.items) - first)}, nil
}

// value makes a cell of one value. It refers to the source where it can.
func (w *worker) value(v fhirpath.Value) cell {
	if v.Kind() == fhirpath.Element {
		return w.element(v)
	}
	switch v.Kind() {
	case fhirpath.Boolean:
		b, _ := v.Bool()
		return boolean(b)
	case fhirpath.Integer, fhirpath.Long:
		n, _ := v.Int64()
		return w.integer(int(n))
	case fhirpath.Decimal:
		return w.made(KindDecimal, v.AppendText(w.b.arena))
	case fhirpath.String:
		s, _ := v.Text()
		return w.made(KindString, append(w.b.arena, s...))
	case fhirpath.Date, fhirpath.DateTime, fhirpath.Time:
		return w.made(KindString, v.AppendText(w.b.arena))
	}
	return w.made(KindObject, v.AppendJSON(w.b.arena))
}

// element makes a cell of an element of the resource.
func (w *worker) element(v fhirpath.Value) cell {
	raw := v.Span()
	if len(raw) == 0 {
		return cell{}
	}
	switch raw[0] {
	case '"':
		raw = raw[1 : len(raw)-1]
		if k := v.SystemKind(); (k == fhirpath.Long || k == fhirpath.Integer) && isInteger(raw) {
			return w.text(KindInteger, raw) // integer64 is written as a string
		}
		c := w.text(KindString, raw)
		if bytes.IndexByte(raw, '\\') >= 0 {
			c.flags |= escaped
		}
		return c
	case 't', 'f':
		return boolean(raw[0] == 't')
	case 'n':
		return cell{}
	case '{', '[':
		if bytes.IndexByte(raw, '\n') < 0 {
			return w.text(KindObject, raw)
		}
		var line bytes.Buffer // an object is one line in NDJSON
		if json.Compact(&line, raw) != nil {
			return cell{}
		}
		return w.made(KindObject, append(w.b.arena, line.Bytes()...))
	}
	if isInteger(raw) {
		if k := v.SystemKind(); k != fhirpath.Decimal {
			return w.text(KindInteger, raw)
		}
	}
	return w.text(KindDecimal, raw)
}

// position makes the cell of a column whose path is %rowIndex.
func (w *worker) position(p *columnPlan, index int) cell {
	c := w.integer(index)
	if p.collection {
		w.b.items = append(w.b.items, c)
		c = cell{kind: KindList, off: uint32(len(w.b.items) - 1), n: 1}
	}
	return c
}

func boolean(b bool) cell {
	if b {
		return cell{kind: KindBoolean, flags: isTrue}
	}
	return cell{kind: KindBoolean}
}

func (w *worker) integer(n int) cell {
	return w.made(KindInteger, strconv.AppendInt(w.b.arena, int64(n), 10))
}

// made makes a cell of what was appended to the arena.
func (w *worker) made(k Kind, arena []byte) cell {
	start := len(w.b.arena)
	w.b.arena = arena
	return cell{kind: k, off: uint32(start), n: uint32(len(arena) - start)}
}

// text makes a cell of bytes that lie in the block, without copying them; other bytes are copied.
func (w *worker) text(k Kind, raw []byte) cell {
	if at, ok := within(w.b.src, raw); ok {
		return cell{kind: k, off: at, n: uint32(len(raw)), flags: inSource}
	}
	return w.made(k, append(w.b.arena, raw...))
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
