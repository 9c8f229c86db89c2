package runner

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"unsafe"

	"github.com/researchflow/researchflow/internal/fhirjson"
	"github.com/researchflow/researchflow/internal/fhirpath"
	"github.com/researchflow/researchflow/internal/fhirpath/fused"
)

// defaultMaxPerResource is what MaxRowsPerResource means by 0.
const defaultMaxPerResource = 100_000

// maxRepeatDepth bounds how deep repeat follows its paths. FHIR resources are never that deep, so it is met only by
// paths that lead back to where they started, such as $this.
const maxRepeatDepth = 500

// worker evaluates one view, a resource at a time. One goroutine uses it.
type worker struct {
	view     *View
	cfg      *runConfig
	patients *patientFilter // nil: all
	maxRows  int            // of one resource

	ev    *fhirpath.Evaluator
	env   fhirpath.Env
	index int // what %rowIndex is set to in env

	// The fused way.
	*scratch
	fused     bool           // it is being taken
	templates bool           // rows may come from templates
	tape      *fhirjson.Tape // of the resource
	offset    uint32         // of the resource in the block
	template  *template      // the one that is being made

	b     *batch // where rows go
	steps int    // rows and steps of repeat of this resource
	// visits counts how often parts of the view were visited for this resource.
	visits int
	err    RunError
}

// scratch is what a worker leaves to the next one of the view.
type scratch struct {
	machine   fused.Machine
	memo      fused.Memo[template]
	projected fhirjson.Tape
	stack     []cell // rows of parts that are being combined
}

// release leaves the worker's memory to the next one. The worker is not to be used any more.
func (w *worker) release() {
	w.machine.Forget()
	w.projected.Forget()
	if cap(w.stack) > maxKeptBatch/int(unsafe.Sizeof(cell{})) {
		w.stack = nil
	}
	w.view.scratch.Put(w.scratch)
	w.scratch = nil
}

func newWorker(v *View, cfg *runConfig, patients *patientFilter) *worker {
	w := &worker{view: v, cfg: cfg, patients: patients, maxRows: cfg.maxPerRes, index: -1}
	if w.scratch, _ = v.scratch.Get().(*scratch); w.scratch == nil {
		w.scratch = &scratch{}
	}
	if w.maxRows <= 0 {
		w.maxRows = defaultMaxPerResource
	}
	config := fhirpath.EvalConfig{Clock: cfg.now}
	cfg.services(&config)
	if f := v.plan.fused; f != nil {
		config.Keys = f.keys
		w.templates = f.templates && !v.nullLiterals
	}
	w.ev = fhirpath.NewEvaluator(config)
	w.setIndex(0)
	return w
}

// block evaluates all resources of a block into b, up to the first fault that ends the run, which is kept in b.
func (w *worker) block(ctx context.Context, blk *block, b *batch) {
	w.b = b
	b.src = blk.data
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

// resource evaluates one resource. It answers false when the run is to end.
func (w *worker) resource(ctx context.Context, place Place, raw []byte) bool {
	b := w.b
	rows, cells, items, arena := b.rows, len(b.cells), len(b.items), len(b.arena)
	id := ""
	counted, err := w.evaluate(ctx, raw, &id)
	if err != nil {
		b.rows, b.cells, b.items, b.arena = rows, b.cells[:cells], b.items[:items], b.arena[:arena]
		return w.fault(ctx, place, id, err)
	}
	if b.rows == rows {
		b.items, b.arena = b.items[:items], b.arena[:arena]
	}
	if counted {
		b.ends = append(b.ends, int32(b.rows))
	}
	return true
}

// fault deals with a resource that could not be turned into rows, by the run's policy.
func (w *worker) fault(ctx context.Context, place Place, id string, err error) bool {
	// A resolver may have a time-out of its own.
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		w.b.err = err
		return false
	}
	e := w.err
	w.err = RunError{}
	e.View, e.Place, e.Resource, e.Err = w.view.label(), place, id, err
	if w.cfg.policy != Skip {
		w.b.err = &e
		return false
	}
	w.b.skips = append(w.b.skips, skip{ordinal: len(w.b.ends), err: &e})
	w.b.ends = append(w.b.ends, int32(w.b.rows))
	return true
}

// at notes where an error happened, for the RunError that is made of it.
func (w *worker) at(element, column, expression string, err error) error {
	w.err.Element, w.err.Column, w.err.Expression = element, column, expression
	return err
}

// evaluate adds the rows of one resource to the batch. Counted is false for a resource of another type or of another
// patient.
func (w *worker) evaluate(ctx context.Context, raw []byte, id *string) (counted bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = internalError(r)
		}
	}()
	tape, err := w.load(raw)
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
	w.steps, w.visits, w.tape = 0, 0, tape
	if w.patients != nil {
		if ok, err := w.patients.match(ctx, w.ev, w.ev.Root()); !ok || err != nil {
			*id = w.identify(tape)
			return err != nil, err
		}
	}
	if err := w.rows(ctx, tape, raw); err != nil {
		*id = w.identify(tape)
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

// load puts a resource on a tape: that of the evaluator, or one with no more on it than the fused way visits.
func (w *worker) load(raw []byte) (*fhirjson.Tape, error) {
	if f := w.view.plan.fused; f != nil && f.projection != nil && w.patients == nil {
		return &w.projected, w.projected.ParseProjected(raw, f.projection, fhirjson.Limits{})
	}
	return w.ev.Tape(), w.ev.Load(raw)
}

// rows adds the rows of the loaded resource: the fused way where there is one and it can be taken, else the plain way.
func (w *worker) rows(ctx context.Context, tape *fhirjson.Tape, raw []byte) error {
	f := focus{value: w.ev.Root()}
	if w.useFused(tape) {
		items, arena, steps := len(w.b.items), len(w.b.arena), w.steps
		w.fused = true
		err := w.fusedRows(ctx, &f)
		w.fused = false
		if err != errOdd {
			return err
		}
		w.b.items, w.b.arena, w.steps, w.visits = w.b.items[:items], w.b.arena[:arena], steps, 0
	}
	if tape != w.ev.Tape() {
		if err := w.ev.Load(raw); err != nil {
			return resourceError(err)
		}
		f.value = w.ev.Root()
	}
	return w.product(ctx, &f)
}

// product adds the rows of the resource if it meets the conditions.
func (w *worker) product(ctx context.Context, root *focus) error {
	for i := range w.view.plan.where {
		ok, err := w.condition(ctx, &w.view.plan.where[i], root)
		if err != nil || !ok {
			return err
		}
	}
	w.stack = w.stack[:0]
	n, err := w.body(ctx, w.view.plan.root, root, 0)
	if err != nil {
		return err
	}
	w.b.cells = append(w.b.cells, w.stack...)
	w.b.rows += n
	return nil
}

// condition evaluates a where path: true keeps the resource, false or nothing drops it (S2).
func (w *worker) condition(ctx context.Context, p *wherePlan, root *focus) (bool, error) {
	if w.fused && p.fused != nil {
		value, known, ok := w.machine.Test(p.fused)
		if !ok {
			return false, errOdd
		}
		return value && known, nil
	}
	result, err := w.eval(ctx, p.prog, root.value, 0)
	if err != nil {
		return false, w.at(p.element, "", p.path, err)
	}
	switch len(result) {
	case 0:
		return false, nil
	case 1:
		if b, ok := result[0].Bool(); ok {
			return b, nil
		}
		if result[0].SystemKind() == 0 && result[0].Span() == nil {
			return false, nil // a primitive that has extensions and no value
		}
	}
	what := "several items"
	if len(result) == 1 {
		if what = result[0].TypeName(); what == "" {
			what = "an element"
		}
	}
	return false, w.at(p.element, "", p.path, fmt.Errorf("%w: it gives %s", ErrNotBoolean, what))
}

// eval runs one program with %rowIndex set. The result is good until the next resource.
func (w *worker) eval(ctx context.Context, p *fhirpath.Program, focus fhirpath.Value, index int) (fhirpath.Collection, error) {
	if index != w.index {
		w.setIndex(index)
	}
	result, err := w.ev.Eval(ctx, p, focus, &w.env)
	if err != nil {
		return nil, evalError(err)
	}
	return result, nil
}

func (w *worker) setIndex(index int) {
	w.index = index
	w.env.Set(rowIndexName, fhirpath.NewInteger(int32(index)))
}

// step counts rows and steps of repeat against the limit of one resource.
func (w *worker) step(n int) error {
	if w.steps += n; w.steps > w.maxRows {
		return fmt.Errorf("%w: the resource gives more than %d rows", ErrLimit, w.maxRows)
	}
	return nil
}

// identify returns Type/id for errors, or the type alone where the id is not one.
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

// resourceError makes an error of the JSON parser one of a run.
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

// evalError gives an evaluation's error one line. It holds no values.
func evalError(err error) error {
	var e *fhirpath.EvalError
	if !errors.As(err, &e) {
		return err
	}
	switch e.Kind {
	case fhirpath.Canceled:
		return e.Err
	case fhirpath.Limit:
		return fmt.Errorf("%w: %s", ErrLimit, e.Msg)
	}
	return &pathError{e}
}

// pathError is an EvalError in one line.
type pathError struct{ *fhirpath.EvalError }

func (e *pathError) Error() string {
	return e.Msg + " (line " + strconv.Itoa(e.Line) + ", column " + strconv.Itoa(e.Column) + " of the path)"
}

func (e *pathError) Unwrap() error { return e.EvalError }

// internalError turns a panic into an error. The text of a panic may hold values, except the runtime's own.
func internalError(r any) error {
	if e, ok := r.(runtime.Error); ok {
		return fmt.Errorf("internal error: %w", e)
	}
	return fmt.Errorf("internal error: panic with a %T", r)
}
