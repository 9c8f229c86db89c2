package syntax

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// The limits of [Parse]. They bound the memory of the tree and the depth of every recursion over it.
const (
	// MaxLength is the longest expression accepted, in bytes.
	MaxLength = 100_000
	// MaxDepth is the deepest nesting of parentheses, indexers, arguments and signs accepted.
	MaxDepth = 250
	// MaxHeight is the greatest height of a tree; chains such as a + b + c add one level per operator.
	MaxHeight = 5_000
)

// Error is a syntax error in an expression.
type Error struct {
	// Offset is the position of the fault in bytes.
	Offset int
	// Line and Column are the same position, counted from 1; Column counts characters.
	Line, Column int
	// Msg is in lower case, without a full stop.
	Msg string
	// Limit is set if the expression exceeds a limit of this package.
	Limit bool
}

// Error returns the message with its position.
func (e *Error) Error() string {
	return fmt.Sprintf("fhirpath: %d:%d: %s", e.Line, e.Column, e.Msg)
}

// Position returns the line and the column of a byte offset in src, both counted from 1. Columns count
// characters, and lines end at "\n".
func Position(src string, offset int) (line, column int) {
	offset = max(0, min(offset, len(src)))
	before := src[:offset]
	line = 1 + strings.Count(before, "\n")
	return line, 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
}

// excerptWidth is the maximum number of characters that Caret shows on either side of the offset.
const excerptWidth = 40

// Caret returns the line of src at offset, with a caret under the offset. Long lines are cut on both sides.
func Caret(src string, offset int) string {
	offset = max(0, min(offset, len(src)))
	start := strings.LastIndexByte(src[:offset], '\n') + 1
	end := len(src)
	if i := strings.IndexByte(src[offset:], '\n'); i >= 0 {
		end = offset + i
	}
	before, after := src[start:offset], src[offset:end]
	prefix, suffix := "", ""
	if n := cutLeft(before, excerptWidth); n > 0 {
		before, prefix = before[n:], "..."
	}
	if n := cutRight(after, excerptWidth); n < len(after) {
		after, suffix = after[:n], "..."
	}
	visible := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r < ' ' {
				return ' '
			}
			return r
		}, s)
	}
	before, after = visible(before), visible(after)
	pad := strings.Repeat(" ", len(prefix)+utf8.RuneCountInString(before))
	return prefix + before + after + suffix + "\n" + pad + "^"
}

// cutLeft returns the byte index from which the last n characters of s remain.
func cutLeft(s string, n int) int {
	i := len(s)
	for ; n > 0 && i > 0; n-- {
		_, size := utf8.DecodeLastRuneInString(s[:i])
		i -= size
	}
	return i
}

// cutRight returns the byte index before which the first n characters of s lie.
func cutRight(s string, n int) int {
	i := 0
	for ; n > 0 && i < len(s); n-- {
		_, size := utf8.DecodeRuneInString(s[i:])
		i += size
	}
	return i
}
