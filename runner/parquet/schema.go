package parquet

import (
	"reflect"
	"regexp"
	"strconv"
	"strings"

	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/encoding"

	"github.com/researchflow/researchflow/runner"
)

// columnType says how the values of a column are stored.
type columnType struct {
	node  pq.Node
	value func(w *Writer, v runner.Value) (pq.Value, bool)
	list  bool
}

// typeOf returns how a column is stored.
func typeOf(c runner.Column, datesAsText bool) columnType {
	t := elementType(c, datesAsText)
	node := t.node
	if c.Collection {
		t.list = true
		t.node = pq.Optional(pq.List(pq.Optional(node)))
	} else {
		t.node = pq.Optional(node)
	}
	return t
}

var decimalTag = regexp.MustCompile(`^(?:DECIMAL|NUMERIC|DEC)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)$`)

// textTag matches the names of text types, as ISO/IEC 9075 and databases write them.
var textTag = regexp.MustCompile(`^(?:(?:NATIONAL\s+)?(?:CHARACTER|CHAR)(?:\s+VARYING|\s+LARGE\s+OBJECT)?` +
	`|N?VARCHAR|NCHAR|N?CLOB|TEXT|STRING)\s*(?:\(\s*\d+\s*\))?$`)

func elementType(c runner.Column, datesAsText bool) columnType {
	for _, tag := range c.Tags {
		if tag.Name == "ansi/type" {
			if t, ok := ansiType(strings.ToUpper(strings.TrimSpace(tag.Value))); ok {
				return t
			}
			break
		}
	}
	name := "TEXT"
	switch c.FHIRType {
	case "boolean", "System.Boolean":
		name = "BOOLEAN"
	case "integer", "positiveInt", "unsignedInt", "System.Integer":
		name = "INT"
	case "integer64", "System.Long":
		name = "BIGINT"
	case "decimal", "System.Decimal":
		return decimalType(38, 18)
	case "date", "System.Date":
		if !datesAsText {
			name = "DATE"
		}
	case "instant":
		name = "TIMESTAMP WITH TIME ZONE"
	}
	t, _ := ansiType(name)
	return t
}

// ansiType returns how a column of an ISO/IEC 9075 type is stored, and false if the type is not supported.
func ansiType(name string) (columnType, bool) {
	switch name {
	case "BOOLEAN":
		return columnType{node: pq.Leaf(pq.BooleanType), value: (*Writer).boolean}, true
	case "SMALLINT", "INT", "INTEGER":
		return columnType{node: pq.Int(32), value: (*Writer).int32}, true
	case "BIGINT":
		return columnType{node: pq.Int(64), value: (*Writer).int64}, true
	case "DATE":
		return columnType{node: pq.Date(), value: (*Writer).date}, true
	case "TIME":
		return columnType{node: pq.TimeAdjusted(pq.Microsecond, false), value: (*Writer).time}, true
	case "TIMESTAMP", "TIMESTAMP WITHOUT TIME ZONE":
		return columnType{node: pq.TimestampAdjusted(pq.Microsecond, false), value: (*Writer).localTime}, true
	case "TIMESTAMP WITH TIME ZONE":
		return columnType{node: pq.TimestampAdjusted(pq.Microsecond, true), value: (*Writer).instant}, true
	}
	if textTag.MatchString(name) {
		return columnType{node: pq.String(), value: (*Writer).text}, true
	}
	if m := decimalTag.FindStringSubmatch(name); m != nil {
		precision, _ := strconv.Atoi(m[1])
		scale := 0
		if m[2] != "" {
			scale, _ = strconv.Atoi(m[2])
		}
		if precision >= 1 && precision <= 38 && scale <= precision {
			return decimalType(precision, scale), true
		}
	}
	return columnType{}, false
}

func decimalType(precision, scale int) columnType {
	var physical pq.Type
	switch {
	case precision <= 9:
		physical = pq.Int32Type
	case precision <= 18:
		physical = pq.Int64Type
	default:
		physical = pq.FixedLenByteArrayType(16)
	}
	return columnType{
		node:  pq.Decimal(scale, precision, physical),
		value: func(w *Writer, v runner.Value) (pq.Value, bool) { return w.decimal(v, precision, scale) },
	}
}

// group is a group node that keeps the order of its fields. The library's pq.Group sorts them by name.
type group struct {
	pq.Group
	fields []pq.Field
}

func newGroup() *group { return &group{Group: pq.Group{}} }

func (g *group) add(name string, node pq.Node) {
	g.Group[name] = node
	g.fields = append(g.fields, &field{Node: node, name: name})
}

func (g *group) Fields() []pq.Field          { return g.fields }
func (g *group) Encoding() encoding.Encoding { return nil }
func (g *group) Compression() compress.Codec { return nil }

// field is a named node of a group.
type field struct {
	pq.Node
	name string
}

func (f *field) Name() string { return f.name }

// Value is part of pq.Field. The library calls it only to write Go structs, which this package does not do.
func (f *field) Value(base reflect.Value) reflect.Value { return base.FieldByName(f.name) }
