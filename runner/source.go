package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/url"
)

// Source yields the resources that a view may run on, as raw JSON. It is of standard types only, so that a FHIR
// client satisfies it without importing this package.
//
// Resources yields resources of the given type, in an order of its own; resources of other types are allowed
// and passed over. Params are FHIR search parameters, or nil; a source that cannot honour them must fail with
// an error instead of leaving them out. The first error is the last element. The yielded bytes must stay
// unchanged until the next step of the loop only.
//
// A source may also implement [IdentifiedSource].
type Source interface {
	Resources(ctx context.Context, resourceType string, params url.Values) iter.Seq2[json.RawMessage, error]
}

// IdentifiedSource is a [Source] that can say what its data depends on, so that results may be cached.
//
// Identity returns a text that is the same only while the source gives the same resources to the same caller:
// it holds the address, the tenant, the authorisation, and for files their sizes and times. Ok is false where
// the source cannot tell; its results are then not cached.
type IdentifiedSource interface {
	Identity() (identity string, ok bool)
}

// Resources is a [Source] over resources in memory, each one JSON object.
type Resources []json.RawMessage

// Resources implements [Source].
func (s Resources) Resources(ctx context.Context, resourceType string, params url.Values) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		if len(params) > 0 {
			yield(nil, fmt.Errorf("runner: resources: %w", ErrSearch))
			return
		}
		for _, raw := range s {
			if !yield(raw, nil) {
				return
			}
		}
	}
}
