package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// decodeJSON decodes JSON text with numbers as json.Number. After it there may be only white space.
func decodeJSON(data []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("more than one JSON text")
	}
	return nil
}

// canonicalNumber returns a text that is the same for all ways to write a number: 1, 1.0 and 10e-1. Expected rows
// were written by JavaScript, whose numbers are float64: so fractions are equal when they are the same float64. Whole
// numbers are compared digit by digit.
func canonicalNumber(n string) string {
	if !strings.ContainsAny(n, ".eE") {
		return n
	}
	f, err := strconv.ParseFloat(n, 64)
	if err != nil {
		return n
	}
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return strconv.FormatInt(int64(f), 10)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// canonical appends a decoded JSON value in a form that is equal for equal values: members sorted, numbers by value.
func canonical(dst []byte, v any) []byte {
	switch v := v.(type) {
	case json.Number:
		return append(append(dst, '#'), canonicalNumber(string(v))...)
	case map[string]any:
		dst = append(dst, '{')
		for _, key := range slices.Sorted(maps.Keys(v)) {
			name, _ := json.Marshal(key) // a string cannot fail
			dst = append(append(dst, name...), ':')
			dst = append(canonical(dst, v[key]), ',')
		}
		return append(dst, '}')
	case []any:
		dst = append(dst, '[')
		for _, item := range v {
			dst = append(canonical(dst, item), ',')
		}
		return append(dst, ']')
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Appendf(dst, "?%v", err)
	}
	return append(dst, text...)
}

// compareRows says how got differs from want, and nothing where it does not: as multisets, or row by row.
func compareRows(want, got []map[string]any, ordered bool) string {
	if ordered {
		for i := range min(len(want), len(got)) {
			if !bytes.Equal(canonical(nil, want[i]), canonical(nil, got[i])) {
				return fmt.Sprintf("row %d: want %s, got %s", i, plain(want[i]), plain(got[i]))
			}
		}
	}
	count := make(map[string]int)
	for _, row := range want {
		count[string(canonical(nil, row))]++
	}
	var extra, missing []string
	for _, row := range got {
		key := string(canonical(nil, row))
		if count[key]--; count[key] < 0 {
			extra = append(extra, plain(row))
		}
	}
	for _, row := range want {
		key := string(canonical(nil, row))
		if count[key] > 0 {
			count[key]--
			missing = append(missing, plain(row))
		}
	}
	if len(extra)+len(missing) == 0 {
		return ""
	}
	return fmt.Sprintf("want %d rows, got %d; missing %s; not wanted %s", len(want), len(got), list(missing), list(extra))
}

func plain(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// list shows the first of some texts.
func list(texts []string) string {
	const most = 3
	if len(texts) == 0 {
		return "none"
	}
	s := strings.Join(texts[:min(most, len(texts))], " ")
	if len(texts) > most {
		s += fmt.Sprintf(" and %d more", len(texts)-most)
	}
	return s
}
