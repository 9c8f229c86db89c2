package fhirjson

import (
	"errors"
	"strconv"
)

// ErrLimit is what errors.Is finds in every error about a text that goes over one of the [Limits].
var ErrLimit = errors.New("fhirjson: limit exceeded")

// ErrorKind classifies what is wrong with a text.
type ErrorKind uint8

// The kinds of [SyntaxError].
const (
	Truncated        ErrorKind = 1 + iota // the text ends inside a value, or is empty
	Unexpected                            // a byte that cannot stand here
	InvalidLiteral                        // begins like true, false or null and is none of them
	InvalidNumber                         // RFC 8259 section 6
	InvalidEscape                         // an escape that RFC 8259 section 7 does not know
	LoneSurrogate                         // \u escapes of a surrogate without its other half
	ControlCharacter                      // U+0000 to U+001F unescaped in a string
	InvalidUTF8                           // bytes in a string that are not UTF-8
	DuplicateKey                          // a member name that the same object already has
	TrailingData                          // something other than white space after the value
)

// String returns the kind in words.
func (k ErrorKind) String() string {
	if int(k) < len(errorKinds) {
		return errorKinds[k]
	}
	return "ErrorKind(" + strconv.Itoa(int(k)) + ")"
}

var errorKinds = [...]string{
	0:                "no error",
	Truncated:        "truncated",
	Unexpected:       "unexpected byte",
	InvalidLiteral:   "invalid literal",
	InvalidNumber:    "invalid number",
	InvalidEscape:    "invalid escape",
	LoneSurrogate:    "lone surrogate",
	ControlCharacter: "control character in string",
	InvalidUTF8:      "invalid UTF-8",
	DuplicateKey:     "duplicate member name",
	TrailingData:     "data after the value",
}

// SyntaxError says where and how a text is not JSON. It never holds text from the source.
type SyntaxError struct {
	Offset int       // bytes before the fault, counted from the beginning of the text
	Kind   ErrorKind // what is wrong
	Msg    string    // what was expected; may be empty
}

// Error returns the kind, the offset and what was expected.
func (e *SyntaxError) Error() string {
	s := "fhirjson: " + e.Kind.String() + " at offset " + strconv.Itoa(e.Offset)
	if e.Msg != "" {
		s += ": " + e.Msg
	}
	return s
}

// LimitError says which of the [Limits] a text goes over. errors.Is(err, ErrLimit) holds for it.
type LimitError struct {
	Offset int    // bytes before the place where the limit was passed
	Limit  string // "depth", "nodes" or "bytes"
	Max    int    // the limit
}

// Error returns the name of the limit, its value and the offset.
func (e *LimitError) Error() string {
	return "fhirjson: more than " + strconv.Itoa(e.Max) + " " + limitNouns[e.Limit] +
		" at offset " + strconv.Itoa(e.Offset)
}

// Is reports whether target is [ErrLimit].
func (e *LimitError) Is(target error) bool { return target == ErrLimit }

const (
	limitDepth = "depth"
	limitNodes = "nodes"
	limitBytes = "bytes"
)

var limitNouns = map[string]string{
	limitDepth: "levels of nesting",
	limitNodes: "values",
	limitBytes: "bytes",
}
