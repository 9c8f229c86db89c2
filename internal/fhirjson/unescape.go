package fhirjson

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// AppendUnescaped appends the text of a JSON string, given without its quotes, to dst with its escapes
// decoded. The string must have been accepted by [Tape.Parse]; of any other, escapes that make no sense
// become U+FFFD.
func AppendUnescaped(dst, raw []byte) []byte { return appendUnescaped(dst, raw) }

func appendUnescaped(dst, raw []byte) []byte {
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 || i+1 >= len(raw) {
			return append(dst, raw...)
		}
		dst = append(dst, raw[:i]...)
		c := raw[i+1]
		if c != 'u' {
			if escapes[c] != 0 {
				dst = append(dst, escapes[c])
			} else {
				dst = utf8.AppendRune(dst, utf8.RuneError)
			}
			raw = raw[i+2:]
			continue
		}
		r, size := utf8.RuneError, len(raw)-i
		if u, ok := hex4(raw, i+2); ok {
			r, size = rune(u), 6
			if utf16.IsSurrogate(r) {
				low, _ := hex4(raw, i+8)
				r = utf16.DecodeRune(r, rune(low))
				if r != utf8.RuneError {
					size = 12
				}
			}
		}
		dst = utf8.AppendRune(dst, r)
		raw = raw[i+size:]
	}
}

// escapes maps the byte behind a backslash to what it stands for, and to 0 where it is no escape. 'u' is
// not in it.
var escapes = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// hex4 returns the number that the four hexadecimal digits at src[i:] write.
func hex4(src []byte, i int) (uint32, bool) {
	if i+4 > len(src) {
		return 0, false
	}
	var v uint32
	for _, c := range src[i : i+4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		v = v<<4 | uint32(c)
	}
	return v, true
}
