package syntax_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
)

// tree writes an expression with every operation in parentheses, so that tests see the structure.
func tree(e syntax.Expr) string {
	name := func(x syntax.Expr, s string) string {
		if x == nil {
			return s
		}
		return "(. " + tree(x) + " " + s + ")"
	}
	switch e := e.(type) {
	case *syntax.Literal:
		s := fmt.Sprintf("%s:%s", e.Kind, e.Text)
		if e.Kind == syntax.Quantity {
			s += fmt.Sprintf(":%s:%t", e.Unit, e.Calendar)
		}
		return s
	case *syntax.Member:
		return name(e.X, e.Name)
	case *syntax.Special:
		return name(e.X, e.Kind.String())
	case *syntax.External:
		return "%" + e.Name
	case *syntax.Call:
		s := e.Name + "("
		for i, arg := range e.Args {
			if i > 0 {
				s += " "
			}
			s += tree(arg)
			if i < len(e.Descending) && e.Descending[i] {
				s += " desc"
			}
		}
		return name(e.X, s+")")
	case *syntax.Index:
		return "(" + tree(e.X) + " [" + tree(e.Index) + "])"
	case *syntax.Unary:
		return "(" + e.Op.String() + " " + tree(e.X) + ")"
	case *syntax.Binary:
		return "(" + e.Op.String() + " " + tree(e.X) + " " + tree(e.Y) + ")"
	case *syntax.TypeOp:
		return "(" + e.Op.String() + " " + tree(e.X) + " " + e.Type.String() + ")"
	case *syntax.Instance:
		s := e.Type.String() + "{"
		for i, value := range e.Values {
			if i > 0 {
				s += " "
			}
			s += e.Names[i] + ":" + tree(value)
		}
		return s + "}"
	}
	return "?"
}

var parseTests = []struct{ src, tree, printed string }{
	// Literals.
	{"{}", "Empty:", "{}"},
	{"{ }", "Empty:", "{}"},
	{"true", "Boolean:true", "true"},
	{"'it\\'s'", "String:it's", `'it\'s'`},
	{`'a\n\t\f\r\/\"\\\` + "`" + `'`, "String:a\n\t\f\r/\"\\`", `'a\n\t\f\r/"\\` + "`'"},
	{`'P\u0065ter \ud83d\ude00'`, "String:Peter 😀", "'Peter 😀'"},
	{`'\p\\p\3\u005\ä'`, `String:p\p3u005ä`, `'p\\p3u005ä'`},
	{"''", "String:", "''"},
	{"'a\nb'", "String:a\nb", `'a\nb'`},
	{"007", "Integer:007", "007"},
	{"10L", "Long:10", "10L"},
	{"1.50", "Decimal:1.50", "1.50"},
	{"@2015", "Date:2015", "@2015"},
	{"@2015-02", "Date:2015-02", "@2015-02"},
	{"@2015-02-04", "Date:2015-02-04", "@2015-02-04"},
	{"@2015T", "DateTime:2015T", "@2015T"},
	{"@2015-02T", "DateTime:2015-02T", "@2015-02T"},
	{"@2015-02-04T14", "DateTime:2015-02-04T14", "@2015-02-04T14"},
	{"@2015-02-04T14:34:28.123Z", "DateTime:2015-02-04T14:34:28.123Z", "@2015-02-04T14:34:28.123Z"},
	{"@2015-02-04T14:34+10:00", "DateTime:2015-02-04T14:34+10:00", "@2015-02-04T14:34+10:00"},
	{"@2015-02-04T14:34 - 10", "(- DateTime:2015-02-04T14:34 Integer:10)", "@2015-02-04T14:34 - 10"},
	{"@2015-02-04T14:34-10", "(- DateTime:2015-02-04T14:34 Integer:10)", "@2015-02-04T14:34 - 10"},
	{"@T14", "Time:14", "@T14"},
	{"@T14:34:28.5", "Time:14:34:28.5", "@T14:34:28.5"},
	{"4 'mg'", "Quantity:4:mg:false", "4 'mg'"},
	{"4.5days", "Quantity:4.5:days:true", "4.5 days"},
	// Paths.
	{"Patient.name.given", "(. (. Patient name) given)", "Patient.name.given"},
	{"`my el`.contains.`div`.day", "(. (. (. my el contains) div) day)", "`my el`.contains.`div`.day"},
	{"as.is.in.year", "(. (. (. as is) in) year)", "as.is.in.year"},
	{"name[0][1].x", "(. ((name [Integer:0]) [Integer:1]) x)", "name[0][1].x"},
	{"a.where($this.b = $index).c()", "(. (. a where((= (. $this b) $index))) c())", "a.where($this.b = $index).c()"},
	{"a.$this", "(. a $this)", "a.$this"},
	{"iif(a, b, $total)", "iif(a b $total)", "iif(a, b, $total)"},
	{"1.abs()", "(. Integer:1 abs())", "1.abs()"},
	{"1.5.abs()", "(. Decimal:1.5 abs())", "1.5.abs()"},
	{"%resource.id", "(. %resource id)", "%resource.id"},
	{"%`vs-x` & %'us-zip' & % a", "(& (& %vs-x %us-zip) %a)", "%`vs-x` & %`us-zip` & %a"},
	{
		"name.sort(family desc, given.first() asc, -x)", "(. name sort(family desc (. given first()) (- x)))",
		"name.sort(family desc, given.first(), -x)",
	},
	{"sort(desc desc)", "sort(desc desc)", "sort(desc desc)"},
	// Operators.
	{"1+2*3+4", "(+ (+ Integer:1 (* Integer:2 Integer:3)) Integer:4)", "1 + 2 * 3 + 4"},
	{"(1+2)*3", "(* (+ Integer:1 Integer:2) Integer:3)", "(1 + 2) * 3"},
	{"1-(2-3)", "(- Integer:1 (- Integer:2 Integer:3))", "1 - (2 - 3)"},
	{"-a.b * c", "(* (- (. a b)) c)", "-a.b * c"},
	{"-(a*b)", "(- (* a b))", "-(a * b)"},
	{"(-1).abs()", "(. (- Integer:1) abs())", "(-1).abs()"},
	{"--+1", "(- (- (+ Integer:1)))", "--+1"},
	{"a * -b", "(* a (- b))", "a * -b"},
	{"1 | 1 is Integer", "(| Integer:1 (is Integer:1 Integer))", "1 | 1 is Integer"},
	{"1 + 2 is System.Integer", "(is (+ Integer:1 Integer:2) System.Integer)", "1 + 2 is System.Integer"},
	{"(a as FHIR.`Patient`).b", "(. (as a FHIR.Patient) b)", "(a as FHIR.Patient).b"},
	{"a is b is c", "(is (is a b) c)", "a is b is c"},
	{"a + 1 is B.C.not()", "(. (is (+ a Integer:1) B.C) not())", "(a + 1 is B.C).not()"},
	{"a and b as C[0].d", "(and a (. ((as b C) [Integer:0]) d))", "a and (b as C)[0].d"},
	{"a is B.$this", "(. (is a B) $this)", "(a is B).$this"},
	{"a > b = c ~ d in e", "(in (~ (= (> a b) c) d) e)", "a > b = c ~ d in e"},
	{"a or b and c xor d implies e", "(implies (xor (or a (and b c)) d) e)", "a or b and c xor d implies e"},
	{"a implies (b implies c)", "(implies a (implies b c))", "a implies (b implies c)"},
	{
		"true and '0215' in ('0215' | '0216')", "(and Boolean:true (in String:0215 (| String:0215 String:0216)))",
		"true and '0215' in '0215' | '0216'",
	},
	{"a div b mod c", "(mod (div a b) c)", "a div b mod c"},
	{"a contains b contains c", "(contains (contains a b) c)", "a contains b contains c"},
	{"a <= b | c != d !~ e", "(!~ (!= (<= a (| b c)) d) e)", "a <= b | c != d !~ e"},
	// Objects that are created.
	{"T {:}", "T{}", "T {:}"},
	{"T { : }.a", "(. T{} a)", "T {:}.a"},
	{"FHIR.T{a:1,`b c`:x|y}", "FHIR.T{a:Integer:1 b c:(| x y)}", "FHIR.T { a : 1, `b c` : x | y }"},
	{"a.select(T { in : U { b : $this } })[0] = T {:}", "", ""},
	{"-T { a : (1) } as T", "(as (- T{a:Integer:1}) T)", "-T { a : 1 } as T"},
	// Space and comments.
	{" // first\n /* second\n */ a /**/ + // third", "", ""},
	{"// multi\r\n 2+2", "(+ Integer:2 Integer:2)", "2 + 2"},
	{"a /* b */ + /* c */ d // e", "(+ a d)", "a + d"},
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, tt := range parseTests {
		if tt.tree == "" {
			continue
		}
		e, err := syntax.Parse(tt.src)
		if err != nil {
			t.Errorf("Parse(%q): %v", tt.src, err)
			continue
		}
		if got := tree(e); got != tt.tree {
			t.Errorf("Parse(%q) = %s, want %s", tt.src, got, tt.tree)
		}
		if got := syntax.Print(e); got != tt.printed {
			t.Errorf("Print(Parse(%q)) = %s, want %s", tt.src, got, tt.printed)
		}
		again, err := syntax.Parse(tt.printed)
		if err != nil || !equal(e, again) {
			t.Errorf("Parse(%q) gives another tree than Parse(%q): %v", tt.printed, tt.src, err)
		}
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		src  string
		want string
	}{
		{"", "1:1: expression expected, but the expression ends"},
		{"2 + 2 /", "1:8: expression expected, but the expression ends"},
		{"2 + 2 /* not finished", "1:7: comment is not closed"},
		{"a.", "1:3: element or function expected, but the expression ends"},
		{"a b", "1:3: operator or end of expression expected"},
		{"a\n  .b)", "2:5: operator or end of expression expected"},
		{"ä'", "1:1: unexpected character 'ä'"},
		{"'ä' + é", "1:7: unexpected character 'é'"},
		{"(a", "1:3: ')' expected, but the expression ends"},
		{"f(a b)", "1:5: ',' or ')' expected"},
		{"T {", "1:4: name of an element expected, but the expression ends"},
		{"T { }", "1:5: name of an element expected"},
		{"T { a }", "1:7: ':' expected"},
		{"T { a : 1, }", "1:12: name of an element expected"},
		{"T { a : 1", "1:10: '}' expected, but the expression ends"},
		{"T {: a : 1}", "1:6: '}' expected"},
		{"f() { a : 1 }", "1:5: operator or end of expression expected"},
		{"f(a,)", "1:5: expression expected"},
		{"a[1", "1:4: ']' expected, but the expression ends"},
		{"{1}", "1:2: '}' expected"},
		{"'abc", "1:1: string is not closed"},
		{"'abc\\", "1:5: escape sequence is not complete"},
		{"`a", "1:1: delimited identifier is not closed"},
		{"``", "1:1: delimited identifier is empty"},
		{`'\ud83d'`, "1:2: incomplete surrogate pair"},
		{"@@", "1:1: date or time expected after @"},
		{"@T14:34:28+10:00", "1:14: operator or end of expression expected"},
		{"$that", "1:1: unknown variable: $this, $index or $total expected"},
		{"%''", "1:2: name of a variable is empty"},
		{"%1", "1:2: name of a variable expected"},
		{"a is 1", "1:6: type expected"},
		{"a is b.", "1:8: type expected, but the expression ends"},
		{"and", "1:1: expression expected"},
		{"a.div", "1:3: element or function expected"},
		{"1..b", "1:3: element or function expected"},
		{"\xff", "1:1: expression is not valid UTF-8"},
		{"* 1", "1:1: expression expected"},
		{"name.sort(a up)", "1:13: ',' or ')' expected"},
		{"name.where(a desc)", "1:14: ',' or ')' expected"},
	} {
		_, err := syntax.Parse(tt.src)
		var e *syntax.Error
		if !errors.As(err, &e) {
			t.Errorf("Parse(%q): error %v, want a *syntax.Error", tt.src, err)
			continue
		}
		if got := e.Error(); got != "fhirpath: "+tt.want {
			t.Errorf("Parse(%q): %s, want %s", tt.src, got, tt.want)
		}
		if e.Limit {
			t.Errorf("Parse(%q): reported as a limit", tt.src)
		}
	}
}

func TestParseLimits(t *testing.T) {
	t.Parallel()
	for name, src := range map[string]string{
		"parentheses": strings.Repeat("(", 10_000) + "1" + strings.Repeat(")", 10_000),
		"signs":       strings.Repeat("-", 10_000) + "1",
		"indexers":    strings.Repeat("a[", 10_000) + "1" + strings.Repeat("]", 10_000),
		"calls":       strings.Repeat("f(", 10_000) + "1" + strings.Repeat(")", 10_000),
		"operators":   "1" + strings.Repeat("+1", 10_000),
		"path":        "a" + strings.Repeat(".a", 10_000),
		"types":       "a" + strings.Repeat(" is a", 10_000),
		"length":      "'" + strings.Repeat("x", 1<<20) + "'",
	} {
		_, err := syntax.Parse(src)
		var e *syntax.Error
		if !errors.As(err, &e) || !e.Limit {
			t.Errorf("%s: error %v, want a limit", name, err)
		}
	}
	if _, err := syntax.Parse("1" + strings.Repeat(" or 1", 2000)); err != nil {
		t.Errorf("a chain of 2000 operators: %v", err)
	}
}

func TestPositions(t *testing.T) {
	t.Parallel()
	const src = "Patient.name[0].where(use = 'x').given is string"
	e, err := syntax.Parse(src)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	syntax.Walk(e, func(e syntax.Expr) bool {
		got = append(got, fmt.Sprintf("%T@%d", e, e.Pos()))
		return true
	})
	want := "*syntax.TypeOp@39 *syntax.Member@33 *syntax.Call@16 *syntax.Index@12 *syntax.Member@8 *syntax.Member@0 " +
		"*syntax.Literal@13 *syntax.Binary@26 *syntax.Member@22 *syntax.Literal@28"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("positions:\n got %s\nwant %s", s, want)
	}
}

func TestCaret(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 60) + "!" + strings.Repeat("b", 60)
	for _, tt := range []struct {
		src    string
		offset int
		want   string
	}{
		{"a + b", 2, "a + b\n  ^"},
		{"a\n\tä + b\nc", 5, " ä + b\n  ^"},
		{"", 0, "\n^"},
		{"a", 1, "a\n ^"},
		{long, 60, "..." + long[20:100] + "...\n" + strings.Repeat(" ", 43) + "^"},
	} {
		if got := syntax.Caret(tt.src, tt.offset); got != tt.want {
			t.Errorf("Caret(%q, %d) = %q, want %q", tt.src, tt.offset, got, tt.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, tt := range parseTests {
		f.Add(tt.src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		e, err := syntax.Parse(src)
		if err != nil {
			var fault *syntax.Error
			if !errors.As(err, &fault) || fault.Offset < 0 || fault.Offset > len(src) {
				t.Fatalf("error without a place: %v", err)
			}
			return
		}
		printed := syntax.Print(e)
		again, err := syntax.Parse(printed)
		if err != nil {
			var fault *syntax.Error
			if errors.As(err, &fault) && fault.Limit {
				return // printing adds spaces
			}
			t.Fatalf("printed %q: %v", printed, err)
		}
		if !equal(e, again) {
			t.Fatalf("printed %q gives another tree: %s, want %s", printed, tree(again), tree(e))
		}
	})
}
