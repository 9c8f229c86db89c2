package runner

import (
	"errors"

	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
)

// program is one compiled expression.
type program struct {
	text string
	tree syntax.Expr
}

// focusType is what is known of the elements that an expression runs on: type names, none where unknown.
type focusType struct{ types []string }

func (t focusType) single() string {
	if len(t.types) == 1 {
		return t.types[0]
	}
	return ""
}

// exprCompiler compiles the expressions of one view.
type exprCompiler struct {
	c *compiler
}

func (x *exprCompiler) init(c *compiler) {
	x.c = c
	c.constants(func(k Constant, element string) {
		if k.Type == "" {
			c.bad.addf(KindValidate, element, "constant %s has no value", k.Name)
		}
	})
}

func (x *exprCompiler) root() focusType { return focusType{[]string{x.c.def.Resource}} }

func (x *exprCompiler) version() string { return "4.0.1" }

func (x *exprCompiler) result(*program) focusType { return focusType{} }

func (x *exprCompiler) finish(*plan) {}

func (x *exprCompiler) compile(element, path string, _ focusType) *program {
	tree, err := syntax.Parse(path)
	if err != nil {
		e := &CompileError{Kind: KindSyntax, Element: element, Expression: path, Msg: err.Error(), Err: err}
		var at *syntax.Error
		if errors.As(err, &at) {
			e.Offset, e.Line, e.Column, e.Msg = at.Offset, at.Line, at.Column, at.Msg
		}
		x.c.bad.add(e)
	}
	return &program{text: path, tree: tree}
}

// condition compiles a where path.
func (c *compiler) condition(element, path string) wherePlan {
	return wherePlan{prog: c.exprs.compile(element, path, c.exprs.root()), path: path, element: element}
}
