package syntax

import (
	"unicode/utf8"
)

// Parse reads an expression. The error is an [*Error], which for an expression beyond the limits of this
// package has Limit set. Parse is safe for concurrent use.
func Parse(src string) (Expr, error) {
	if len(src) > MaxLength {
		err := newError(src, 0, "expression is longer than %d bytes", MaxLength)
		err.Limit = true
		return nil, err
	}
	p := &parser{lex: lexer{src: src}}
	if !utf8.ValidString(src) {
		return nil, newError(src, invalidUTF8(src), "expression is not valid UTF-8")
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	n, err := p.expression(precNone)
	if err != nil {
		return nil, err
	}
	if p.tok.kind != tokEOF {
		return nil, p.unexpected("operator or end of expression")
	}
	return n.Expr, nil
}

func invalidUTF8(src string) int {
	for i, r := range src {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(src[i:]); size == 1 {
				return i
			}
		}
	}
	return len(src)
}

// parser is a Pratt parser: expression reads an operand and then every operator that binds tighter than
// the one it was called for.
type parser struct {
	lex   lexer
	tok   token
	depth int
}

// node is a finished tree with its height.
type subtree struct {
	Expr
	height int
}

func (p *parser) advance() (err error) {
	p.tok, err = p.lex.next()
	return err
}

func (p *parser) unexpected(wanted string) error {
	if p.tok.kind == tokEOF {
		return p.lex.fail(p.tok.offset, "%s expected, but the expression ends", wanted)
	}
	return p.lex.fail(p.tok.offset, "%s expected", wanted)
}

func (p *parser) symbol(s string) bool { return p.tok.kind == tokSymbol && p.tok.text == s }

// expect passes the symbol s.
func (p *parser) expect(s string) error {
	if !p.symbol(s) {
		return p.unexpected("'" + s + "'")
	}
	return p.advance()
}

// grow checks the height that a new parent of the given nodes has.
func (p *parser) heightOver(offset int, below ...int) (int, error) {
	height := 0
	for _, h := range below {
		height = max(height, h)
	}
	if height++; height > MaxHeight {
		err := newError(p.lex.src, offset, "expression has more than %d operations in a row", MaxHeight)
		err.Limit = true
		return 0, err
	}
	return height, nil
}

func (p *parser) expression(prec int) (subtree, error) {
	if p.depth++; p.depth > MaxDepth {
		err := newError(p.lex.src, p.tok.offset, "expression is nested deeper than %d", MaxDepth)
		err.Limit = true
		return subtree{}, err
	}
	defer func() { p.depth-- }()
	left, err := p.operand()
	for err == nil {
		op := p.operator()
		if op == 0 || operators[op].prec <= prec {
			return left, nil
		}
		left, err = p.operation(left, op)
	}
	return subtree{}, err
}

// operator returns the binary operator at the current token, 0 when there is none.
func (p *parser) operator() Op {
	if p.tok.kind == tokSymbol || p.tok.kind == tokIdent {
		return operatorOf(p.tok.text)
	}
	return 0
}

// operation reads the operator at the current token and what follows it.
func (p *parser) operation(left subtree, op Op) (subtree, error) {
	offset := p.tok.offset
	if err := p.advance(); err != nil {
		return subtree{}, err
	}
	if op == OpIs || op == OpAs {
		typ, err := p.typeName()
		if err != nil {
			return subtree{}, err
		}
		height, err := p.heightOver(offset, left.height)
		if err != nil {
			return subtree{}, err
		}
		return p.path(subtree{&TypeOp{Op: op, X: left.Expr, Type: typ, Offset: offset}, height})
	}
	right, err := p.expression(operators[op].prec)
	if err != nil {
		return subtree{}, err
	}
	height, err := p.heightOver(offset, left.height, right.height)
	return subtree{&Binary{Op: op, X: left.Expr, Y: right.Expr, Offset: offset}, height}, err
}

// operand reads a sign and its operand, or a term and the invocations and indexers after it.
func (p *parser) operand() (subtree, error) {
	if p.symbol("+") || p.symbol("-") {
		offset, op := p.tok.offset, operatorOf(p.tok.text)
		if err := p.advance(); err != nil {
			return subtree{}, err
		}
		x, err := p.expression(precMultiplicative)
		if err != nil {
			return subtree{}, err
		}
		height, err := p.heightOver(offset, x.height)
		return subtree{&Unary{Op: op, X: x.Expr, Offset: offset}, height}, err
	}
	x, err := p.term()
	if err != nil {
		return subtree{}, err
	}
	return p.path(x)
}

// path reads the invocations and indexers after x.
func (p *parser) path(x subtree) (_ subtree, err error) {
	for err == nil {
		switch {
		case p.symbol("{"):
			typ, ok := typeBefore(x.Expr)
			if !ok {
				return x, nil
			}
			x, err = p.instance(typ)
		case p.symbol("."):
			if err = p.advance(); err == nil {
				x, err = p.invocation(x)
			}
		case p.symbol("["):
			x, err = p.index(x)
		default:
			return x, nil
		}
	}
	return subtree{}, err
}

// typeBefore returns the type specifier that a brace follows; ok is false where what stands there is none.
func typeBefore(x Expr) (typ TypeName, ok bool) {
	m, ok := x.(*Member)
	if !ok {
		return typ, false
	}
	typ.Offset = m.Offset
	if m.X != nil {
		if typ, ok = typeBefore(m.X); !ok {
			return typ, false
		}
	}
	typ.Parts = append(typ.Parts, m.Name)
	return typ, true
}

// instance reads the elements of an object, from the opening brace on.
func (p *parser) instance(typ TypeName) (subtree, error) {
	if err := p.advance(); err != nil {
		return subtree{}, err
	}
	x := &Instance{Type: typ, Offset: typ.Offset}
	below := 0
	if p.symbol(":") {
		if err := p.advance(); err != nil {
			return subtree{}, err
		}
		height, err := p.heightOver(x.Offset, below)
		if err != nil {
			return subtree{}, err
		}
		return subtree{x, height}, p.expect("}")
	}
	for {
		if !p.atIdentifier() {
			return subtree{}, p.unexpected("name of an element")
		}
		x.Names = append(x.Names, p.tok.text)
		if err := p.advance(); err != nil {
			return subtree{}, err
		}
		if err := p.expect(":"); err != nil {
			return subtree{}, err
		}
		value, err := p.expression(precNone)
		if err != nil {
			return subtree{}, err
		}
		x.Values = append(x.Values, value.Expr)
		below = max(below, value.height)
		if !p.symbol(",") {
			break
		}
		if err := p.advance(); err != nil {
			return subtree{}, err
		}
	}
	height, err := p.heightOver(x.Offset, below)
	if err != nil {
		return subtree{}, err
	}
	return subtree{x, height}, p.expect("}")
}

func (p *parser) index(x subtree) (subtree, error) {
	offset := p.tok.offset
	if err := p.advance(); err != nil {
		return subtree{}, err
	}
	i, err := p.expression(precNone)
	if err != nil {
		return subtree{}, err
	}
	if err := p.expect("]"); err != nil {
		return subtree{}, err
	}
	height, err := p.heightOver(offset, x.height, i.height)
	return subtree{&Index{X: x.Expr, Index: i.Expr, Offset: offset}, height}, err
}

// term reads what an expression may begin with.
func (p *parser) term() (subtree, error) {
	switch tok := p.tok; {
	case p.symbol("("):
		if err := p.advance(); err != nil {
			return subtree{}, err
		}
		x, err := p.expression(precNone)
		if err != nil {
			return subtree{}, err
		}
		return x, p.expect(")")
	case p.symbol("{"):
		if err := p.advance(); err != nil {
			return subtree{}, err
		}
		return subtree{&Literal{Kind: Empty, Offset: tok.offset}, 1}, p.expect("}")
	case p.symbol("%"):
		return p.external()
	case tok.kind == tokIdent && (tok.text == "true" || tok.text == "false"):
		return subtree{&Literal{Kind: Boolean, Text: tok.text, Offset: tok.offset}, 1}, p.advance()
	case tok.kind == tokString:
		return subtree{&Literal{Kind: String, Text: tok.text, Offset: tok.offset}, 1}, p.advance()
	case tok.kind == tokInteger || tok.kind == tokDecimal || tok.kind == tokLong:
		return p.number()
	case tok.kind == tokDate:
		return subtree{&Literal{Kind: Date, Text: tok.text, Offset: tok.offset}, 1}, p.advance()
	case tok.kind == tokDateTime:
		return subtree{&Literal{Kind: DateTime, Text: tok.text, Offset: tok.offset}, 1}, p.advance()
	case tok.kind == tokTime:
		return subtree{&Literal{Kind: Time, Text: tok.text, Offset: tok.offset}, 1}, p.advance()
	}
	return p.invocation(subtree{})
}

// number reads a number and the unit that makes a Quantity of it.
func (p *parser) number() (subtree, error) {
	lit := &Literal{Kind: Integer, Text: p.tok.text, Offset: p.tok.offset}
	kind := p.tok.kind
	if err := p.advance(); err != nil {
		return subtree{}, err
	}
	switch {
	case kind == tokLong:
		lit.Kind = Long
		return subtree{lit, 1}, nil
	case kind == tokDecimal:
		lit.Kind = Decimal
	}
	if p.tok.kind == tokString || p.tok.kind == tokIdent && calendarUnit(p.tok.text) {
		lit.Kind, lit.Unit, lit.Calendar = Quantity, p.tok.text, p.tok.kind == tokIdent
		return subtree{lit, 1}, p.advance()
	}
	return subtree{lit, 1}, nil
}

// external reads an environment variable.
func (p *parser) external() (subtree, error) {
	offset := p.tok.offset
	if err := p.advance(); err != nil {
		return subtree{}, err
	}
	if !p.atIdentifier() && p.tok.kind != tokString {
		return subtree{}, p.unexpected("name of a variable")
	}
	if p.tok.text == "" {
		return subtree{}, p.lex.fail(p.tok.offset, "name of a variable is empty")
	}
	e := &External{Name: p.tok.text, Offset: offset}
	return subtree{e, 1}, p.advance()
}

func (p *parser) atIdentifier() bool {
	return p.tok.kind == tokDelimited || p.tok.kind == tokIdent && !reserved(p.tok.text)
}

// invocation reads a member, function or variable of x; x holds no expression at the start of a path.
func (p *parser) invocation(x subtree) (subtree, error) {
	offset, name := p.tok.offset, p.tok.text
	if p.tok.kind == tokSpecial {
		kind := map[string]SpecialKind{"$this": This, "$index": ItemIndex, "$total": Total}[name]
		height, err := p.heightOver(offset, x.height)
		if err != nil {
			return subtree{}, err
		}
		return subtree{&Special{X: x.Expr, Kind: kind, Offset: offset}, height}, p.advance()
	}
	if !p.atIdentifier() {
		if x.Expr == nil {
			return subtree{}, p.unexpected("expression" + p.operatorHint())
		}
		return subtree{}, p.unexpected("element or function")
	}
	if err := p.advance(); err != nil {
		return subtree{}, err
	}
	if p.symbol("(") {
		return p.call(x, name, offset)
	}
	height, err := p.heightOver(offset, x.height)
	return subtree{&Member{X: x.Expr, Name: name, Offset: offset}, height}, err
}

// habit explains an operator of other languages that begins with one of FHIRPath's.
func (p *parser) operatorHint() string {
	before := p.tok.offset - 1
	if before < 0 || p.tok.kind != tokSymbol || p.tok.text != p.lex.src[before:before+1] {
		return ""
	}
	switch p.tok.text {
	case "=":
		return " (equality is a single =)"
	case "&":
		return " (conjunction is the word and)"
	case "|":
		return " (disjunction is the word or)"
	}
	return ""
}

// call reads the arguments of a function, from the opening parenthesis on.
func (p *parser) call(x subtree, name string, offset int) (subtree, error) {
	if err := p.advance(); err != nil {
		return subtree{}, err
	}
	call := &Call{X: x.Expr, Name: name, Offset: offset}
	below := x.height
	for !p.symbol(")") {
		if len(call.Args) > 0 {
			if !p.symbol(",") {
				return subtree{}, p.unexpected("',' or ')'")
			}
			if err := p.advance(); err != nil {
				return subtree{}, err
			}
		}
		arg, err := p.expression(precNone)
		if err != nil {
			return subtree{}, err
		}
		call.Args = append(call.Args, arg.Expr)
		below = max(below, arg.height)
		if err := p.direction(call); err != nil {
			return subtree{}, err
		}
	}
	if err := p.advance(); err != nil {
		return subtree{}, err
	}
	height, err := p.heightOver(offset, below)
	return subtree{call, height}, err
}

// direction reads the asc or desc that may follow a key of sort.
func (p *parser) direction(call *Call) error {
	if call.Name != "sort" || p.tok.kind != tokIdent || p.tok.text != "asc" && p.tok.text != "desc" {
		return nil
	}
	if p.tok.text == "desc" {
		for len(call.Descending) < len(call.Args) {
			call.Descending = append(call.Descending, false)
		}
		call.Descending[len(call.Args)-1] = true
	}
	return p.advance()
}

// typeName reads a type specifier.
func (p *parser) typeName() (TypeName, error) {
	typ := TypeName{Offset: p.tok.offset}
	for {
		if !p.atIdentifier() {
			return typ, p.unexpected("type")
		}
		typ.Parts = append(typ.Parts, p.tok.text)
		if err := p.advance(); err != nil || !p.symbol(".") || p.beforeInvocation() {
			return typ, err
		}
		if err := p.advance(); err != nil {
			return typ, err
		}
	}
}

// invoked reports whether the point at the current token stands before a function or variable and is thus no part of a
// name: x is Integer.not().
func (p *parser) beforeInvocation() bool {
	ahead := *p
	if ahead.advance() != nil {
		return false
	}
	return ahead.tok.kind == tokSpecial || ahead.atIdentifier() && ahead.advance() == nil && ahead.symbol("(")
}
