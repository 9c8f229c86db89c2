package rows

import "strconv"

// Kind is the type of a cell's value.
type Kind uint8

// The kinds. Dates, times and the texts of quantities are strings.
const (
	Null    Kind = iota
	Boolean      // true or false
	Integer      // a whole number; its text is the source's
	Decimal      // a number; its text is the source's
	String       // text
	Object       // a JSON object
	List         // the values of a collection column
	// slotKind is the kind of a cell that stands for a slot while a template is recorded; its Start is the slot's number.
	slotKind
)

// String returns the kind in one word.
func (k Kind) String() string {
	names := [...]string{"null", "boolean", "integer", "decimal", "string", "object", "list"}
	if int(k) < len(names) {
		return names[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

// Cell is one value of a [Table]: its kind, and where its text is.
type Cell struct {
	Start, Len uint32 // of the text in the arena or the source; of a list, in Table.Items
	Kind       Kind
	Flags      Flags
}

// Flags say more about a cell.
type Flags uint8

// The flags.
const (
	InSource Flags = 1 << iota // the text is in Table.Source, not in Table.Arena
	Escaped                    // the text is the inside of a JSON string with escapes
	True                       // the Boolean true
)

func booleanCell(b bool) Cell {
	if b {
		return Cell{Kind: Boolean, Flags: True}
	}
	return Cell{Kind: Boolean}
}

// Want is the kinds of values that a column may have.
type Want uint8

// The wants.
const (
	WantAny Want = iota
	WantBoolean
	WantInteger
	WantNumber
	WantPrimitive // anything but an object
	WantObject
)

// allows reports whether a column may have a value of a kind.
func (w Want) allows(k Kind) bool {
	switch w {
	case WantBoolean:
		return k == Boolean
	case WantInteger:
		return k == Integer
	case WantNumber:
		return k == Integer || k == Decimal
	case WantPrimitive:
		return k != Object
	case WantObject:
		return k == Object
	}
	return true
}
