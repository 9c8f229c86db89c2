package model

import "unsafe"

// Size returns the bytes that the model takes: tables counts the constant tables in the program's data, index the heap
// memory of its hash indexes.
func (m *Model) Size() (tables, index int) {
	t := m.data
	tables = len(t.names) + 4*len(t.ends) + 2*len(t.lists) +
		len(t.types)*int(unsafe.Sizeof(typeRecord{})) +
		len(t.elements)*int(unsafe.Sizeof(elementRecord{})) +
		len(t.keys)*int(unsafe.Sizeof(keyRecord{}))
	return tables, 2*(len(m.typeIndex)+len(m.elementIndex)+len(m.keyIndex)) + int(unsafe.Sizeof(*m))
}

// Release returns the full version number the tables were made from, such as "4.0.1".
func (m *Model) Release() string { return m.data.release }
