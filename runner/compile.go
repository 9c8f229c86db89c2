package runner

import (
	"encoding/json"
	"strconv"
	"strings"
	"sync"

	"github.com/researchflow/researchflow/internal/rows"
)

// Limits on the shape of a definition, far above any real view.
const (
	maxSelectDepth = 50
	maxColumns     = 5_000     // columns (of every branch of a union) and selects
	maxPathBytes   = 256 << 10 // all paths together
)

// CompileJSON decodes and compiles a definition. The error is [CompileErrors] with the faults of [Decode] and
// [Compile].
func CompileJSON(data []byte, opts ...CompileOption) (*View, error) {
	def, bad := decode(data)
	if def == nil {
		return nil, bad.err()
	}
	return compile(def, bad, opts)
}

// MustCompile is [CompileJSON] for definitions that are part of a program: it panics if there is a fault.
func MustCompile(data []byte, opts ...CompileOption) *View {
	v, err := CompileJSON(data, opts...)
	if err != nil {
		panic(err)
	}
	return v
}

// Compile checks a definition and makes it ready to run. The error is [CompileErrors] with every fault found, at
// most 100. The definition must not change while the view is in use.
func Compile(def *ViewDefinition, opts ...CompileOption) (*View, error) {
	if def == nil {
		return nil, CompileErrors{{Kind: KindValidate, Msg: "the definition is nil"}}
	}
	return compile(def, new(faults), opts)
}

func compile(def *ViewDefinition, bad *faults, opts []CompileOption) (*View, error) {
	c := &compiler{def: def, bad: bad}
	for _, opt := range opts {
		opt(&c.cfg)
	}
	v := c.view()
	if err := bad.err(); err != nil {
		return nil, err
	}
	return v, nil
}

// compiler makes one View.
type compiler struct {
	cfg      compileConfig
	def      *ViewDefinition
	bad      *faults
	exprs    exprCompiler
	warnings []string
	nodes    int // selects and columns so far
	full     bool
}

// outColumn is a column of the future View.
type outColumn struct {
	Column
	element string // path of the column in the definition
}

func (c *compiler) view() *View {
	c.header()
	c.exprs.init(c)
	p := &rows.Plan{NullRowLiterals: c.cfg.nullLiterals}
	for i, w := range c.def.Where {
		element := "where[" + strconv.Itoa(i) + "]"
		if w.Path == "" {
			c.bad.addf(KindValidate, element+".path", "the condition has no path")
			continue
		}
		p.Where = append(p.Where, c.condition(element+".path", w.Path))
	}
	root := &rows.Part{}
	columns := c.selects(root, c.def.Select, "select", 0, c.exprs.root(), 0)
	p.Root = root
	c.unique(columns)
	if len(columns) == 0 && len(c.bad.list) == 0 {
		c.bad.addf(KindValidate, "select", "the view has no columns")
	}
	v := &View{
		def: c.def, name: c.def.Name, resource: c.def.Resource, width: len(columns), plan: p,
		byName: make(map[string]int, len(columns)), digest: c.digest(),
		model: c.exprs.model, asks: c.cfg.terminology != nil, batches: &sync.Pool{},
	}
	if c.bad.err() == nil {
		p.Prepare(c.def.Resource, c.exprs.model, c.exprs.texts, c.cfg.emptyJoin)
	}
	v.warnings = append(append(v.warnings, c.def.Warnings...), c.warnings...)
	for i, col := range columns {
		v.columns = append(v.columns, col.Column)
		v.byName[col.Name] = i
		lead := ","
		if i == 0 {
			lead = "{"
		}
		key, _ := json.Marshal(col.Name) // a string cannot fail
		v.jsonKeys = append(v.jsonKeys, lead+string(key)+":")
	}
	return v
}

// header checks the definition's name, resource type and that it has a select.
func (c *compiler) header() {
	d := c.def
	if d.Resource == "" {
		c.bad.addf(KindValidate, "resource", "the view names no resource type, such as Patient")
	} else if !sqlName.MatchString(d.Resource) {
		c.bad.addf(KindValidate, "resource", "not the name of a resource type")
	}
	if d.Name != "" && !sqlName.MatchString(d.Name) {
		c.badName("name", d.Name)
	}
	if len(d.Select) == 0 {
		c.bad.addf(KindValidate, "select", "the view selects nothing: it needs at least one select")
	}
}

// badName reports a name that SQL would not accept.
func (c *compiler) badName(element, name string) {
	if len(name) > 60 {
		name = "this"
	} else {
		name = strconv.Quote(name)
	}
	c.bad.addf(KindValidate, element,
		"%s is not a valid name: use a letter followed by letters, digits and underscores", name)
}

// constants checks the names of constants and passes each constant with a valid name to f.
func (c *compiler) constants(f func(k Constant, element string)) {
	seen := make(map[string]bool, len(c.def.Constant))
	for i, k := range c.def.Constant {
		element := "constant[" + strconv.Itoa(i) + "]"
		switch {
		case k.Name == "":
			c.bad.addf(KindValidate, element+".name", "the constant has no name")
			continue
		case !sqlName.MatchString(k.Name):
			c.badName(element+".name", k.Name)
			continue
		case reservedConstants[k.Name]:
			c.bad.addf(KindValidate, element+".name", "%%%s is reserved", k.Name)
			continue
		case seen[k.Name]:
			c.bad.addf(KindValidate, element+".name", "constant %s is defined twice", k.Name)
			continue
		}
		seen[k.Name] = true
		f(k, element)
	}
}

// reservedConstants are the variables of FHIRPath and SQL on FHIR that a constant must not hide. It may hide those
// that stand for the URL of a code system (%loinc).
var reservedConstants = map[string]bool{
	"rowIndex": true, "context": true, "resource": true, "rootResource": true,
}

// selects compiles the selects of one level into parts of n. Their first column has number lo.
func (c *compiler) selects(n *rows.Part, list []Select, element string, lo int, in focusType, depth int) []outColumn {
	var columns []outColumn
	for i := range list {
		part, cols := c.selectPart(&list[i], element+"["+strconv.Itoa(i)+"]", lo+len(columns), in, depth)
		n.Parts = append(n.Parts, part)
		columns = append(columns, cols...)
	}
	n.First, n.Width = lo, len(columns)
	return columns
}

// selectPart compiles one select. Its columns come first, then those of its nested selects, then those of its
// unionAll.
func (c *compiler) selectPart(s *Select, element string, lo int, in focusType, depth int) (*rows.Part, []outColumn) {
	n := &rows.Part{First: lo}
	if depth > maxSelectDepth {
		c.bad.addf(KindLimit, element, "selects are nested more than %d deep", maxSelectDepth)
		return n, nil
	}
	if !c.counted(element) {
		return n, nil
	}
	in = c.iteration(n, s, element, in)
	if s.Column != nil && len(s.Column) == 0 {
		c.bad.addf(KindValidate, element+".column", "the list of columns is empty")
	}
	if len(s.Column)+len(s.Select)+len(s.UnionAll) == 0 && s.Column == nil {
		c.warnings = append(c.warnings, element+": the select has no columns")
	}
	var columns []outColumn
	for i := range s.Column {
		if !c.counted(element) {
			break
		}
		col := c.column(n, &s.Column[i], element+".column["+strconv.Itoa(i)+"]", lo+i, in)
		columns = append(columns, col)
	}
	for i := range s.Select {
		part, cols := c.selectPart(&s.Select[i], element+".select["+strconv.Itoa(i)+"]", lo+len(columns), in, depth+1)
		n.Parts = append(n.Parts, part)
		columns = append(columns, cols...)
	}
	if s.UnionAll != nil {
		part, cols := c.union(s.UnionAll, element+".unionAll", lo+len(columns), in, depth+1)
		n.Parts = append(n.Parts, part)
		columns = append(columns, cols...)
	}
	n.Width = len(columns)
	return n, columns
}

// counted counts a select or a column. It returns false once there are more than the limit.
func (c *compiler) counted(element string) bool {
	if c.nodes++; c.nodes > maxColumns && !c.full {
		c.full = true
		c.bad.addf(KindLimit, element, "the view has more than %d columns and selects", maxColumns)
	}
	return !c.full
}

// union compiles the branches of a unionAll into one part.
func (c *compiler) union(list []Select, element string, lo int, in focusType, depth int) (*rows.Part, []outColumn) {
	n := &rows.Part{First: lo, Union: true}
	if len(list) == 0 {
		c.bad.addf(KindValidate, element, "the list of branches is empty")
	}
	var first []outColumn
	for i := range list {
		at := element + "[" + strconv.Itoa(i) + "]"
		part, cols := c.selectPart(&list[i], at, lo, in, depth)
		n.Parts = append(n.Parts, part)
		if i == 0 {
			first = cols
			continue
		}
		c.sameColumns(first, cols, at)
	}
	n.Width = len(first)
	for i := range first {
		if first[i].Declared {
			c.declare(n, lo+i, first[i].FHIRType)
		}
	}
	return n, first
}

// declare gives column number at the type that another branch of the union declares, unless it declares its own.
func (c *compiler) declare(n *rows.Part, at int, fhirType string) {
	for i := range n.Columns {
		if p := &n.Columns[i]; p.At == at && p.Declared == "" {
			p.Declared, p.Want = fhirType, wantOf(fhirType, true, c.cfg.strictness == strictAll)
		}
	}
	for _, p := range n.Parts {
		if p.First <= at && at < p.First+p.Width {
			c.declare(p, at, fhirType)
		}
	}
}

// sameColumns reports where the columns of a branch differ from those of the first branch in name, number, type or
// collection (V8). If only one of two branches declares a column's type, it holds for both.
func (c *compiler) sameColumns(first, cols []outColumn, element string) {
	if len(first) != len(cols) {
		c.bad.addf(KindValidate, element, "the branch has %d columns, the first branch has %d", len(cols), len(first))
		return
	}
	for i := range cols {
		a, b := &first[i], &cols[i]
		switch {
		case a.Name != b.Name:
			c.bad.addf(KindValidate, b.element,
				"column %s is called %s in the first branch; all branches need the same columns in the same order",
				b.Name, a.Name)
		case a.Declared && b.Declared && a.FHIRType != b.FHIRType:
			c.bad.addf(KindValidate, b.element, "column %s has type %s, but type %s in the first branch",
				b.Name, b.FHIRType, a.FHIRType)
		case a.Collection != b.Collection:
			c.bad.addf(KindValidate, b.element, "column %s is a collection in one branch only", b.Name)
		case b.Declared && !a.Declared:
			a.FHIRType, a.Declared = b.FHIRType, true
			a.ANSIType = ansiType(a.FHIRType, a.Tags)
		case !a.Declared && a.FHIRType != b.FHIRType:
			a.FHIRType = c.exprs.common(a.FHIRType, b.FHIRType)
			a.ANSIType = ansiType(a.FHIRType, a.Tags)
		}
	}
}

// iteration compiles forEach, forEachOrNull or repeat, and returns the type of the elements that the select runs on.
func (c *compiler) iteration(n *rows.Part, s *Select, element string, in focusType) focusType {
	var given []string
	out := in
	if s.ForEach != "" {
		given = append(given, "forEach")
		n.Iteration = rows.ForEach
		p, t := c.exprs.compile(element+".forEach", s.ForEach, in)
		n.Paths, out = append(n.Paths, p), t
	}
	if s.ForEachOrNull != "" {
		given = append(given, "forEachOrNull")
		n.Iteration = rows.ForEachOrNull
		p, t := c.exprs.compile(element+".forEachOrNull", s.ForEachOrNull, in)
		n.Paths, out = append(n.Paths, p), t
	}
	if s.Repeat != nil {
		given = append(given, "repeat")
		n.Iteration = rows.Repeat
		out = c.repeated(n, s.Repeat, element+".repeat", in)
	}
	if len(given) > 1 {
		c.bad.addf(KindValidate, element, "a select has at most one of forEach, forEachOrNull and repeat, found %s; "+
			"nest one select in another", strings.Join(given, " and "))
	}
	n.Element = element
	if n.Iteration != rows.Once {
		n.Element = element + "." + given[0]
	}
	return out
}

// column compiles one column.
func (c *compiler) column(n *rows.Part, d *ColumnDefinition, element string, at int, in focusType) outColumn {
	out := outColumn{element: element, Column: Column{
		Name: d.Name, Collection: d.Collection, Description: d.Description, Tags: d.Tag, Path: d.Path,
	}}
	switch {
	case d.Name == "":
		c.bad.addf(KindValidate, element+".name", "the column has no name")
	case !sqlName.MatchString(d.Name):
		c.badName(element+".name", d.Name)
	}
	for i, t := range d.Tag {
		if t.Name == "" || t.Value == "" {
			c.bad.addf(KindValidate, element+".tag["+strconv.Itoa(i)+"]", "a tag needs a name and a value")
		}
	}
	if d.Type != "" {
		out.FHIRType, out.Declared = fhirType(d.Type), true
	}
	if d.Path == "" {
		c.bad.addf(KindValidate, element+".path", "the column %shas no path", spaced(d.Name))
	} else {
		p, t := c.exprs.compile(element+".path", d.Path, in)
		if !out.Declared {
			out.FHIRType = typeName(t)
		}
		n.Columns = append(n.Columns, rows.Column{
			At: at, Program: p, Collection: d.Collection, Want: wantOf(out.FHIRType, out.Declared, c.cfg.strictness == strictAll),
			Declared: fhirType(d.Type), RowIndex: isRowIndex(d.Path), Element: element + ".path", Name: d.Name,
		})
	}
	out.ANSIType = ansiType(out.FHIRType, d.Tag)
	return out
}

// spaced returns a valid name followed by a space, and "" for any other.
func spaced(name string) string {
	if !sqlName.MatchString(name) {
		return ""
	}
	return name + " "
}

// isRowIndex reports whether a path is %rowIndex and nothing else.
func isRowIndex(path string) bool {
	p := strings.TrimSpace(path)
	return p == "%rowIndex" || p == "%`rowIndex`" || p == "%'rowIndex'"
}

// unique reports columns that have the name of an earlier column.
func (c *compiler) unique(columns []outColumn) {
	seen := make(map[string]string, len(columns))
	for _, col := range columns {
		if first, twice := seen[col.Name]; twice && col.Name != "" {
			c.bad.addf(KindValidate, col.element, "column %s is already defined at %s", col.Name, first)
			continue
		}
		seen[col.Name] = col.element
	}
}
