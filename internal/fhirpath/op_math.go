package fhirpath

import (
	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
	"github.com/researchflow/researchflow/internal/fhirpath/system"
)

// unary is a sign before an operand (section "Unary operators").
type unary struct {
	op  syntax.Op
	x   operation
	pos int
}

func (n *unary) eval(e *Evaluator, dst []Value) ([]Value, error) {
	v, err := e.single(n.x, n.pos, "unary "+n.op.String())
	if err != nil || v.kind == 0 || v.valueless() {
		return dst, err
	}
	switch v.SystemKind() {
	case Integer, Long, Decimal, Quantity:
	default:
		return dst, fail(n.pos, "unary %s is not defined for %s", n.op, describe(v))
	}
	s, ok := v.System()
	if ok && n.op == syntax.OpSub {
		s, ok = negate(s)
	}
	if ok {
		dst = append(dst, s)
	}
	return dst, nil
}

// negate returns -v of a number or Quantity; ok is false if that is out of range.
func negate(v Value) (Value, bool) {
	switch v.kind {
	case Integer:
		n, ok := system.Int32(-v.num)
		return NewInteger(n), ok
	case Long:
		n, ok := system.SubInt64(0, v.num)
		return NewLong(n), ok
	case Decimal:
		return NewDecimal(v.sys.(system.Decimal).Neg()), true
	case Quantity:
		return NewQuantity(v.sys.(system.Quantity).Neg()), true
	}
	return v, false
}

// arithmetic is +, -, *, /, div and mod (section "Math").
type arithmetic struct {
	binary
	op syntax.Op
}

func (n *arithmetic) eval(e *Evaluator, dst []Value) ([]Value, error) {
	if err := e.step(n.pos, 1); err != nil {
		return dst, err
	}
	a, b, err := e.operands(&n.binary, n.op.String())
	if err != nil || a.kind == 0 || b.kind == 0 || a.valueless() || b.valueless() {
		return dst, err
	}
	v, ok, err := e.calculate(n.op, a, b, n.pos)
	if err != nil || !ok {
		return dst, err
	}
	return append(dst, v), nil
}

// calculate applies an operator to two items; ok is false if the result is empty.
func (e *Evaluator) calculate(op syntax.Op, a, b Value, pos int) (v Value, ok bool, err error) {
	ka, kb := a.SystemKind(), b.SystemKind()
	if kb == Quantity && a.untypedText() {
		if v, ok := anyTemporal(a.raw()); ok {
			a, ka = v, v.kind
		}
	}
	switch {
	case ka == String && kb == String && op == syntax.OpAdd:
		return e.concatenate(a, b, pos)
	case (ka == Date || ka == DateTime || ka == Time) && kb == Quantity && (op == syntax.OpAdd || op == syntax.OpSub):
		return shift(op, ka, a, b, pos)
	}
	_, _, k := align(a, b, ka, kb)
	if err := e.costly(pos, k, a, b, 1); err != nil {
		return v, false, err
	}
	switch k {
	case Integer, Long:
		x, okX := a.Int64()
		y, okY := b.Int64()
		if okX && okY {
			v, ok = integerMath(op, k, x, y)
		}
		return v, ok, nil
	case Decimal:
		x, okX := a.Decimal()
		y, okY := b.Decimal()
		if okX && okY {
			x, ok = decimalMath(op, x, y)
		}
		return NewDecimal(x), ok, nil
	case Quantity:
		if op == syntax.OpIntDiv || op == syntax.OpMod {
			break
		}
		x, okX := a.Quantity()
		y, okY := b.Quantity()
		if op == syntax.OpAdd || op == syntax.OpSub { // a number takes the unit of the other operand
			switch {
			case ka != Quantity:
				x.Unit, x.Calendar = y.Unit, y.Calendar
			case kb != Quantity:
				y.Unit, y.Calendar = x.Unit, x.Calendar
			}
		}
		if okX && okY {
			x, ok = commonMath(op, x, y)
		}
		return NewQuantity(x), ok, nil
	}
	return v, false, fail(pos, "%s is not defined for %s and %s", op, describe(a), describe(b))
}

// integerMath calculates with Integers or Longs; ok is false for division by zero and overflow.
func integerMath(op syntax.Op, k Kind, x, y int64) (v Value, ok bool) {
	var n int64
	switch op {
	case syntax.OpAdd:
		n, ok = system.AddInt64(x, y)
	case syntax.OpSub:
		n, ok = system.SubInt64(x, y)
	case syntax.OpMul:
		n, ok = system.MulInt64(x, y)
	case syntax.OpDiv:
		d, ok := system.DecimalFromInt(x).Quo(system.DecimalFromInt(y))
		return NewDecimal(d), ok
	case syntax.OpIntDiv:
		if y == -1 {
			n, ok = system.SubInt64(0, x)
		} else if y != 0 {
			n, ok = x/y, true
		}
	case syntax.OpMod:
		if y == -1 {
			ok = true
		} else if y != 0 {
			n, ok = x%y, true
		}
	}
	if k == Integer && ok {
		_, ok = system.Int32(n)
	}
	return Value{kind: k, num: n}, ok
}

// number is a type with the operators that Decimals and Quantities share.
type number[T any] interface {
	Add(T) (T, bool)
	Sub(T) (T, bool)
	Mul(T) (T, bool)
	Quo(T) (T, bool)
}

// commonMath calculates with Decimals or Quantities; ok is false if the result is empty.
func commonMath[T number[T]](op syntax.Op, x, y T) (result T, ok bool) {
	switch op {
	case syntax.OpAdd:
		return x.Add(y)
	case syntax.OpSub:
		return x.Sub(y)
	case syntax.OpMul:
		return x.Mul(y)
	case syntax.OpDiv:
		return x.Quo(y)
	}
	return x, false
}

// decimalMath calculates with Decimals; ok is false if the result is empty.
func decimalMath(op syntax.Op, x, y system.Decimal) (result system.Decimal, ok bool) {
	switch op {
	case syntax.OpIntDiv:
		return x.Div(y)
	case syntax.OpMod:
		return x.Mod(y)
	}
	return commonMath(op, x, y)
}

// shift adds a duration to a date or time (section "Date/Time Arithmetic").
func shift(op syntax.Op, k Kind, a, b Value, pos int) (v Value, ok bool, err error) {
	q, ok := b.Quantity()
	if !ok {
		return v, false, nil
	}
	if op == syntax.OpSub {
		q = q.Neg()
	}
	switch k {
	case Date:
		var d system.Date
		if d, ok = a.Date(); ok {
			d, ok, err = d.Add(q)
		}
		v = NewDate(d)
	case DateTime:
		var d system.DateTime
		if d, ok = a.DateTime(); ok {
			d, ok, err = d.Add(q)
		}
		v = NewDateTime(d)
	case Time:
		var t system.Time
		if t, ok = a.Time(); ok {
			t, err = t.Add(q)
		}
		v = NewTime(t)
	}
	if err != nil {
		return v, false, fail(pos, "%s: the unit of the quantity cannot be added to a %s", op, k)
	}
	if !ok {
		return v, false, fail(pos, "%s: the result is outside the years 1 to 9999", op)
	}
	return v, ok, nil
}

// concatenate joins two strings.
func (e *Evaluator) concatenate(a, b Value, pos int) (v Value, ok bool, err error) {
	x, okX := a.Text()
	y, okY := b.Text()
	if !okX || !okY {
		return v, false, nil
	}
	if err := e.checkText(pos, len(x)+len(y)); err != nil {
		return v, false, err
	}
	return NewString(x + y), true, nil
}

// concat is &, which treats an empty operand as the empty string.
type concat struct{ binary }

func (n *concat) eval(e *Evaluator, dst []Value) ([]Value, error) {
	if err := e.step(n.pos, 1); err != nil {
		return dst, err
	}
	a, err := e.single(n.left, n.pos, "&")
	if err != nil {
		return dst, err
	}
	b, err := e.single(n.right, n.pos, "&")
	if err != nil {
		return dst, err
	}
	for _, v := range []*Value{&a, &b} {
		switch {
		case v.kind == 0 || v.valueless():
			*v = NewString("")
		case v.SystemKind() != String:
			return dst, fail(n.pos, "& is not defined for %s", describe(*v))
		}
	}
	v, ok, err := e.concatenate(a, b, n.pos)
	if err != nil || !ok {
		return dst, err
	}
	return append(dst, v), nil
}

// quantityMember navigates within a System.Quantity.
func quantityMember(dst []Value, v Value, name string) []Value {
	q := v.sys.(system.Quantity)
	switch name {
	case "value":
		return append(dst, NewDecimal(q.Value))
	case "unit":
		return append(dst, NewString(q.Unit))
	}
	return dst
}
