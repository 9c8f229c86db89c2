package syntax

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokEOF tokenKind = iota
	tokIdent
	tokDelimited // `identifier`
	tokString
	tokInteger
	tokLong
	tokDecimal
	tokDate
	tokDateTime
	tokTime
	tokSpecial // $this
	tokSymbol
)

type token struct {
	kind tokenKind
	// text is the token as the parser wants it: escapes decoded, marks such as @ and L taken off.
	text   string
	offset int
}

// lexer cuts the source into tokens, one at a time.
type lexer struct {
	src string
	pos int
}

func (l *lexer) fail(offset int, format string, args ...any) error {
	return newError(l.src, offset, format, args...)
}

func newError(src string, offset int, format string, args ...any) *Error {
	line, column := Position(src, offset)
	return &Error{Offset: offset, Line: line, Column: column, Msg: fmt.Sprintf(format, args...)}
}

// next returns the next token; at the end of the source, one of kind tokEOF.
func (l *lexer) next() (token, error) {
	if err := l.skipSpace(); err != nil {
		return token{}, err
	}
	start := l.pos
	if start == len(l.src) {
		return token{kind: tokEOF, offset: start}, nil
	}
	switch c := l.src[start]; {
	case isLetter(c):
		for l.pos < len(l.src) && (isLetter(l.src[l.pos]) || isDigit(l.src[l.pos])) {
			l.pos++
		}
		return token{tokIdent, l.src[start:l.pos], start}, nil
	case isDigit(c):
		return l.number(), nil
	case c == '\'':
		return l.quoted(tokString, "string")
	case c == '`':
		return l.quoted(tokDelimited, "delimited identifier")
	case c == '@':
		return l.temporal()
	case c == '$':
		return l.special()
	}
	return l.symbol()
}

// skipSpace passes white space and comments.
func (l *lexer) skipSpace() error {
	for l.pos < len(l.src) {
		rest := l.src[l.pos:]
		switch {
		case strings.IndexByte(" \t\r\n", rest[0]) >= 0:
			l.pos++
		case strings.HasPrefix(rest, "//"):
			if i := strings.IndexAny(rest, "\r\n"); i >= 0 {
				l.pos += i
			} else {
				l.pos = len(l.src)
			}
		case strings.HasPrefix(rest, "/*"):
			i := strings.Index(rest[2:], "*/")
			if i < 0 {
				return l.fail(l.pos, "comment is not closed")
			}
			l.pos += i + 4
		default:
			return nil
		}
	}
	return nil
}

func (l *lexer) number() token {
	start := l.pos
	l.digits(-1)
	kind := tokInteger
	if l.pos+1 < len(l.src) && l.src[l.pos] == '.' && isDigit(l.src[l.pos+1]) {
		l.pos++
		l.digits(-1)
		kind = tokDecimal
	}
	text := l.src[start:l.pos]
	if kind == tokInteger && l.peek() == 'L' && !(l.pos+1 < len(l.src) && isWord(l.src[l.pos+1])) {
		l.pos++
		kind = tokLong
	}
	return token{kind, text, start}
}

// digits passes n digits, or all that follow when n is negative, and reports whether there were any (or n).
func (l *lexer) digits(n int) bool {
	start := l.pos
	for l.pos < len(l.src) && isDigit(l.src[l.pos]) && l.pos-start != n {
		l.pos++
	}
	if n < 0 {
		return l.pos > start
	}
	return l.pos-start == n
}

// group passes a mark and n digits after it (all that follow when n is negative). If they do not stand
// there it passes nothing and reports false.
func (l *lexer) group(mark byte, n int) bool {
	start := l.pos
	if l.peek() == mark {
		l.pos++
		if l.digits(n) {
			return true
		}
	}
	l.pos = start
	return false
}

func (l *lexer) peek() byte {
	if l.pos < len(l.src) {
		return l.src[l.pos]
	}
	return 0
}

// temporal reads a Date, DateTime or Time literal. Only the form is checked: whether there is such a month
// is for the reader of the value.
func (l *lexer) temporal() (token, error) {
	at := l.pos
	l.pos++
	if l.group('T', 2) {
		l.minutes()
		return token{tokTime, l.src[at+2 : l.pos], at}, nil
	}
	if !l.digits(4) {
		return token{}, l.fail(at, "date or time expected after @")
	}
	if l.group('-', 2) {
		l.group('-', 2)
	}
	if l.peek() != 'T' {
		return token{tokDate, l.src[at+1 : l.pos], at}, nil
	}
	if l.group('T', 2) {
		l.minutes()
		l.zone()
	} else {
		l.pos++
	}
	return token{tokDateTime, l.src[at+1 : l.pos], at}, nil
}

// minutes passes what may follow the hours of a time.
func (l *lexer) minutes() {
	if !l.group(':', 2) {
		return
	}
	if l.group(':', 2) { // seconds
		l.group('.', -1)
	}
}

// zone passes a time zone offset, if one follows.
func (l *lexer) zone() {
	start := l.pos
	if l.peek() == 'Z' {
		l.pos++
		return
	}
	if (l.group('+', 2) || l.group('-', 2)) && l.group(':', 2) {
		return
	}
	l.pos = start
}

func (l *lexer) special() (token, error) {
	start := l.pos
	l.pos++
	for l.pos < len(l.src) && isWord(l.src[l.pos]) {
		l.pos++
	}
	switch text := l.src[start:l.pos]; text {
	case "$this", "$index", "$total":
		return token{tokSpecial, text, start}, nil
	}
	return token{}, l.fail(start, "unknown variable: $this, $index or $total expected")
}

func (l *lexer) symbol() (token, error) {
	start := l.pos
	rest := l.src[start:]
	for _, s := range [...]string{"<=", ">=", "!=", "!~"} {
		if strings.HasPrefix(rest, s) {
			l.pos += len(s)
			return token{tokSymbol, s, start}, nil
		}
	}
	if strings.IndexByte("+-*/&|<>=~.,:()[]{}%", rest[0]) >= 0 {
		l.pos++
		return token{tokSymbol, rest[:1], start}, nil
	}
	r, _ := utf8.DecodeRuneInString(rest)
	hint := ""
	switch r {
	case '"', '\u201c', '\u201d', '\u2018', '\u2019':
		hint = "; strings are written in single quotes"
	case '!':
		hint = "; use the function not()"
	}
	return token{}, l.fail(start, "unexpected character %q%s", r, hint)
}

// quoted reads a string or a delimited identifier, the mark being the character at the current position.
func (l *lexer) quoted(kind tokenKind, what string) (token, error) {
	start := l.pos
	mark := l.src[start]
	l.pos++
	var decoded strings.Builder
	chunk := l.pos
	for l.pos < len(l.src) {
		switch l.src[l.pos] {
		case mark:
			text := l.src[chunk:l.pos]
			if decoded.Len() > 0 {
				decoded.WriteString(text)
				text = decoded.String()
			}
			l.pos++
			if kind == tokDelimited && text == "" {
				return token{}, l.fail(start, "delimited identifier is empty")
			}
			return token{kind, text, start}, nil
		case '\\':
			decoded.WriteString(l.src[chunk:l.pos])
			r, err := l.escape()
			if err != nil {
				return token{}, err
			}
			decoded.WriteRune(r)
			chunk = l.pos
		default:
			l.pos++
		}
	}
	return token{}, l.fail(start, "%s is not closed", what)
}

// escape reads the escape sequence at the current position. A backslash before anything other than an escape
// is ignored (section "String").
func (l *lexer) escape() (rune, error) {
	start := l.pos
	if start+1 == len(l.src) {
		return 0, l.fail(start, "escape sequence is not complete")
	}
	c, size := utf8.DecodeRuneInString(l.src[start+1:])
	l.pos += 1 + size
	switch c {
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		r, ok := l.hex()
		if !ok {
			return c, nil
		}
		if utf16.IsSurrogate(r) {
			if strings.HasPrefix(l.src[l.pos:], `\u`) {
				l.pos += 2
				if low, ok := l.hex(); ok {
					r = utf16.DecodeRune(r, low)
				}
			}
			if utf16.IsSurrogate(r) || r == utf8.RuneError {
				return 0, l.fail(start, "incomplete surrogate pair")
			}
		}
		return r, nil
	}
	return c, nil
}

// hex reads four hexadecimal digits.
func (l *lexer) hex() (rune, bool) {
	if l.pos+4 > len(l.src) {
		return 0, false
	}
	n, err := strconv.ParseUint(l.src[l.pos:l.pos+4], 16, 16)
	if err != nil {
		return 0, false
	}
	l.pos += 4
	return rune(n), true
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isWord(c byte) bool   { return isLetter(c) || isDigit(c) }
