package syntax

// Expr is a node of an expression's tree. The set of nodes is closed: [*Literal], [*Member], [*Call],
// [*Special], [*External], [*Index], [*Unary], [*Binary], [*TypeOp] and [*Instance]. Trees are not changed once parsed
// and may be shared between goroutines.
type Expr interface {
	// Pos is the byte offset of the node's most telling token: the name of a member or function, the
	// operator of an operation, the first character of a literal.
	Pos() int
	// children returns the direct sub-expressions from left to right.
	children() []Expr
}

// LiteralKind tells the kinds of literals apart.
type LiteralKind uint8

// The kinds of literals.
const (
	Empty    LiteralKind = iota + 1 // {}
	Boolean                         // true
	String                          // 'text'
	Integer                         // 1
	Long                            // 1L
	Decimal                         // 1.0
	Date                            // @2015-02
	DateTime                        // @2015-02T
	Time                            // @T14:30
	Quantity                        // 4 'mg', 4 days
)

var literalKindNames = [...]string{
	Empty: "Empty", Boolean: "Boolean", String: "String", Integer: "Integer", Long: "Long",
	Decimal: "Decimal", Date: "Date", DateTime: "DateTime", Time: "Time", Quantity: "Quantity",
}

// String returns the name of the kind, which for all but Empty is the name of a System type.
func (k LiteralKind) String() string {
	if int(k) < len(literalKindNames) {
		return literalKindNames[k]
	}
	return ""
}

// Literal is a constant written in the expression.
type Literal struct {
	Kind LiteralKind
	// Text is the value: the decoded characters of a String; the digits of a number or of a Quantity's
	// value, without the L of a Long; a date or time without its @ (a Time without @T, a DateTime of
	// date precision with its closing T); true or false.
	Text string
	// Unit is the unit of a Quantity; Calendar reports that it is a word (day, years) and not a UCUM string.
	Unit     string
	Calendar bool
	Offset   int
}

// Member is the navigation to an element: X.Name, or Name alone where X is nil. A name at the start of an
// expression may also be the type of the focus (Patient.name).
type Member struct {
	X      Expr
	Name   string
	Offset int
}

// Call is the invocation of a function: X.Name(Args), or Name(Args) alone where X is nil.
type Call struct {
	X    Expr
	Name string
	Args []Expr
	// Descending marks the arguments of sort that are followed by the word desc; nil when there are none.
	Descending []bool
	Offset     int
}

// SpecialKind names one of the variables that functions set for their arguments.
type SpecialKind uint8

// The variables of scoped functions.
const (
	This      SpecialKind = iota + 1 // $this
	ItemIndex                        // $index
	Total                            // $total
)

// String returns the variable as it is written.
func (k SpecialKind) String() string {
	switch k {
	case This:
		return "$this"
	case ItemIndex:
		return "$index"
	case Total:
		return "$total"
	}
	return ""
}

// Special is $this, $index or $total. The grammar allows one after a dot; X is then what stands before it.
type Special struct {
	X      Expr
	Kind   SpecialKind
	Offset int
}

// External is an environment variable: %name, %`name` or %'name'.
type External struct {
	Name   string
	Offset int
}

// Index is X[Index].
type Index struct {
	X, Index Expr
	Offset   int
}

// Unary is a sign before X; Op is OpAdd or OpSub.
type Unary struct {
	Op     Op
	X      Expr
	Offset int
}

// Binary is X Op Y.
type Binary struct {
	Op     Op
	X, Y   Expr
	Offset int
}

// TypeOp is X is Type, or X as Type; Op is OpIs or OpAs.
type TypeOp struct {
	Op     Op
	X      Expr
	Type   TypeName
	Offset int
}

// Instance creates an object: Type { name : value, name : value }. Names and Values are of the same length; Type {:}
// has none.
type Instance struct {
	Type   TypeName
	Names  []string
	Values []Expr
	Offset int
}

// TypeName is a type specifier: Quantity, FHIR.Patient, System.String.
type TypeName struct {
	// Parts are the identifiers between the dots; there is at least one.
	Parts  []string
	Offset int
}

// Pos returns the offset of the literal's first character.
func (e *Literal) Pos() int { return e.Offset }

// Pos returns the offset of the name.
func (e *Member) Pos() int { return e.Offset }

// Pos returns the offset of the function's name.
func (e *Call) Pos() int { return e.Offset }

// Pos returns the offset of the variable.
func (e *Special) Pos() int { return e.Offset }

// Pos returns the offset of the percent sign.
func (e *External) Pos() int { return e.Offset }

// Pos returns the offset of the opening bracket.
func (e *Index) Pos() int { return e.Offset }

// Pos returns the offset of the sign.
func (e *Unary) Pos() int { return e.Offset }

// Pos returns the offset of the operator.
func (e *Binary) Pos() int { return e.Offset }

// Pos returns the offset of the operator.
func (e *TypeOp) Pos() int { return e.Offset }

// Pos returns the offset of the type.
func (e *Instance) Pos() int { return e.Offset }

func (e *Literal) children() []Expr  { return nil }
func (e *Member) children() []Expr   { return optional(e.X) }
func (e *Call) children() []Expr     { return append(optional(e.X), e.Args...) }
func (e *Special) children() []Expr  { return optional(e.X) }
func (e *External) children() []Expr { return nil }
func (e *Index) children() []Expr    { return []Expr{e.X, e.Index} }
func (e *Unary) children() []Expr    { return []Expr{e.X} }
func (e *Binary) children() []Expr   { return []Expr{e.X, e.Y} }
func (e *TypeOp) children() []Expr   { return []Expr{e.X} }
func (e *Instance) children() []Expr { return e.Values }

func optional(x Expr) []Expr {
	if x == nil {
		return nil
	}
	return []Expr{x}
}

// Walk calls visit for e and everything below it, parents first and from left to right. Where visit
// returns false the children of that node are left out.
func Walk(e Expr, visit func(Expr) bool) {
	if e == nil || !visit(e) {
		return
	}
	for _, child := range e.children() {
		Walk(child, visit)
	}
}
