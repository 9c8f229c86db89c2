package check

import (
	"strings"

	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
)

// role tells how a function evaluates an argument.
type role uint8

const (
	value          role = iota // once, in the scope of the call; a single item of one of the param's kinds
	collection                 // once, in the scope of the call
	criteria                   // for each item of the input; Boolean
	each                       // for each item of the input
	sortKey                    // as each; a minus before it reverses the order of any type
	condition                  // once, with the input as $this; Boolean
	branch                     // as condition, but of any type, and perhaps not at all
	lazyCollection             // as collection, and perhaps not at all
)

// param is one argument of a function.
type param struct {
	name  string
	role  role
	kinds systemSet
}

// function says what a function wants and what it gives.
type function struct {
	input   systemSet // the System types an input item must be able to stand for; 0 for anything
	single  bool      // no more than one input item
	ordered bool      // the result depends on the order of the input
	params  []param
	result  func(c *checker, x Type, args []Type) Type
	// tolerant reports that evaluation gives empty, and does not fail, on types that the function is not made for.
	tolerant bool
	// variadic reports that the last param may be given any number of times.
	variadic bool
}

func (c *checker) call(e *syntax.Call, s scope) (Type, scope) {
	x := s.focus
	if e.X != nil {
		x, s = c.expr(e.X, s)
	}
	switch e.Name {
	case "is", "as", "ofType":
		return c.typeCall(e, x), s
	case "getReferenceKey":
		for _, arg := range e.Args {
			if name, ok := typeArgument(arg); ok {
				c.typeNamed(name.Parts, name.Offset)
			}
		}
		return one(String)(c, x, nil).single(x.Single), s
	case "repeat", "repeatAll":
		return c.repeat(e, x, s), s
	case "aggregate":
		return c.aggregate(e, x, s), s
	case "defineVariable":
		return c.defineVariable(e, x, s)
	}
	f, ok := functions[e.Name]
	if !ok {
		for _, arg := range e.Args {
			c.silently(func() { c.expr(arg, scope{vars: s.vars, open: s.open}) })
		}
		return Any(), s
	}
	c.checkInput(e, &f, x)
	args := make([]Type, len(e.Args))
	for i, arg := range e.Args {
		p := param{role: collection}
		switch {
		case i < len(f.params):
			p = f.params[i]
		case f.variadic:
			p = f.params[len(f.params)-1]
		}
		args[i] = c.argument(e, &f, &p, arg, x, s)
	}
	return f.result(c, x, args), s
}

// Knows reports whether the checker knows what a function gives. Calls of other functions can give anything.
func Knows(name string) bool {
	switch name {
	case "is", "as", "ofType", "getReferenceKey", "repeat", "repeatAll", "aggregate", "defineVariable":
		return true
	}
	_, ok := functions[name]
	return ok
}

// single returns t with another answer to whether there is at most one item.
func (t Type) single(is bool) Type {
	t.Single = is
	return t
}

// checkInput faults an input that the function cannot be applied to.
func (c *checker) checkInput(e *syntax.Call, f *function, x Type) {
	if f.single {
		c.oneItem(x, e.Offset, "%s() needs a single item", e.Name)
	}
	if f.ordered {
		c.ordered(x, e.Offset, e.Name+"()")
	}
	if f.input != 0 && x.Known && !x.isEmpty() && c.kindsOfType(x).widened()&f.input == 0 {
		c.fault(f.level(), e.Offset, "%s() works on %s, not on %s", e.Name, listOf(f.input), c.describe(x))
	}
}

// argument checks one argument of a call and returns its type.
func (c *checker) argument(e *syntax.Call, f *function, p *param, arg syntax.Expr, x Type, s scope) Type {
	inner := s
	switch p.role {
	case criteria, each, sortKey:
		inner.focus = x.item()
	case condition, branch:
		inner.focus = x
	}
	if minus, ok := arg.(*syntax.Unary); ok && p.role == sortKey && minus.Op == syntax.OpSub {
		arg = minus.X
	}
	var t Type
	if p.role == branch || p.role == lazyCollection {
		c.lazily(func() { t, _ = c.expr(arg, inner) })
		return t
	}
	t, _ = c.expr(arg, inner)
	switch p.role {
	case value:
		c.value(f.level(), t, p.kinds, arg.Pos(), "the "+p.name+" of "+e.Name+"()")
	case criteria, condition:
		c.oneItem(t, arg.Pos(), "the %s of %s() must be a single item", p.name, e.Name)
		if t.Known && !t.isEmpty() && !c.kindsOfType(t).has(Boolean) {
			level := Strict // singleton evaluation takes any item for true
			if p.role == condition {
				level = Wrong
			}
			c.fault(level, arg.Pos(), "the %s of %s() must be Boolean, not %s", p.name, e.Name, c.describe(t))
		}
	}
	return t
}

// level returns how bad it is to use the function on other types than it is made for.
func (f *function) level() Level {
	if f.tolerant {
		return Strict
	}
	return Wrong
}

// value faults a type that is not a single item of one of the kinds; what is the thing that has to be.
func (c *checker) value(level Level, t Type, k systemSet, offset int, what string) {
	c.oneItem(t, offset, "%s must be a single item", what)
	if k != 0 && t.Known && !t.isEmpty() && c.kindsOfType(t).widened()&k == 0 {
		c.fault(level, offset, "%s must be %s, not %s", what, listOf(k), c.describe(t))
	}
}

// listOf names the System types of a set: "Integer, Long or Decimal".
func listOf(k systemSet) string {
	var names []string
	for s := Boolean; s <= Quantity; s++ {
		if k.has(s) {
			names = append(names, s.String())
		}
	}
	if n := len(names) - 1; n > 0 {
		return strings.Join(names[:n], ", ") + " or " + names[n]
	}
	return strings.Join(names, "")
}

func (c *checker) typeCall(e *syntax.Call, x Type) Type {
	if len(e.Args) == 1 {
		if name, ok := typeArgument(e.Args[0]); ok {
			if e.Name == "ofType" {
				least := x.Least
				t := c.typeOp(x.least(0), false, e.Name+"()", name, e.Offset)
				return t.least(min(least, 0))
			}
			return c.typeOp(x, e.Name == "is", e.Name+"()", name, e.Offset)
		}
		c.fault(Certain, e.Args[0].Pos(), "the argument of %s() must be the name of a type", e.Name)
	}
	if e.Name == "is" {
		return OfSystem(Boolean)
	}
	return x.anything().least(0)
}

// maxRounds bounds how often repeat() and aggregate() are followed to find the types of their items. If they find new
// types for longer than that, the type is unknown.
const maxRounds = 10

// repeat follows a projection until it finds no more types. Only the last round, which sees all types that the
// focus can have, reports faults.
func (c *checker) repeat(e *syntax.Call, x Type, s scope) Type {
	if len(e.Args) != 1 {
		return Any()
	}
	found := c.closure(e.Args[0], x, s)
	s.focus = join(x, found).item()
	c.expr(e.Args[0], s)
	found.Single, found.Least, found.Unordered = false, 0, x.Unordered || found.Unordered
	return found
}

// closure returns the type of the items that a path leads to from x, and on from what it found.
func (c *checker) closure(path syntax.Expr, x Type, s scope) Type {
	found := Type{Known: true, Refs: []Ref{}}
	for range maxRounds {
		s.focus = join(x, found).item()
		more := found
		c.silently(func() {
			t, _ := c.expr(path, s)
			more = join(more, t)
		})
		if !more.Known || len(more.Refs) == len(found.Refs) {
			return more
		}
		found = more
	}
	return Any()
}

// aggregate knows that $total is empty or the initial value in the first round and the result of the one before
// in others.
func (c *checker) aggregate(e *syntax.Call, x Type, s scope) Type {
	total := Type{Known: true, Refs: []Ref{}, Single: true}
	if len(e.Args) > 1 {
		total, _ = c.expr(e.Args[1], s)
	}
	if len(e.Args) == 0 {
		return Any()
	}
	s.focus = x.item()
	settled := false
	for i := 0; i < maxRounds && !settled; i++ {
		var t Type
		s.total = total.least(0)
		c.silently(func() { t, _ = c.expr(e.Args[0], s) })
		more := either(total, t)
		settled = more.Known == total.Known && more.Single == total.Single && len(more.Refs) == len(total.Refs)
		total = more
	}
	if !settled {
		total = Any()
	}
	s.total = total.least(0)
	c.expr(e.Args[0], s)
	return total.least(0)
}

// defineVariable adds a variable to the scope of what follows in the chain.
func (c *checker) defineVariable(e *syntax.Call, x Type, s scope) (Type, scope) {
	if len(e.Args) == 0 {
		return x, s
	}
	t := x
	name, _ := c.expr(e.Args[0], s)
	c.value(Strict, name, setOf(String), e.Args[0].Pos(), "the name of defineVariable()")
	if len(e.Args) > 1 {
		inner := s
		inner.focus = x
		t, _ = c.expr(e.Args[1], inner)
	}
	if literal, ok := e.Args[0].(*syntax.Literal); ok && literal.Kind == syntax.String {
		s.vars = &variable{name: literal.Text, typ: t, next: s.vars}
	} else {
		s.open = true
	}
	return x, s
}
