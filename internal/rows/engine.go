package rows

import (
	"context"
	"unsafe"

	"github.com/researchflow/researchflow/internal/fhirjson"
	"github.com/researchflow/researchflow/internal/fhirpath"
	"github.com/researchflow/researchflow/internal/fhirpath/fused"
)

// Engine makes the rows of a plan. One goroutine uses it.
type Engine struct {
	combiner
	plain    plain
	tape     tape
	recorder recorder
	memory   *memory
	loaded   *fhirjson.Tape // of the resource: the evaluator's, or the projected one
	root     fhirpath.Value

	// Made counts resources by how their rows were made. Recording a template counts as ByTape.
	Made [ByTemplate + 1]int64
}

// memory is what an engine leaves to the next one of its plan.
type memory struct {
	memo      fused.Memo[template]
	machine   fused.Machine
	projected fhirjson.Tape
	stack     []Cell
}

// maxKeptStack is the size in bytes beyond which a stack is not left to the next engine.
const maxKeptStack = 16 << 20

// NewEngine returns an engine. whole says that the caller evaluates paths of its own on the engine's evaluator, so that
// resources must be on its tape as a whole.
func NewEngine(p *Plan, config fhirpath.EvalConfig, whole bool) *Engine {
	e := &Engine{}
	if e.memory, _ = p.memory.Get().(*memory); e.memory == nil {
		e.memory = &memory{}
	}
	if p.tape != nil {
		config.Keys = p.tape.keys
	}
	e.plan, e.stack = p, e.memory.stack
	e.plain.ev = fhirpath.NewEvaluator(config)
	e.plain.setIndex(0)
	if e.loaded = e.plain.ev.Tape(); p.tape != nil && p.tape.projection != nil && !whole {
		e.loaded = &e.memory.projected
	}
	e.tape.plain, e.tape.machine, e.tape.json = &e.plain, &e.memory.machine, e.loaded
	e.recorder.tape = &e.tape
	return e
}

// Release leaves the engine's memory to the next one. The engine is not to be used any more.
func (e *Engine) Release() {
	e.memory.machine.Forget()
	e.memory.projected.Forget()
	if e.memory.stack = e.stack; cap(e.stack)*int(unsafe.Sizeof(Cell{})) > maxKeptStack {
		e.memory.stack = nil
	}
	e.plan.memory.Put(e.memory)
	e.memory = nil
}

// Evaluator returns the evaluator of paths. The loaded resource is its root, if the engine was made for whole
// resources.
func (e *Engine) Evaluator() *fhirpath.Evaluator { return e.plain.ev }

// Load puts a resource on a tape, which may have no more on it than its type, its id, and what the view reads.
func (e *Engine) Load(raw []byte) (*fhirjson.Tape, error) {
	if e.loaded == &e.memory.projected {
		return e.loaded, e.loaded.ParseProjected(raw, e.plan.tape.projection, fhirjson.Limits{})
	}
	return e.loaded, e.plain.ev.Load(raw)
}

// Rows adds the rows of the loaded resource to a table. maxRows bounds them, and the items of iterations; 0 means the
// default. After an error the table may hold more cells and items than before, which the caller takes back. Errors of
// parts of the view are of type [*Fault], others those of [Engine.Load].
func (e *Engine) Rows(ctx context.Context, out *Table, maxRows int) error {
	e.plain.out = out
	e.begin(e.loaded.Len(), maxRows)
	if p := e.plan.tape; p != nil {
		if offset, ok := within(out.Source, e.loaded.Source()); ok {
			mark := out.Mark()
			e.tape.load(p, offset)
			way, err := e.onTape(ctx)
			if err != errOdd {
				e.Made[way]++
				return err
			}
			out.Undo(mark)
			e.begin(e.loaded.Len(), maxRows)
		}
	}
	if e.loaded != e.plain.ev.Tape() {
		if err := e.plain.ev.Load(e.loaded.Source()); err != nil {
			return err
		}
		e.begin(e.plain.ev.Tape().Len(), maxRows)
	}
	e.root = e.plain.ev.Root()
	e.Made[ByPlain]++
	return e.add(ctx, &e.plain, focus{value: &e.root})
}

// onTape adds the rows by a template or with the tape's evaluator.
func (e *Engine) onTape(ctx context.Context) (Way, error) {
	var root focus
	if e.plan.tape.projection == nil { // conditions may be for the plain evaluator
		e.root = e.plain.ev.Root()
		root.value = &e.root
	}
	if e.plan.tape.templates {
		t, learn := e.memory.memo.Find(e.tape.machine)
		way := ByTemplate
		if learn {
			t, way = e.record(ctx, root), ByTape // its paths are walked
		}
		if t != nil {
			return way, e.fill(ctx, t)
		}
	}
	return ByTape, e.add(ctx, &e.tape, root)
}

// add adds the rows that an evaluator comes to.
func (e *Engine) add(ctx context.Context, eval evaluator, root focus) error {
	n, err := e.rows(ctx, eval, root)
	if err != nil {
		return err
	}
	out := e.plain.out
	out.Cells = append(out.Cells, e.stack...)
	out.Rows += n
	return nil
}
