package fhirpath_test

import (
	"fmt"
	"maps"
	"strings"
)

// What hurtful expressions are made of: a literal near the longest that an expression can hold, collections of
// thousands of numbers, and a text and a number as long as there can be.
const (
	thousands       = "1.repeatAll(iif($this < 4000, $this + 1, {}))"
	tensOfThousands = "1.repeatAll(iif($this < 30000, $this + 1, {}))"
)

var (
	long    = "'" + strings.Repeat("a", 60_000) + "'"
	longest = longText("a")
	number  = strings.Repeat("9", 400) + "." + strings.Repeat("9", 390)
)

// longText returns an expression that gives megabytes of a character.
func longText(c string) string {
	return "'" + strings.Repeat(c, 20_000) + "'.replace('" + c + "', '" + strings.Repeat(c, 200) + "')"
}

// forThousands returns an expression that evaluates projection thousands of times, with %a set to the value.
func forThousands(value, projection string) string {
	return "defineVariable('a', " + value + ").select(" + thousands + ".select(" + projection + "))"
}

// hurtful returns expressions that would not end, or not soon, without limits. Those whose name begins with
// "bearable: " end soon all the same, and have a result.
func hurtful() map[string]string {
	list := map[string]string{}
	for _, m := range []map[string]string{hurtfulShapes(), hurtfulCollections(), hurtfulTexts(), hurtfulNumbers()} {
		maps.Copy(list, m)
	}
	return list
}

// hurtfulShapes are large or deep by themselves.
func hurtfulShapes() map[string]string {
	r := strings.Repeat
	var variables strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&variables, ".defineVariable('v%d')", i)
	}
	return map[string]string{
		"parentheses":               r("(", 10_000) + "1" + r(")", 10_000),
		"signs":                     r("-", 10_000) + "1",
		"bearable: 240 signs":       r("-", 240) + "1",
		"literal":                   "'" + r("x", 1<<20) + "'",
		"select":                    "(1|2|3)" + r(".select(1.combine(2).combine(3))", 30),
		"combine":                   r("combine(", 100) + "$this" + r(")", 100) + r(".select(combine($this).combine($this))", 40),
		"nested select":             r("descendants().select(", 20) + "1" + r(")", 20),
		"nested where":              r("descendants().where(", 20) + "true" + r(".exists())", 20),
		"nested collections":        r("(1|2|3|4|5|6|7|8|9|10).combine("+thousands+").select(", 50) + "1" + r(")", 50),
		"nested numbers":            r(thousands+".select(", 100) + "1" + r(")", 100),
		"descendants":               "descendants()" + r(".descendants()", 20),
		"descendants chain":         "descendants()" + r(".descendants()", 4000),
		"select chain":              "descendants()" + r(".select($this)", 3000),
		"combine this":              "descendants()" + r(".combine($this)", 3000),
		"variables":                 "id" + variables.String(),
		"patterns":                  r("'a'.matches('(a?){1000}') or ", 1000) + "true",
		"bearable: select chain":    "id" + r(".select($this)", 3000),
		"bearable: indexers":        "id" + r("[0]", 4900),
		"bearable: members":         "id" + r(".id", 4900),
		"bearable: unknown members": "nonsense" + r(".nonsense", 4900),
		"bearable: operands":        "a" + r("|a.b.c.d.e.f", 4900),
		"bearable: arguments":       "coalesce(" + r("id,", 30_000) + "id)",
		"bearable: types":           "a is Patient" + r(" or a is Patient", 4900),
		"bearable: choices":         "extension" + r(".value.extension", 2400),
		"bearable: types of repeat": r("repeat(", 240) + "extension.value" + r(")", 240),
		"bearable: types of total":  r("aggregate(", 240) + "$total | extension.value" + r(")", 240),
		"folded text":               long + r(" & 'x'", 4900),
		"bearable: folded numbers":  "1" + r("+1", 4900),
		"folded quantities":         "1 'mg' = 1 'kg'" + r(" or 1 'mg.mg.mg.mg.mg.mg.mg' = 1 'kg.kg.kg.kg.kg.kg.kg'", 1000),
	}
}

// hurtfulCollections make many items, or compare them.
func hurtfulCollections() map[string]string {
	variable := "(" + tensOfThousands + ").defineVariable('v')"
	return map[string]string{
		"repeat this":           "item.repeatAll($this)",
		"repeat new":            "'a'.repeat($this & 'a')",
		"repeat numbers":        "1.repeat($this + 1)",
		"repeatAll number":      "1.repeatAll($this + 1)",
		"aggregate items":       "descendants().aggregate($total.combine($total).combine($this))",
		"distinct":              "1.repeatAll(iif($this < 99999, $this + 1, {})).distinct()",
		"copies":                variable + ".select(%v = 1)",
		"copies for an item":    variable + ".select(%v[0])",
		"copies for in":         variable + ".select($this in %v)",
		"equivalent":            "(" + thousands + ") ~ (" + thousands + ").sort(-$this)",
		"intersect":             variable + ".intersect(%v).exclude(%v)",
		"subsetOf":              variable + ".subsetOf(%v) and " + variable + ".supersetOf(%v)",
		"union":                 variable + ".union(%v).union(%v)",
		"sort":                  "descendants().select(1 | 2 | 3 | 4 | 5)" + strings.Repeat(".select($this | $this + 1)", 20) + ".sort()",
		"sort downwards":        tensOfThousands + ".sort(-$this).sort().sort(-$this)",
		"sort keys":             tensOfThousands + ".sort(" + strings.Repeat("$this,", 15_000) + "$this)",
		"sort texts":            tensOfThousands + ".select($this.toString()).sort()",
		"elements alike":        strings.Repeat("descendants().isDistinct() or ", 20) + "true",
		"descendants again":     forThousands("1", "%resource.descendants().count()"),
		"dates alike":           thousands + ".select(@2000-01-01 + $this.toQuantity('day')).distinct()",
		"quantities alike":      thousands + ".select($this.toQuantity('mg')).distinct()",
		"quantities in order":   tensOfThousands + ".select($this.toQuantity('mg')).sort()",
		"toChars":               "'" + strings.Repeat("x", 1000) + "'" + strings.Repeat(".toChars().join('"+strings.Repeat("x", 1000)+"')", 10),
		"objects":               thousands + ".select(HumanName { given : 'a', family : 'b' }).distinct()",
		"objects of long texts": "defineVariable('a', " + longest + ").select(defineVariable('l', " + thousands + ".select(%a)).select(HumanName { given : %l }))",
		"pathnames":             strings.Repeat("descendants().pathname() | ", 200) + "'a'",
		"formats":               thousands + ".select('2020'.toDate('" + strings.Repeat("-", 20_000) + "'))",
		"bearable: references":  thousands + ".select('#x'.resolve())",
		"bearable: joined":      thousands + ".select($this.toString()).join(',')",
	}
}

// hurtfulTexts build long texts, or look through them again and again.
func hurtfulTexts() map[string]string {
	r := strings.Repeat
	twice := "defineVariable('b', " + longest + " & 'x')." + forThousands(longest+" & 'x'", "%a OP %b")
	return map[string]string{
		"doubling":         "'ab'" + r(".replace('b', 'bbbbbbbbbb')", 100),
		"aggregate text":   "descendants().aggregate($total & $total & 'x', 'x')",
		"replace":          long + r(".replace('', 'xxxxxxxx')", 20),
		"escape":           "'" + r("<", 60_000) + "'" + r(".escape('html')", 30),
		"equal":            strings.Replace(twice, "OP", "=", 1),
		"equivalent texts": strings.Replace(twice, "OP", "~", 1),
		"less":             strings.Replace(twice, "OP", "<", 1),
		"in a set":         forThousands(longest, "(%a | %a & 'x').count()"),
		"indexOf":          forThousands(longest, "%a.indexOf('"+r("a", 1000)+"b')"),
		"lastIndexOf":      forThousands(longest, "%a.lastIndexOf('b"+r("a", 1000)+"')"),
		"contains":         forThousands(longest, "%a.contains('"+r("a", 30)+"b')"),
		"substring":        forThousands(longest, "%a.substring(1000000)"),
		"upper":            forThousands(longText("ä"), "%a.upper()"),
		"split":            forThousands(longest+".substring(0, 40000)", "%a.split('a').count()"),
		"unescape":         forThousands("'"+r("&a", 30_000)+"'", "%a.unescape('html')"),
		"encode":           forThousands(longest, "%a.encode('base64').decode('base64')"),
		"html":             forThousands("'"+r("<div>", 12_000)+"'", "%a.htmlChecks()"),
		"toInteger":        forThousands(longText("0"), "%a.toInteger()"),
		"toQuantity":       forThousands("'1' & "+longText(" "), "%a.toQuantity()"),

		"replaceMatches":        "'aaaaaaaaaa'" + r(".replaceMatches('a', 'aaaaaaaaaa')", 50),
		"replaceMatches once":   longest + ".replaceMatches('a', 'b')",
		"replaceMatches groups": longest + ".substring(0, 300000).replaceMatches('" + r("()", 100) + "a', '$1')",
		"replaceMatches grows":  longest + ".substring(0, 1000000).replaceMatches('a+', '" + r("$0", 30_000) + "')",
		"pattern":               "'a'.matches('" + r("a", 2000) + "')",
		"pattern built":         "'a'.matches('" + r("a", 600) + "' & '" + r("b", 600) + "')",
		"nested plus":           long + ".replace('a', '" + r("a", 90) + "').matches('(a+)+$')",
		"counted":               long + ".matches('(a?){1000}$')",
		"counted full":          long + ".matchesFull('(a?){1000}b')",
		"counted replace":       long + ".replaceMatches('(a?){1000}b', 'x')",
		"patterns built":        thousands + ".select('x'.matches('(a?){1000}' & $this.toString()))",
		"classes built":         thousands + ".select('x'.matches('" + r(`\\p{L}`, 100) + "' & $this.toString()))",
		"alternatives":          thousands + ".select('" + r("a", 2000) + "'.matches('(a|b|ab)*c'))",
	}
}

// hurtfulNumbers calculate with many digits or units.
func hurtfulNumbers() map[string]string {
	unit := func(symbol string) string { return strings.TrimSuffix(strings.Repeat(symbol+".", 60), ".") }
	return map[string]string{
		"exp":                   thousands + ".select((10.5 + $this / 1000).exp())",
		"ln":                    thousands + ".select((10.5 + $this / 1000).ln())",
		"log":                   thousands + ".select((10.5 + $this / 1000).log(2.5))",
		"sqrt":                  thousands + ".select((10.5 + $this / 1000).sqrt())",
		"power":                 thousands + ".select((1.5 + $this / 1000).power(1.777))",
		"power of 1":            thousands + ".select(1.0000001.power(2000000000))",
		"exp of much":           thousands + ".select(900.123456789.exp())",
		"sqrt of much":          forThousands(number, "%a.sqrt()"),
		"ln of much":            forThousands(number, "%a.ln()"),
		"log of much":           forThousands(number, "%a.log(1."+strings.Repeat("0", 380)+"1)"),
		"power of much":         forThousands("1."+strings.Repeat("1", 390), "%a.power(900.5)"),
		"times much":            forThousands(number, "%a * %a"),
		"units":                 thousands + ".select(1 '" + unit("mg") + "' = 1 '" + unit("kg") + "')",
		"units times":           thousands + ".select(1 '" + unit("mg") + "' * 1 '" + unit("kg") + "')",
		"units converted":       thousands + ".select(1 '" + unit("mg") + "'.toQuantity('" + unit("kg") + "'))",
		"bearable: div of much": forThousands(number, "%a div 3"),
		"bearable: boundaries":  forThousands("1.5", "%a.lowBoundary()"),
		"bearable: time":        thousands + ".select(@2020-01-01T00:00:00.000 + 1 'second' + 1 year - 3 months)",
	}
}
