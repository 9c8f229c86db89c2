package fhirpath

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/researchflow/researchflow/internal/fhirpath/check"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
)

// author writes random expressions that make sense for their input: it follows the elements that the static type
// of what it has written so far can have.
type author struct {
	*rand.Rand
	conf *config
	m    *model.Model
}

// typeOf infers the type of an expression on an input.
func (a *author) typeOf(text string, input check.Type) check.Type {
	tree, err := syntax.Parse(text)
	if err != nil {
		return check.Any()
	}
	return check.Check(tree, check.Options{Model: a.m, Input: input}).Type
}

func pick[T any](a *author, from []T) T { return from[a.IntN(len(from))] }

// path writes an expression of some steps on an input.
func (a *author) path(input check.Type, steps int) string {
	text := "$this"
	for range a.IntN(steps + 1) {
		text = a.step(text, input, steps-1)
	}
	if rest, ok := strings.CutPrefix(text, "$this."); ok && a.IntN(3) > 0 {
		return rest
	}
	return text
}

// step continues an expression by an element, a function or an operator.
func (a *author) step(text string, input check.Type, steps int) string {
	t := a.typeOf(text, input)
	if names := a.elements(t); len(names) > 0 && a.IntN(4) > 0 {
		name := pick(a, names)
		if name == "div" || name == "contains" || name == "as" || name == "is" || name == "in" {
			name = "`" + name + "`"
		}
		return text + "." + name
	}
	item := t
	item.Single = true
	plain := []string{
		"first()", "last()", "tail()", "count()", "exists()", "empty()", "distinct()", "isDistinct()", "children()", "type()",
		"toString()", "toInteger()", "toDecimal()", "toDate()", "toDateTime()", "toQuantity()", "convertsToBoolean()", "hasValue()",
		"getValue()", "lowBoundary()", "highBoundary()", "precision()", "abs()", "round(1)", "ceiling()", "sqrt()", "power(2)",
		"length()", "upper()", "toChars()", "split('-')", "join(',')", "substring(1)", "indexOf('a')", "startsWith('a')",
		"matches('a')", "replace('a', 'b')", "encode('base64')", "trim()", "not()", "allTrue()", "skip(1)", "take(2)",
		"extension('http://example.org')", "resolve()", "getResourceKey()", "trace('t')", "yearOf()", "dateOf()", "sum()",
		"min()", "max()", "avg()", "sort()", "single()", "descendants()",
	}
	if a.IntN(2) == 0 || steps <= 0 {
		return text + "." + pick(a, plain)
	}
	sub := func() string { return a.path(item, steps) }
	switch a.IntN(16) {
	case 0:
		return fmt.Sprintf("%s.where(%s.exists())", text, sub())
	case 1:
		return fmt.Sprintf("%s.select(%s)", text, sub())
	case 2:
		return fmt.Sprintf("%s.repeat(%s)", text, sub())
	case 3:
		return fmt.Sprintf("%s.select(iif(%s.exists(), %s, %s))", text, sub(), sub(), sub())
	case 4:
		return fmt.Sprintf("%s.aggregate($total | %s, %s)", text, sub(), a.path(input, steps))
	case 5:
		return fmt.Sprintf("(%s | %s)", text, a.path(input, steps))
	case 6:
		return fmt.Sprintf("%s.combine(%s)", text, a.path(input, steps))
	case 7:
		return fmt.Sprintf("(%s %s %s)", text, pick(a, []string{"+", "-", "*", "/", "div", "mod", "&"}), a.operand(input, steps))
	case 8:
		return fmt.Sprintf("(%s %s %s)", text, pick(a, []string{"=", "!=", "~", "<", ">=", "in", "contains", "and", "implies"}), a.operand(input, steps))
	case 9:
		return fmt.Sprintf("%s[%d]", text, a.IntN(3))
	case 10:
		return fmt.Sprintf("%s.all(%s.exists())", text, sub())
	case 11:
		return fmt.Sprintf("%s.defineVariable('v', %s).select(%%v)", text, sub())
	case 12:
		return fmt.Sprintf("%s.coalesce(%s, %s)", text, a.path(input, steps), a.path(input, steps))
	case 13:
		return fmt.Sprintf("(-%s)", text)
	case 14:
		return fmt.Sprintf("%s.sort(%s)", text, sub())
	}
	if len(t.Refs) > 0 {
		name := pick(a, t.Refs).Name(a.m)
		return fmt.Sprintf("%s.%s(%s)", text, pick(a, []string{"ofType", "as", "is"}), name)
	}
	return text + ".ofType(FHIR.string)"
}

// operand writes what stands to the right of an operator.
func (a *author) operand(input check.Type, steps int) string {
	if a.IntN(2) == 0 {
		return pick(a, []string{"1", "2.5", "'a'", "true", "@2020-01-01", "@2020-01-01T10:00:00Z", "@T10:00", "3 'mg'", "2 days", "{}", "1L"})
	}
	return a.path(input, steps)
}

// elements lists the elements that items of a type can have.
func (a *author) elements(t check.Type) []string {
	var names []string
	for _, r := range t.Refs {
		if r.System != 0 {
			continue
		}
		id := r.FHIR
		for el := range a.m.Elements(id) {
			names = append(names, el.Name)
		}
	}
	return names
}

// TestRandomExpressionsKeepTheirTypes evaluates random expressions on real resources and holds the results against
// their static types.
func TestRandomExpressionsKeepTheirTypes(t *testing.T) {
	inputs := staticInputs(t)
	conf, err := newConfig([]CompileOption{WithModel(model.R4)})
	if err != nil {
		t.Fatal(err)
	}
	a := &author{Rand: rand.New(rand.NewPCG(1, 2)), conf: conf, m: conf.schema.model}
	compared := 0
	const expressions = 4000
	for range expressions {
		in := pick(a, inputs)
		text := a.path(check.OfFHIR(a.m, in.typ), 4)
		if checkSound(t, text, in) {
			compared++
		}
		if t.Failed() {
			break
		}
	}
	t.Logf("%d of %d expressions had results to compare", compared, expressions)
	if compared < expressions/10 {
		t.Errorf("%d of %d expressions had results to compare, want more", compared, expressions)
	}
}
