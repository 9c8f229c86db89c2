package rows

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// everyCell is a table with a cell of each kind, in one row.
func everyCell() *Table {
	t := &Table{Source: []byte(`{"plain":"a","escaped":"x\ny","n":6.50}`), Rows: 1}
	made := t.made(String, append(t.Arena, "say \"hi\"\t\x01"...))
	object := t.made(Object, append(t.Arena, `{"a":1}`...))
	first := len(t.Items)
	t.Items = append(t.Items, t.integer(1), booleanCell(false), t.text(String, t.Source[10:11]))
	t.Cells = []Cell{
		{},
		booleanCell(true), t.integer(-7), t.text(Decimal, t.Source[34:38]), t.text(String, t.Source[10:11]),
		{Kind: String, Start: 24, Len: 4, Flags: InSource | Escaped},
		made, object, t.list(first), t.list(len(t.Items)),
	}
	return t
}

var (
	wantJSON = []string{
		"null", "true", "-7", "6.50", `"a"`, `"x\ny"`, `"say \"hi\"\t\u0001"`, `{"a":1}`, `[1,false,"a"]`, "[]",
	}
	wantText = []string{"", "true", "-7", "6.50", "a", "x\ny", "say \"hi\"\t\x01", `{"a":1}`, `[1,false,"a"]`, "[]"}
)

// TestCellsAsText: every kind of cell, as JSON and as text, also after the table was compacted or a cell copied.
func TestCellsAsText(t *testing.T) {
	t.Parallel()
	table := everyCell()
	compact := table.Compact()
	var copied Table
	for _, c := range table.Cells {
		copied.Cells = append(copied.Cells, copied.Copy(table, c))
	}
	for _, tt := range []struct {
		name  string
		table *Table
	}{{"as made", table}, {"compacted", &compact}, {"copied", &copied}} {
		var json, text []string
		for _, c := range tt.table.Cells {
			json = append(json, string(tt.table.AppendJSON(nil, c)))
			text = append(text, string(tt.table.AppendText(nil, c)))
		}
		if diff := cmp.Diff(wantJSON, json); diff != "" {
			t.Errorf("%s, JSON: %s", tt.name, diff)
		}
		if diff := cmp.Diff(wantText, text); diff != "" {
			t.Errorf("%s, text: %s", tt.name, diff)
		}
	}
	if len(compact.Source) != 0 || len(compact.Arena) != int(table.TextSize()) || compact.Rows != 1 {
		t.Errorf("compacted: %d bytes of source, %d of text, %d rows; want 0, %d, 1", len(compact.Source), len(compact.Arena),
			compact.Rows, table.TextSize())
	}
}

// TestUndo: what was added since a mark is gone, and what was there before is as it was.
func TestUndo(t *testing.T) {
	t.Parallel()
	table := everyCell()
	mark := table.Mark()
	table.Cells = append(table.Cells, table.integer(12), table.Copy(everyCell(), everyCell().Cells[8]))
	table.Rows++
	table.Undo(mark)
	if got := table.Mark(); got != mark {
		t.Errorf("after Undo: %+v, want %+v", got, mark)
	}
	for i, c := range table.Cells {
		if got := string(table.AppendJSON(nil, c)); got != wantJSON[i] {
			t.Errorf("cell %d is %s, want %s", i, got, wantJSON[i])
		}
	}
	table.Reset()
	if got := table.Mark(); got != (Mark{}) || table.Source != nil || table.Size() == 0 {
		t.Errorf("after Reset: %+v, a source %t, %d bytes; want nothing but memory", got, table.Source != nil, table.Size())
	}
}

// TestWithin: a cell refers to the source only where its bytes are part of it.
func TestWithin(t *testing.T) {
	t.Parallel()
	whole := []byte("0123456789")
	for _, tt := range []struct {
		name   string
		part   []byte
		offset uint32
		ok     bool
	}{
		{"all", whole, 0, true},
		{"middle", whole[3:5], 3, true},
		{"end", whole[9:], 9, true},
		{"nothing", whole[4:4], 0, false},
		{"equal bytes elsewhere", []byte("345"), 0, false},
		{"more than the whole", append(make([]byte, 0, 20), whole...)[:12], 0, false},
	} {
		if offset, ok := within(whole, tt.part); ok != tt.ok || ok && offset != tt.offset {
			t.Errorf("%s: %d, %t; want %d, %t", tt.name, offset, ok, tt.offset, tt.ok)
		}
	}
}

// TestWant: which kinds of values a column takes.
func TestWant(t *testing.T) {
	t.Parallel()
	for want, kinds := range map[Want][]Kind{
		WantAny:       {Boolean, Integer, Decimal, String, Object},
		WantBoolean:   {Boolean},
		WantInteger:   {Integer},
		WantNumber:    {Integer, Decimal},
		WantPrimitive: {Boolean, Integer, Decimal, String},
		WantObject:    {Object},
	} {
		var got []Kind
		for k := Boolean; k <= Object; k++ {
			if want.allows(k) {
				got = append(got, k)
			}
		}
		if diff := cmp.Diff(kinds, got); diff != "" {
			t.Errorf("want %d: %s", want, diff)
		}
	}
}
