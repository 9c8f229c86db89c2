package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
)

// Scan stores the row's values in the struct that dst points to, by the rules of encoding/json: a column goes to the
// field that has its name, or its name in a json tag. Null leaves the field unchanged, and columns without a field are
// ignored. Decimals keep their text in a field of type [json.Number]. The error names the field but no value.
func (r Row) Scan(dst any) error {
	err := json.Unmarshal(r.AppendJSON(nil), dst)
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) {
		return fmt.Errorf("runner: scan: column %s does not fit a field of type %s", mismatch.Field, mismatch.Type)
	}
	var invalid *json.InvalidUnmarshalError
	if errors.As(err, &invalid) {
		return errors.New("runner: scan: the destination is not a pointer")
	}
	if err != nil {
		return errors.New("runner: scan: a value does not fit its field") // the text of err may hold it
	}
	return nil
}

// Collect scans all rows of an iterator into structs ([Row.Scan]).
func Collect[T any](rows iter.Seq2[Row, error]) ([]T, error) {
	var list []T
	for row, err := range rows {
		if err != nil {
			return list, err
		}
		var v T
		if err := row.Scan(&v); err != nil {
			return list, err
		}
		list = append(list, v)
	}
	return list, nil
}
