package fhirpath

import (
	"strings"
	"unicode/utf8"

	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
)

// stringFunctions are those of section "String Manipulation".
var stringFunctions = []*function{
	{name: "indexOf", min: 1, max: 1, eval: textIndex(strings.Index)},
	{name: "lastIndexOf", min: 1, max: 1, eval: textIndex(strings.LastIndex)},
	{name: "substring", min: 1, max: 2, eval: fnSubstring},
	{name: "startsWith", min: 1, max: 1, eval: textTest(strings.HasPrefix)},
	{name: "endsWith", min: 1, max: 1, eval: textTest(strings.HasSuffix)},
	{name: "contains", min: 1, max: 1, eval: textTest(strings.Contains)},
	{name: "upper", eval: textMap(strings.ToUpper)},
	{name: "lower", eval: textMap(strings.ToLower)},
	{name: "replace", min: 2, max: 2, eval: fnReplace},
	{name: "matches", min: 1, max: 2, eval: match(false), check: checkPattern},
	{name: "matchesFull", min: 1, max: 2, eval: match(true), check: checkPattern},
	{name: "replaceMatches", min: 2, max: 3, eval: fnReplaceMatches, check: checkPattern},
	{name: "length", eval: fnLength},
	{name: "toChars", eval: fnToChars},
	{name: "trim", eval: textMap(trim)},
	{name: "split", min: 1, max: 1, eval: fnSplit},
	{name: "join", max: 1, eval: fnJoin},
}

// textAndArg returns the input and the first argument as strings.
func (c *invocation) textAndArg(e *Evaluator, in []Value) (s, arg string, ok bool, err error) {
	s, ok, err = c.textItem(in)
	if err != nil {
		return "", "", false, err
	}
	arg, given, err := c.textArg(e, 0)
	if err != nil || !given || !ok {
		return "", "", false, err
	}
	return s, arg, true, e.checkText(c.pos, len(s))
}

// textTest makes startsWith(prefix), endsWith(suffix) and contains(substring) (section "String
// Manipulation").
func textTest(test func(s, arg string) bool) implementation {
	return func(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
		s, arg, ok, err := c.textAndArg(e, in)
		if err != nil || !ok {
			return dst, err
		}
		return append(dst, NewBoolean(test(s, arg))), nil
	}
}

// textMap makes upper(), lower() and trim() (section "String Manipulation").
func textMap(apply func(string) string) implementation {
	return func(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
		s, ok, err := c.textItem(in)
		if err != nil || !ok {
			return dst, err
		}
		if err := e.checkText(c.pos, len(s)); err != nil {
			return dst, err
		}
		return append(dst, NewString(apply(s))), nil
	}
}

// trim removes white space, as the grammar of FHIRPath defines it, from both ends.
func trim(s string) string { return strings.Trim(s, " \t\r\n") }

// textIndex makes indexOf(substring) and lastIndexOf(substring) (section "String Manipulation"): an index of
// characters, -1 if there is none.
func textIndex(index func(s, substring string) int) implementation {
	return func(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
		s, substring, ok, err := c.textAndArg(e, in)
		if err != nil || !ok {
			return dst, err
		}
		i := index(s, substring)
		if i > 0 {
			i = utf8.RuneCountInString(s[:i])
		}
		return append(dst, NewInteger(int32(i))), nil
	}
}

// fnSubstring is substring(start [, length]) (section "String Manipulation").
func fnSubstring(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	s, ok, err := c.textItem(in)
	if err != nil {
		return dst, err
	}
	start, given, err := c.integerArg(e, 0)
	if err != nil {
		return dst, err
	}
	length, limited := int64(0), false
	if len(c.args) > 1 {
		if length, limited, err = c.integerArg(e, 1); err != nil {
			return dst, err
		}
	}
	if !ok || !given || start < 0 {
		return dst, nil
	}
	if err := e.checkText(c.pos, len(s)); err != nil {
		return dst, err
	}
	from := characters(s, start)
	if from == len(s) {
		return dst, nil
	}
	s = s[from:]
	if limited {
		s = s[:characters(s, length)]
	}
	return append(dst, NewString(s)), nil
}

// characters returns the number of bytes of the first n characters of s.
func characters(s string, n int64) int {
	i := 0
	for ; n > 0 && i < len(s); n-- {
		_, size := utf8.DecodeRuneInString(s[i:])
		i += size
	}
	return i
}

// fnReplace is replace(pattern, substitution) (section "String Manipulation").
func fnReplace(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	s, pattern, ok, err := c.textAndArg(e, in)
	if err != nil {
		return dst, err
	}
	substitution, given, err := c.textArg(e, 1)
	if err != nil || !ok || !given {
		return dst, err
	}
	n := strings.Count(s, pattern)
	if err := e.checkText(c.pos, len(s)+n*max(0, len(substitution)-len(pattern))); err != nil {
		return dst, err
	}
	return append(dst, NewString(strings.ReplaceAll(s, pattern, substitution))), nil
}

// fnLength is length() (section "String Manipulation").
func fnLength(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	s, ok, err := c.textItem(in)
	if err != nil || !ok {
		return dst, err
	}
	return append(dst, NewInteger(int32(utf8.RuneCountInString(s)))), e.step(c.pos, len(s)/32)
}

// fnToChars is toChars() (section "String Manipulation").
func fnToChars(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	s, ok, err := c.textItem(in)
	if err != nil || !ok {
		return dst, err
	}
	if err := e.step(c.pos, len(s)); err != nil {
		return dst, err
	}
	for s != "" {
		_, size := utf8.DecodeRuneInString(s)
		dst = append(dst, NewString(s[:size]))
		s = s[size:]
		if err := e.checkItems(c.pos, dst); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// fnSplit is split(separator) (section "Additional String Functions").
func fnSplit(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	s, separator, ok, err := c.textAndArg(e, in)
	if err != nil || !ok {
		return dst, err
	}
	if separator == "" {
		return fnToChars(e, c, in, dst)
	}
	for more := true; more; {
		var part string
		part, s, more = strings.Cut(s, separator)
		dst = append(dst, NewString(part))
		if err := e.checkItems(c.pos, dst); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// fnJoin is join([separator]) (section "Additional String Functions").
func fnJoin(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	separator := ""
	if len(c.args) > 0 {
		var err error
		if separator, _, err = c.textArg(e, 0); err != nil {
			return dst, err
		}
	}
	start, items := len(e.arena), 0
	for i := range in {
		if in[i].valueless() {
			continue
		}
		s, ok := in[i].Text()
		if !ok || in[i].SystemKind() != String {
			return dst, fail(c.pos, "join() needs Strings, not %s", describe(in[i]))
		}
		if items > 0 {
			e.arena = append(e.arena, separator...)
		}
		items++
		e.arena = append(e.arena, s...)
		if err := e.checkGrowth(c.pos, len(e.arena)-start, len(separator)+len(s)); err != nil {
			return dst, err
		}
	}
	if items == 0 && !e.prog.emptyJoin {
		return dst, nil
	}
	return append(dst, NewString(view(e.arena[start:]))), nil
}

// checkPattern compiles the regular expression where it is a constant.
func checkPattern(c *compiler, n *invocation, x *syntax.Call) {
	pattern, ok := constantText(n.args[0])
	if !ok {
		return
	}
	flags, flagsAt := "", len(n.args)-1
	if n.fn.max == flagsAt+1 {
		if flags, ok = constantText(n.args[flagsAt]); !ok {
			return
		}
	}
	if len(pattern) > defaultMaxPattern || c.patternSteps > maxPatternSteps {
		return // exceeds a limit of the evaluator, or is reported already
	}
	re, err := compilePattern(pattern, flags, n.fn.name == "matchesFull")
	if err != nil {
		c.report(Semantic, x.Args[0].Pos(), "%s() has an invalid regular expression: %s", n.fn.name, err)
		return
	}
	if c.patternSteps += re.compileSteps; c.patternSteps > maxPatternSteps {
		c.report(Limit, x.Args[0].Pos(), "the regular expressions of the expression are too large")
		return
	}
	n.prepared = re
}

// constantText returns the string that a node always gives.
func constantText(n operation) (s string, ok bool) {
	if k, isConstant := n.(*constant); isConstant && len(k.values) == 1 && k.values[0].kind == String {
		return k.values[0].text, true
	}
	return "", false
}
