package steps

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// readCSV calls row for each row of a CSV file with a header of exactly these columns. An empty cell is null.
// The apostrophe that keeps spreadsheets from taking a cell for a formula is removed.
func readCSV(r io.Reader, columns []string, row func(values []string, null []bool) error) error {
	in := csv.NewReader(bufio.NewReaderSize(r, 64<<10))
	in.ReuseRecord = true
	header, err := in.Read()
	if err != nil {
		return errors.New("there is no header line")
	}
	if !slices.Equal(header, columns) {
		return errors.New("the header line does not have the view's columns")
	}
	null := make([]bool, len(columns))
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			var at *csv.ParseError
			if errors.As(err, &at) {
				return fmt.Errorf("line %d is not CSV with the view's columns", at.Line)
			}
			return err
		}
		for i, v := range record {
			null[i] = v == ""
			if len(v) > 1 && v[0] == '\'' && strings.ContainsRune("=+-@\t\r", rune(v[1])) {
				record[i] = v[1:]
			}
		}
		if err := row(record, null); err != nil {
			return err
		}
	}
}

// readJSON calls row for each object of an NDJSON file, or of a JSON file with one array. Each object must
// have exactly the view's columns. Values are given as text: strings as they are, everything else as JSON.
func readJSON(r io.Reader, columns []string, row func(values []string, null []bool) error) error {
	in := bufio.NewReaderSize(r, 64<<10)
	first, err := in.Peek(1)
	if errors.Is(err, io.EOF) {
		return nil // NDJSON without rows
	}
	if err != nil {
		return err
	}
	dec := json.NewDecoder(in)
	array := first[0] == '['
	if array {
		if _, err := dec.Token(); err != nil {
			return errors.New("the file is not JSON")
		}
	}
	values, null := make([]string, len(columns)), make([]bool, len(columns))
	for n := 1; ; n++ {
		if array && !dec.More() {
			_, err := dec.Token()
			return err
		}
		var object map[string]json.RawMessage
		if err := dec.Decode(&object); errors.Is(err, io.EOF) && !array {
			return nil
		} else if err != nil || len(object) != len(columns) {
			return fmt.Errorf("row %d is not an object with the view's columns", n)
		}
		for i, name := range columns {
			raw, ok := object[name]
			if !ok {
				return fmt.Errorf("row %d has no %s", n, name)
			}
			null[i] = string(raw) == "null"
			values[i] = string(raw)
			if len(raw) > 0 && raw[0] == '"' {
				if err := json.Unmarshal(raw, &values[i]); err != nil {
					return fmt.Errorf("row %d, %s: not a JSON string", n, name)
				}
			}
		}
		if err := row(values, null); err != nil {
			return err
		}
	}
}
