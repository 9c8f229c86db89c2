package runner

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/researchflow/researchflow/internal/fhirjson"
	"github.com/researchflow/researchflow/internal/fhirpath"
	"github.com/researchflow/researchflow/internal/rows"
)

// worker evaluates one view, a resource at a time, for one goroutine.
type worker struct {
	view     *View
	cfg      *runConfig
	patients *patientFilter // nil if the run is not restricted to patients
	engine   *rows.Engine
	batch    *batch // where rows go
}

func newWorker(v *View, cfg *runConfig, patients *patientFilter) *worker {
	config := fhirpath.EvalConfig{Clock: cfg.now}
	cfg.services(&config)
	return &worker{view: v, cfg: cfg, patients: patients, engine: rows.NewEngine(v.plan, config, patients != nil)}
}

// block evaluates the resources of a block into b. If one has a fault that ends the run, it stops and sets b.err.
func (w *worker) block(ctx context.Context, blk *block, b *batch) {
	w.batch = b
	b.Source = blk.data
	b.bytes = int64(len(blk.data))
	if blk.fault != nil {
		w.fault(ctx, blk.at, "", blk.fault)
		return
	}
	for place, raw := range blk.resources() {
		if err := ctx.Err(); err != nil {
			b.err = err
			return
		}
		if !w.resource(ctx, place, raw) {
			return
		}
	}
}

// resource evaluates one resource. It returns false if the run must end.
func (w *worker) resource(ctx context.Context, place Place, raw []byte) bool {
	b := w.batch
	mark, before := b.Mark(), b.Rows
	id := ""
	counted, err := w.evaluate(ctx, raw, &id)
	if err != nil {
		b.Undo(mark)
		return w.fault(ctx, place, id, err)
	}
	if b.Rows == before {
		b.Undo(mark)
	}
	if counted {
		b.ends = append(b.ends, int32(b.Rows))
	}
	return true
}

// fault skips a resource that could not be turned into rows, or ends the run, according to the run's policy.
func (w *worker) fault(ctx context.Context, place Place, id string, err error) bool {
	// If ctx is still valid, the error is that of a resolver's own timeout.
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		w.batch.err = err
		return false
	}
	e := RunError{View: w.view.label(), Place: place, Resource: id, Err: err}
	var f *rows.Fault
	if errors.As(err, &f) {
		e.Element, e.Column, e.Expression, e.Err = f.Element, f.Column, f.Expression, f.Err
	}
	if w.cfg.policy != Skip {
		w.batch.err = &e
		return false
	}
	w.batch.skips = append(w.batch.skips, skip{ordinal: len(w.batch.ends), err: &e})
	w.batch.ends = append(w.batch.ends, int32(w.batch.Rows))
	return true
}

// evaluate adds the rows of one resource to the batch. Counted is false for a resource of another type or of another
// patient.
func (w *worker) evaluate(ctx context.Context, raw []byte, id *string) (counted bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = internalError(r)
		}
	}()
	tape, err := w.engine.Load(raw)
	if err != nil {
		return true, resourceError(err)
	}
	if tape.Node(0).Kind != fhirjson.Object {
		return true, ErrNotResource
	}
	t, ok := tape.Field(0, "resourceType")
	if !ok || tape.Node(t).Kind != fhirjson.String {
		return true, fmt.Errorf("%w: it has no resourceType", ErrNotResource)
	}
	if !isText(tape, t, w.view.resource) {
		return false, nil
	}
	if w.patients != nil {
		if ok, err := w.patients.match(ctx, w.engine.Evaluator()); !ok || err != nil {
			*id = w.identify(tape)
			return err != nil, err
		}
	}
	if err := w.engine.Rows(ctx, &w.batch.Table, w.cfg.maxPerRes); err != nil {
		*id = w.identify(tape)
		if f := (*rows.Fault)(nil); !errors.As(err, &f) {
			err = resourceError(err)
		}
		return true, err
	}
	return true, nil
}

// isText reports whether a string of a tape is text.
func isText(tape *fhirjson.Tape, i int, text string) bool {
	if tape.Node(i).Flags&fhirjson.Escaped != 0 {
		return string(tape.AppendString(nil, i)) == text
	}
	return string(tape.Raw(i)) == text
}

// identify returns Type/id for errors, or only the type if the id is not a valid one.
func (w *worker) identify(tape *fhirjson.Tape) string {
	i, ok := tape.Field(0, "id")
	if !ok || tape.Node(i).Kind != fhirjson.String || !isID(tape.Raw(i)) {
		return w.view.resource
	}
	return w.view.resource + "/" + string(tape.Raw(i))
}

// isID reports whether text has the form of a FHIR id.
func isID(id []byte) bool {
	if len(id) == 0 || len(id) > 64 {
		return false
	}
	for _, c := range id {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.') {
			return false
		}
	}
	return true
}

// resourceError turns an error of the JSON parser into one of a run.
func resourceError(err error) error {
	var syntax *fhirjson.SyntaxError
	if errors.As(err, &syntax) {
		text := syntax.Kind.String()
		if syntax.Msg != "" {
			text += ": " + syntax.Msg
		}
		return fmt.Errorf("%w: %s at byte %d", ErrNotResource, text, syntax.Offset)
	}
	if errors.Is(err, fhirjson.ErrLimit) {
		return fmt.Errorf("%w: %w", ErrLimit, err)
	}
	return fmt.Errorf("%w: %w", ErrNotResource, err)
}

// internalError turns a panic into an error. It keeps only the text of the runtime's own panics, since others may hold
// values.
func internalError(r any) error {
	if e, ok := r.(runtime.Error); ok {
		return fmt.Errorf("internal error: %w", e)
	}
	return fmt.Errorf("internal error: panic with a %T", r)
}
