package runner

import (
	"slices"
	"strconv"
	"strings"

	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
	"github.com/researchflow/researchflow/internal/rows"
)

// Profile is a set of additional rules for a ViewDefinition (section "Profiles" of the specification).
type Profile uint8

// The profiles of the specification.
const (
	// ShareableViewDefinition requires url, name and fhirVersion, and a type for every column. Paths may use only what
	// every view runner supports.
	ShareableViewDefinition Profile = 1 + iota
	// TabularViewDefinition allows neither collection columns nor types that are not primitive.
	TabularViewDefinition
)

// String returns the profile's name.
func (p Profile) String() string {
	switch p {
	case ShareableViewDefinition:
		return "ShareableViewDefinition"
	case TabularViewDefinition:
		return "TabularViewDefinition"
	}
	return "profile " + strconv.Itoa(int(p))
}

// Profiles returns the profiles that a definition claims in meta.profile, under the canonical URL of this or an
// earlier version of the specification.
func (d *ViewDefinition) Profiles() []Profile {
	var list []Profile
	for _, p := range [...]Profile{ShareableViewDefinition, TabularViewDefinition} {
		for _, base := range [...]string{
			"http://hl7.org/fhir/uv/sql-on-fhir/StructureDefinition/",
			"https://sql-on-fhir.org/ig/StructureDefinition/",
			"http://sql-on-fhir.org/ig/StructureDefinition/",
		} {
			claimed := slices.ContainsFunc(d.MetaProfile, func(canonical string) bool {
				url, _, _ := strings.Cut(canonical, "|") // the version
				return url == base+p.String()
			})
			if claimed {
				list = append(list, p)
				break
			}
		}
	}
	return list
}

// Validate checks a definition against the rules for every view and the additional rules of a profile. The error is
// [CompileErrors] with every fault, at most 100.
//
// It accepts the types date and uri, which the published list of TabularViewDefinition lacks.
func Validate(def *ViewDefinition, profile Profile, opts ...CompileOption) error {
	if def == nil {
		_, err := Compile(def, opts...)
		return err
	}
	bad := new(faults)
	view, err := compile(def, bad, opts)
	if err != nil && len(bad.list) == 0 {
		return err
	}
	v := &profileCheck{
		view: view, bad: bad,
		shareable: profile == ShareableViewDefinition, tabular: profile == TabularViewDefinition,
	}
	switch {
	case v.shareable:
		v.header(def)
	case !v.tabular:
		bad.addf(KindUnsupported, "", "unknown %s", profile)
	}
	for i, w := range def.Where {
		v.path("where["+strconv.Itoa(i)+"].path", w.Path)
	}
	v.selects(def.Select, "select", 0)
	return bad.err()
}

// profileCheck finds violations of one profile.
type profileCheck struct {
	view               *View // nil if the definition has faults
	bad                *faults
	shareable, tabular bool
}

func (v *profileCheck) header(d *ViewDefinition) {
	for _, part := range [...]struct {
		element string
		missing bool
	}{{"url", d.URL == ""}, {"name", d.Name == ""}, {"fhirVersion", len(d.FHIRVersion) == 0}} {
		if part.missing {
			v.bad.addf(KindValidate, part.element, "ShareableViewDefinition requires it")
		}
	}
}

func (v *profileCheck) selects(list []Select, element string, depth int) {
	if depth > maxSelectDepth {
		return // reported by Compile
	}
	for i := range list {
		s, at := &list[i], element+"["+strconv.Itoa(i)+"]"
		v.path(at+".forEach", s.ForEach)
		v.path(at+".forEachOrNull", s.ForEachOrNull)
		for j, path := range s.Repeat {
			v.path(at+".repeat["+strconv.Itoa(j)+"]", path)
		}
		for j := range s.Column {
			v.column(&s.Column[j], at+".column["+strconv.Itoa(j)+"]")
		}
		v.selects(s.Select, at+".select", depth+1)
		v.selects(s.UnionAll, at+".unionAll", depth+1)
	}
}

// tabularTypes are the types of TabularViewDefinition, with date and uri.
var tabularTypes = []string{
	"base64Binary", "boolean", "canonical", "code", "date", "dateTime", "decimal", "id", "instant", "integer",
	"integer64", "markdown", "oid", "positiveInt", "string", "time", "unsignedInt", "uri", "url", "uuid",
}

func (v *profileCheck) column(c *ColumnDefinition, element string) {
	v.path(element+".path", c.Path)
	if v.shareable && c.Type == "" {
		v.bad.addf(KindValidate, element+".type", "ShareableViewDefinition requires it")
	}
	if !v.tabular {
		return
	}
	if c.Collection {
		v.bad.addf(KindValidate, element+".collection", "TabularViewDefinition does not allow collections")
	}
	if c.Type != "" && !slices.Contains(tabularTypes, fhirType(c.Type)) {
		v.bad.addf(KindValidate, element+".type", "TabularViewDefinition does not allow this type")
	}
	if c.Type == "" && v.view != nil {
		if t := v.view.columns[v.view.byName[c.Name]].FHIRType; wantOfStrict(t) == rows.WantObject {
			v.bad.addf(KindValidate, element+".path",
				"the path gives %s; TabularViewDefinition allows only primitive types", t)
		}
	}
}

// shareableFunctions are the functions that every view runner supports.
var shareableFunctions = []string{
	"empty", "exists", "extension", "first", "getReferenceKey", "getResourceKey", "not", "ofType", "where",
}

// shareableOperators are the operators that every view runner supports.
var shareableOperators = []syntax.Op{
	syntax.OpAdd, syntax.OpSub, syntax.OpMul, syntax.OpDiv, syntax.OpEqual, syntax.OpNotEqual, syntax.OpLess,
	syntax.OpLessEqual, syntax.OpGreater, syntax.OpGreaterEqual, syntax.OpAnd, syntax.OpOr,
}

// path checks that an expression of a ShareableViewDefinition uses only the required subset of FHIRPath.
func (v *profileCheck) path(element, path string) {
	if !v.shareable || path == "" {
		return
	}
	tree, err := syntax.Parse(path)
	if err != nil {
		return // reported by Compile
	}
	report := func(e syntax.Expr, what string) {
		line, column := syntax.Position(path, e.Pos())
		v.bad.add(&CompileError{
			Kind: KindValidate, Element: element, Expression: path, Offset: e.Pos(), Line: line, Column: column,
			Msg: "ShareableViewDefinition does not allow " + what,
		})
	}
	syntax.Walk(tree, func(e syntax.Expr) bool {
		switch e := e.(type) {
		case *syntax.Call:
			if !slices.Contains(shareableFunctions, e.Name) {
				report(e, "the function "+e.Name)
			}
		case *syntax.Binary:
			if !slices.Contains(shareableOperators, e.Op) {
				report(e, "the operator "+e.Op.String())
			}
		case *syntax.Special:
			if e.Kind != syntax.This {
				report(e, e.Kind.String())
			}
		case *syntax.TypeOp:
			report(e, "the operators is and as")
		case *syntax.Instance:
			report(e, "instance selectors")
		case *syntax.Literal:
			switch e.Kind {
			case syntax.String, syntax.Integer, syntax.Decimal, syntax.Boolean:
			default:
				report(e, "literals of type "+e.Kind.String())
			}
		}
		return true
	})
}
