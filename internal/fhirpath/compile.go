package fhirpath

import (
	"context"
	"errors"
	"strings"
	"unicode"

	"github.com/researchflow/researchflow/internal/fhirpath/check"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
)

// Compile parses and checks an expression and returns it as a [Program]. The error is an [Errors] with every fault
// found, each with its kind: Syntax, Semantic (unknown variables and types, wrong numbers of arguments and, with
// [Strict], anything that contradicts the types of the model), Unsupported or Limit. Any goroutine may call it.
func Compile(expr string, opts ...CompileOption) (*Program, error) {
	conf, err := newConfig(opts)
	if err != nil {
		return nil, Errors{newError(Semantic, expr, 0, "%s", err)}
	}
	tree, err := syntax.Parse(expr)
	if err != nil {
		return nil, Errors{syntaxError(expr, err)}
	}
	c := &compiler{config: conf, functions: functions, src: expr, checked: conf.staticCheck(tree)}
	root := c.compile(tree)
	warnings := c.addStaticFaults(c.checked)
	if len(c.errs) > 0 {
		return nil, c.errs
	}
	return &Program{
		src: expr, tree: tree, root: root, schema: conf.schema, input: conf.input, emptyJoin: conf.emptyJoin,
		result: toStaticType(conf.schema.model, c.checked.Type), warnings: warnings,
	}, nil
}

func syntaxError(expr string, err error) *Error {
	var fault *syntax.Error
	if !errors.As(err, &fault) {
		return newError(Internal, expr, 0, "%s", err)
	}
	kind := Syntax
	if fault.Limit {
		kind = Limit
		expr = expr[:min(len(expr), syntax.MaxLength)] // an endless text is not worth keeping
	}
	return newError(kind, expr, fault.Offset, "%s", fault.Msg)
}

// compiler turns a syntax tree into operations.
type compiler struct {
	*config
	functions functionTable
	src       string
	errs      Errors
	// checked is the result of the static check.
	checked *check.Result
	vars    *binding // variables that defineVariable makes visible here
	// inAggregate reports that $total has a value here.
	inAggregate bool
	// patternSteps is the cost of compiling the regular expressions so far.
	patternSteps int
}

// binding is a variable defined by defineVariable, with those defined before it.
type binding struct {
	name  string
	next  *binding
	depth int
}

// maxVariables is how many variables may be visible at one point.
const maxVariables = 100

// dynamic stands for the name of a binding that is only known at evaluation.
const dynamic = ""

func (c *compiler) report(kind ErrorKind, pos int, format string, args ...any) {
	if len(c.errs) < maxErrors {
		c.errs = append(c.errs, newError(kind, c.src, pos, format, args...))
	}
}

// operand compiles an expression with a scope of its own: variables that it defines are not visible after it.
func (c *compiler) operand(expr syntax.Expr) operation {
	vars := c.vars
	n := c.compile(expr)
	c.vars = vars
	return n
}

// receiver compiles the expression before a dot; nil, which means $this, stays nil.
func (c *compiler) receiver(expr syntax.Expr) operation {
	if expr == nil {
		return nil
	}
	return c.compile(expr)
}

// compile returns the operation of an expression. It is not nil even if compile reports an error.
func (c *compiler) compile(expr syntax.Expr) operation {
	switch x := expr.(type) {
	case *syntax.Literal:
		return c.literal(x)
	case *syntax.Member:
		return c.member(x)
	case *syntax.Special:
		if x.X != nil {
			c.operand(x.X)
		}
		if x.Kind == syntax.Total && !c.inAggregate {
			c.report(Semantic, x.Offset, "$total has a value only in the arguments of aggregate()")
		}
		return &special{x.Kind, x.Offset}
	case *syntax.External:
		return c.external(x)
	case *syntax.Index:
		return &index{c.compile(x.X), c.operand(x.Index), x.Offset}
	case *syntax.Unary:
		if lit, ok := x.X.(*syntax.Literal); ok && x.Op == syntax.OpSub && (lit.Kind == syntax.Integer || lit.Kind == syntax.Long) {
			return c.literal(&syntax.Literal{Kind: lit.Kind, Text: "-" + lit.Text, Offset: x.Offset})
		}
		return c.fold(&unary{x.Op, c.operand(x.X), x.Offset})
	case *syntax.Binary:
		return c.binary(x)
	case *syntax.TypeOp:
		return &typeOp{x.Op, c.operand(x.X), c.typeSpec(x.Type), x.Offset}
	case *syntax.Call:
		return c.call(x)
	case *syntax.Instance:
		return c.instance(x)
	}
	c.report(Internal, expr.Pos(), "unknown kind of expression")
	return &constant{}
}

func (c *compiler) literal(x *syntax.Literal) operation {
	v, none, err := literal(x)
	switch {
	case err != nil:
		c.report(Syntax, x.Offset, "%s literal is not valid: %s", strings.ToLower(x.Kind.String()), cause(err))
	case none:
		return &constant{}
	}
	return &constant{[]Value{v}}
}

// cause returns an error's text without the name of the package it comes from.
func cause(err error) string {
	msg := err.Error()
	if _, rest, ok := strings.Cut(msg, ": "); ok {
		return rest
	}
	return msg
}

func (c *compiler) member(x *syntax.Member) operation {
	if x.X == nil {
		typ := c.schema.typeOf(x.Name)
		// Elements begin with a lower-case letter, types do not, even those that the model does not have.
		if typ != 0 || startsUpper(x.Name) {
			return &root{x.Name, typ, x.Offset}
		}
	}
	return &member{x: c.receiver(x.X), name: x.Name, choices: c.choiceNames, pos: x.Offset}
}

func startsUpper(name string) bool { return unicode.IsUpper([]rune(name)[0]) }

// Builtin reports whether an environment variable is defined by the specifications of FHIRPath or FHIR and cannot be
// declared. [Env] can give such variables another value.
func Builtin(name string) bool {
	_, url := builtinURLs[name]
	return builtin(name) && !url
}

// builtin is [Builtin] with the variables that stand for URLs, which may be declared.
func builtin(name string) bool {
	switch name {
	case "context", "resource", "rootResource", "ucum", "sct", "loinc":
		return true
	}
	return strings.HasPrefix(name, "vs-") || strings.HasPrefix(name, "ext-")
}

// builtinURLs are the environment variables that are constants (FHIR, section "Additional variables").
var builtinURLs = map[string]string{
	"ucum":  ucum,
	"sct":   "http://snomed.info/sct",
	"loinc": "http://loinc.org",
}

func (c *compiler) external(x *syntax.External) operation {
	if v, ok := c.constants[x.Name]; ok {
		if v.kind == 0 {
			return &constant{}
		}
		return &constant{[]Value{v}}
	}
	if _, ok := c.variables[x.Name]; ok {
		return &external{x.Name, x.Offset}
	}
	if url, ok := builtinURLs[x.Name]; ok {
		return &constant{[]Value{NewString(url)}}
	}
	if name, ok := strings.CutPrefix(x.Name, "vs-"); ok {
		return &constant{[]Value{NewString("http://hl7.org/fhir/ValueSet/" + name)}}
	}
	if name, ok := strings.CutPrefix(x.Name, "ext-"); ok {
		return &constant{[]Value{NewString("http://hl7.org/fhir/StructureDefinition/" + name)}}
	}
	if !builtin(x.Name) && !c.defined(x.Name) {
		hint := strings.Replace(c.suggest(x.Name, c.variableNames), "mean ", "mean %", 1)
		c.report(Semantic, x.Offset, "undefined variable %%%s%s", x.Name, hint)
	}
	return &external{x.Name, x.Offset}
}

// defined reports whether a variable is declared by the caller or by defineVariable.
func (c *compiler) defined(name string) bool {
	if _, ok := c.variables[name]; ok {
		return true
	}
	for b := c.vars; b != nil; b = b.next {
		if b.name == name || b.name == dynamic {
			return true
		}
	}
	return false
}

func (c *compiler) variableNames() []string {
	names := []string{"context", "resource", "rootResource", "ucum", "sct", "loinc"}
	for name := range c.variables {
		names = append(names, name)
	}
	for name := range c.constants {
		names = append(names, name)
	}
	for b := c.vars; b != nil; b = b.next {
		if b.name != dynamic {
			names = append(names, b.name)
		}
	}
	return names
}

func (c *compiler) binary(x *syntax.Binary) operation {
	left, right := c.operand(x.X), c.operand(x.Y)
	op := binary{left, right, x.Offset}
	switch x.Op {
	case syntax.OpAnd, syntax.OpOr, syntax.OpXor, syntax.OpImplies:
		return c.fold(&logic{op, x.Op})
	case syntax.OpEqual, syntax.OpNotEqual, syntax.OpEquivalent, syntax.OpNotEquivalent:
		return c.fold(&equality{op, x.Op})
	case syntax.OpLess, syntax.OpLessEqual, syntax.OpGreater, syntax.OpGreaterEqual:
		return c.fold(&comparison{op, x.Op})
	case syntax.OpIn:
		return &membership{op}
	case syntax.OpContains:
		return &membership{binary{right, left, x.Offset}}
	case syntax.OpUnion:
		return &union{op}
	case syntax.OpConcat:
		return c.fold(&concat{op})
	}
	return c.fold(&arithmetic{op, x.Op})
}

// fold evaluates an operation on constants at compile time. If that fails the operation stays as it is, because it may
// never be evaluated.
func (c *compiler) fold(n operation) operation {
	if !foldable(n) || len(c.errs) > 0 {
		return n
	}
	p := &Program{root: n, schema: c.schema}
	values, err := NewEvaluator(EvalConfig{}).Eval(context.Background(), p, Value{}, nil)
	if err != nil {
		return n
	}
	return &constant{values}
}

// maxFolded is the maximum size of the operands of operations that are folded: no steps are counted at compile time.
const maxFolded = 1_000

// constantSize returns the number of bytes of a constant's text. A unit counts 50 times: it is slow to convert.
func constantSize(n operation) int {
	if k, ok := n.(*constant); ok && len(k.values) == 1 {
		return k.values[0].size() + 50*k.values[0].unitSize()
	}
	return 0
}

func foldable(n operation) bool {
	all := func(nodes ...operation) bool {
		size := 0
		for _, n := range nodes {
			if _, ok := n.(*constant); !ok {
				return false
			}
			size += constantSize(n)
		}
		return size <= maxFolded
	}
	switch n := n.(type) {
	case *unary:
		return all(n.x)
	case *logic:
		return all(n.left, n.right)
	case *equality:
		return all(n.left, n.right)
	case *comparison:
		return all(n.left, n.right)
	case *concat:
		return all(n.left, n.right)
	case *arithmetic:
		return all(n.left, n.right)
	}
	return false
}

// typeSpec resolves a type specifier: the names of the model first, then those of System.
func (c *compiler) typeSpec(t syntax.TypeName) typeSpec {
	name, namespace := t.Parts[len(t.Parts)-1], ""
	switch {
	case len(t.Parts) > 1 && (t.Parts[0] == "FHIR" || t.Parts[0] == "System"):
		namespace, name = t.Parts[0], strings.Join(t.Parts[1:], ".")
	case len(t.Parts) > 1: // the type of a backbone element: Patient.contact
		name = strings.Join(t.Parts, ".")
	}
	spec := typeSpec{name: name, namespace: namespace, pos: t.Offset}
	if namespace != "System" {
		spec.fhir = c.schema.typeOf(name)
	}
	if namespace != "FHIR" {
		spec.system = systemKind(name)
		spec.any = name == "Any"
	}
	// Nothing has a type of the model in the wrong namespace (System.Patient); the static check reports it.
	misplaced := namespace == "System" && c.schema.typeOf(name) != 0
	if spec.fhir == 0 && spec.system == 0 && !spec.any && !misplaced && (c.schema.model != nil || namespace == "System") {
		c.report(Semantic, t.Offset, "unknown type %s%s", t, c.suggest(name, func() []string { return c.typeNames(namespace) }))
	}
	return spec
}

func (c *compiler) typeNames(namespace string) []string {
	var names []string
	if c.schema.model != nil && namespace != "System" {
		for id := 1; id <= c.schema.model.Len(); id++ {
			names = append(names, c.schema.model.Name(model.TypeID(id)))
		}
	}
	return append(names, kindNames[Boolean:TypeInfo]...)
}

// suggest returns "; did you mean x" for the closest of the names, "" if none is close or if no more errors are
// reported.
func (c *compiler) suggest(name string, names func() []string) string {
	if len(c.errs) >= maxErrors {
		return ""
	}
	best, ok := check.Nearest(name, names())
	if !ok {
		return ""
	}
	return "; did you mean " + best
}
