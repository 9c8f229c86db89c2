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
	"github.com/researchflow/researchflow/internal/fhirpath/system"
	"github.com/researchflow/researchflow/internal/rows"
)

// focusType holds the possible types of the elements that an expression runs on, as qualified names ("FHIR.Patient").
// It is empty if they are not known.
type focusType []string

// exprCompiler compiles the expressions of one view. If one has a fault, it is added to the compiler's list and the
// program is nil.
type exprCompiler struct {
	c       *compiler
	model   model.Version
	options []fhirpath.CompileOption // for every expression
	texts   map[string]string        // constants of System type String
	bytes   int                      // length of all paths so far
	full    bool                     // the limit is exceeded: no more paths are compiled
}

// room counts the bytes of a path. It returns false once there are more than the limit.
func (x *exprCompiler) room(element, path string) bool {
	if x.bytes += len(path); x.bytes > maxPathBytes && !x.full {
		x.full = true
		x.c.bad.addf(KindLimit, element, "the paths of the view have more than %d bytes", maxPathBytes)
	}
	return !x.full
}

func (x *exprCompiler) init(c *compiler) {
	x.c, x.texts = c, make(map[string]string)
	x.version()
	x.options = []fhirpath.CompileOption{
		fhirpath.WithModel(x.model), fhirpath.WithVariable(rows.RowIndexName, "System.Integer"),
		fhirpath.EmptyJoin(c.cfg.emptyJoin), fhirpath.ChoiceNames(true), fhirpath.Strict(c.cfg.strictness == strictAll),
		fhirpath.RealNames(c.cfg.strictness == strictNames),
	}
	if c.cfg.terminology != nil {
		x.options = append(x.options, fhirpath.WithTerminology(c.cfg.terminology))
	}
	c.constants(func(k Constant, element string) {
		v, err := constantValue(k)
		if err != nil {
			c.bad.add(&CompileError{Kind: KindValidate, Element: element, Msg: err.Error()})
			v = fhirpath.NewString("") // so that paths that use it are not reported as well
		}
		x.options = append(x.options, fhirpath.WithConstant(k.Name, v))
		if text, ok := v.Text(); ok {
			x.texts[k.Name] = text
		}
	})
	if d := c.def; d.Resource != "" && sqlName.MatchString(d.Resource) {
		m := model.Load(x.model)
		if t, ok := m.Type(d.Resource); !ok || !m.IsResource(t) || m.IsAbstract(t) {
			c.bad.addf(KindValidate, "resource", "%s is not a resource type of FHIR %s%s",
				d.Resource, x.model, resourceHint(m, d.Resource))
		}
	}
}

// resourceHint says what a name is instead of a resource type, or which resource type may have been meant.
func resourceHint(m *model.Model, name string) string {
	if t, ok := m.Type(name); ok && m.IsAbstract(t) {
		return ", but an abstract type"
	} else if ok {
		return ", but a data type"
	}
	var names []string
	for t := range m.Types() {
		if m.IsResource(t) && !m.IsAbstract(t) {
			names = append(names, m.Name(t))
		}
	}
	if near, ok := check.Nearest(name, names); ok {
		return "; did you mean " + near
	}
	return ""
}

// version chooses the model: that of the option, or of the first supported version in the definition. If neither names
// a version, it is the first release that has the resource type, or FHIR R4.
func (x *exprCompiler) version() {
	if want := x.c.cfg.fhirVersion; want != "" {
		v, ok := model.ParseVersion(want)
		if !ok {
			x.c.bad.addf(KindUnsupported, "", "FHIR version %q is not supported", want)
		}
		x.model = v
		return
	}
	for i, name := range x.c.def.FHIRVersion {
		if v, ok := model.ParseVersion(name); ok {
			x.model = v
			return
		}
		x.c.warnings = append(x.c.warnings, fmt.Sprintf("fhirVersion[%d]: this version is not supported", i))
	}
	if len(x.c.def.FHIRVersion) > 0 {
		x.c.bad.addf(KindUnsupported, "fhirVersion", "none of these versions is supported")
		return
	}
	for _, v := range model.Versions() {
		m := model.Load(v)
		if t, ok := m.Type(x.c.def.Resource); ok && m.IsResource(t) {
			x.model = v
			return
		}
	}
}

// root returns the type of the view's resources.
func (x *exprCompiler) root() focusType {
	if _, ok := model.Load(x.model).Type(x.c.def.Resource); !ok {
		return nil
	}
	return focusType{"FHIR." + x.c.def.Resource}
}

// compile compiles one expression that runs on elements of type in, and returns the type of its result.
func (x *exprCompiler) compile(element, path string, in focusType) (*fhirpath.Program, focusType) {
	if !x.room(element, path) {
		return nil, nil
	}
	options := x.options
	if len(in) > 0 {
		options = append(slices.Clip(options), fhirpath.WithInput(in...))
	}
	p, err := fhirpath.Compile(path, options...)
	if err != nil {
		x.report(element, path, err)
		return nil, nil
	}
	for _, w := range p.Warnings() {
		if len(x.c.warnings) < maxFaults {
			warning := fmt.Sprintf("%s: %s (line %d, column %d)", element, w.Msg, w.Line, w.Column)
			x.c.warnings = append(x.c.warnings, warning)
		}
	}
	return p, p.Result().Types
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

// typeName returns the name of the only type of t, and "" if t is empty or has several. FHIR types come without their
// namespace, System types with it.
func typeName(t focusType) string {
	if len(t) != 1 {
		return ""
	}
	return strings.TrimPrefix(t[0], "FHIR.")
}

// condition compiles a where path.
func (c *compiler) condition(element, path string) rows.Condition {
	p, t := c.exprs.compile(element, path, c.exprs.root())
	if len(t) > 0 && !slices.Contains(t, "System.Boolean") && !slices.Contains(t, "FHIR.boolean") {
		// A known type that cannot be a boolean is a fault of the view (X2).
		c.bad.add(&CompileError{
			Kind: KindSemantic, Element: element, Expression: path, Line: 1, Column: 1,
			Msg: "the path gives " + strings.Join(t, " or ") + ", not a boolean", Err: ErrNotBoolean,
		})
	}
	return rows.Condition{Program: p, Path: path, Element: element}
}

// repeated compiles the paths of a repeat, and returns the type of their results. Each path runs on the elements that
// the select starts from and on the results of all paths.
func (c *compiler) repeated(n *rows.Part, paths []string, element string, in focusType) focusType {
	if len(paths) == 0 {
		c.bad.addf(KindValidate, element, "the list of paths is empty")
	}
	from := c.exprs.closure(element, paths, in)
	var out focusType
	known := true
	for i, path := range paths {
		at := element + "[" + strconv.Itoa(i) + "]"
		if path == "" {
			c.bad.addf(KindValidate, at, "the path is empty")
			continue
		}
		p, t := c.exprs.compile(at, path, from)
		n.Paths = append(n.Paths, p)
		known = known && len(t) > 0
		out = union(out, t)
	}
	if !known {
		return nil
	}
	return out
}

// closure returns the types that the paths of a repeat run on: the types they start from and those of their results.
// It returns nil if some are not known.
func (x *exprCompiler) closure(element string, paths []string, in focusType) focusType {
	const rounds = 10 // FHIR types recur within a few steps
	for range rounds {
		next := in
		for _, path := range paths {
			if !x.room(element, path) {
				return nil
			}
			options := append(slices.Clip(x.options),
				fhirpath.Strict(false), fhirpath.RealNames(false), fhirpath.WithInput(in...))
			p, err := fhirpath.Compile(path, options...)
			if err != nil {
				continue // reported when the path is compiled for good
			}
			if len(p.Result().Types) == 0 {
				if len(p.Warnings()) > 0 {
					continue // there is no such element: reported likewise
				}
				return nil
			}
			next = union(next, p.Result().Types)
		}
		if len(next) == len(in) {
			return next
		}
		in = next
	}
	return nil
}

// union returns the types of a and b.
func union(a, b focusType) focusType {
	out := slices.Clone(a)
	for _, t := range b {
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

// constantValue returns a constant as a value of the System type that belongs to its FHIR type.
func constantValue(k Constant) (fhirpath.Value, error) {
	bad := func() (fhirpath.Value, error) {
		return fhirpath.Value{}, fmt.Errorf("constant %s: the value is not of type %s", k.Name, k.Type)
	}
	if k.Type == "" {
		return fhirpath.Value{}, fmt.Errorf("constant %s has no value[x], such as valueString", k.Name)
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
		if err != nil || strings.HasSuffix(k.Value, "T") || k.Type == "instant" && !instantForm.MatchString(k.Value) {
			return bad() // 2020-01-02T is FHIRPath's form, not FHIR's
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
