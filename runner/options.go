package runner

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"
)

// CompileOption changes how [Compile] works. A [RunOption] is a different type, so they cannot be mixed up.
type CompileOption func(*compileConfig)

type compileConfig struct {
	fhirVersion  string
	strictness   strictness
	nullLiterals bool
	emptyJoin    bool
	terminology  Terminology
}

// WithFHIRVersion sets the FHIR version whose types and elements paths are checked against: "4.0.1" (or "R4"),
// "4.3.0" ("R4B") or "5.0.0" ("R5"). Any other text makes Compile fail. The default is the first supported version in
// the definition's fhirVersion or, if it has none, the first release that has the resource type: FHIR R4 for most.
func WithFHIRVersion(version string) CompileOption {
	return func(c *compileConfig) { c.fhirVersion = version }
}

// strictness says how elements that a type does not have are treated.
type strictness uint8

const (
	strictNames strictness = iota // faults if no type has them, otherwise warnings
	strictAll                     // faults
	strictNone                    // warnings
)

// Strict decides how elements that a type does not have are treated. By default an element that no type of FHIR R4,
// R4B or R5 has is a fault of the definition, since it is a typing error. Others are listed in [View.Warnings]:
// published views name elements of other versions and types, and JSON members such as effectiveDateTime. With true all
// are faults, with false none.
//
// With true, values must also fit the declared type of their column ([ErrType]): a string does not fit a boolean. And
// columns without a type may only have primitive values. Otherwise a value only has to be an object if an object
// is declared, and a primitive if a primitive is: the official suite and published views need that.
func Strict(on bool) CompileOption {
	return func(c *compileConfig) {
		if c.strictness = strictNone; on {
			c.strictness = strictAll
		}
	}
}

// WithNullRowLiterals decides what the row of a forEachOrNull without elements holds. By default all its columns are
// null, as the specification says, and columns whose path is %rowIndex are 0. With true, its own columns are evaluated
// on an empty collection, as in the reference implementation, so a column that is a literal keeps its value.
func WithNullRowLiterals(on bool) CompileOption {
	return func(c *compileConfig) { c.nullLiterals = on }
}

// WithEmptyJoin decides what join() of an empty collection gives. By default it is null, as in FHIRPath 3.0 ("join")
// and the official SQL on FHIR suite. With true it is the empty string, as in the suite before June 2026 and in the
// engines that older views were written for.
func WithEmptyJoin(on bool) CompileOption { return func(c *compileConfig) { c.emptyJoin = on } }

// RunOption changes one run.
type RunOption func(*runConfig)

// ErrorPolicy says how a run treats a resource that it cannot turn into rows. See [OnError].
type ErrorPolicy uint8

// The policies.
const (
	Fail ErrorPolicy = iota // end the run with a *RunError (default)
	Skip                    // skip the resource, count it, and list it in Stats
)

type runConfig struct {
	params       url.Values
	maxResources int64
	maxRows      int64
	policy       ErrorPolicy
	patients     []string
	byPatient    bool
	unordered    bool
	workers      int
	blockSize    int
	maxPerRes    int
	progress     func(Stats)
	stats        *Stats
	now          func() time.Time
	resolver     Resolver
	trace        func(name string, values []json.RawMessage)
}

// Search adds a FHIR search parameter. Sources that cannot search (files, bundles) fail with [ErrSearch].
func Search(param, value string) RunOption {
	return func(c *runConfig) {
		if c.params == nil {
			c.params = make(url.Values)
		}
		c.params.Add(param, value)
	}
}

// MaxResources ends the run after n resources of the view's type (with [Patients], of those patients). Stats.Truncated
// tells whether it did. 0 or less means no limit.
func MaxResources(n int) RunOption { return func(c *runConfig) { c.maxResources = int64(n) } }

// MaxRows ends the run after n rows. Stats.Truncated tells whether it did. 0 or less means no limit.
func MaxRows(n int) RunOption { return func(c *runConfig) { c.maxRows = int64(n) } }

// MaxRowsPerResource limits the work for one resource, so that cross joins cannot explode: the sum of its rows, the
// elements of forEach, and the steps of repeat. A resource that exceeds it is an error, [ErrLimit]. 0 or less means
// the default, 100,000.
func MaxRowsPerResource(n int) RunOption { return func(c *runConfig) { c.maxPerRes = n } }

// OnError sets the policy for resources that cannot be turned into rows. Errors of the source itself, such as a file
// that cannot be read or a server that fails, end the run under either policy.
func OnError(p ErrorPolicy) RunOption { return func(c *runConfig) { c.policy = p } }

// Patients restricts the run to resources of these patients, given as logical ids or as Patient/id. A Patient is
// matched by its id, any other resource by its reference to the patient it is about (subject, patient, beneficiary,
// ...): to Patient/id, relative or absolute, with or without a version. With no ids there are no resources. The run
// fails with [ErrNoPatient] if the resource type has no such reference.
func Patients(ids ...string) RunOption {
	ids = slices.Clone(ids)
	for i, id := range ids {
		ids[i] = strings.TrimPrefix(id, "Patient/")
	}
	return func(c *runConfig) { c.patients, c.byPatient = append(c.patients, ids...), true }
}

// Unordered allows rows in any order, which is faster when some blocks of the source cost much more than others. The
// rows of one resource stay together and in order.
func Unordered() RunOption { return func(c *runConfig) { c.unordered = true } }

// Parallel sets the maximum number of workers of this run; 1 evaluates in the caller's goroutine. 0 or less means the
// default, GOMAXPROCS. [WithMaxParallel] limits it for all runs of a [Runner].
func Parallel(n int) RunOption { return func(c *runConfig) { c.workers = n } }

// BlockSize sets about how many bytes of an NDJSON file or stream a worker takes at a time. Larger blocks cost memory
// (a few blocks for each worker), smaller ones time. 0 or less means the default, 256 KiB.
func BlockSize(bytes int) RunOption { return func(c *runConfig) { c.blockSize = bytes } }

// Progress calls f after every block of the source with the figures so far. It is called in the goroutine that called
// the run or, for a run that fills a cache ([WithCache]), in one of the cache. It must not block.
func Progress(f func(Stats)) RunOption { return func(c *runConfig) { c.progress = f } }

// CollectStats stores the figures of the run in s when the run ends, also if it failed or the caller left the loop
// over its rows. Do not read s before that.
func CollectStats(s *Stats) RunOption { return func(c *runConfig) { c.stats = s } }

// Option configures a [Runner].
type Option func(*config)

type config struct {
	cache       Cache
	maxParallel int
	logger      *slog.Logger
	audit       func(context.Context, AuditEvent) error
	maxRows     int
	maxBytes    int64
	now         func() time.Time
}

// Cache keeps results for a limited time; *cache.Cache of this module implements it. GetOrLoad returns the value
// stored under key, or calls load, once for all callers that wait for the key. It does not store errors of load.
type Cache interface {
	GetOrLoad(ctx context.Context, key string, load func(ctx context.Context) (value any, cost int64, err error)) (any, error)
}

// WithCache makes [Runner.Run] store its results. The key is a hash of the source's identity, the view's digest, and
// all options that decide the rows. Results are not cached if the source is not an [IdentifiedSource] or cannot tell
// its identity. Results of runs that skipped resources are cached too, with their Stats.
func WithCache(c Cache) Option { return func(cfg *config) { cfg.cache = c } }

// WithMaxParallel limits the number of workers of each run. 0 or less means the default, GOMAXPROCS.
func WithMaxParallel(n int) Option { return func(cfg *config) { cfg.maxParallel = n } }

// WithLogger sets the logger. By default nothing is logged. Logs hold view names, counts and durations, but no values
// of resources or search parameters.
func WithLogger(l *slog.Logger) Option { return func(cfg *config) { cfg.logger = l } }

// WithAudit sets a hook that is called before a run reads anything and again after the run has ended, also if its
// result comes from the cache. If the first call returns an error, the run fails and nothing is read. If the second
// one does, [Runner.Run] and [Runner.Write] fail with the error, and it is the last element of [Runner.Stream].
func WithAudit(f func(context.Context, AuditEvent) error) Option {
	return func(cfg *config) { cfg.audit = f }
}

// WithMaxResult limits the result of [Runner.Run] in rows and bytes; a larger one fails with [ErrLimit]. 0 means the
// default (1,000,000 rows, 1 GiB), less than 0 no limit. [Runner.Stream] and [Runner.Write] have no such limit.
func WithMaxResult(rows int, bytes int64) Option {
	return func(cfg *config) { cfg.maxRows, cfg.maxBytes = rows, bytes }
}

// WithClock sets the clock for today() and now() in paths and for Stats.Duration. The default is time.Now.
func WithClock(now func() time.Time) Option { return func(cfg *config) { cfg.now = now } }

// AuditEvent describes a run to an audit hook. See [WithAudit].
type AuditEvent struct {
	// Done is false before the run and true after it.
	Done bool
	// View, Resource and Digest say which view runs.
	View, Resource, Digest string
	// Source is the source's identity, if it has one.
	Source string
	// Patients is the number of patients that the run is restricted to, and -1 if it is not restricted.
	Patients int
	// Cached tells, after the run, whether the rows came from the cache.
	Cached bool
	// Stats are the figures, after the run.
	Stats Stats
	// Err is the error that ended the run, or nil.
	Err error
}

// Stats are the figures of a run.
type Stats struct {
	Resources int64         // resources of the view's type that were read, skipped ones included
	Bytes     int64         // bytes read from the source, after decompression
	Rows      int64         // rows delivered
	Skipped   int64         // resources skipped because of an error, with OnError(Skip)
	Skips     []*RunError   // the errors of the first 20 of them, in the order of the source unless Unordered
	Truncated bool          // a limit ended the run: there may be more rows
	Duration  time.Duration // wall time
	Workers   int           // goroutines that evaluated: at most one more than the source kept busy
}
