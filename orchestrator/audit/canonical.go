package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Canonical returns JSON in the canonical form of RFC 8785: members sorted by UTF-16 code units, numbers
// as ECMAScript prints them, no white space, the shortest escapes. It refuses what RFC 8785 cannot
// express: text that is not UTF-8, lone surrogates, duplicate members, numbers beyond float64.
func Canonical(raw []byte) ([]byte, error) {
	if !utf8.Valid(raw) {
		return nil, errors.New("audit: canonical: not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	dst, err := appendValue(make([]byte, 0, len(raw)), dec, 0)
	if err != nil {
		return nil, fmt.Errorf("audit: canonical: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("audit: canonical: text after the value")
	}
	return dst, nil
}

const maxDepth = 200

func appendValue(dst []byte, dec *json.Decoder, depth int) ([]byte, error) {
	tok, err := dec.Token()
	if err != nil {
		return nil, err
	}
	return appendToken(dst, tok, dec, depth)
}

func appendToken(dst []byte, tok json.Token, dec *json.Decoder, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("deeper than %d", maxDepth)
	}
	switch v := tok.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case string:
		return appendString(dst, v)
	case json.Number:
		f, err := strconv.ParseFloat(v.String(), 64)
		if err != nil {
			return nil, errors.New("a number exceeds float64")
		}
		return appendNumber(dst, f)
	case json.Delim:
		if v == '[' {
			dst = append(dst, '[')
			for i := 0; dec.More(); i++ {
				if i > 0 {
					dst = append(dst, ',')
				}
				var err error
				if dst, err = appendValue(dst, dec, depth+1); err != nil {
					return nil, err
				}
			}
			_, err := dec.Token()
			return append(dst, ']'), err
		}
		return appendObject(dst, dec, depth)
	}
	return nil, errors.New("not JSON")
}

type pair struct {
	key   string
	units []uint16
	value []byte
}

func appendObject(dst []byte, dec *json.Decoder, depth int) ([]byte, error) {
	var members []pair
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return nil, err
		}
		key, ok := tok.(string)
		if !ok {
			return nil, errors.New("not JSON")
		}
		value, err := appendValue(nil, dec, depth+1)
		if err != nil {
			return nil, err
		}
		members = append(members, pair{key, utf16.Encode([]rune(key)), value})
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	slices.SortFunc(members, func(a, b pair) int { return slices.Compare(a.units, b.units) })
	dst = append(dst, '{')
	for i, m := range members {
		if i > 0 {
			if members[i-1].key == m.key {
				return nil, errors.New("a member occurs twice")
			}
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendString(dst, m.key); err != nil {
			return nil, err
		}
		dst = append(append(dst, ':'), m.value...)
	}
	return append(dst, '}'), nil
}

// appendString follows RFC 8785, section 3.2.2.2.
func appendString(dst []byte, s string) ([]byte, error) {
	// encoding/json turns a lone surrogate into U+FFFD; a canonical form must not hide that.
	if strings.ContainsRune(s, utf8.RuneError) {
		return nil, errors.New("a string with U+FFFD or a lone surrogate")
	}
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\b':
			dst = append(dst, '\\', 'b')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\f':
			dst = append(dst, '\\', 'f')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"'), nil
}

// appendNumber follows ECMAScript's Number::toString (RFC 8785, section 3.2.2.3).
func appendNumber(dst []byte, f float64) ([]byte, error) {
	switch {
	case math.IsInf(f, 0) || math.IsNaN(f):
		return nil, errors.New("a number exceeds float64")
	case f == 0:
		return append(dst, '0'), nil
	}
	abs := math.Abs(f)
	if abs >= 1e-6 && abs < 1e21 {
		return strconv.AppendFloat(dst, f, 'f', -1, 64), nil
	}
	text := strconv.FormatFloat(f, 'e', -1, 64)
	mantissa, exp, _ := strings.Cut(text, "e")
	sign := exp[0]
	exp = strings.TrimLeft(exp[1:], "0")
	dst = append(append(dst, mantissa...), 'e', sign)
	return append(dst, exp...), nil
}
