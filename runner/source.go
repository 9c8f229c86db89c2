package runner

import (
	"context"
	"encoding/json"
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
// A source may also implement [Identifier].
type Source interface {
	Resources(ctx context.Context, resourceType string, params url.Values) iter.Seq2[json.RawMessage, error]
}

// Identifier is a [Source] that can say what its data depends on, so that results may be cached.
//
// Identity returns a text that is the same only while the source gives the same resources to the same caller:
// it holds the address, the tenant, the authorisation, and for files their sizes and times. Ok is false where
// the source cannot tell; its results are then not cached.
type Identifier interface {
	Identity() (identity string, ok bool)
}

// Resources is a [Source] over resources in memory, each one JSON object.
type Resources []json.RawMessage

// Dir returns a source over the files of a directory: *.ndjson, *.ndjson.gz, *.ndjson.zst and *.json (one
// resource, an array of resources, or a Bundle), in the order of their names. Subdirectories are not read. Of
// files whose name begins with a resource type (Patient.ndjson, Patient.000.ndjson, Patient-1.ndjson.gz) only those
// of the view's type are read; all others are read and filtered by resourceType.
func Dir(path string) *FileSource { return &FileSource{dir: path} }

// Files returns a source over the given files, which are all read. See [Dir] for the forms.
func Files(paths ...string) *FileSource { return &FileSource{files: paths} }

// FileSource is a source over files: see [Dir] and [Files]. Any number of goroutines may use it.
type FileSource struct {
	dir   string
	files []string
}

// Resources implements [Source].
func (s *FileSource) Resources(ctx context.Context, resourceType string, params url.Values) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) { yield(nil, errEngine) }
}

// Bundle returns a source over JSON text in memory: a Bundle, whose entries' resources are the source's, an array of
// resources, or one resource. The text must not change while the source is in use.
func Bundle(raw []byte) *BundleSource { return &BundleSource{raw: raw} }

// BundleSource is a source over JSON text: see [Bundle]. Any number of goroutines may use it.
type BundleSource struct{ raw []byte }

// Resources implements [Source].
func (s *BundleSource) Resources(ctx context.Context, resourceType string, params url.Values) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) { yield(nil, errEngine) }
}

// Resources implements [Source].
func (s Resources) Resources(ctx context.Context, resourceType string, params url.Values) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		for _, raw := range s {
			if !yield(raw, nil) {
				return
			}
		}
	}
}
