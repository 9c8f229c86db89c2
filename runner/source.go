package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/url"
)

// Source yields the resources that a view may run on, as raw JSON. It uses only types of the standard library, so that
// a FHIR client can implement it without importing this package.
//
// Resources yields resources of the given type, in any order. It may yield resources of other types, which the run
// ignores. Params are FHIR search parameters, or nil; a source that does not support them must fail rather than ignore
// them. The first error is the last element. The yielded bytes only have to stay unchanged until the next iteration.
//
// A source may also implement [IdentifiedSource].
type Source interface {
	Resources(ctx context.Context, resourceType string, params url.Values) iter.Seq2[json.RawMessage, error]
}

// IdentifiedSource is a [Source] whose results may be cached, because it can identify its data.
//
// Identity returns a text that must change whenever the source may give other resources, or may give them to another
// caller. So it includes the address, the tenant, the authorisation, and the sizes and times of files. Ok is false if
// the source cannot tell; its results are then not cached.
type IdentifiedSource interface {
	Identity() (identity string, ok bool)
}

// Resources is a [Source] over resources in memory, each one JSON object.
type Resources []json.RawMessage

// Resources implements [Source].
func (s Resources) Resources(
	ctx context.Context, resourceType string, params url.Values,
) iter.Seq2[json.RawMessage, error] {
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
