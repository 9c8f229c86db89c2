package orchestrator

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"maps"
	"os"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/researchflow/researchflow/orchestrator/audit"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// Orchestrator runs requests through a [workflow.Definition]. Any goroutine may call its methods. Most of them work
// without [Orchestrator.Start], which is needed only to run steps, fire timers and deliver messages.
type Orchestrator struct {
	store   Store
	cfg     settings
	machine *workflow.Machine // of new requests

	definitions sync.Map    // hash -> *workflow.Machine
	stored      atomic.Bool // the definition of new requests is in the store
	hooks       hookLocks
	wakes       wakes
	handlers    handlers
	abandoned   abandonedSteps
	metrics     metrics

	run sync.Mutex // guards engine
	// engine is what Start began; nil when stopped.
	engine *engine
}

type settings struct {
	definition  *workflow.Definition
	steps       map[string]stepSetting
	authorizer  Authorizer
	notifier    Notifier
	sink        audit.Sink
	check       func(ctx context.Context, r Requirements) []workflow.Fault
	onChange    []func(StateChange)
	migrations  map[string]map[string]string
	logger      *slog.Logger
	meter       metric.MeterProvider
	instance    string
	tenant      string
	lease, poll time.Duration
	grace       time.Duration
	concurrency int
}

type stepSetting struct {
	handler     StepHandler
	concurrency int
}

// Option configures an [Orchestrator].
type Option func(*settings)

// WithDefinition sets the workflow of new requests; the default is [workflow.Default]. Requests that were submitted
// under another definition keep it; see [WithMigration].
func WithDefinition(d *workflow.Definition) Option { return func(s *settings) { s.definition = d } }

// WithStep registers the handler of a step. A host runs only steps that it has handlers for.
func WithStep(name string, h StepHandler, opts ...StepOption) Option {
	return func(s *settings) {
		set := stepSetting{handler: h}
		for _, o := range opts {
			o(&set)
		}
		s.steps[name] = set
	}
}

// StepOption configures a step on this host.
type StepOption func(*stepSetting)

// StepConcurrency is how many executions of the step this host runs at once; the default is that of [WithConcurrency].
func StepConcurrency(n int) StepOption { return func(s *stepSetting) { s.concurrency = n } }

// WithConcurrency is how many executions of each step this host runs at once; the default is 4.
func WithConcurrency(n int) Option { return func(s *settings) { s.concurrency = n } }

// WithAuthorizer sets who decides what actors may do; the default is [RolesOfActor].
func WithAuthorizer(a Authorizer) Option { return func(s *settings) { s.authorizer = a } }

// WithNotifier sets who notifies people. Without one no notifications are written. All hosts of one database should
// have the same configuration.
func WithNotifier(n Notifier) Option { return func(s *settings) { s.notifier = n } }

// WithAuditSink also sends every audit entry to a sink outside the database, through the outbox.
func WithAuditSink(sink audit.Sink) Option { return func(s *settings) { s.sink = sink } }

// WithRequirementsCheck adds a check of requirements, made when they are submitted and when they are modified. The
// host knows its views and can compile FHIRPath conditions.
func WithRequirementsCheck(check func(ctx context.Context, r Requirements) []workflow.Fault) Option {
	return func(s *settings) { s.check = check }
}

// WithOnStateChange calls f after the commit of each history row that this host writes, in order per request, on the
// goroutine that wrote it. f must be quick and must not change requests, since the request's next change waits for it.
// See [Orchestrator.Watch] for the changes of all hosts.
func WithOnStateChange(f func(StateChange)) Option {
	return func(s *settings) { s.onChange = append(s.onChange, f) }
}

// WithMigration moves requests from an old definition, given by its hash, to the host's. states maps old names of
// states to new ones; a state that it does not name keeps its name. A request is moved by a commit of its own, before
// its next change; a suspended request is moved when it is resumed.
func WithMigration(fromHash string, states map[string]string) Option {
	return func(s *settings) { s.migrations[fromHash] = maps.Clone(states) }
}

// WithLogger sets the logger; the default discards everything.
func WithLogger(l *slog.Logger) Option { return func(s *settings) { s.logger = l } }

// WithMeterProvider sets where metrics go; the default discards them.
func WithMeterProvider(p metric.MeterProvider) Option { return func(s *settings) { s.meter = p } }

// WithInstance names this host in leases and audit entries; the default is made of host name, process id and a random
// part. Two running hosts must not share a name.
func WithInstance(name string) Option { return func(s *settings) { s.instance = name } }

// WithTenant names the tenant in audit entries.
func WithTenant(name string) Option { return func(s *settings) { s.tenant = name } }

// WithLease sets the duration of a step's lease; the host renews it three times in that span. The default is 15 s.
func WithLease(d time.Duration) Option { return func(s *settings) { s.lease = d } }

// WithPoll sets how often the host asks the store for work when nothing wakes it; the default is 1 s.
func WithPoll(d time.Duration) Option { return func(s *settings) { s.poll = d } }

// WithGrace sets how long Stop lets running steps continue before it cancels them and releases their leases; the
// default is 0.
func WithGrace(d time.Duration) Option { return func(s *settings) { s.grace = d } }

// New returns an orchestrator on a store. It checks the configuration and starts nothing.
func New(store Store, opts ...Option) (*Orchestrator, error) {
	s := settings{
		steps: map[string]stepSetting{}, migrations: map[string]map[string]string{},
		authorizer: RolesOfActor{}, logger: slog.New(slog.DiscardHandler),
		lease: 15 * time.Second, poll: time.Second, concurrency: 4,
	}
	for _, o := range opts {
		o(&s)
	}
	if store == nil {
		return nil, errors.New("orchestrator: no store")
	}
	if s.definition == nil {
		s.definition = workflow.Default()
	}
	if s.instance == "" {
		s.instance = newInstanceName()
	}
	if err := s.validate(); err != nil {
		return nil, err
	}
	machine, err := workflow.Compile(s.definition)
	if err != nil {
		return nil, &invalidDefinition{err}
	}
	for _, from := range slices.Sorted(maps.Keys(s.migrations)) {
		for _, old := range slices.Sorted(maps.Keys(s.migrations[from])) {
			if to := s.migrations[from][old]; machine.State(to) == nil {
				return nil, fmt.Errorf("orchestrator: WithMigration: state %s maps to %q, which the definition does not have", old, to)
			}
		}
	}
	o := &Orchestrator{store: store, cfg: s, machine: machine}
	o.hooks.seed = maphash.MakeSeed()
	o.definitions.Store(machine.Hash(), machine)
	if o.metrics, err = newMetrics(s.meter, store); err != nil {
		return nil, err
	}
	return o, nil
}

var instanceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$`)

func (s *settings) validate() error {
	switch {
	case s.lease < 100*time.Millisecond:
		return errors.New("orchestrator: the lease is shorter than 100 ms")
	case s.poll <= 0:
		return errors.New("orchestrator: the poll interval is not positive")
	case s.grace < 0:
		return errors.New("orchestrator: the grace period is negative")
	case s.concurrency < 1:
		return errors.New("orchestrator: the concurrency is below 1")
	case s.authorizer == nil:
		return errors.New("orchestrator: no authorizer")
	case s.logger == nil:
		return errors.New("orchestrator: no logger")
	case !instanceName.MatchString(s.instance):
		return errors.New("orchestrator: the instance name is longer than 100 characters or has others than A-Z a-z 0-9 . _ : -")
	}
	if slices.ContainsFunc(s.onChange, func(f func(StateChange)) bool { return f == nil }) {
		return errors.New("orchestrator: WithOnStateChange: no function")
	}
	var v ValidationError
	if v.text("name", s.tenant, maxName); len(v.Faults) > 0 {
		return fmt.Errorf("orchestrator: the tenant's %s", v.list())
	}
	for _, name := range slices.Sorted(maps.Keys(s.steps)) {
		set := s.steps[name]
		if !workflow.ValidName(name) {
			return fmt.Errorf("orchestrator: %q is not a name of a step (lower case letters, digits and _)", name)
		}
		if set.handler == nil {
			return fmt.Errorf("orchestrator: step %s has no handler", name)
		}
		if set.concurrency < 0 {
			return fmt.Errorf("orchestrator: the concurrency of step %s is negative", name)
		}
		if set.concurrency == 0 {
			set.concurrency = s.concurrency
			s.steps[name] = set
		}
	}
	return nil
}

func newInstanceName() string {
	host, err := os.Hostname()
	if err != nil || !instanceName.MatchString(host) || len(host) > 60 {
		host = "host"
	}
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return fmt.Sprintf("%s:%d:%s", host, os.Getpid(), hex.EncodeToString(b[:]))
}

// Definition returns the workflow of new requests. It must not be changed.
func (o *Orchestrator) Definition() *workflow.Definition { return o.machine.Definition() }

// Authorizer decides whether an actor may do something. A host implements it over its own permissions.
// It must be safe for use by several goroutines.
type Authorizer interface {
	// Authorize returns the one of the roles in which the actor may act, or an error. A [*DeniedError] is returned to
	// the caller as it is; any other error becomes one.
	Authorize(ctx context.Context, a Actor, roles []string, r *Request) (role string, err error)
}

// RolesOfActor allows an actor to act in the roles of [Actor].Roles.
type RolesOfActor struct{}

// Authorize returns the first of the roles that the actor has.
func (RolesOfActor) Authorize(_ context.Context, a Actor, roles []string, _ *Request) (string, error) {
	for _, r := range roles {
		if slices.Contains(a.Roles, r) {
			return r, nil
		}
	}
	return "", &DeniedError{Rule: "role", Reason: "the actor has none of the roles that may do this"}
}
