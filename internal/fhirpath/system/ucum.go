package system

import (
	"math/big"
	"slices"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// Limits of unit expressions; units from data are read at run time, so their cost is bounded.
const (
	maxUnitLength   = 200
	maxUnitDepth    = 16
	maxUnitExponent = 24
	maxTenExponent  = 60
)

// Unit is a UCUM unit expression in a form that can be compared and converted. Values are immutable and may be
// shared.
type ucumUnit struct {
	factor  *big.Rat    // one of the unit in base units
	dims    []dimension // sorted by name, without zero exponents
	special *special
	terms   []unitTerm
}

// dimension is a power of a base unit: one of UCUM's seven, or an arbitrary unit, which only measures the same as
// itself.
type dimension struct {
	name string
	exp  int
}

// special is a unit that is not a multiple of a base unit: base = (value * prefix + offset) * factor.
type special struct {
	prefix, offset *big.Rat
}

// unitTerm is a symbol with an exponent, as written.
type unitTerm struct {
	symbol string
	exp    int
	factor *big.Rat
	dims   []dimension
}

// Commensurable reports whether values can be converted between the units.
func (u ucumUnit) commensurable(o ucumUnit) bool { return slices.Equal(u.dims, o.dims) }

// ParseUnit reads a unit expression of UCUM's case-sensitive grammar: prefixed symbols with exponents, joined by
// '.' and '/', parentheses, whole numbers and {annotations}. Errors match ErrUnit.
func parseUnit(code string) (ucumUnit, error) {
	if len(code) == 0 || len(code) > maxUnitLength {
		return ucumUnit{}, ErrUnit
	}
	p := unitParser{text: code, atoms: atoms()}
	u, ok := p.parse()
	if !ok {
		return ucumUnit{}, ErrUnit
	}
	return u, nil
}

type unitParser struct {
	text  string
	pos   int
	depth int
	atoms map[string]atom
}

func unitOne() ucumUnit { return ucumUnit{factor: big.NewRat(1, 1)} }

func (p *unitParser) parse() (ucumUnit, bool) {
	u, ok := p.term()
	return u, ok && p.pos == len(p.text)
}

func (p *unitParser) peek(c byte) bool { return p.pos < len(p.text) && p.text[p.pos] == c }

func (p *unitParser) term() (ucumUnit, bool) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxUnitDepth {
		return ucumUnit{}, false
	}
	u, sign, first := unitOne(), 1, true
	if p.peek('/') {
		sign, first = -1, false
		p.pos++
	}
	for {
		c, ok := p.component()
		if !ok {
			return ucumUnit{}, false
		}
		if first && sign > 0 {
			u = c
		} else {
			u = u.times(c, sign)
		}
		first = false
		switch {
		case p.peek('.'):
			sign = 1
		case p.peek('/'):
			sign = -1
		default:
			return u, true
		}
		p.pos++
	}
}

func (p *unitParser) component() (ucumUnit, bool) {
	var u ucumUnit
	switch {
	case p.peek('('):
		p.pos++
		var ok bool
		if u, ok = p.term(); !ok || !p.peek(')') {
			return ucumUnit{}, false
		}
		p.pos++
	case p.peek('{'):
		u = unitOne()
		start := p.pos
		if !p.annotation() {
			return ucumUnit{}, false
		}
		u.terms = []unitTerm{{symbol: p.text[start:p.pos], exp: 1, factor: big.NewRat(1, 1)}}
		return u, true
	default:
		var ok bool
		if u, ok = p.simple(); !ok {
			return ucumUnit{}, false
		}
	}
	if p.peek('{') && !p.annotation() {
		return ucumUnit{}, false
	}
	return u, true
}

func (p *unitParser) annotation() bool {
	end := strings.IndexByte(p.text[p.pos:], '}')
	if end < 0 {
		return false
	}
	p.pos += end + 1
	return true
}

// simple reads a number or a symbol with its exponent.
func (p *unitParser) simple() (ucumUnit, bool) {
	start, depth := p.pos, 0
scan:
	for ; p.pos < len(p.text); p.pos++ {
		switch c := p.text[p.pos]; {
		case c == '[':
			depth++
		case c == ']':
			depth--
		case depth == 0 && (c == '.' || c == '/' || c == '(' || c == ')' || c == '{' || c == '}'):
			break scan
		case c <= ' ' || c > '~':
			return ucumUnit{}, false
		}
	}
	symbol := p.text[start:p.pos]
	if symbol == "" {
		return ucumUnit{}, false
	}
	if strings.Trim(symbol, "0123456789") == "" {
		if len(symbol) > 18 || strings.Trim(symbol, "0") == "" {
			return ucumUnit{}, false
		}
		f, ok := new(big.Rat).SetString(symbol)
		u := ucumUnit{factor: f}
		if symbol != "1" {
			u.terms = []unitTerm{{symbol: symbol, exp: 1, factor: f}}
		}
		return u, ok
	}
	exp, limit := 1, maxUnitExponent
	end := len(symbol)
	for end > 0 && isDigit(symbol[end-1]) {
		end--
	}
	if digits := symbol[end:]; digits != "" && end > 0 {
		if len(digits) > 2 {
			return ucumUnit{}, false
		}
		exp, _ = number(digits, 0, len(digits))
		switch symbol[end-1] {
		case '-':
			exp = -exp
			end--
		case '+':
			end--
		}
		symbol = symbol[:end]
	}
	if symbol == "10*" || symbol == "10^" {
		limit = maxTenExponent
	}
	if exp == 0 || exp > limit || exp < -limit {
		return ucumUnit{}, false
	}
	a, ok := p.symbol(symbol)
	if !ok {
		return ucumUnit{}, false
	}
	return a.power(symbol, exp), true
}

// symbol finds an atom, with a prefix if it is metric.
func (p *unitParser) symbol(symbol string) (atom, bool) {
	if a, ok := p.atoms[symbol]; ok {
		return a, true
	}
	for n := 1; n <= 2 && n < len(symbol); n++ {
		exp, ok := prefix(symbol[:n])
		if !ok {
			continue
		}
		a, ok := p.atoms[symbol[n:]]
		if !ok || !a.metric {
			continue
		}
		if a.offset != nil {
			a.prefix = exp
		} else {
			a.factor = new(big.Rat).Mul(a.factor, exp)
		}
		return a, true
	}
	return atom{}, false
}

// atom is an entry of the table of units.
type atom struct {
	metric bool
	factor *big.Rat
	dims   []dimension
	offset *big.Rat // of a special unit
	prefix *big.Rat
}

func (a atom) power(symbol string, exp int) ucumUnit {
	u := ucumUnit{factor: ratPower(a.factor, exp)}
	for _, d := range a.dims {
		u.dims = append(u.dims, dimension{d.name, d.exp * exp})
	}
	if a.offset != nil && exp == 1 {
		u.special = &special{prefix: big.NewRat(1, 1), offset: a.offset}
		if a.prefix != nil {
			u.special.prefix = a.prefix
		}
	}
	u.terms = []unitTerm{{symbol: symbol, exp: exp, factor: a.factor, dims: a.dims}}
	return u
}

func ratPower(r *big.Rat, exp int) *big.Rat {
	p := big.NewRat(1, 1)
	for range max(exp, -exp) {
		p.Mul(p, r)
	}
	if exp < 0 {
		p.Inv(p)
	}
	return p
}

// times returns u * o (sign 1) or u / o (sign -1). A special unit within a product counts as a difference, as in
// W/Cel.
func (u ucumUnit) times(o ucumUnit, sign int) ucumUnit {
	r := ucumUnit{factor: new(big.Rat), dims: slices.Clone(u.dims), terms: slices.Clone(u.terms)}
	if sign > 0 {
		r.factor.Mul(u.factor, o.factor)
	} else {
		r.factor.Quo(u.factor, o.factor)
	}
	for _, d := range o.dims {
		r.dims = addDimension(r.dims, dimension{d.name, d.exp * sign})
	}
	for _, t := range o.terms {
		t.exp *= sign
		r.terms = append(r.terms, t)
	}
	return r
}

func addDimension(dims []dimension, d dimension) []dimension {
	i, found := slices.BinarySearchFunc(dims, d.name, func(d dimension, name string) int {
		return strings.Compare(d.name, name)
	})
	if !found {
		return slices.Insert(dims, i, d)
	}
	if dims[i].exp += d.exp; dims[i].exp == 0 {
		return slices.Delete(dims, i, i+1)
	}
	return dims
}

// ratio is what a value is to be multiplied with; nil is 1.
type ratio struct{ r *big.Rat }

func (f ratio) apply(d Decimal) (Decimal, bool) {
	if f.r == nil {
		return d, true
	}
	r := d.rat()
	return decimalFromRat(r.Mul(r, f.r))
}

// product returns the code of u * o (or u / o) and what the product of the values is to be multiplied with.
// Powers of the same symbol are joined; of two symbols that measure the same, the larger one stays.
func (u ucumUnit) product(o ucumUnit, sign int) (code string, scale ratio) {
	var terms []unitTerm
	factor := big.NewRat(1, 1)
	add := func(t unitTerm) {
		for i := range terms {
			have := &terms[i]
			switch {
			case have.symbol == t.symbol:
				if sum := have.exp + t.exp; !takesExponent(t.symbol) && (sum < -1 || sum > 1) {
					continue // 10 twice is 10.10: 102 is another number
				}
			case len(t.dims) == 0 || !slices.Equal(have.dims, t.dims):
				continue
			case have.factor.Cmp(t.factor) < 0: // t's symbol replaces the one there
				factor.Mul(factor, ratPower(new(big.Rat).Quo(have.factor, t.factor), have.exp))
				have.symbol, have.factor = t.symbol, t.factor
			default:
				factor.Mul(factor, ratPower(new(big.Rat).Quo(t.factor, have.factor), t.exp))
			}
			have.exp += t.exp
			return
		}
		terms = append(terms, t)
	}
	for _, t := range u.terms {
		add(t)
	}
	for _, t := range o.terms {
		t.exp *= sign
		add(t)
	}
	return printTerms(terms), ratio{factor}
}

// takesExponent reports whether a symbol can be written with an exponent: numbers and annotations cannot.
func takesExponent(symbol string) bool {
	return symbol[0] != '{' && strings.Trim(symbol, "0123456789") != ""
}

func printTerms(terms []unitTerm) string {
	var above, below []byte
	for _, t := range terms {
		switch {
		case t.exp > 0:
			if len(above) > 0 {
				above = append(above, '.')
			}
			above = appendPower(above, t.symbol, t.exp)
		case t.exp < 0:
			below = appendPower(append(below, '/'), t.symbol, -t.exp)
		}
	}
	if len(above) == 0 && len(below) == 0 {
		above = append(above, '1')
	}
	return string(above) + string(below)
}

func appendPower(dst []byte, symbol string, exp int) []byte {
	dst = append(dst, symbol...)
	if exp == 1 {
		return dst
	}
	return DecimalFromInt(int64(exp)).AppendText(dst)
}

// convert turns a value in u into one in to, which must be commensurable.
func (u ucumUnit) convert(v Decimal, to ucumUnit) (Decimal, bool) {
	r := v.rat()
	if u.special != nil {
		r.Mul(r, u.special.prefix)
		r.Add(r, u.special.offset)
	}
	r.Mul(r, u.factor)
	r.Quo(r, to.factor)
	if to.special != nil {
		r.Sub(r, to.special.offset)
		r.Quo(r, to.special.prefix)
	}
	return decimalFromRat(r)
}

// rat returns the exact value.
func (d Decimal) rat() *big.Rat {
	if d.big == nil {
		return new(big.Rat).SetFrac(big.NewInt(d.coef), new(big.Int).SetUint64(pow10[d.scale]))
	}
	num := new(big.Int).Set(d.big.Coeff.MathBigInt())
	if d.big.Negative {
		num.Neg(num)
	}
	den := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(d.scale)), nil)
	return new(big.Rat).SetFrac(num, den)
}

// decimalFromRat returns the value, rounded to 34 digits where it has no shorter exact form.
func decimalFromRat(r *big.Rat) (Decimal, bool) {
	var num, den, q apd.Decimal
	num.Coeff.SetMathBigInt(new(big.Int).Abs(r.Num()))
	num.Negative = r.Sign() < 0
	den.Coeff.SetMathBigInt(r.Denom())
	if _, err := arith.Quo(&q, &num, &den); err != nil {
		return Decimal{}, false
	}
	return roundResult(&q)
}
