package check

import "github.com/researchflow/researchflow/internal/fhirpath/syntax"

func (c *checker) binary(e *syntax.Binary, s scope) Type {
	x, _ := c.expr(e.X, s)
	var y Type
	switch e.Op {
	case syntax.OpAnd, syntax.OpOr, syntax.OpImplies:
		c.lazily(func() { y, _ = c.expr(e.Y, s) })
	default:
		y, _ = c.expr(e.Y, s)
	}
	boolean := OfSystem(Boolean)
	switch e.Op {
	case syntax.OpUnion:
		both := join(x, y)
		both.Least = distinct(e, max(min(x.Least, 1), min(y.Least, 1)))
		both.Unordered = true
		return both
	case syntax.OpAdd, syntax.OpSub, syntax.OpMul, syntax.OpDiv, syntax.OpIntDiv, syntax.OpMod:
		c.operands(e, x, y)
		return c.arithmetic(e, x, y)
	case syntax.OpConcat:
		c.operands(e, x, y)
		for _, t := range []Type{x, y} {
			if t.Known && !t.isEmpty() && c.kindsOfType(t) == 0 {
				c.fault(Wrong, e.Offset, "operator & cannot be used on %s", c.describe(t))
			}
		}
		return OfSystem(String).least(1)
	case syntax.OpLess, syntax.OpLessEqual, syntax.OpGreater, syntax.OpGreaterEqual:
		c.operands(e, x, y)
		if !c.anyPair(x, y, comparable) {
			c.fault(Wrong, e.Offset, "operator %s cannot compare %s with %s", e.Op, c.describe(x), c.describe(y))
		}
	case syntax.OpEqual, syntax.OpNotEqual, syntax.OpEquivalent, syntax.OpNotEquivalent:
		if c.primitive(x) && c.primitive(y) && !c.anyPair(x, y, equatable) {
			c.fault(Doubtful, e.Offset, "%s cannot equal %s", c.describe(x), c.describe(y))
		}
	case syntax.OpIn:
		c.operand(e, x, "left")
		return boolean
	case syntax.OpContains:
		c.operand(e, y, "right")
		return boolean
	case syntax.OpAnd, syntax.OpOr, syntax.OpXor, syntax.OpImplies:
		c.operands(e, x, y)
		for _, t := range []Type{x, y} {
			if t.Known && !t.isEmpty() && !c.kindsOfType(t).has(Boolean) {
				c.fault(Doubtful, e.Offset, "operator %s treats %s as true, like any single item that is not Boolean",
					e.Op, c.describe(t))
			}
		}
	}
	return boolean
}

// distinct returns how many items a union is sure to have: different literals of one kind count, else least.
func distinct(e syntax.Expr, least int) int {
	texts := map[string]bool{}
	var kind syntax.LiteralKind
	for {
		union, ok := e.(*syntax.Binary)
		last := e
		if ok && union.Op == syntax.OpUnion {
			last = union.Y
		}
		literal, isLiteral := last.(*syntax.Literal)
		if !isLiteral || kind != 0 && literal.Kind != kind {
			return least
		}
		switch kind = literal.Kind; kind {
		case syntax.String, syntax.Boolean:
			texts[literal.Text] = true
		case syntax.Integer: // leading zeros aside
			text := literal.Text
			for len(text) > 1 && text[0] == '0' {
				text = text[1:]
			}
			texts[text] = true
		default:
			return least
		}
		if !ok {
			return max(least, len(texts))
		}
		e = union.X
	}
}

func (c *checker) operands(e *syntax.Binary, x, y Type) {
	c.operand(e, x, "left")
	c.operand(e, y, "right")
}

// operand faults an operand that is sure to be more than one item.
func (c *checker) operand(e *syntax.Binary, t Type, side string) {
	c.oneItem(t, e.Offset, "the %s operand of %s must be a single item", side, e.Op)
}

// primitive reports whether t is known to hold nothing but values of System types.
func (c *checker) primitive(t Type) bool {
	for _, r := range t.Refs {
		if c.kindsOf(r) == 0 || r.System == TypeInfo {
			return false
		}
	}
	return t.Known && len(t.Refs) > 0
}

// anyPair reports whether ok holds for the System types of some items of x and y, or may for all that is known.
func (c *checker) anyPair(x, y Type, ok func(a, b System) bool) bool {
	if x.isEmpty() || y.isEmpty() {
		return true
	}
	kx, ky := c.kindsOfType(x), c.kindsOfType(y)
	for a := Boolean; a <= Quantity; a++ {
		for b := Boolean; b <= Quantity; b++ {
			if kx.has(a) && ky.has(b) && ok(a, b) {
				return true
			}
		}
	}
	return false
}

// comparable reports whether < and its like are defined between two types.
func comparable(a, b System) bool {
	measures := numbers | setOf(Quantity)
	days := setOf(Date, DateTime)
	switch {
	case measures.has(a) && measures.has(b), days.has(a) && days.has(b):
		return true
	}
	return a == b && setOf(String, Time).has(a)
}

// equatable reports whether values of two types can be equal.
func equatable(a, b System) bool { return a == b || comparable(a, b) }

func (c *checker) arithmetic(e *syntax.Binary, x, y Type) Type {
	if x.isEmpty() || y.isEmpty() {
		return Type{Known: true, Single: true}
	}
	var result systemSet
	kx, ky := c.kindsOfType(x), c.kindsOfType(y)
	for a := Boolean; a <= Quantity; a++ {
		for b := Boolean; b <= Quantity; b++ {
			if kx.has(a) && ky.has(b) {
				if r := arithmeticResult(e.Op, a, b); r != 0 {
					result |= setOf(r)
				}
			}
		}
	}
	if result == 0 {
		c.fault(Wrong, e.Offset, "operator %s cannot be used on %s and %s", e.Op, c.describe(x), c.describe(y))
		return Type{Single: true}
	}
	return Type{Single: true}.with(refsOf(result))
}

// arithmeticResult returns the type of a op b, 0 if the operator is not defined for them.
func arithmeticResult(op syntax.Op, a, b System) System {
	measures := numbers | setOf(Quantity)
	switch {
	case numbers.has(a) && numbers.has(b):
		if op == syntax.OpDiv {
			return Decimal
		}
		return max(a, b) // Integer, Long and Decimal, in this order
	case op == syntax.OpIntDiv || op == syntax.OpMod:
		return 0
	case measures.has(a) && measures.has(b):
		return Quantity
	case op == syntax.OpAdd && a == String && b == String:
		return String
	case (op == syntax.OpAdd || op == syntax.OpSub) && temporals.has(a) && b == Quantity:
		return a
	}
	return 0
}

func (c *checker) unary(e *syntax.Unary, s scope) Type {
	x, _ := c.expr(e.X, s)
	c.oneItem(x, e.Offset, "the operand of %s must be a single item", e.Op)
	if x.isEmpty() {
		return x
	}
	k := c.kindsOfType(x) & (numbers | setOf(Quantity))
	if k == 0 {
		c.fault(Wrong, e.Offset, "operator %s cannot be used on %s", e.Op, c.describe(x))
		return Type{Single: true}
	}
	return Type{Single: true, Least: min(x.Least, 1)}.with(refsOf(k))
}
