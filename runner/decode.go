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

// Limits on a definition's text, far above any real view.
const (
	maxDefinitionBytes = 4 << 20
	maxDefinitionDepth = 200
	maxDefinitionNodes = 1 << 17
)

// Decode reads a ViewDefinition from JSON, in the form of 2.0 or of 3.0-ballot. It checks JSON types only; [Compile]
// checks the rest. Members that the specification does not have are kept in Extra if they are the resource's own, and
// named in Warnings if they are further down.
//
// The error is [CompileErrors]: one JSON syntax error with its position, or all members of a wrong type.
func Decode(data []byte) (*ViewDefinition, error) {
	def, bad := decode(data)
	if err := bad.err(); err != nil {
		return nil, err
	}
	return def, nil
}

// decode returns what could be read, and every fault. The definition is nil if the text is not a JSON object.
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
		d.locate(e, syntax.Offset)
	case errors.As(err, &limit):
		e.Kind, e.Msg = KindLimit, "the view is too large: "+strings.TrimPrefix(err.Error(), "fhirjson: ")
	}
	d.bad.add(e)
}

// locate fills in an error's line, column and source line for an offset in the JSON text.
func (d *decoder) locate(e *CompileError, offset int) {
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

// wrong reports a node of the wrong JSON type.
func (d *decoder) wrong(i int, element, want string) {
	n := d.tape.Node(i)
	e := &CompileError{Kind: KindDecode, Element: element, Msg: "expected " + want + ", found " + n.Kind.String()}
	start := int(n.Start)
	if n.Kind == fhirjson.String {
		start--
	}
	d.locate(e, start)
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

// members reads the members of an object: those in texts are strings and stored there, all others go to f, which may
// be nil and reports whether it knows the member.
func (d *decoder) members(i int, element string, texts map[string]*string, f func(j int, at, key string) bool) {
	if d.tape.Node(i).Kind != fhirjson.Object {
		d.wrong(i, element, "an object")
		return
	}
	for j := i + 1; j < int(d.tape.Node(i).Next); j = int(d.tape.Node(j).Next) {
		key := string(d.tape.KeyText(j))
		at := strings.TrimPrefix(element+"."+key, ".")
		if text := texts[key]; text != nil {
			*text = d.text(j, at)
		} else if f == nil || !f(j, at, key) {
			d.unknown(element, key)
		}
	}
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
	d.members(0, "", map[string]*string{
		"url": &def.URL, "version": &def.Version, "title": &def.Title, "status": &def.Status,
		"description": &def.Description, "resource": &def.Resource,
	}, func(i int, at, key string) bool {
		switch key {
		case "resourceType":
			if t := d.text(i, at); d.isText(i) && !isViewDefinition(t) {
				d.bad.addf(KindValidate, at, "the document is not a ViewDefinition")
			}
		case "meta":
			d.members(i, at, nil, func(j int, at, key string) bool {
				if key == "profile" {
					def.MetaProfile = d.texts(j, at)
				}
				return true
			})
			def.keep(key, d.tape.Raw(i))
		case "name":
			if def.Name = d.text(i, at); def.Name == "" && d.isText(i) {
				d.bad.addf(KindValidate, at, "the name is empty")
			}
		case "profile":
			def.Profile = d.texts(i, at)
		case "fhirVersion":
			def.FHIRVersion = d.texts(i, at)
		case "constant":
			d.array(i, at, func(j int, at string) { def.Constant = append(def.Constant, d.constant(j, at)) })
		case "where":
			d.array(i, at, func(j int, at string) { def.Where = append(def.Where, d.where(j, at)) })
		case "select":
			def.Select = d.selects(i, at)
		default:
			raw := d.tape.Raw(i)
			if d.isText(i) {
				raw = d.src[d.tape.Node(i).Start-1 : d.tape.Node(i).End+1]
			}
			def.keep(key, raw)
		}
		return true
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

// isViewDefinition reports whether a resourceType is ViewDefinition: by name (3.0), or by the URL of the
// StructureDefinition, with or without a version (2.0 and its drafts).
func isViewDefinition(t string) bool {
	t, _, _ = strings.Cut(t, "|")
	return t == "ViewDefinition" || strings.HasSuffix(t, "/ViewDefinition")
}

func (d *decoder) constant(i int, element string) Constant {
	var c Constant
	values := 0
	d.members(i, element, map[string]*string{"name": &c.Name}, func(j int, at, key string) bool {
		typ, isValue := strings.CutPrefix(key, "value")
		if !isValue {
			return false
		}
		values++
		t, known := constantType(typ)
		if !known {
			c.Type = typ
			d.bad.addf(KindValidate, at, "a constant cannot be of this type")
			return true
		}
		c.Type, c.Value = t, d.constantText(j, at, t)
		return true
	})
	if values > 1 {
		d.bad.addf(KindValidate, element, "the constant has %d values, expected one value[x]", values)
	}
	return c
}

// constantText checks the JSON type of a constant and returns its text.
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

func (d *decoder) where(i int, element string) (w Where) {
	d.members(i, element, map[string]*string{"path": &w.Path, "description": &w.Description}, nil)
	return w
}

func (d *decoder) selects(i int, element string) []Select {
	list := []Select{}
	d.array(i, element, func(j int, at string) { list = append(list, d.selectElement(j, at)) })
	return list
}

func (d *decoder) selectElement(i int, element string) (s Select) {
	d.members(i, element, nil, func(j int, at, key string) bool {
		switch key {
		case "column":
			s.Column = []ColumnDefinition{}
			d.array(j, at, func(k int, at string) { s.Column = append(s.Column, d.column(k, at)) })
		case "select":
			s.Select = d.selects(j, at)
		case "unionAll":
			s.UnionAll = d.selects(j, at)
		case "forEach":
			s.ForEach = d.path(j, at)
		case "forEachOrNull":
			s.ForEachOrNull = d.path(j, at)
		case "repeat":
			if s.Repeat = d.texts(j, at); s.Repeat == nil && d.tape.Node(j).Kind == fhirjson.Array {
				d.warn(at + ": the list of paths is empty and has no effect")
			}
		default:
			return false
		}
		return true
	})
	return s
}

// path reads a string and reports an empty one, which the Go form could not tell from an absent member.
func (d *decoder) path(i int, element string) string {
	text := d.text(i, element)
	if text == "" && d.isText(i) {
		d.bad.addf(KindValidate, element, "the path is empty")
	}
	return text
}

func (d *decoder) column(i int, element string) (c ColumnDefinition) {
	texts := map[string]*string{"path": &c.Path, "name": &c.Name, "description": &c.Description, "type": &c.Type}
	d.members(i, element, texts, func(j int, at, key string) bool {
		switch key {
		case "collection":
			c.Collection = d.boolean(j, at)
		case "tag":
			d.array(j, at, func(k int, at string) { c.Tag = append(c.Tag, d.tag(k, at)) })
		default:
			return false
		}
		return true
	})
	return c
}

func (d *decoder) tag(i int, element string) (t Tag) {
	d.members(i, element, map[string]*string{"name": &t.Name, "value": &t.Value}, nil)
	return t
}
