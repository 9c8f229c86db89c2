package fhirjson

// Projection says which members of a document somebody wants, as a tree of names. It does not change once
// built, and any number of goroutines may share it.
type Projection struct {
	keys *KeySet
	// rows are the inner nodes of the tree: rows[row*(keys.Len()+1)+id] is the row for what is in the
	// member with that id, or one of skipRow and wholeRow.
	rows []uint16
}

const (
	skipRow  = 0 // the member is not wanted
	wholeRow = 1 // the member is wanted with all in it
	rootRow  = 2
)

// maxRows is how many rows a projection may have; what would need more is wanted as a whole.
const maxRows = 1 << 14

// NewProjection returns the projection to the given paths. A path is the names of the members that lead to
// what is wanted, from the root on; arrays take no step. What a path leads to is wanted with all in it, and
// so the empty path wants the whole document. A name that is not in keys cannot be told from others that
// are not: where there is one, all of them are wanted.
func NewProjection(keys *KeySet, paths ...[]string) *Projection {
	if keys == nil {
		keys = noKeys
	}
	width := keys.Len() + 1
	p := &Projection{keys: keys, rows: make([]uint16, 3*width)}
	for id := range width {
		p.rows[wholeRow*width+id] = wholeRow
	}
	for _, path := range paths {
		if len(path) == 0 {
			copy(p.rows[rootRow*width:], p.rows[wholeRow*width:(wholeRow+1)*width])
			continue
		}
		row := rootRow
		for i, name := range path {
			id := int(keys.ID(name))
			next := &p.rows[row*width+id]
			if *next == wholeRow {
				break
			}
			if id == 0 || i == len(path)-1 || *next == skipRow && len(p.rows)/width >= maxRows {
				*next = wholeRow
				break
			}
			if *next == skipRow {
				*next = uint16(len(p.rows) / width)
				row = int(*next)
				p.rows = append(p.rows, make([]uint16, width)...)
			} else {
				row = int(*next)
			}
		}
	}
	return p
}

// Keys returns the key set of the projection.
func (p *Projection) Keys() *KeySet { return p.keys }
