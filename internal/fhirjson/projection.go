package fhirjson

// Projection says which members of a document are wanted, as a tree of names. It does not change once
// built, and any number of goroutines may share it.
type Projection struct {
	keys *KeySet
	// rows are the inner nodes of the tree, keys.Len()+1 numbers each. A row is known by the index of its
	// first number. rows[row+id] is the row for what is in the member with that id: the first row if the
	// member is not wanted, the second if it is wanted with all in it.
	rows []uint32
}

// skipRow is the row of what is not wanted.
const skipRow = 0

// wholeRow and rootRow return the row of what is wanted with all in it, and that of the document.
func wholeRow(keys *KeySet) uint32 { return uint32(keys.Len() + 1) }
func rootRow(keys *KeySet) uint32  { return 2 * wholeRow(keys) }

// maxRows is how many numbers a projection may have; what would need more is wanted as a whole.
const maxRows = 1 << 20

// NewProjection returns the projection to the given paths. A path is the names of the members that lead to
// what is wanted, from the root on; arrays take no step. What a path leads to is wanted with all in it, and
// so the empty path wants the whole document. A name that is not in keys cannot be told from others that
// are not: where there is one, all of them are wanted.
func NewProjection(keys *KeySet, paths ...[]string) *Projection {
	if keys == nil {
		keys = noKeys
	}
	width, whole := keys.Len()+1, wholeRow(keys)
	p := &Projection{keys: keys, rows: make([]uint32, 3*width)}
	for id := range width {
		p.rows[int(whole)+id] = whole
	}
	for _, path := range paths {
		row := rootRow(keys)
		if len(path) == 0 {
			copy(p.rows[row:], p.rows[whole:row])
		}
		for i, name := range path {
			id := uint32(keys.ID(name))
			next := &p.rows[row+id]
			if *next == whole {
				break
			}
			if id == 0 || i == len(path)-1 || *next == skipRow && len(p.rows) >= maxRows {
				*next = whole
				break
			}
			if *next == skipRow {
				*next = uint32(len(p.rows))
				row = *next
				p.rows = append(p.rows, make([]uint32, width)...)
			} else {
				row = *next
			}
		}
	}
	return p
}

// Keys returns the key set of the projection.
func (p *Projection) Keys() *KeySet { return p.keys }
