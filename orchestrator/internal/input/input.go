// Package input reads what callers hand in: JSON, strictly, with errors that name the line but no value.
package input

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/researchflow/researchflow/orchestrator/audit"
)

// Decode reads one JSON object into a struct. Errors are: a member that the struct does not have, a member that occurs
// twice, and text after the object.
func Decode(data []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return errors.New(fault(data, dec, err))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("text after the object (line %d)", lineOf(data, dec.InputOffset()))
	}
	if _, err := audit.Canonical(data); err != nil {
		return errors.New("a member occurs twice, a number exceeds float64, or text is not Unicode")
	}
	return nil
}

func fault(data []byte, dec *json.Decoder, err error) string {
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	var when *time.ParseError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf("line %d: not JSON: %s", lineOf(data, syntax.Offset), strings.TrimPrefix(syntax.Error(), "json: "))
	case errors.As(err, &typ) && typ.Field == "":
		return fmt.Sprintf("line %d: got a JSON %s, want an object", lineOf(data, typ.Offset), Kind(typ))
	case errors.As(err, &typ):
		return fmt.Sprintf("line %d: %s: got a JSON %s, want %s", lineOf(data, typ.Offset), typ.Field, Kind(typ), typ.Type)
	case errors.As(err, &when):
		return fmt.Sprintf("line %d: not a time such as 2006-01-02T15:04:05Z", lineOf(data, dec.InputOffset()))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Sprintf("line %d: the text ends too early", lineOf(data, int64(len(data))))
	default: // an unknown member, or an error of an UnmarshalText
		text := strings.TrimPrefix(err.Error(), "json: ")
		text = strings.TrimPrefix(strings.TrimPrefix(text, "orchestrator: "), "workflow: ")
		return fmt.Sprintf("line %d: %s", lineOf(data, dec.InputOffset()), text)
	}
}

// Kind is the kind of JSON value that was found in place of a type; encoding/json adds the digits of a number.
func Kind(err *json.UnmarshalTypeError) string {
	kind, _, _ := strings.Cut(err.Value, " ")
	return kind
}

func lineOf(data []byte, offset int64) int {
	offset = min(offset, int64(len(data)))
	return 1 + bytes.Count(data[:offset], []byte{'\n'})
}

// TextFault says why databases and canonical JSON cannot hold a text; "" means that they can.
func TextFault(text string) string {
	switch {
	case !utf8.ValidString(text) || strings.ContainsRune(text, utf8.RuneError):
		return "is not UTF-8"
	case strings.ContainsFunc(text, func(r rune) bool { return r < 0x20 && r != '\n' && r != '\r' && r != '\t' }):
		return "contains a control character"
	}
	return ""
}
