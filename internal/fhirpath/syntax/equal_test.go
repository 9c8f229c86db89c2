package syntax_test

import (
	"slices"

	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
)

// equal reports whether two trees say the same; positions do not count.
func equal(a, b syntax.Expr) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	switch a := a.(type) {
	case *syntax.Literal:
		b, ok := b.(*syntax.Literal)
		return ok && a.Kind == b.Kind && a.Text == b.Text && a.Unit == b.Unit && a.Calendar == b.Calendar
	case *syntax.Member:
		b, ok := b.(*syntax.Member)
		return ok && a.Name == b.Name && equal(a.X, b.X)
	case *syntax.Special:
		b, ok := b.(*syntax.Special)
		return ok && a.Kind == b.Kind && equal(a.X, b.X)
	case *syntax.External:
		b, ok := b.(*syntax.External)
		return ok && a.Name == b.Name
	case *syntax.Index:
		b, ok := b.(*syntax.Index)
		return ok && equal(a.X, b.X) && equal(a.Index, b.Index)
	case *syntax.Unary:
		b, ok := b.(*syntax.Unary)
		return ok && a.Op == b.Op && equal(a.X, b.X)
	case *syntax.Binary:
		b, ok := b.(*syntax.Binary)
		return ok && a.Op == b.Op && equal(a.X, b.X) && equal(a.Y, b.Y)
	case *syntax.TypeOp:
		b, ok := b.(*syntax.TypeOp)
		return ok && a.Op == b.Op && equal(a.X, b.X) && slices.Equal(a.Type.Parts, b.Type.Parts)
	case *syntax.Instance:
		b, ok := b.(*syntax.Instance)
		return ok && slices.Equal(a.Type.Parts, b.Type.Parts) && slices.Equal(a.Names, b.Names) &&
			slices.EqualFunc(a.Values, b.Values, equal)
	case *syntax.Call:
		b, ok := b.(*syntax.Call)
		return ok && a.Name == b.Name && equal(a.X, b.X) && slices.EqualFunc(a.Args, b.Args, equal) &&
			slices.Equal(trimFalse(a.Descending), trimFalse(b.Descending))
	}
	return false
}

// trimFalse drops the false entries at the end.
func trimFalse(s []bool) []bool {
	for len(s) > 0 && !s[len(s)-1] {
		s = s[:len(s)-1]
	}
	return s
}
