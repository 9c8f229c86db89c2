package parquet_test

import (
	"bytes"
	"context"
	"fmt"

	pq "github.com/parquet-go/parquet-go"

	"github.com/researchflow/researchflow/runner"
	"github.com/researchflow/researchflow/runner/parquet"
)

// A Writer takes the rows of a run. Types follow the view's columns; the tag makes weight a DECIMAL.
func ExampleNewWriter() {
	view := runner.MustCompile([]byte(`{"resource": "Observation", "select": [{"column": [
		{"name": "id", "path": "id", "type": "id"},
		{"name": "day", "path": "effective.ofType(dateTime)", "type": "dateTime", "tag": [{"name": "ansi/type", "value": "DATE"}]},
		{"name": "weight", "path": "value.ofType(Quantity).value", "type": "decimal", "tag": [{"name": "ansi/type", "value": "DECIMAL(8,2)"}]}
	]}]}`))
	src := runner.Resources{
		[]byte(`{"resourceType":"Observation","id":"o1","effectiveDateTime":"2020-02-03","valueQuantity":{"value":70.5}}`),
		[]byte(`{"resourceType":"Observation","id":"o2"}`),
	}
	var out bytes.Buffer
	stats, err := view.Write(context.Background(), src, parquet.NewWriter(&out))
	if err != nil {
		fmt.Println(err)
		return
	}
	file, err := pq.OpenFile(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(stats.Rows, "rows of", file.Schema())
	// Output:
	// 2 rows of message view {
	// 	optional binary id (STRING);
	// 	optional int32 day (DATE);
	// 	optional int32 weight (DECIMAL(8,2));
	// }
}

// Dates that lack a day do not fit Parquet's DATE. As text they can be written.
func ExampleDatesAsText() {
	view := runner.MustCompile([]byte(`{"resource": "Patient", "select": [{"column": [{"name": "born", "path": "birthDate", "type": "date"}]}]}`))
	src := runner.Resources{[]byte(`{"resourceType":"Patient","id":"p1","birthDate":"1970-06"}`)}
	for _, opts := range [][]parquet.Option{nil, {parquet.DatesAsText()}} {
		var out bytes.Buffer
		_, err := view.Write(context.Background(), src, parquet.NewWriter(&out, opts...))
		fmt.Println(err)
	}
	// Output:
	// parquet: column born of type DATE: value does not fit the column's type
	// <nil>
}
