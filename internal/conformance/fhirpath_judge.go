package conformance

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/researchflow/researchflow/internal/fhirpath"
	"github.com/researchflow/researchflow/internal/fhirpath/system"
)

// judge returns why the result is not what the case wants, "" if it is.
func judge(r *FHIRPathResult) string {
	c := r.Case
	if c.Invalid != "" && c.Invalid != "false" {
		return judgeError(r)
	}
	if r.Error != nil {
		return fmt.Sprintf("got an error, want %s: %s", show(c.Outputs), r.Message)
	}
	got, want := r.Outputs, c.Outputs
	same := len(got) == len(want)
	if same && c.Ordered == "false" {
		same = matchAny(got, want)
	} else {
		for i := 0; same && i < len(want); i++ {
			same = matches(got[i], want[i])
		}
	}
	if !same {
		return fmt.Sprintf("got %s, want %s", show(got), show(want))
	}
	return ""
}

// judgeError judges a case that must fail: syntax and semantic faults are found by Compile, others there or in
// evaluation. That something is not supported or goes over a limit proves nothing, but for repeatAll(), which only a
// limit can stop.
func judgeError(r *FHIRPathResult) string {
	want := r.Case.Invalid
	if r.Error == nil {
		return fmt.Sprintf("got %s, want an error (%s)", show(r.Outputs), want)
	}
	switch *r.Error {
	case fhirpath.Syntax.String(), fhirpath.Semantic.String(), fhirpath.Execution.String():
	case fhirpath.Limit.String():
		if strings.Contains(r.Case.Expression, "repeatAll(") && want != "syntax" && want != "semantic" {
			return ""
		}
		fallthrough
	default:
		return "want an error of the expression, got another: " + r.Message
	}
	if r.Compiled && (want == "syntax" || want == "semantic") {
		return fmt.Sprintf("want an error (%s) from Compile, got one from evaluation: %s", want, r.Message)
	}
	return ""
}

// matchAny pairs the items in any order.
func matchAny(got, want []FHIRPathOutput) bool {
	rest := append([]FHIRPathOutput(nil), got...)
next:
	for _, w := range want {
		for i, g := range rest {
			if matches(g, w) {
				rest = append(rest[:i], rest[i+1:]...)
				continue next
			}
		}
		return false
	}
	return true
}

func show(outputs []FHIRPathOutput) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, o := range outputs {
		if i > 0 {
			b.WriteString(", ")
		}
		if o.Type != nil {
			b.WriteString(*o.Type + " ")
		}
		b.WriteString(string(o.Value))
	}
	b.WriteByte(']')
	return b.String()
}

// matches compares an item that the engine gave with one that is wanted: type and value, where the case names a
// type; numbers by value, dates and times as points in time of the same precision, quantities by amount.
func matches(got, want FHIRPathOutput) bool {
	if want.Type != nil && *want.Type != "" && (got.Type == nil || !sameType(*got.Type, *want.Type)) {
		return false
	}
	a, b := string(got.Value), string(want.Value)
	if a == b {
		return true
	}
	kind := ""
	if got.Type != nil {
		kind = *got.Type
	}
	switch kind {
	case "integer", "integer64", "positiveInt", "unsignedInt", "decimal":
		equal, ok := equalNumber(a, b)
		return ok && (equal || sameFraction(a, b))
	case "date", "dateTime", "instant":
		x, errX := system.ParseDateTime(strings.TrimPrefix(a, "@"))
		y, errY := system.ParseDateTime(strings.TrimPrefix(b, "@"))
		equal, known := x.Equal(y)
		return errX == nil && errY == nil && known && equal
	case "time":
		x, errX := system.ParseTime(strings.TrimLeft(a, "@T"))
		y, errY := system.ParseTime(strings.TrimLeft(b, "@T"))
		equal, known := x.Equal(y)
		return errX == nil && errY == nil && known && equal
	case "string", "code", "id", "uri", "url", "canonical", "markdown", "oid", "uuid", "base64Binary", "boolean":
		return false
	}
	if got.quantity != "" {
		a = got.quantity
	}
	if x, ok := quantityOf(a); ok {
		if y, ok := quantityOf(b); ok {
			equal, known := x.Equal(y)
			return known && equal
		}
		if y, ok := quantityObject(b); ok && !strings.HasPrefix(string(got.Value), "{") {
			equal, known := x.Equal(y)
			return known && equal
		}
	}
	a = string(got.Value)
	if kind == "" {
		if equal, ok := equalNumber(a, b); ok {
			return equal
		}
	}
	return equalJSON([]byte(a), []byte(b))
}

// quantityOf reads a quantity with its unit.
func quantityOf(text string) (system.Quantity, bool) {
	if !strings.Contains(text, " ") {
		return system.Quantity{}, false
	}
	q, err := system.ParseQuantity(text)
	return q, err == nil
}

// quantityObject reads a quantity that is an object with value and unit: a UCUM code or the name of a calendar
// duration.
func quantityObject(text string) (q system.Quantity, ok bool) {
	var members struct {
		Value      json.Number
		Unit, Code string
	}
	if json.Unmarshal([]byte(text), &members) != nil || members.Value == "" {
		return q, false
	}
	unit := strings.Trim(members.Unit, "'")
	if members.Code != "" {
		unit = members.Code
	}
	if unit == "" {
		unit = "1"
	}
	value, err := system.ParseDecimal(members.Value.String())
	q = system.Quantity{Value: value, Unit: unit}
	_, q.Calendar = system.CalendarUnit(unit)
	return q, err == nil
}

// sameFraction compares a number with one that was calculated as a float64: where it has more digits than FHIRPath
// wants of implementations, eight after the point, those have to be the same.
func sameFraction(got, want string) bool {
	x, errX := system.ParseDecimal(got)
	y, errY := system.ParseDecimal(want)
	if errX != nil || errY != nil || y.Scale() <= 8 {
		return false
	}
	difference, ok := x.Sub(y)
	return ok && difference.Abs().Compare(system.NewDecimal(1, 9)) < 0
}

// sameType compares type names ignoring the case of the first letter, by which System types differ from
// FHIR's, and to the model's name.
func sameType(got, want string) bool {
	if _, name, ok := strings.Cut(want, "."); ok {
		want = name
	}
	return strings.EqualFold(got, want)
}
