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

// CompileOption changes how [Compile] works. It is another type than [RunOption], so that they cannot be mixed up.
type CompileOption func(*compileConfig)

type compileConfig struct {
	fhirVersion  string
	strictness   strictness
	nullLiterals bool
	emptyJoin    bool
	terminology  Terminology
}

// WithFHIRVersion sets the FHIR version whose types and elements paths are checked against: "4.0.1" (or "R4"),
// "4.3.0" ("R4B") or "5.0.0" ("R5"). By default it is the first version of the definition's fhirVersion that
// this engine knows, and where the definition has no fhirVersion, the first release that has the resource type: R4 for most.
// Other text makes Compile fail.
func WithFHIRVersion(version string) CompileOption {
	return func(c *compileConfig) { c.fhirVersion = version }
}

// strictness says what is done with elements that a type does not have.
type strictness uint8

const (
	strictNames strictness = iota // those that no type has are faults
	strictAll                     // all are faults
	strictNone                    // all are warnings
)

// Strict decides what becomes of elements that the type does not have. By default those that no type of FHIR R4, R4B or R5
// has are faults of the definition, since they are slips, and others are in [View.Warnings]: published views name elements of
// other versions and types, and JSON members such as effectiveDateTime. With true all are faults, with false none.
//
// With true, values are also held to their column's declared type, down to boolean against string (rule R3), and a column
// without a type has primitive values only. Otherwise a value only has to be an object where an object is declared and no
// object where a primitive is: the official suite and published views need that.
func Strict(on bool) CompileOption {
	return func(c *compileConfig) {
		if c.strictness = strictNone; on {
			c.strictness = strictAll
		}
	}
}

// WithNullRowLiterals decides what the row of a forEachOrNull without elements holds. By default all its columns
// are null, as the specification's text says (columns whose path is %rowIndex are 0). With true, its own columns
// are evaluated on nothing, as the reference implementation does, so that a literal column keeps its value.
func WithNullRowLiterals(on bool) CompileOption {
	return func(c *compileConfig) { c.nullLiterals = on }
}

// WithEmptyJoin decides what join() gives for nothing. By default it is null, as FHIRPath 3.0 ("join") and the official
// SQL on FHIR suite have it. With true it is the empty text, as in the suite before June 2026 and in the engines that older
// views were written for.
func WithEmptyJoin(on bool) CompileOption { return func(c *compileConfig) { c.emptyJoin = on } }

// RunOption changes one run.
type RunOption func(*runConfig)

// ErrorPolicy says what a run does with a resource that it cannot turn into rows.
type ErrorPolicy uint8

// The policies.
const (
	Fail ErrorPolicy = iota // end the run with a *RunError (default)
	Skip                    // leave the resource out, count it, and list it in Stats
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

// MaxResources ends the run after n resources of the view's type (of the given patients, with [Patients]).
// Stats.Truncated tells whether it did. 0 or less: no limit.
func MaxResources(n int) RunOption { return func(c *runConfig) { c.maxResources = int64(n) } }

// MaxRows ends the run after n rows. Stats.Truncated tells whether it did. 0 or less: no limit.
func MaxRows(n int) RunOption { return func(c *runConfig) { c.maxRows = int64(n) } }

// MaxRowsPerResource bounds what one resource may give, against cross joins that explode: its rows, the elements that
// forEach goes over and the steps of repeat, counted together. More is an error of that resource. 0 or less: the
// default, 100,000.
func MaxRowsPerResource(n int) RunOption { return func(c *runConfig) { c.maxPerRes = n } }

// OnError sets the policy for resources that cannot be turned into rows. Errors of the source itself (a file
// that cannot be read, a server that fails) end the run under either policy.
func OnError(p ErrorPolicy) RunOption { return func(c *runConfig) { c.policy = p } }

// Patients restricts the run to resources of these patients, given as logical ids (or Patient/id): a Patient by its id, any
// other resource by its reference to the patient it is about (subject, patient, beneficiary, ...). References
// count when they are Patient/id, relative or absolute, with or without a version. No ids mean no resources.
// A resource type that is not about a patient makes the run fail with [ErrNoPatient].
func Patients(ids ...string) RunOption {
	ids = slices.Clone(ids)
	for i, id := range ids {
		ids[i] = strings.TrimPrefix(id, "Patient/")
	}
	return func(c *runConfig) { c.patients, c.byPatient = append(c.patients, ids...), true }
}

// Unordered lets rows come in any order, which saves waiting when blocks of the source differ much in cost.
// Rows of one resource stay together and in order.
func Unordered() RunOption { return func(c *runConfig) { c.unordered = true } }

// Parallel sets the number of workers of this run; 1 evaluates in the caller's goroutine. 0 or less: the
// default, GOMAXPROCS. A [Runner]'s WithMaxParallel is the cap.
func Parallel(n int) RunOption { return func(c *runConfig) { c.workers = n } }

// BlockSize sets about how many bytes of an NDJSON file or stream a worker takes at a time. Larger blocks cost memory
// (a few blocks for each worker), smaller ones time. 0 or less: the default, 256 KiB.
func BlockSize(bytes int) RunOption { return func(c *runConfig) { c.blockSize = bytes } }

// Progress calls f after every block of the source with the figures so far, in the goroutine that called the
// run, or where [WithCache] makes the run read, in one of the cache. F must not keep it waiting.
func Progress(f func(Stats)) RunOption { return func(c *runConfig) { c.progress = f } }

// CollectStats stores the figures of the run in s when it has ended, also when it failed or the loop over its rows was
// left. S must not be read before.
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

// Cache keeps results for a limited time: *cache.Cache of this module is one. GetOrLoad returns the value kept
// under key, or calls load once for all callers that ask at that moment; an error of load is not kept.
type Cache interface {
	GetOrLoad(ctx context.Context, key string, load func(ctx context.Context) (value any, cost int64, err error)) (any, error)
}

// WithCache makes [Runner.Run] keep its results. The key holds the source's identity, the view's digest, and all
// options that decide the rows. Runs over sources that are not [IdentifiedSource], or cannot tell their identity, are
// not cached. Runs that skipped resources are cached like others, Stats included.
func WithCache(c Cache) Option { return func(cfg *config) { cfg.cache = c } }

// WithMaxParallel caps the number of workers of one run. 0 or less: GOMAXPROCS.
func WithMaxParallel(n int) Option { return func(cfg *config) { cfg.maxParallel = n } }

// WithLogger sets the logger. By default nothing is logged. Logs hold view names, counts and durations, never
// values of resources or search parameters.
func WithLogger(l *slog.Logger) Option { return func(cfg *config) { cfg.logger = l } }

// WithAudit sets a hook that is called before a run reads its first byte and again when it has ended, also for
// results from the cache. An error from the first call refuses the run: nothing is read. An error from the
// second call makes [Runner.Run] and [Runner.Write] fail with it, and is the last element of
// [Runner.Stream].
func WithAudit(f func(context.Context, AuditEvent) error) Option {
	return func(cfg *config) { cfg.audit = f }
}

// WithMaxResult bounds what [Runner.Run] collects, in rows and bytes; more fails with [ErrLimit]. 0 means the
// default (1,000,000 rows, 1 GiB), less than 0 no limit. Streams and writers are not bounded.
func WithMaxResult(rows int, bytes int64) Option {
	return func(cfg *config) { cfg.maxRows, cfg.maxBytes = rows, bytes }
}

// WithClock sets the clock of today() and now() in paths, and of Stats.Duration. By default it is time.Now.
func WithClock(now func() time.Time) Option { return func(cfg *config) { cfg.now = now } }

// AuditEvent tells an audit hook of a run.
type AuditEvent struct {
	// Done is false before the run and true after it.
	Done bool
	// View, Resource and Digest say which view runs.
	View, Resource, Digest string
	// Source is the source's identity, where it has one.
	Source string
	// Patients is the number of patients that the run is restricted to, or -1.
	Patients int
	// Cached tells, after the run, that the rows came from the cache.
	Cached bool
	// Stats are the counts, after the run.
	Stats Stats
	// Err is the error that ended the run, or nil.
	Err error
}

// Stats are the figures of a run.
type Stats struct {
	Resources int64         // resources of the view's type that were read, skipped ones included
	Bytes     int64         // bytes of the source that were read, after decompression
	Rows      int64         // rows handed out
	Skipped   int64         // resources left out because of an error, with OnError(Skip)
	Skips     []*RunError   // the first skipped ones, 20 at most, in order of the source unless Unordered
	Truncated bool          // a limit ended the run: there may be more rows
	Duration  time.Duration // wall time
	Workers   int           // goroutines that evaluated: no more than the source kept busy, and one
}
