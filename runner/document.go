package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/url"

	"github.com/researchflow/researchflow/internal/fhirjson"
	"github.com/researchflow/researchflow/internal/ndjson"
)

// Bundle returns a source over JSON text in memory: a Bundle with resources in its entries, an array of resources, or
// a single resource. The text must not change while the source is in use.
func Bundle(raw []byte) *BundleSource { return &BundleSource{raw: raw} }

// BundleSource is a source over JSON text: see [Bundle]. Any number of goroutines may use it.
type BundleSource struct{ raw []byte }

// Resources implements [Source].
func (s *BundleSource) Resources(
	ctx context.Context, resourceType string, params url.Values,
) iter.Seq2[json.RawMessage, error] {
	return feedResources(ctx, s, resourceType, params)
}

func (s *BundleSource) feed(_ context.Context, _ string, cfg *runConfig) (feed, error) {
	if len(cfg.params) > 0 {
		return nil, fmt.Errorf("runner: bundle: %w", ErrSearch)
	}
	doc, err := readDocument(s.raw, "")
	if err != nil {
		return nil, err
	}
	return &fileFeed{doc: doc}, nil
}

// document is a JSON text and where its resources lie.
type document struct {
	data  []byte
	file  string
	spans []span
	done  int64 // spans handed out
}

// errTrailing: something follows the JSON text.
var errTrailing = errors.New("more than one JSON text")

// readDocument finds the resources of a JSON text: those of a Bundle, those of an array, or the text itself.
func readDocument(data []byte, file string) (*document, error) {
	d := &document{data: bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), file: file}
	var tape fhirjson.Tape
	limits := fhirjson.Limits{MaxBytes: maxDocument, MaxNodes: maxDocument / 8}
	if err := tape.Parse(d.data, bundleKeys, limits); err != nil {
		return nil, d.syntax(err)
	}
	switch root := tape.Node(0); root.Kind {
	case fhirjson.Array:
		for i := 1; i < int(root.Next); i = int(tape.Node(i).Next) {
			d.add(&tape, i)
		}
	case fhirjson.Object:
		isBundle, err := d.bundle(&tape)
		if err != nil {
			return nil, err
		}
		if !isBundle {
			d.add(&tape, 0)
		}
	default:
		return nil, faultAt(file, 1, ErrNotResource)
	}
	d.findLines()
	return d, nil
}

var bundleKeys = fhirjson.NewKeySet("resourceType", "entry", "resource", "search", "mode")

// bundle adds the resources in a Bundle's entries. It returns false if the text is not a Bundle, and an error if its
// entry is not a list of objects.
func (d *document) bundle(tape *fhirjson.Tape) (bool, error) {
	t, ok := tape.Field(0, "resourceType")
	if !ok || !isText(tape, t, "Bundle") {
		return false, nil
	}
	entries, ok := tape.Field(0, "entry")
	if !ok {
		return true, nil
	}
	if tape.Node(entries).Kind != fhirjson.Array {
		return true, d.badEntry(tape.Node(entries))
	}
	for i := entries + 1; i < int(tape.Node(entries).Next); i = int(tape.Node(i).Next) {
		if tape.Node(i).Kind != fhirjson.Object {
			return true, d.badEntry(tape.Node(i))
		}
		resource, ok := tape.Field(i, "resource")
		if !ok {
			continue // an entry may have only a request or a response
		}
		if search, ok := tape.Field(i, "search"); ok {
			if mode, ok := tape.Field(search, "mode"); ok && isText(tape, mode, "outcome") {
				continue // about the search, not a match
			}
		}
		d.add(tape, resource)
	}
	return true, nil
}

// badEntry returns the error of a Bundle whose entry has the wrong form at a node.
func (d *document) badEntry(n *fhirjson.Node) error {
	return faultAt(d.file, d.lineOf(int(n.Start)), fmt.Errorf("%w: entry is not a list of objects", ErrNotResource))
}

// lineOf returns the line of an offset.
func (d *document) lineOf(offset int) int64 {
	return 1 + int64(bytes.Count(d.data[:offset], []byte{'\n'}))
}

func (d *document) add(tape *fhirjson.Tape, i int) {
	n := tape.Node(i)
	d.spans = append(d.spans, span{start: int(n.Start), end: int(n.End)})
}

// findLines sets the line numbers of the spans.
func (d *document) findLines() {
	line, at := int64(1), 0
	for i := range d.spans {
		s := &d.spans[i]
		line += int64(bytes.Count(d.data[at:s.start], []byte{'\n'}))
		at = s.start
		s.line = line
	}
}

func (d *document) syntax(err error) error {
	var limit *fhirjson.LimitError
	if errors.As(err, &limit) {
		return faultAt(d.file, d.lineOf(min(limit.Offset, len(d.data))), fmt.Errorf("%w: %w", ErrLimit, err))
	}
	var syntax *fhirjson.SyntaxError
	if !errors.As(err, &syntax) {
		return faultAt(d.file, 0, fmt.Errorf("%w: %w", ErrNotResource, err))
	}
	if syntax.Kind == fhirjson.TrailingData {
		err = errTrailing
	}
	return faultAt(d.file, d.lineOf(min(max(syntax.Offset, 0), len(d.data))), fmt.Errorf("%w: %w", ErrNotResource, err))
}

// How much of a document goes into one block.
const (
	documentBlockBytes     = 1 << 20
	documentBlockResources = 512
)

// block returns the next resources, and nil after the last.
func (d *document) block() *block {
	rest := d.spans[d.done:]
	if len(rest) == 0 {
		return nil
	}
	n := 0
	for n < len(rest) && n < documentBlockResources && rest[n].end-rest[0].start <= documentBlockBytes {
		n++
	}
	n = max(n, 1)
	// The block's data begins with its first resource, so that offsets in it stay small.
	start := rest[0].start
	b := &block{data: d.data[start:rest[n-1].end], file: d.file, first: d.done}
	for _, s := range rest[:n] {
		s.start, s.end = s.start-start, s.end-start
		b.spans = append(b.spans, s)
	}
	d.done += int64(n)
	return b
}

// resources yields the block's resources with their places, unchecked: a text may turn out not to be a resource.
func (b *block) resources() iter.Seq2[Place, []byte] {
	return func(yield func(Place, []byte) bool) {
		if b.line > 0 {
			for line, raw := range ndjson.Lines(b.data, b.line) {
				if !yield(Place{File: b.file, Line: line, Index: -1}, raw) {
					return
				}
			}
			return
		}
		for i, s := range b.spans {
			place := Place{File: b.file, Line: s.line, Index: b.first + int64(i)}
			if !yield(place, b.data[s.start:s.end:s.end]) {
				return
			}
		}
	}
}
