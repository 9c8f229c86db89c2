package model

// tables is the generated form of a model: constant arrays of small records that point into each other by
// number. Entry 0 of types and elements stands for none; the last entry of each holds only the end of the
// last real one's range.
type tables struct {
	release  string
	names    string   // all names, end to end
	ends     []uint32 // where each name ends
	types    []typeRecord
	elements []elementRecord
	keys     []keyRecord
	lists    []TypeID // the type lists of all elements, shared where equal
}

// typeRecord describes one type. Ids follow the tree of inheritance, parents first, so that a type and all
// that derives from it have the ids from its own to last.
type typeRecord struct {
	name    uint16
	base    uint16
	last    uint16
	element uint16 // first element it defines; they end where the next type's begin
	key     uint16 // first JSON member of those elements
	flags   uint8
	system  uint8 // index into systemNames
}

// elementRecord describes one element that a type defines.
type elementRecord struct {
	name  uint16
	list  uint16 // where its types begin in lists
	key   uint16 // its first JSON member; they end where the next element's begin
	count uint8  // number of types
	flags uint8
}

// keyRecord is one JSON member: an element, as one of its types.
type keyRecord struct {
	name    uint16
	element uint16
	typ     uint16
}

const (
	typePrimitive = 1 << iota
	typeResource
	typeAbstract
	typeBackbone
)

const (
	elementChoice = 1 << iota
	elementMany
	elementRequired
)

// systemNames are the System types that FHIR types convert to.
var systemNames = [...]string{
	"", "Boolean", "String", "Integer", "Long", "Decimal", "Date", "DateTime", "Time", "Quantity",
}

// name returns name number n. Name 0 is empty.
func (t *tables) name(n uint16) string {
	if n == 0 {
		return ""
	}
	return t.names[t.ends[n-1]:t.ends[n]]
}

// element returns the public form of an element.
func (t *tables) element(id uint16) Element {
	e := &t.elements[id]
	return Element{
		ID:     ElementID(id),
		Name:   t.name(e.name),
		Types:  t.lists[e.list : e.list+uint16(e.count) : e.list+uint16(e.count)],
		Choice: e.flags&elementChoice != 0,
		Many:   e.flags&elementMany != 0,
		Min:    int(e.flags & elementRequired / elementRequired),
	}
}
