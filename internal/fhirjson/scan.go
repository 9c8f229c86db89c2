package fhirjson

import (
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// Constants for looking at eight bytes at a time.
const (
	ones       = 0x0101010101010101
	highs      = 0x8080808080808080
	quotesWord = ones * '"'
	slantsWord = ones * '\\'
	spacesWord = ones * ' '
)

// load64 returns src[i:i+8] as a number, the first byte lowest.
func load64(src []byte, i int) uint64 {
	_ = src[i+7]
	return uint64(src[i]) | uint64(src[i+1])<<8 | uint64(src[i+2])<<16 | uint64(src[i+3])<<24 |
		uint64(src[i+4])<<32 | uint64(src[i+5])<<40 | uint64(src[i+6])<<48 | uint64(src[i+7])<<56
}

// load32 returns src[i:i+4] as a number, the first byte lowest.
func load32(src []byte, i int) uint32 {
	_ = src[i+3]
	return uint32(src[i]) | uint32(src[i+1])<<8 | uint32(src[i+2])<<16 | uint32(src[i+3])<<24
}

// stops returns a word whose lowest set bit is in the first byte of w (in memory order) that is a quote,
// a backslash or a control character; 0 where there is none. Bits above the lowest mean nothing.
func stops(w uint64) uint64 {
	return (((w ^ quotesWord) - ones) | ((w ^ slantsWord) - ones) | (w - spacesWord)) &^ w & highs
}

// scanString walks from i, inside a string, to its closing quote. It returns the quote's index and whether
// there were escapes; or the error, whose offset is that of the fault. high holds the bits of the bytes
// before i that are inside the string, as far as bit 7 of any byte is concerned.
func scanString(src []byte, start, i int, high uint64) (end int, escaped bool, err *SyntaxError) {
	for {
		for i+8 <= len(src) {
			w := load64(src, i)
			if m := stops(w); m != 0 {
				k := bits.TrailingZeros64(m)
				high |= w & (1<<(k&63) - 1)
				i += k >> 3
				goto stopped
			}
			high |= w
			i += 8
		}
		for ; i < len(src); i++ {
			c := src[i]
			if c == '"' || c == '\\' || c < ' ' {
				goto stopped
			}
			high |= uint64(c)
		}
		if err := checkUTF8(src[start:], start, high); err != nil {
			return 0, false, err
		}
		return 0, false, &SyntaxError{Offset: len(src), Kind: Truncated, Msg: "string without closing quote"}
	stopped:
		switch src[i] {
		case '"':
			if err := checkUTF8(src[start:i], start, high); err != nil {
				return 0, false, err
			}
			return i, escaped, nil
		case '\\':
			escaped = true
			next, err := scanEscape(src, i)
			if err != nil {
				if e := checkUTF8(src[start:i], start, high); e != nil {
					return 0, false, e
				}
				return 0, false, err
			}
			i = next
		default:
			if err := checkUTF8(src[start:i], start, high); err != nil {
				return 0, false, err
			}
			return 0, false, &SyntaxError{Offset: i, Kind: ControlCharacter}
		}
	}
}

// checkUTF8 returns an error for the first invalid UTF-8 in s, which begins at offset. high is the union
// of all bytes of s.
func checkUTF8(s []byte, offset int, high uint64) *SyntaxError {
	if high&highs == 0 || utf8.Valid(s) {
		return nil
	}
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRune(s[i:])
		if r == utf8.RuneError && size == 1 {
			return &SyntaxError{Offset: offset + i, Kind: InvalidUTF8}
		}
		i += size
	}
	return nil
}

// scanEscape returns the index behind the escape whose backslash is at i.
func scanEscape(src []byte, i int) (int, *SyntaxError) {
	if i+1 >= len(src) {
		return 0, &SyntaxError{Offset: len(src), Kind: Truncated, Msg: "string without closing quote"}
	}
	if c := src[i+1]; c != 'u' {
		if escapes[c] == 0 {
			return 0, &SyntaxError{Offset: i, Kind: InvalidEscape}
		}
		return i + 2, nil
	}
	u, ok := hex4(src, i+2)
	if !ok {
		return 0, &SyntaxError{Offset: i, Kind: InvalidEscape, Msg: `four hexadecimal digits follow \u`}
	}
	if !utf16.IsSurrogate(rune(u)) {
		return i + 6, nil
	}
	if i+7 < len(src) && src[i+6] == '\\' && src[i+7] == 'u' {
		if low, ok := hex4(src, i+8); ok && utf16.DecodeRune(rune(u), rune(low)) != utf8.RuneError {
			return i + 12, nil
		}
	}
	return 0, &SyntaxError{Offset: i, Kind: LoneSurrogate}
}

// scanNumber returns the index behind the number at i and whether it has neither fraction nor exponent.
func scanNumber(src []byte, i int) (end int, integer bool, err *SyntaxError) {
	if src[i] == '-' {
		i++
	}
	integer = true
	if i < len(src) && src[i] == '0' {
		i++
		if i < len(src) && isDigit(src[i]) {
			return 0, false, &SyntaxError{Offset: i, Kind: InvalidNumber, Msg: "leading zero"}
		}
	} else if i, err = scanDigits(src, i); err != nil {
		return 0, false, err
	}
	if i < len(src) && src[i] == '.' {
		integer = false
		if i, err = scanDigits(src, i+1); err != nil {
			return 0, false, err
		}
	}
	if i < len(src) && src[i]|0x20 == 'e' {
		integer = false
		i++
		if i < len(src) && (src[i] == '+' || src[i] == '-') {
			i++
		}
		if i, err = scanDigits(src, i); err != nil {
			return 0, false, err
		}
	}
	return i, integer, nil
}

// scanDigits returns the index behind the digits at i, of which there must be one at least.
func scanDigits(src []byte, i int) (int, *SyntaxError) {
	begin := i
	for i < len(src) && isDigit(src[i]) {
		i++
	}
	if i > begin {
		return i, nil
	}
	if i == len(src) {
		return 0, &SyntaxError{Offset: i, Kind: Truncated, Msg: "number without digit"}
	}
	return 0, &SyntaxError{Offset: i, Kind: InvalidNumber, Msg: "digit expected"}
}

func isDigit(c byte) bool { return c-'0' <= 9 }

// scanLiteral returns the index behind the literal want, whose first byte is at i.
func scanLiteral(src []byte, i int, want string) (int, *SyntaxError) {
	if len(src)-i >= len(want) && string(src[i:i+len(want)]) == want {
		return i + len(want), nil
	}
	for j := 0; j < len(want); j++ {
		if i+j == len(src) {
			return 0, &SyntaxError{Offset: i + j, Kind: Truncated, Msg: want + " expected"}
		}
		if src[i+j] != want[j] {
			return 0, &SyntaxError{Offset: i + j, Kind: InvalidLiteral, Msg: want + " expected"}
		}
	}
	return i + len(want), nil
}
