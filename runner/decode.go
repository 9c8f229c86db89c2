package runner

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/researchflow/researchflow/internal/fhirjson"
	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
)

// Limits of a definition's text. They are far above any real view.
const (
	maxDefinitionBytes = 4 << 20
	maxDefinitionDepth = 200
	maxDefinitionNodes = 1 << 17
)

// Decode reads a ViewDefinition from JSON, in the form of 2.0 or of 3.0-ballot. It checks JSON types only
// (rule V5); [Compile] checks the rest. Members that the specification does not know are kept in Extra at the
// resource's level and named in Warnings below it.
//
// The error is [CompileErrors]: a JSON syntax error with its place, or all members of a wrong type.
func Decode(data []byte) (*ViewDefinition, error) {
	def, bad := decode(data)
	if err := bad.err(); err != nil {
		return nil, err
	}
	return def, nil
}

// decode returns what could be read, and every fault. The definition is nil where there is nothing to go on with.
func decode(data []byte) (*ViewDefinition, *faults) {
	d := &decoder{src: bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))}
	limits := fhirjson.Limits{MaxDepth: maxDefinitionDepth, MaxNodes: maxDefinitionNodes, MaxBytes: maxDefinitionBytes}
	if err := d.tape.Parse(d.src, nil, limits); err != nil {
		d.syntax(err)
		return nil, &d.bad
	}
	if k := d.tape.Node(0).Kind; k != fhirjson.Object {
		d.wrong(0, "", "an object")
		return nil, &d.bad
	}
	return d.definition(), &d.bad
}

// decoder reads one definition from its tape.
type decoder struct {
	src  []byte
	tape fhirjson.Tape
	bad  faults
	def  ViewDefinition
}

func (d *decoder) syntax(err error) {
	e := &CompileError{Kind: KindJSON, Msg: "the view is not JSON", Err: err}
	var syntax *fhirjson.SyntaxError
	var limit *fhirjson.LimitError
	switch {
	case errors.As(err, &syntax):
		e.Msg = "the view is not JSON: " + syntax.Kind.String()
		if syntax.Msg != "" {
			e.Msg += ": " + syntax.Msg
		}
		d.place(e, syntax.Offset)
	case errors.As(err, &limit):
		e.Kind, e.Msg = KindLimit, "the view is too large: "+strings.TrimPrefix(err.Error(), "fhirjson: ")
	}
	d.bad.add(e)
}

// place fills in line, column and the line's text for an offset in the JSON text.
func (d *decoder) place(e *CompileError, offset int) {
	offset = min(max(offset, 0), len(d.src))
	start := bytes.LastIndexByte(d.src[:offset], '\n') + 1
	end := len(d.src)
	if i := bytes.IndexByte(d.src[offset:], '\n'); i >= 0 {
		end = offset + i
	}
	e.Offset = offset
	e.Line, e.Column = syntax.Position(text(d.src), offset)
	if line := d.src[start:end]; utf8.Valid(line) {
		e.source, e.drawn = string(line), offset-start
	}
}

// wrong reports a node of another JSON type than wanted.
func (d *decoder) wrong(i int, element, want string) {
	n := d.tape.Node(i)
	e := &CompileError{Kind: KindDecode, Element: element, Msg: "expected " + want + ", found " + n.Kind.String()}
	start := int(n.Start)
	if n.Kind == fhirjson.String {
		start--
	}
	d.place(e, start)
	d.bad.add(e)
}

func (d *decoder) isText(i int) bool { return d.tape.Node(i).Kind == fhirjson.String }

func (d *decoder) text(i int, element string) string {
	if !d.isText(i) {
		d.wrong(i, element, "a string")
		return ""
	}
	return string(d.tape.AppendString(nil, i))
}

func (d *decoder) boolean(i int, element string) bool {
	switch d.tape.Node(i).Kind {
	case fhirjson.True:
		return true
	case fhirjson.False:
		return false
	}
	d.wrong(i, element, "true or false")
	return false
}

func (d *decoder) texts(i int, element string) []string {
	var list []string
	d.array(i, element, func(j int, at string) { list = append(list, d.text(j, at)) })
	return list
}

// array calls f for each element of an array, with its path.
func (d *decoder) array(i int, element string, f func(j int, at string)) {
	if d.tape.Node(i).Kind != fhirjson.Array {
		d.wrong(i, element, "an array")
		return
	}
	n := 0
	for j := i + 1; j < int(d.tape.Node(i).Next); j = int(d.tape.Node(j).Next) {
		f(j, element+"["+strconv.Itoa(n)+"]")
		n++
	}
}

// members calls f for each member of an object; it answers false where i is not one.
func (d *decoder) members(i int, element string, f func(j int, key string)) bool {
	if d.tape.Node(i).Kind != fhirjson.Object {
		d.wrong(i, element, "an object")
		return false
	}
	for j := i + 1; j < int(d.tape.Node(i).Next); j = int(d.tape.Node(j).Next) {
		f(j, string(d.tape.KeyText(j)))
	}
	return true
}

func (d *decoder) unknown(element, key string) {
	if !tolerated[key] && !strings.HasPrefix(key, "_") {
		d.warn(element + ": unknown member " + strconv.Quote(key))
	}
}

func (d *decoder) warn(text string) {
	const most = 100
	switch {
	case len(d.def.Warnings) == most:
		d.def.Warnings = append(d.def.Warnings, "further warnings are not listed")
	case len(d.def.Warnings) < most:
		d.def.Warnings = append(d.def.Warnings, text)
	}
}

// tolerated are members that every FHIR element may have, besides the _name of a primitive.
var tolerated = map[string]bool{"id": true, "extension": true, "modifierExtension": true}

func (d *decoder) definition() *ViewDefinition {
	def := &d.def
	d.members(0, "", func(i int, key string) {
		switch key {
		case "resourceType":
			if t := d.text(i, key); d.isText(i) && !isViewDefinition(t) {
				d.bad.addf(KindValidate, key, "the document is not a ViewDefinition")
			}
		case "meta":
			d.members(i, key, func(j int, sub string) {
				if sub == "profile" {
					def.MetaProfile = d.texts(j, "meta.profile")
				}
			})
			def.keep(key, d.tape.Raw(i))
		case "url":
			def.URL = d.text(i, key)
		case "name":
			if def.Name = d.text(i, key); def.Name == "" && d.isText(i) {
				d.bad.addf(KindValidate, key, "the name is empty")
			}
		case "version":
			def.Version = d.text(i, key)
		case "title":
			def.Title = d.text(i, key)
		case "status":
			def.Status = d.text(i, key)
		case "description":
			def.Description = d.text(i, key)
		case "resource":
			def.Resource = d.text(i, key)
		case "profile":
			def.Profile = d.texts(i, key)
		case "fhirVersion":
			def.FHIRVersion = d.texts(i, key)
		case "constant":
			d.array(i, key, func(j int, at string) { def.Constant = append(def.Constant, d.constant(j, at)) })
		case "where":
			d.array(i, key, func(j int, at string) { def.Where = append(def.Where, d.where(j, at)) })
		case "select":
			def.Select = d.selects(i, key)
		default:
			raw := d.tape.Raw(i)
			if d.tape.Node(i).Kind == fhirjson.String {
				raw = d.src[d.tape.Node(i).Start-1 : d.tape.Node(i).End+1]
			}
			def.keep(key, raw)
		}
	})
	return def
}

// keep stores a member that has no field.
func (def *ViewDefinition) keep(key string, raw []byte) {
	if def.Extra == nil {
		def.Extra = make(map[string]json.RawMessage)
	}
	def.Extra[key] = bytes.Clone(raw)
}

// isViewDefinition reports whether a resourceType names a ViewDefinition: by name (3.0), or by the URL of its
// StructureDefinition, with or without a version (2.0 and its drafts).
func isViewDefinition(t string) bool {
	t, _, _ = strings.Cut(t, "|")
	return t == "ViewDefinition" || strings.HasSuffix(t, "/ViewDefinition")
}

func (d *decoder) constant(i int, element string) Constant {
	var c Constant
	values := 0
	d.members(i, element, func(j int, key string) {
		switch typ, isValue := strings.CutPrefix(key, "value"); {
		case key == "name":
			c.Name = d.text(j, element+".name")
		case isValue:
			values++
			t, known := constantType(typ)
			if !known {
				c.Type = typ
				d.bad.addf(KindValidate, element+"."+key, "a constant cannot be of this type")
				return
			}
			c.Type, c.Value = t, d.constantText(j, element+"."+key, t)
		default:
			d.unknown(element, key)
		}
	})
	if values > 1 {
		d.bad.addf(KindValidate, element, "the constant has %d values, expected one value[x]", values)
	}
	return c
}

// constantText returns a constant's text after a check of its JSON type.
func (d *decoder) constantText(i int, element, typ string) string {
	n := d.tape.Node(i)
	switch typ {
	case "boolean":
		if d.boolean(i, element) {
			return "true"
		}
		return "false"
	case "decimal":
		if n.Kind != fhirjson.Number {
			d.wrong(i, element, "a number")
		}
	case "integer", "positiveInt", "unsignedInt":
		if n.Kind != fhirjson.Number {
			d.wrong(i, element, "a whole number")
		}
	case "integer64":
		if n.Kind != fhirjson.Number && n.Kind != fhirjson.String {
			d.wrong(i, element, "a whole number or a string")
		}
	default:
		return d.text(i, element)
	}
	return string(d.tape.AppendString(nil, i))
}

func (d *decoder) where(i int, element string) Where {
	var w Where
	d.members(i, element, func(j int, key string) {
		switch key {
		case "path":
			w.Path = d.text(j, element+".path")
		case "description":
			w.Description = d.text(j, element+".description")
		default:
			d.unknown(element, key)
		}
	})
	return w
}

func (d *decoder) selects(i int, element string) []Select {
	list := []Select{}
	d.array(i, element, func(j int, at string) { list = append(list, d.sel(j, at)) })
	return list
}

func (d *decoder) sel(i int, element string) Select {
	var s Select
	d.members(i, element, func(j int, key string) {
		at := element + "." + key
		switch key {
		case "column":
			s.Column = []ColumnDefinition{}
			d.array(j, at, func(k int, at string) { s.Column = append(s.Column, d.column(k, at)) })
		case "select":
			s.Select = d.selects(j, at)
		case "unionAll":
			s.UnionAll = d.selects(j, at)
		case "forEach":
			s.ForEach = d.text(j, at)
			d.notEmpty(j, at, s.ForEach)
		case "forEachOrNull":
			s.ForEachOrNull = d.text(j, at)
			d.notEmpty(j, at, s.ForEachOrNull)
		case "repeat":
			if s.Repeat = d.texts(j, at); s.Repeat == nil && d.tape.Node(j).Kind == fhirjson.Array {
				d.warn(at + ": the list of paths is empty, as if there were none")
			}
		default:
			d.unknown(element, key)
		}
	})
	return s
}

// notEmpty reports a string that is there and empty: to the Go form it would look as if it were absent.
func (d *decoder) notEmpty(i int, element, text string) {
	if text == "" && d.isText(i) {
		d.bad.addf(KindValidate, element, "the path is empty")
	}
}

func (d *decoder) column(i int, element string) ColumnDefinition {
	var c ColumnDefinition
	d.members(i, element, func(j int, key string) {
		at := element + "." + key
		switch key {
		case "path":
			c.Path = d.text(j, at)
		case "name":
			c.Name = d.text(j, at)
		case "description":
			c.Description = d.text(j, at)
		case "type":
			c.Type = d.text(j, at)
		case "collection":
			c.Collection = d.boolean(j, at)
		case "tag":
			d.array(j, at, func(k int, at string) { c.Tag = append(c.Tag, d.tag(k, at)) })
		default:
			d.unknown(element, key)
		}
	})
	return c
}

func (d *decoder) tag(i int, element string) Tag {
	var t Tag
	d.members(i, element, func(j int, key string) {
		switch key {
		case "name":
			t.Name = d.text(j, element+".name")
		case "value":
			t.Value = d.text(j, element+".value")
		default:
			d.unknown(element, key)
		}
	})
	return t
}
