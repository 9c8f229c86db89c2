package runner

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/researchflow/researchflow/internal/fhirpath/model"
)

// choices decides what a random view looks like: one byte for each decision, and the first possibility once there are
// no more.
type choices struct{ data []byte }

func (c *choices) intN(n int) int {
	if len(c.data) == 0 || n < 2 {
		return 0
	}
	b := c.data[0]
	c.data = c.data[1:]
	return int(b) % n
}

func (c *choices) oneIn(n int) bool { return c.intN(n) == n-1 }

func oneOf[T any](c *choices, list ...T) T { return list[c.intN(len(list))] }

// here is a place that a random path has reached: its type and what stands there in the sample resources.
type here struct {
	typ     model.TypeID
	samples []any
	root    bool
}

// viewAuthor writes random views that make sense for the resources they are to run on: paths follow the members that
// the resources have, and are compared with texts that they hold.
type viewAuthor struct {
	*choices
	m     *model.Model
	names int
	typed bool // some column declares its type
}

// view writes a view.
func (a *viewAuthor) view(resource string, samples []any) string {
	typ, _ := a.m.Type(resource)
	at := here{typ: typ, samples: samples, root: true}
	v := map[string]any{"resource": resource, "constant": []any{
		map[string]any{"name": "text", "valueString": a.anyText(at)}, map[string]any{"name": "number", "valueInteger": a.intN(3)},
	}}
	if a.oneIn(3) {
		v["where"] = []any{map[string]any{"path": a.condition(at)}}
	}
	var selects []any
	for range 1 + a.intN(3) {
		selects = append(selects, a.selectPart(at, 0, a.columnNames()))
	}
	v["select"] = selects
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// columnNames makes names for the columns of a select.
func (a *viewAuthor) columnNames() []string {
	var names []string
	for range 1 + a.intN(4) {
		a.names++
		names = append(names, "c"+strconv.Itoa(a.names))
	}
	return names
}

// selectPart writes a select that has columns of the given names, in this order, and perhaps nested selects and
// unions of others.
func (a *viewAuthor) selectPart(at here, depth int, names []string) map[string]any {
	s := map[string]any{}
	switch a.intN(5) {
	case 1:
		s["forEach"], at = a.path(at, 3)
	case 2:
		s["forEachOrNull"], at = a.path(at, 3)
	case 3:
		s["repeat"], at = a.repeat(at)
	}
	var below []string
	if depth < 3 && a.oneIn(3) {
		own := a.intN(len(names) + 1)
		names, below = names[:own], names[own:]
	}
	var columns []any
	for _, name := range names {
		columns = append(columns, a.column(at, name))
	}
	if len(columns) > 0 {
		s["column"] = columns
	}
	switch {
	case len(below) > 0 && a.oneIn(2):
		s["select"] = []any{a.selectPart(at, depth+1, below)}
	case len(below) > 0:
		var branches []any
		for range 1 + a.intN(3) {
			branches = append(branches, a.selectPart(at, depth+1, below))
		}
		s["unionAll"] = branches
	}
	return s
}

func (a *viewAuthor) column(at here, name string) map[string]any {
	c := map[string]any{"name": name, "path": a.value(at)}
	if a.oneIn(2) {
		c["collection"] = true
	}
	if a.oneIn(8) {
		a.typed = true
		c["type"] = oneOf(a.choices, "string", "integer", "boolean", "decimal", "HumanName", "date")
	}
	return c
}

// repeat writes the paths of a repeat.
func (a *viewAuthor) repeat(at here) ([]string, here) {
	if a.oneIn(2) {
		return []string{"extension"}, a.child(at, "extension")
	}
	first, to := a.member(at)
	paths := []string{first}
	if a.oneIn(3) {
		second, _ := a.member(to)
		paths = append(paths, second)
	}
	return paths, to
}

// value writes the path of a column.
func (a *viewAuthor) value(at here) string {
	path, to := a.path(at, 3)
	switch a.intN(24) {
	case 0, 1, 2, 3, 4, 5, 6:
		return path
	case 7:
		return "%rowIndex"
	case 8:
		return "getResourceKey()"
	case 9:
		return path + oneOf(a.choices, ".reference", "") + ".getReferenceKey(" + oneOf(a.choices, "", "Patient", "Encounter") + ")"
	case 10:
		return path + ".join(" + oneOf(a.choices, "", "','", "%text") + ")"
	case 11:
		return a.condition(at)
	case 12:
		return path + "." + oneOf(a.choices, "count()", "exists()", "empty()", "first()", "last()", "not()", "type().name", "toString()", "children().count()")
	case 13:
		return path + oneOf(a.choices, " & 'x'", " + 1", " = %text", " | %rowIndex", " is string", " > 1")
	case 14:
		return oneOf(a.choices, "'x'", "1", "1.50", "true", "{}", "@2020-02", "%text", "%number", "%resource.id", "%context.id", "$this", "$index")
	case 15:
		return "iif(" + a.condition(at) + ", " + path + ", %rowIndex)"
	case 16:
		return path + ".select(" + a.value(to) + ")"
	case 17:
		return path + ".extension('" + oneOf(a.choices, "x", a.textOf(to)) + "').value"
	case 18:
		return path + ".lowBoundary()"
	case 19:
		return "%resource.descendants().where($this = " + a.literal(at) + ").count()"
	}
	return path + oneOf(a.choices, "", ".id", ".extension.url", "[%rowIndex]")
}

// path writes a path of some steps from a place.
func (a *viewAuthor) path(at here, steps int) (string, here) {
	if a.oneIn(12) {
		return "$this", at
	}
	text, to := a.member(at)
	for range a.intN(steps) {
		text, to = a.step(text, to)
	}
	return text, to
}

// step continues a path.
func (a *viewAuthor) step(text string, at here) (string, here) {
	switch a.intN(10) {
	case 0, 1, 2, 3, 4:
		next, to := a.member(at)
		return text + "." + next, to
	case 5, 6:
		return text + ".where(" + a.condition(at) + ")", at
	case 7:
		return text + "." + oneOf(a.choices, "first()", "last()", "tail()", "skip(1)", "take(2)", "where(true)"), at
	case 8:
		return text + "[" + strconv.Itoa(a.intN(3)) + "]", at
	}
	name := a.m.Name(at.typ)
	if a.oneIn(3) {
		name = oneOf(a.choices, "string", "Quantity", "HumanName", "code")
	}
	return text + ".ofType(" + name + ")", at
}

// condition writes something Boolean.
func (a *viewAuthor) condition(at here) string {
	path, to := a.path(at, 2)
	switch a.intN(9) {
	case 0, 1:
		return path + " = " + a.literal(to)
	case 2:
		return path + " != " + a.literal(to)
	case 3:
		return path + oneOf(a.choices, ".exists()", ".empty()", ".exists().not()", ".exists(true)")
	case 4:
		return a.condition(at) + oneOf(a.choices, " and ", " or ", " xor ", " implies ") + a.condition(at)
	case 5:
		return path + ".exists(" + a.condition(to) + ")"
	case 6:
		return "(" + a.condition(at) + ").not()"
	case 7:
		return "%rowIndex = %number"
	}
	return path
}

// literal writes a constant that may equal what stands at a place.
func (a *viewAuthor) literal(at here) string {
	switch a.intN(8) {
	case 0:
		return "true"
	case 1:
		return "%text"
	case 2:
		return "1"
	}
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(a.textOf(at)) + "'"
}

// textOf returns a text that stands at a place.
func (a *viewAuthor) textOf(at here) string {
	for _, s := range at.samples {
		if text, ok := s.(string); ok && len(text) < 100 {
			return text
		}
	}
	return "none"
}

// anyText returns a text that stands somewhere below a place.
func (a *viewAuthor) anyText(at here) string {
	for range 4 {
		_, at = a.member(at)
		if text := a.textOf(at); text != "none" {
			return text
		}
	}
	return "text"
}

// member writes the name of an element of a place, mostly one that is there.
func (a *viewAuthor) member(at here) (string, here) {
	var keys []string
	for _, s := range at.samples {
		if object, ok := s.(map[string]any); ok {
			for key := range object {
				if key != "resourceType" && key != "" && !slices.Contains(keys, key) {
					keys = append(keys, key)
				}
			}
		}
	}
	slices.Sort(keys)
	if len(keys) == 0 || a.oneIn(8) {
		keys = keys[:0]
		for el := range a.m.Elements(at.typ) {
			keys = append(keys, el.Name)
		}
		slices.Sort(keys)
	}
	if len(keys) == 0 {
		return "id", here{}
	}
	key := strings.TrimPrefix(oneOf(a.choices, keys...), "_")
	to := a.child(at, key)
	if el, typ, ok := a.m.JSONKey(at.typ, key); ok && el.Choice {
		return oneOf(a.choices, fmt.Sprintf("%s.ofType(%s)", el.Name, a.m.Name(typ)), el.Name, key), to
	}
	if key == "contains" || key == "as" || key == "is" || key == "in" || key == "div" || key == "mod" || key == "and" {
		key = "`" + key + "`"
	}
	return key, to
}

// child returns the place under a JSON name.
func (a *viewAuthor) child(at here, key string) here {
	to := here{}
	if _, typ, ok := a.m.JSONKey(at.typ, key); ok {
		to.typ = typ
	}
	for _, s := range at.samples {
		object, _ := s.(map[string]any)
		switch value := object[key].(type) {
		case nil:
		case []any:
			to.samples = append(to.samples, value...)
		default:
			to.samples = append(to.samples, value)
		}
	}
	for _, s := range to.samples {
		if object, ok := s.(map[string]any); ok {
			if name, ok := object["resourceType"].(string); ok {
				to.typ, _ = a.m.Type(name)
			}
		}
	}
	return to
}

// spoil changes a place of a resource into something out of the ordinary.
func (a *viewAuthor) spoil(v any, depth int) any {
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for key := range v {
			if key != "resourceType" {
				keys = append(keys, key)
			}
		}
		slices.Sort(keys)
		if len(keys) > 0 && (depth == 0 || !a.oneIn(4)) {
			key := oneOf(a.choices, keys...)
			if a.oneIn(6) {
				v["_"+key] = oneOf[any](a.choices, map[string]any{"id": "i"}, []any{nil, map[string]any{"extension": []any{map[string]any{"url": "x", "valueString": "y"}}}}, nil, "text")
				return v
			}
			v[key] = a.spoil(v[key], depth+1)
			return v
		}
	case []any:
		if len(v) > 0 && !a.oneIn(4) {
			i := a.intN(len(v))
			v[i] = a.spoil(v[i], depth+1)
			return v
		}
	}
	switch a.intN(10) {
	case 0:
		return nil
	case 1:
		return json.Number("1")
	case 2:
		return "quo\"te\\\u00e9\n"
	case 3:
		return []any{}
	case 4:
		return map[string]any{}
	case 5:
		return []any{v, v}
	case 6:
		return []any{nil, v}
	case 7:
		return true
	case 8:
		return []any{v}
	}
	return json.Number("1.50")
}

// reword changes some texts of a resource, and keeps its shape.
func (a *viewAuthor) reword(v any) any {
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for key := range v {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			if key != "resourceType" {
				v[key] = a.reword(v[key])
			}
		}
	case []any:
		for i := range v {
			v[i] = a.reword(v[i])
		}
	case string:
		if a.oneIn(4) {
			return oneOf(a.choices, "x", "none", "text", v+"1", "Patient/1", "#a", "quo\"te", "1", "")
		}
	case bool:
		if a.oneIn(4) {
			return !v
		}
	case json.Number:
		if a.oneIn(4) {
			return oneOf(a.choices, json.Number("2"), json.Number("1.50"))
		}
	}
	return v
}
