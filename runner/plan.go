package runner

import (
	"github.com/researchflow/researchflow/internal/fhirpath"
	"github.com/researchflow/researchflow/internal/fhirpath/fused"
)

// plan is what a View runs: conditions, and the tree of selects. It never changes.
type plan struct {
	fused *fusedPlan // nil: there is the plain way only
	where []wherePlan
	root  *node
}

type wherePlan struct {
	prog    *fhirpath.Program
	fused   *fused.Condition // nil: the plain way only
	path    string
	element string
}

type iterKind uint8

const (
	iterNone iterKind = iota
	iterForEach
	iterForEachOrNull
	iterRepeat
)

// node is one select, or one unionAll. Its columns are lo..lo+width of the view; its rows are, per element that
// iter gives, the Cartesian product of its columns (one row) and of the rows of each part, or for a union the
// rows of the parts one after the other.
type node struct {
	iter    iterKind
	union   bool
	paths   []*fhirpath.Program
	columns []columnPlan
	parts   []*node
	lo      int
	width   int
	element string // path of the iterating element, or of the select

	// The fused way.
	path     *fused.Path  // of forEach and forEachOrNull
	scope    *fused.Scope // of columns and parts
	typeName string       // FHIR type of the scope's focus
}

// columnPlan is one column of one select.
type columnPlan struct {
	at         int // position in the view
	prog       *fhirpath.Program
	collection bool
	rowIndex   bool          // the path is %rowIndex
	fused      *fused.Column // nil: the plain way only
	want       want
	declared   string // FHIR type, if any
	element    string
	name       string
}
