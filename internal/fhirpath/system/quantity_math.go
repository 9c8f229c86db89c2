package system

// Add returns q + o in the smaller of the two units. ok is false when the units measure different things, when calendar
// years or months would have to be converted, which is not exact, or units such as degrees Celsius, whose zero is not
// zero, or the result is out of range.
func (q Quantity) Add(o Quantity) (sum Quantity, ok bool) {
	if !q.sameUnit(o) && (q.inexact() || o.inexact() || q.special() || o.special()) {
		return Quantity{}, false
	}
	a, b, unit, ok := q.common(o, false, false)
	if !ok {
		return Quantity{}, false
	}
	unit.Value, ok = a.Add(b)
	return unit, ok
}

// Sub returns q - o in the smaller of the two units; see Add.
func (q Quantity) Sub(o Quantity) (difference Quantity, ok bool) { return q.Add(o.Neg()) }

// inexact reports whether the unit is a calendar year or month.
func (q Quantity) inexact() bool {
	p, _ := calendarUnit(q.Unit)
	return q.Calendar && (p == Year || p == Month)
}

// special reports whether the unit is not a multiple of a base unit.
func (q Quantity) special() bool {
	if q.Calendar {
		return false
	}
	u, err := parseUnit(q.unit())
	return err == nil && u.special != nil
}

// Neg returns -q.
func (q Quantity) Neg() Quantity {
	q.Value = q.Value.Neg()
	return q
}

// Abs returns the absolute value of q.
func (q Quantity) Abs() Quantity {
	q.Value = q.Value.Abs()
	return q
}

// Mul returns q * o, whose unit is the product of the units. ok is false when a unit is not known or a calendar
// duration (unless the other has no unit), or the result is out of range.
func (q Quantity) Mul(o Quantity) (product Quantity, ok bool) { return q.combine(o, 1) }

// Quo returns q / o, whose unit is the quotient of the units. ok is false for division by zero, when a unit is
// not known or a calendar duration (unless o has no unit), or the result is out of range.
func (q Quantity) Quo(o Quantity) (quotient Quantity, ok bool) { return q.combine(o, -1) }

func (q Quantity) combine(o Quantity, sign int) (Quantity, bool) {
	var value Decimal
	var ok bool
	if sign > 0 {
		value, ok = q.Value.Mul(o.Value)
	} else {
		value, ok = q.Value.Quo(o.Value)
	}
	if !ok {
		return Quantity{}, false
	}
	// A number without a unit leaves the other's unit alone.
	if !o.Calendar && o.unit() == "1" {
		q.Value = value
		return q, true
	}
	if sign > 0 && !q.Calendar && q.unit() == "1" {
		o.Value = value
		return o, true
	}
	if q.Calendar || o.Calendar {
		return Quantity{}, false
	}
	u, errU := parseUnit(q.unit())
	v, errV := parseUnit(o.unit())
	if errU != nil || errV != nil || u.special != nil || v.special != nil {
		return Quantity{}, false
	}
	code, scale := u.product(v, sign)
	value, ok = scale.apply(value)
	if !ok {
		return Quantity{}, false
	}
	return Quantity{Value: value, Unit: code}, true
}
