package fhirpath

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

// pattern is a compiled regular expression with its cost. Any goroutine may use it.
type pattern struct {
	*regexp.Regexp
	// instructions is the approximate number of instructions of the program, with counted repetitions expanded.
	// Matching takes time in proportion to it and to the text.
	instructions int
	// compileSteps is the cost of compiling.
	compileSteps int
}

// compilePattern compiles a regular expression in RE2's syntax, which matches in time linear in the text. "." matches
// line ends too; the flags are i (ignore case) and m (^ and $ match at line ends).
func compilePattern(text, flags string, full bool) (*pattern, error) {
	mode := "s"
	for _, f := range flags {
		if f != 'i' && f != 'm' {
			return nil, errors.New("flags other than i and m")
		}
		mode += string(f)
	}
	text = unicodeEscapes(text)
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, patternError(err)
	}
	p := &pattern{compileSteps: 10 * len(text)}
	text = fmt.Sprintf("(?%s:%s)", mode, text)
	if full {
		text = `\A` + text + `\z`
	}
	var ranges int
	p.instructions, ranges = patternSize(tree)
	p.compileSteps += 2*p.instructions + ranges/4
	if p.Regexp, err = regexp.Compile(text); err != nil {
		return nil, patternError(err)
	}
	return p, nil
}

// unicodeEscapes rewrites the escapes \uXXXX, which many dialects have, for RE2.
func unicodeEscapes(text string) string {
	if !strings.Contains(text, `\u`) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] != '\\' || i+1 == len(text):
			b.WriteByte(text[i])
		case text[i+1] == 'u' && i+6 <= len(text) && strings.Trim(text[i+2:i+6], "0123456789abcdefABCDEF") == "":
			b.WriteString(`\x{` + text[i+2:i+6] + `}`)
			i += 5
		default:
			b.WriteString(text[i : i+2])
			i++
		}
	}
	return b.String()
}

// patternSize estimates the number of instructions that a tree compiles to, and returns the number of range ends in its
// character classes. Package regexp bounds the depth of the tree and the size of repetitions.
func patternSize(tree *syntax.Regexp) (instructions, ranges int) {
	for _, sub := range tree.Sub {
		n, r := patternSize(sub)
		instructions += n + 1
		ranges += r
	}
	switch tree.Op {
	case syntax.OpLiteral:
		return len(tree.Rune), 0
	case syntax.OpCharClass:
		return 1, len(tree.Rune)
	case syntax.OpRepeat:
		times := max(1, tree.Min, tree.Max)
		return instructions * times, ranges * times
	}
	return instructions + 1, ranges
}

// patternError drops the text of the pattern, which may come from data, from an error.
func patternError(err error) error {
	var fault *syntax.Error
	if errors.As(err, &fault) {
		return errors.New(string(fault.Code))
	}
	return errors.New("syntax error")
}

// regexpCache holds the patterns that expressions compute.
type regexpCache map[regexpKey]*pattern

type regexpKey struct {
	pattern, flags string
	full           bool
}

// maxPatternSteps is the maximum cost of compiling all constant patterns of an expression.
const maxPatternSteps = 100_000

// maxRegexps is the number of compiled patterns kept.
const maxRegexps = 64

// pattern returns the regular expression of arguments 0 and flagsAt; ok is false if one is empty.
func (c *invocation) pattern(e *Evaluator, flagsAt int, full bool) (re *pattern, ok bool, err error) {
	if re, ok = c.prepared.(*pattern); ok {
		return re, true, nil
	}
	text, ok, err := c.textArg(e, 0)
	if err != nil {
		return nil, false, err
	}
	flags := ""
	if len(c.args) > flagsAt {
		if flags, _, err = c.textArg(e, flagsAt); err != nil {
			return nil, false, err
		}
	}
	if !ok {
		return nil, false, nil
	}
	if len(text) > e.limits.MaxPattern {
		return nil, false, limit(c.pos, "regular expression has more than %d bytes", e.limits.MaxPattern)
	}
	key := regexpKey{text, flags, full}
	if re = e.regexps[key]; re != nil {
		return re, true, nil
	}
	if re, err = compilePattern(text, flags, full); err != nil {
		return nil, false, fail(c.pos, "%s has an invalid regular expression: %s", c.fn.label, err)
	}
	if e.regexps == nil || len(e.regexps) >= maxRegexps {
		e.regexps = make(regexpCache)
	}
	key.pattern, key.flags = strings.Clone(text), strings.Clone(flags)
	e.regexps[key] = re
	return re, true, e.step(c.pos, re.compileSteps)
}

// searchSteps counts the steps of matching a text, in proportion to the text and the program.
func (c *invocation) searchSteps(e *Evaluator, s string, re *pattern) error {
	return e.step(c.pos, len(s)/16*re.instructions+len(s)%16*re.instructions/16)
}

// match makes matches(regex [, flags]), or matchesFull(regex [, flags]) if full is set (section "String
// Manipulation").
func match(full bool) implementation {
	return func(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
		s, ok, err := c.textItem(in)
		if err != nil {
			return dst, err
		}
		re, given, err := c.pattern(e, 1, full)
		if err != nil || !ok || !given {
			return dst, err
		}
		if err := c.searchSteps(e, s, re); err != nil {
			return dst, err
		}
		return append(dst, NewBoolean(re.MatchString(s))), nil
	}
}

// fnReplaceMatches is replaceMatches(regex, substitution [, flags]) (section "String Manipulation"). An empty
// regex matches nothing, so that the text stays as it is.
func fnReplaceMatches(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	s, ok, err := c.textItem(in)
	if err != nil {
		return dst, err
	}
	re, given, err := c.pattern(e, 2, false)
	if err != nil {
		return dst, err
	}
	substitution, replaced, err := c.textArg(e, 1)
	if err != nil || !ok || !given || !replaced {
		return dst, err
	}
	if err := c.searchSteps(e, s, re); err != nil {
		return dst, err
	}
	if _, pattern, _ := strings.Cut(re.String(), ":"); pattern == ")" {
		return append(dst, NewString(s)), nil
	}
	template := expansion(substitution)
	references := strings.Count(template, "$")
	perMatch := 2 + re.NumSubexp() + len(template)/32
	matches := re.FindAllStringSubmatchIndex(s, (e.allowedSteps-e.steps)/perMatch+1)
	if err := e.step(c.pos, len(matches)*perMatch); err != nil {
		return dst, err
	}
	var out []byte
	last := 0
	for _, m := range matches {
		// A reference expands to at most the match.
		if most := len(out) + len(template) + references*(m[1]-m[0]); most > e.limits.MaxText {
			return dst, e.checkText(c.pos, most)
		}
		before := len(out)
		out = append(out, s[last:m[0]]...)
		out = re.ExpandString(out, template, s, m)
		last = m[1]
		if err := e.checkGrowth(c.pos, len(out), len(out)-before); err != nil {
			return dst, err
		}
	}
	return append(dst, NewString(string(append(out, s[last:]...)))), nil
}

// expansion rewrites a substitution for regexp.Expand: $1 and ${name} refer to groups, $$ is a dollar sign, and so is
// a $ before anything else.
func expansion(s string) string {
	if !strings.Contains(s, "$") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '$' {
			b.WriteByte(s[i])
			continue
		}
		digits := i + 1
		for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
			digits++
		}
		switch {
		case digits > i+1:
			b.WriteString("${" + s[i+1:digits] + "}")
			i = digits - 1
		case strings.HasPrefix(s[i+1:], "{") && strings.Contains(s[i:], "}"):
			end := i + strings.IndexByte(s[i:], '}')
			b.WriteString(s[i : end+1])
			i = end
		default:
			b.WriteString("$$")
			if strings.HasPrefix(s[i+1:], "$") {
				i++
			}
		}
	}
	return b.String()
}
