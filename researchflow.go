package researchflow

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/researchflow/researchflow/cache"
	"github.com/researchflow/researchflow/fhir"
	"github.com/researchflow/researchflow/health"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/steps"
	"github.com/researchflow/researchflow/runner"
	"github.com/researchflow/researchflow/runner/views"
	"github.com/researchflow/researchflow/store"
)

// Flow is a running ResearchFlow: everything that [Open] has wired. Its fields do not change; any goroutine may use
// them.
type Flow struct {
	// Orchestrator takes requests and decisions and answers questions about them.
	Orchestrator *orchestrator.Orchestrator
	// Health answers the probes: Health.Routes(mux).
	Health *health.Checker
	// Runner runs views over Source, with the cache, and audits each run.
	Runner *runner.Runner
	// Source is where FHIR resources come from.
	Source runner.Source
	// FHIR is the client of the FHIR server, or nil if the source is not a FHIR server.
	FHIR *fhir.Client
	// Cache is the cache of results, or nil if it is disabled.
	Cache *cache.Cache
	// Store is the database.
	Store *store.Store
	// Steps are the built-in steps.
	Steps *steps.Set

	views func(string) (*runner.View, error)
	close closing
}

// Open opens the database, migrates its tables, wires all parts and starts them. Requests that wait for a step
// continue, and data of ended requests that a killed host did not remove is removed. Open fails, with an error of one
// line, if the configuration is not valid, the database cannot be opened or the data does not exist; nothing is left
// open then. It does not fail if the FHIR server does not answer: health checks report that. Ctx applies to Open
// alone. The caller must call [Flow.Close].
func Open(ctx context.Context, cfg Config) (*Flow, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	f := &Flow{views: cfg.Views}
	if f.views == nil {
		f.views = func(name string) (*runner.View, error) { return views.Compile(name) }
	}
	if err := f.open(ctx, cfg); err != nil {
		return nil, errors.Join(err, f.Close(context.WithoutCancel(ctx)))
	}
	return f, nil
}

func (f *Flow) open(ctx context.Context, cfg Config) error {
	version, err := f.openSource(cfg)
	if err != nil {
		return err
	}
	if f.Store, err = store.Open(ctx, cfg.DatabaseURL, append([]store.Option{store.WithLogger(cfg.Logger)}, cfg.Store...)...); err != nil {
		return err
	}
	f.close.add(func(context.Context) error { return f.Store.Close() })
	if err := f.openRunner(cfg); err != nil {
		return err
	}
	stepsConfig := steps.Config{Runner: f.Runner, Views: f.views, WorkDir: cfg.WorkDir, OutDir: cfg.OutDir, Zip: cfg.Zip}
	if cfg.Steps != nil {
		cfg.Steps(&stepsConfig)
	}
	if f.Steps, err = steps.New(stepsConfig); err != nil {
		return err
	}
	options := append([]orchestrator.Option{orchestrator.WithLogger(cfg.Logger)}, f.Steps.Options()...)
	if f.Orchestrator, err = orchestrator.New(f.Store, append(options, cfg.Orchestrator...)...); err != nil {
		return err
	}
	f.Steps.SetDefinition(f.Orchestrator.Definition())
	if f.Health, err = health.New(health.Config{Components: f.components(version), Logger: cfg.Logger}); err != nil {
		return err
	}
	if err := f.Health.Start(ctx); err != nil {
		return err
	}
	f.close.add(f.Health.Stop)
	if cfg.Passive {
		return nil
	}
	if err := f.Steps.Clean(ctx, f.ended); err != nil { // requests can continue all the same
		cfg.Logger.WarnContext(ctx, "data of ended requests is not removed", "error", err)
	}
	if err := f.Orchestrator.Start(ctx); err != nil {
		return err
	}
	f.close.add(f.Orchestrator.Stop)
	return nil
}

// ended reports whether a request has ended. One that this database does not know has not.
func (f *Flow) ended(ctx context.Context, id string) (bool, error) {
	r, err := f.Orchestrator.Status(ctx, id)
	if errors.Is(err, orchestrator.ErrNotFound) {
		return false, nil
	}
	return err == nil && !r.Live(), err
}

// openSource sets the source, and returns a function that checks it and returns its FHIR version.
func (f *Flow) openSource(cfg Config) (version func(context.Context) (string, error), err error) {
	switch {
	case cfg.Source != nil:
		f.Source = cfg.Source
		return func(context.Context) (string, error) { return "", nil }, nil
	case cfg.FHIRBaseURL != "":
		if cfg.FHIR.Logger == nil {
			cfg.FHIR.Logger = cfg.Logger
		}
		if f.FHIR, err = fhir.NewClient(cfg.FHIRBaseURL, cfg.FHIR); err != nil {
			return nil, err
		}
		f.close.add(func(context.Context) error { f.FHIR.CloseIdleConnections(); return nil })
		f.Source = server{f.FHIR}
		return func(ctx context.Context) (string, error) {
			statement, err := f.FHIR.Probe(ctx)
			if err != nil {
				return "", err
			}
			return statement.FHIRVersion, nil
		}, nil
	}
	if cfg.DataPath == "" {
		f.Source, err = newSyntheticSource(syntheticSeed)
		return func(context.Context) (string, error) { return "4.0.1", nil }, err
	}
	path := cfg.DataPath
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("researchflow: data: %s", pathError(err))
	}
	files := runner.Files(path)
	if info.IsDir() {
		files = runner.Dir(path)
	}
	f.Source = files
	check := func(context.Context) (string, error) {
		paths, err := files.Paths("Patient")
		for _, p := range paths {
			if _, statErr := os.Stat(p); err == nil {
				err = statErr
			}
		}
		return "4.0.1", err // files have no CapabilityStatement; views are checked against FHIR R4 unless they say otherwise
	}
	if _, err := check(context.Background()); err != nil {
		return nil, fmt.Errorf("researchflow: data: %s", pathError(err))
	}
	return check, nil
}

// server makes a FHIR server a source whose results may be cached, which is safe because a Flow has one server, one
// set of credentials and a cache of its own.
type server struct{ *fhir.Client }

// Identity is the base URL.
func (s server) Identity() (string, bool) { return "fhir " + s.BaseURL(), true }

var _ runner.IdentifiedSource = server{}

// pathError returns the text of a file error without the operation: "PATH: no such file or directory".
func pathError(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Path + ": " + p.Err.Error()
	}
	return err.Error()
}

func (f *Flow) openRunner(cfg Config) (err error) {
	options := []runner.Option{
		runner.WithMaxParallel(cfg.MaxParallel), runner.WithLogger(cfg.Logger), runner.WithAudit(f.auditRun),
	}
	if !cfg.DisableCache {
		f.Cache = cache.New(cfg.Cache)
		f.close.add(func(context.Context) error { return f.Cache.Close() })
		options = append(options, runner.WithCache(f.Cache))
	}
	f.Runner, err = runner.New(f.Source, options...)
	return err
}

// View returns the view with a name that requests may use as a data element.
func (f *Flow) View(name string) (*runner.View, error) { return f.views(name) }

type pinger struct{ store *store.Store }

func (p pinger) PingContext(ctx context.Context) error { return p.store.Ping(ctx) }

func (f *Flow) components(version func(context.Context) (string, error)) []health.Component {
	list := []health.Component{
		health.Database(pinger{f.Store}, func(ctx context.Context) (int, error) {
			counts, err := f.Orchestrator.Counts(ctx)
			live := 0
			for _, c := range counts {
				if c.Live {
					live += int(c.Count)
				}
			}
			return live, err
		}),
		health.FHIRServer(version),
	}
	if f.Cache != nil {
		list = append(list, health.Cache(func(context.Context) (float64, error) { return f.Cache.Stats().HitRatePercent, nil }))
	}
	return list
}

// Close stops the orchestrator, which returns the leases of running steps, and closes everything else in the reverse
// order of Open. It waits no longer than ctx allows. It may be called twice; the second call does nothing.
func (f *Flow) Close(ctx context.Context) error { return f.close.run(ctx) }

// closing is a list of what to close, from last to first.
type closing struct {
	mu   sync.Mutex
	list []func(context.Context) error
}

func (c *closing) add(f func(context.Context) error) { c.list = append(c.list, f) }

func (c *closing) run(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []error
	for i := len(c.list) - 1; i >= 0; i-- {
		all = append(all, c.list[i](ctx))
	}
	c.list = nil
	return errors.Join(all...)
}
