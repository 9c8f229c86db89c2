package runner

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/researchflow/researchflow/internal/fhirpath"
	"github.com/researchflow/researchflow/internal/fhirpath/check"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
	"github.com/researchflow/researchflow/internal/fhirpath/system"
)

// rowIndexName is the variable of the position among what a select iterates over.
const rowIndexName = "rowIndex"

// focusType is what is known of the elements that an expression runs on.
type focusType = check.Type

// exprCompiler compiles the expressions of one view. A fault goes to the compiler's list, and the result is nil.
type exprCompiler struct {
	c       *compiler
	model   model.Version
	options []fhirpath.CompileOption // for every expression
	known   check.Options
	texts   map[string]string // constants of System type String
}

func (x *exprCompiler) init(c *compiler) {
	x.c, x.texts = c, make(map[string]string)
	x.version()
	x.options = []fhirpath.CompileOption{
		fhirpath.WithModel(x.model), fhirpath.WithVariable(rowIndexName, "System.Integer"),
		fhirpath.EmptyJoin(!c.cfg.nullJoin), fhirpath.ChoiceNames(true),
	}
	x.known = check.Options{
		Model: model.Load(x.model), Resource: x.root(),
		Variables: map[string]check.Type{rowIndexName: check.OfSystem(check.Integer)},
	}
	c.constants(func(k Constant, element string) {
		v, err := constantValue(k)
		if err != nil {
			c.bad.add(&CompileError{Kind: KindValidate, Element: element, Msg: err.Error()})
			v = fhirpath.NewString("") // so that paths which name it have no fault of their own
		}
		x.options = append(x.options, fhirpath.WithConstant(k.Name, v))
		x.known.Variables[k.Name] = check.OfSystem(systemType(v.Kind()))
		if text, ok := v.Text(); ok {
			x.texts[k.Name] = text
		}
	})
	if d := c.def; d.Resource != "" && sqlName.MatchString(d.Resource) {
		m := model.Load(x.model)
		if t, ok := m.Type(d.Resource); !ok || !m.IsResource(t) || m.IsAbstract(t) {
			c.bad.addf(KindValidate, "resource", "%s is not a resource type of FHIR %s", d.Resource, x.model)
		}
	}
}

// version chooses the model: the option, or the first version of the definition that there is a model of, or R4.
func (x *exprCompiler) version() {
	if want := x.c.cfg.fhirVersion; want != "" {
		v, ok := model.ParseVersion(want)
		if !ok {
			x.c.bad.addf(KindUnsupported, "", "there is no model of FHIR version %q", want)
		}
		x.model = v
		return
	}
	for i, name := range x.c.def.FHIRVersion {
		if v, ok := model.ParseVersion(name); ok {
			x.model = v
			return
		}
		x.c.warnings = append(x.c.warnings, fmt.Sprintf("fhirVersion[%d]: there is no model of this version", i))
	}
	if len(x.c.def.FHIRVersion) > 0 {
		x.c.bad.addf(KindUnsupported, "fhirVersion", "there is no model of any of these versions")
	}
	x.model = model.R4
}

// systemType returns the checker's name for a System type.
func systemType(k fhirpath.Kind) check.System {
	for t := check.Boolean; t <= check.Quantity; t++ {
		if t.String() == k.String() {
			return t
		}
	}
	return check.String
}

// root returns the type of the view's resources.
func (x *exprCompiler) root() focusType {
	return check.OfFHIR(model.Load(x.model), x.c.def.Resource)
}

// compile compiles one expression that runs on elements of type in, and returns the type of what it gives.
func (x *exprCompiler) compile(element, path string, in focusType) (*fhirpath.Program, check.Type) {
	opts := x.known
	opts.Input = in
	options := x.options
	if name := x.typeName(in); name != "" && !strings.HasPrefix(name, "System.") {
		options = append(slices.Clip(options), fhirpath.WithInput(name))
	}
	p, err := fhirpath.Compile(path, options...)
	if err != nil {
		x.report(element, path, err)
		return nil, check.Any()
	}
	result := check.Check(p.Tree(), opts)
	for _, f := range result.Faults {
		x.doubt(element, path, f)
	}
	return p, result.Type
}

// report adds the faults of an expression.
func (x *exprCompiler) report(element, path string, err error) {
	var list fhirpath.Errors
	var one *fhirpath.Error
	switch {
	case errors.As(err, &list):
	case errors.As(err, &one):
		list = fhirpath.Errors{one}
	default:
		x.c.bad.add(&CompileError{Kind: KindInternal, Element: element, Expression: path, Msg: err.Error(), Err: err})
	}
	for _, e := range list {
		x.c.bad.add(&CompileError{
			Kind: errorKind(e.Kind), Element: element, Expression: path,
			Offset: e.Offset, Line: e.Line, Column: e.Column, Msg: e.Msg, Err: e,
		})
	}
}

// doubt deals with what the checker found: what cannot succeed is a fault, what is against the model a fault in strict
// mode and a warning otherwise.
func (x *exprCompiler) doubt(element, path string, f check.Fault) {
	line, column := syntax.Position(path, f.Offset)
	if f.Level > check.Strict || f.Level == check.Strict && x.c.cfg.strict {
		x.c.bad.add(&CompileError{
			Kind: KindSemantic, Element: element, Expression: path,
			Offset: f.Offset, Line: line, Column: column, Msg: f.Msg,
		})
		return
	}
	if len(x.c.warnings) < maxFaults {
		x.c.warnings = append(x.c.warnings, fmt.Sprintf("%s: %s (line %d, column %d)", element, f.Msg, line, column))
	}
}

func errorKind(k fhirpath.ErrorKind) ErrorKind {
	switch k {
	case fhirpath.Syntax:
		return KindSyntax
	case fhirpath.Semantic:
		return KindSemantic
	case fhirpath.Unsupported:
		return KindUnsupported
	case fhirpath.Limit:
		return KindLimit
	}
	return KindInternal
}

// typeName returns the one type that items have, "" where it is not known or not one. FHIR types come without their
// namespace, System types with it.
func (x *exprCompiler) typeName(t check.Type) string {
	if !t.Known || len(t.Refs) != 1 {
		return ""
	}
	return strings.TrimPrefix(t.Refs[0].Name(model.Load(x.model)), "FHIR.")
}

// item returns the type of one of the items of a collection.
func item(t check.Type) focusType {
	t.Single, t.Least, t.Unordered = true, 1, false
	return t
}

// condition compiles a where path.
func (c *compiler) condition(element, path string) wherePlan {
	p, t := c.exprs.compile(element, path, c.exprs.root())
	if p != nil && t.Known && len(t.Refs) > 0 {
		// R2: a type that is known and cannot be a boolean is a fault of the view.
		names := t.Names(model.Load(c.exprs.model))
		if !slices.Contains(names, "System.Boolean") && !slices.Contains(names, "FHIR.boolean") {
			c.bad.add(&CompileError{
				Kind: KindSemantic, Element: element, Expression: path, Line: 1, Column: 1,
				Msg: "the path gives " + strings.Join(names, " or ") + ", not a boolean", Err: ErrNotBoolean,
			})
		}
	}
	return wherePlan{prog: p, path: path, element: element}
}

// repeated compiles the paths of a repeat, and returns the type of what they give. Each path runs on where the select
// stands and on what any of the paths gave.
func (c *compiler) repeated(n *node, paths []string, element string, in focusType) focusType {
	if len(paths) == 0 {
		c.bad.addf(KindValidate, element, "the list of paths is empty")
	}
	from := c.exprs.closure(paths, in)
	out := check.Type{Known: true}
	for i, path := range paths {
		at := element + "[" + strconv.Itoa(i) + "]"
		if path == "" {
			c.bad.addf(KindValidate, at, "the path is empty")
			continue
		}
		p, t := c.exprs.compile(at, path, from)
		n.paths = append(n.paths, p)
		out = either(out, t)
	}
	return item(out)
}

// closure returns the types that the paths of a repeat run on: those they start from and those they lead to.
func (x *exprCompiler) closure(paths []string, in focusType) focusType {
	var trees []syntax.Expr
	for _, path := range paths {
		if tree, err := syntax.Parse(path); err == nil {
			trees = append(trees, tree)
		}
	}
	opts := x.known
	opts.Input = in
	return either(in, item(check.Closure(trees, opts)))
}

// either returns the type of what is of type a or of type b.
func either(a, b check.Type) check.Type {
	if !a.Known || !b.Known {
		return check.Type{Single: a.Single && b.Single}
	}
	out := check.Type{Known: true, Single: a.Single, Least: min(a.Least, b.Least), Refs: slices.Clone(a.Refs)}
	for _, r := range b.Refs {
		if !slices.Contains(out.Refs, r) {
			out.Refs = append(out.Refs, r)
		}
	}
	return out
}

// constantValue turns a constant into a value of the System type that its FHIR type stands for.
func constantValue(k Constant) (fhirpath.Value, error) {
	bad := func() (fhirpath.Value, error) {
		return fhirpath.Value{}, fmt.Errorf("constant %s: the value is not of type %s", k.Name, k.Type)
	}
	if k.Type == "" {
		return fhirpath.Value{}, fmt.Errorf("constant %s has no value", k.Name)
	}
	if k.Value == "" && k.Type != "string" {
		return bad()
	}
	switch k.Type {
	case "boolean":
		if b, err := strconv.ParseBool(k.Value); err == nil && (k.Value == "true" || k.Value == "false") {
			return fhirpath.NewBoolean(b), nil
		}
		return bad()
	case "integer", "positiveInt", "unsignedInt":
		n, err := strconv.ParseInt(k.Value, 10, 32)
		if err != nil || k.Type == "positiveInt" && n < 1 || k.Type == "unsignedInt" && n < 0 {
			return bad()
		}
		return fhirpath.NewInteger(int32(n)), nil
	case "integer64":
		n, err := strconv.ParseInt(k.Value, 10, 64)
		if err != nil {
			return bad()
		}
		return fhirpath.NewLong(n), nil
	case "decimal":
		d, err := system.ParseDecimal(k.Value)
		if err != nil {
			return bad()
		}
		return fhirpath.NewDecimal(d), nil
	case "date":
		d, err := system.ParseDate(k.Value)
		if err != nil {
			return bad()
		}
		return fhirpath.NewDate(d), nil
	case "dateTime", "instant":
		d, err := system.ParseDateTime(k.Value)
		if err != nil {
			return bad()
		}
		return fhirpath.NewDateTime(d), nil
	case "time":
		t, err := system.ParseTime(k.Value)
		if err != nil {
			return bad()
		}
		return fhirpath.NewTime(t), nil
	}
	if _, ok := constantKey(k.Type); !ok {
		return fhirpath.Value{}, fmt.Errorf("constant %s: a constant cannot be of type %s", k.Name, k.Type)
	}
	return fhirpath.NewString(k.Value), nil
}
