package fhirpath

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// fnHTMLChecks is htmlChecks() (https://hl7.org/fhir/R4/fhirpath.html#functions): whether the text of a Narrative
// follows the invariants txt-1 and txt-2 (elements, attributes, some content). Styles and link targets are not
// checked.
func fnHTMLChecks(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	v, ok, err := c.onlyItem(in)
	if err != nil || !ok {
		return dst, err
	}
	s, ok := v.Text()
	if !ok {
		return dst, fail(c.pos, "htmlChecks() needs XHTML, not %s", describe(v))
	}
	if err := e.checkText(c.pos, len(s)); err != nil {
		return dst, err
	}
	return append(dst, NewBoolean(isNarrative(s))), e.step(c.pos, len(s))
}

const xhtml = "http://www.w3.org/1999/xhtml"

// isNarrative reports whether s is one div of XHTML that holds only what a Narrative may hold.
func isNarrative(s string) bool {
	decoder := xml.NewDecoder(strings.NewReader(s))
	decoder.Entity = xml.HTMLEntity
	depth, roots, content := 0, 0, false
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return depth == 0 && roots == 1 && content
		}
		if err != nil {
			return false
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth == 0 {
				roots++
				if t.Name.Local != "div" {
					return false
				}
			}
			depth++
			if !allowedElement(t) {
				return false
			}
			content = content || t.Name.Local == "img"
		case xml.EndElement:
			depth--
		case xml.CharData:
			text := strings.TrimSpace(string(t)) != ""
			if text && depth == 0 {
				return false
			}
			content = content || text
		case xml.Directive, xml.ProcInst:
			return false
		}
	}
}

// narrativeElements are the elements of HTML 4.0 that a Narrative may hold: chapters 7 to 11 (without section
// 4 of 9) and 15, and a and img.
const narrativeElements = " a abbr acronym b big blockquote br caption cite code col colgroup dd dfn div dl dt em" +
	" h1 h2 h3 h4 h5 h6 hr i img li ol p pre q samp small span strong sub sup table tbody td tfoot th thead" +
	" tr tt ul var address bdo kbd del ins "

// narrativeAttributes are the attributes that elements of a Narrative may have.
const narrativeAttributes = " abbr accesskey align alt axis bgcolor border cellhalign cellpadding cellspacing" +
	" cellvalign char charoff charset cite class colspan compact coords dir frame headers height href hreflang" +
	" hspace id lang longdesc name nowrap rel rev rowspan rules scope shape span src start style summary tabindex" +
	" title type valign value vspace width xmlns "

func allowedElement(t xml.StartElement) bool {
	if t.Name.Space != xhtml && t.Name.Space != "" || !strings.Contains(narrativeElements, " "+t.Name.Local+" ") {
		return false
	}
	for _, a := range t.Attr {
		if a.Name.Space != "" && a.Name.Space != "xml" && a.Name.Space != "xmlns" &&
			a.Name.Space != "http://www.w3.org/XML/1998/namespace" {
			return false
		}
		if !strings.Contains(narrativeAttributes, " "+a.Name.Local+" ") {
			return false
		}
	}
	return true
}
