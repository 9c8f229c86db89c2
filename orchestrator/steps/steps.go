package steps

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
	"github.com/researchflow/researchflow/runner"
)

// Defaults of [Config].
const (
	DefaultCohortDrift   = 0.20
	DefaultMaxDuplicates = 0.01
)

// Config configures the steps.
type Config struct {
	// Runner runs views over the source of the data. Required.
	Runner *runner.Runner
	// Views returns the view with a name; the data elements of a request are such names. It must be safe for use by
	// several goroutines. Required.
	Views func(name string) (*runner.View, error)
	// WorkDir is the folder for extracted data until it is delivered. It is created if absent, readable for the owner
	// only. Required.
	WorkDir string
	// OutDir is the folder for packages. It is created if absent. Required; it must differ from WorkDir.
	OutDir string
	// Zip makes a package one zip file instead of a folder.
	Zip bool
	// CohortDrift is the maximum share by which the extracted cohort may differ from that of the feasibility step; 0
	// means DefaultCohortDrift, a negative value means none.
	CohortDrift float64
	// MaxDuplicates is the maximum share of a view's rows that repeat another row; 0 means DefaultMaxDuplicates, a
	// negative value means none.
	MaxDuplicates float64
	// OnError says what happens to resources that a view cannot turn into rows: [runner.Fail] (the default) fails the
	// step, [runner.Skip] omits and counts them.
	OnError runner.ErrorPolicy
	// Announce, when not nil, is called with the kick-off meeting: a host may put it in a calendar. It may be called
	// again with the same key, and must then do nothing new. Its error fails the step.
	Announce func(ctx context.Context, key string, k Kickoff) error
}

// Set is the six steps over one configuration. Any goroutine may use it, for any number of requests at once.
type Set struct {
	cfg      Config
	terminal map[string]bool // state -> whether it ends a request
}

// New checks a configuration and returns the steps. It creates no folders. It fails when a required field is missing
// or the two folders are the same.
func New(cfg Config) (*Set, error) {
	switch {
	case cfg.Runner == nil:
		return nil, errors.New("steps: no runner")
	case cfg.Views == nil:
		return nil, errors.New("steps: no views")
	case cfg.WorkDir == "":
		return nil, errors.New("steps: no work folder")
	case cfg.OutDir == "":
		return nil, errors.New("steps: no folder for packages")
	}
	for _, dir := range []*string{&cfg.WorkDir, &cfg.OutDir} {
		abs, err := filepath.Abs(*dir)
		if err != nil {
			return nil, fmt.Errorf("steps: %w", err)
		}
		*dir = abs
	}
	if cfg.WorkDir == cfg.OutDir {
		return nil, errors.New("steps: the work folder and the folder for packages are the same") // each has a folder per request
	}
	cfg.CohortDrift = share(cfg.CohortDrift, DefaultCohortDrift)
	cfg.MaxDuplicates = share(cfg.MaxDuplicates, DefaultMaxDuplicates)
	s := &Set{cfg: cfg, terminal: map[string]bool{}}
	s.SetDefinition(workflow.Default())
	return s, nil
}

// SetDefinition says which states of a host's own workflow end a request: its extracted data is removed then. The
// states of the default workflow are known. It must be called before the orchestrator is used.
func (s *Set) SetDefinition(d *workflow.Definition) {
	for _, state := range d.States {
		s.terminal[state.Name] = state.Kind == workflow.Terminal
	}
}

func share(v, standard float64) float64 {
	if v == 0 {
		return standard
	}
	return max(v, 0)
}

// Options returns the options that register the six steps, the check of requirements, and the removal of extracted
// data when a request ends.
func (s *Set) Options() []orchestrator.Option {
	options := []orchestrator.Option{
		orchestrator.WithRequirementsCheck(s.CheckRequirements), orchestrator.WithOnStateChange(s.ended),
	}
	for name, run := range map[string]orchestrator.StepFunc{
		workflow.StepRequirements: s.requirements,
		workflow.StepFeasibility:  s.feasibility,
		workflow.StepKickoff:      s.kickoff,
		workflow.StepExtraction:   s.extract,
		workflow.StepQA:           s.validate,
		workflow.StepDelivery:     s.deliver,
	} {
		options = append(options, orchestrator.WithStep(name, handler(run)))
	}
	return options
}

// ended removes the extracted data of a request that has ended, and what killed deliveries have left.
func (s *Set) ended(change orchestrator.StateChange) {
	if !s.terminal[change.To] {
		return
	}
	// An error here does not change how the request ended; Clean tries again.
	_ = s.remove(change.Request)
}

func (s *Set) remove(request string) error {
	return errors.Join(os.RemoveAll(filepath.Join(s.cfg.WorkDir, request)), os.RemoveAll(s.partsOf(request)))
}

// Clean removes the folders of requests that have ended, for hosts that were killed before they did. It calls ended
// for each request that has a folder; ended must return false for a request that it does not know. Clean continues
// after an error and returns all of them. It may run beside the steps.
func (s *Set) Clean(ctx context.Context, ended func(ctx context.Context, request string) (bool, error)) error {
	requests := map[string]bool{}
	var all []error
	for _, dir := range []string{s.cfg.WorkDir, s.cfg.OutDir} {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			all = append(all, fmt.Errorf("steps: %w", err))
		}
		for _, e := range entries {
			name, part := strings.CutSuffix(e.Name(), ".part")
			if id := strings.TrimPrefix(name, "."); e.IsDir() && part == (dir == s.cfg.OutDir) && strings.HasPrefix(id, "REQ-") {
				requests[id] = true
			}
		}
	}
	for id := range requests {
		is, err := ended(ctx, id)
		if err == nil && is {
			err = s.remove(id)
		}
		if err != nil {
			all = append(all, fmt.Errorf("steps: cleaning after request %s: %w", id, err))
		}
	}
	return errors.Join(all...)
}

// handler puts the step into the context, for [StepOf].
func handler(run orchestrator.StepFunc) orchestrator.StepFunc {
	return func(ctx context.Context, step *orchestrator.StepContext) (orchestrator.StepResult, error) {
		return run(context.WithValue(ctx, stepKey{}, step), step)
	}
}

type stepKey struct{}

// StepOf returns the step that runs a view, so that an audit hook of the runner can write to its request's chain. It
// is false for runs outside these steps.
func StepOf(ctx context.Context) (*orchestrator.StepContext, bool) {
	step, ok := ctx.Value(stepKey{}).(*orchestrator.StepContext)
	return step, ok
}

// CheckRequirements finds faults that need the host's views and the engine: unknown views, conditions that do not
// compile, and unsupported formats. It is safe for concurrent use.
func (s *Set) CheckRequirements(_ context.Context, r orchestrator.Requirements) []workflow.Fault {
	var faults []workflow.Fault
	criteria := func(name string, list []orchestrator.Criterion) {
		for i, c := range list {
			if _, err := compileCriterion(c); err != nil {
				faults = append(faults, faultOf(fmt.Sprintf("%s[%d]", name, i), err))
			}
		}
	}
	criteria("inclusion", r.Inclusion)
	criteria("exclusion", r.Exclusion)
	for i, name := range r.DataElements {
		path := fmt.Sprintf("dataElements[%d]", i)
		v, err := s.cfg.Views(name)
		if err != nil {
			faults = append(faults, workflow.Fault{Path: path, Message: "is not a view of this host: " + compileMessage(err)})
			continue
		}
		if _, err := availabilityView(v, r.Period); err != nil {
			faults = append(faults, workflow.Fault{Path: path, Message: err.Error()})
		}
	}
	if _, err := formatOf(r.Format); err != nil {
		faults = append(faults, workflow.Fault{Path: "format", Message: err.Error()})
	}
	return faults
}

// entered is when the request entered the step's state. It is the same for every attempt, and so is what they write.
func entered(step *orchestrator.StepContext) time.Time {
	return step.Request.EnteredAt.UTC().Truncate(time.Second)
}
