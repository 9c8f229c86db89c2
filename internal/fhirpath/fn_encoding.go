package fhirpath

import (
	"encoding/base64"
	"encoding/hex"
	"html"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// encodingFunctions are encode, decode, escape and unescape of section "Additional String Functions".
var encodingFunctions = []*function{
	{name: "encode", min: 1, max: 1, eval: fnEncode},
	{name: "decode", min: 1, max: 1, eval: fnDecode},
	{name: "escape", min: 1, max: 1, eval: fnEscape},
	{name: "unescape", min: 1, max: 1, eval: fnUnescape},
}

// fnEncode is encode(format) (section "Additional String Functions").
func fnEncode(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	s, format, ok, err := c.textAndArg(e, in)
	if err != nil || !ok {
		return dst, err
	}
	switch format {
	case "hex":
		s = hex.EncodeToString([]byte(s))
	case "base64":
		s = base64.StdEncoding.EncodeToString([]byte(s))
	case "urlbase64":
		s = base64.URLEncoding.EncodeToString([]byte(s))
	case "ascii":
		s = strings.Map(func(r rune) rune {
			if r > 127 {
				return '?'
			}
			return r
		}, s)
	default:
		return dst, fail(c.pos, "encode() supports the formats hex, base64, urlbase64 and ascii")
	}
	return append(dst, NewString(s)), nil
}

// fnDecode is decode(format) (section "Additional String Functions"). The result is empty if the text is not encoded
// that way or does not decode to UTF-8.
func fnDecode(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	s, format, ok, err := c.textAndArg(e, in)
	if err != nil || !ok {
		return dst, err
	}
	var decoded []byte
	switch format {
	case "hex":
		decoded, err = hex.DecodeString(s)
	case "base64":
		decoded, err = base64.StdEncoding.DecodeString(s)
	case "urlbase64":
		decoded, err = base64.URLEncoding.DecodeString(s)
	default:
		return dst, fail(c.pos, "decode() supports the formats hex, base64 and urlbase64")
	}
	if err != nil || !utf8.Valid(decoded) {
		return dst, nil
	}
	return append(dst, NewString(string(decoded))), nil
}

// htmlEscapes replaces the characters that would be read as markup.
var htmlEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;")

// fnEscape is escape(target) (section "Additional String Functions").
func fnEscape(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	s, target, ok, err := c.textAndArg(e, in)
	if err != nil || !ok {
		return dst, err
	}
	switch target {
	case "html":
		s = htmlEscapes.Replace(s)
	case "json":
		quoted := appendJSONString(nil, s)
		s = string(quoted[1 : len(quoted)-1])
	default:
		return dst, fail(c.pos, "escape() supports the targets html and json")
	}
	return append(dst, NewString(s)), e.checkText(c.pos, len(s))
}

// fnUnescape is unescape(target) (section "Additional String Functions"). The result is empty if a surrogate pair is
// incomplete.
func fnUnescape(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	s, target, ok, err := c.textAndArg(e, in)
	if err != nil || !ok {
		return dst, err
	}
	switch target {
	case "html":
		if err := e.step(c.pos, len(s)/4); err != nil {
			return dst, err
		}
		s = html.UnescapeString(s)
	case "json":
		if s, ok = unescapeJSON(s); !ok {
			return dst, nil
		}
	default:
		return dst, fail(c.pos, "unescape() supports the targets html and json")
	}
	return append(dst, NewString(s)), nil
}

// unescapeJSON decodes the escapes of JSON; a backslash before anything else is dropped, as in literals (section
// "String"). ok is false if a surrogate pair is incomplete.
func unescapeJSON(s string) (_ string, ok bool) {
	var b []byte
	for {
		before, after, found := strings.Cut(s, `\`)
		b = append(b, before...)
		if s = after; !found || s == "" {
			return string(b), true
		}
		if r, ok := unit16(s); ok {
			s = s[5:]
			if utf16.IsSurrogate(r) {
				rest, _ := strings.CutPrefix(s, `\`)
				low, _ := unit16(rest)
				if r = utf16.DecodeRune(r, low); r == utf8.RuneError || len(rest) == len(s) {
					return "", false
				}
				s = rest[5:]
			}
			b = utf8.AppendRune(b, r)
			continue
		}
		c := s[0]
		if i := strings.IndexByte("bfnrt", c); i >= 0 {
			c = "\b\f\n\r\t"[i]
		}
		b, s = append(b, c), s[1:]
	}
}

// unit16 reads the UTF-16 unit of uXXXX.
func unit16(s string) (rune, bool) {
	if len(s) < 5 || s[0] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(s[1:5], 16, 16)
	return rune(n), err == nil
}
