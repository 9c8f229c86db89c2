package researchflow

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/researchflow/researchflow/cache"
	"github.com/researchflow/researchflow/fhir"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/steps"
	"github.com/researchflow/researchflow/runner"
	"github.com/researchflow/researchflow/store"
)

// Defaults of [Config].
const (
	defaultDatabaseURL = "sqlite://researchflow.db"
	defaultMaxParallel = 10
	defaultWorkDir     = "researchflow-work"
	defaultOutDir      = "researchflow-packages"
)

// Config configures [Open]. The zero value is ready to use: a SQLite file in the working directory, the synthetic data
// that ships with the library, and a cache in memory.
type Config struct {
	// DatabaseURL is sqlite://PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE. The default is
	// sqlite://researchflow.db.
	DatabaseURL string
	// Store are options of the store.
	Store []store.Option

	// Source is where FHIR resources come from. If nil, FHIRBaseURL or DataPath decides.
	Source runner.Source
	// FHIRBaseURL is the base URL of a FHIR server, for example https://fhir.example.org/r4; FHIR configures the
	// client. If empty, DataPath decides.
	FHIRBaseURL string
	FHIR        fhir.Config
	// DataPath is a folder of NDJSON files, or one such file, plain or gzip. If empty, Open generates synthetic data
	// of 200 patients in memory (12 MB).
	DataPath string

	// Views returns the view with a name; the data elements of requests are such names. The default is the views
	// that ship with the library (package runner/views).
	Views func(name string) (*runner.View, error)

	// Cache configures the cache of results; by default 5 minutes and 256 MiB. DisableCache turns it off.
	Cache        cache.Config
	DisableCache bool
	// MaxParallel is the maximum number of workers for one run of a view; there are never more than GOMAXPROCS. The
	// default is 10, and 1 runs nothing in parallel. A negative number is an error.
	MaxParallel int

	// WorkDir is the folder for extracted data until it is delivered, OutDir the one for packages. The defaults are
	// researchflow-work and researchflow-packages. They must differ. All instances that share a database must see
	// the same folders.
	WorkDir, OutDir string
	// Zip makes a package one zip file instead of a folder.
	Zip bool
	// Steps, if not nil, may change the configuration of the built-in steps before they are created.
	Steps func(*steps.Config)
	// Orchestrator are options of the orchestrator; steps given here replace the built-in ones.
	Orchestrator []orchestrator.Option
	// Passive makes an instance that takes requests and decisions but leaves steps and timers to others.
	Passive bool

	// Logger receives the logs of all parts: ids, states, names and counts, never data. If nil, nothing is logged.
	Logger *slog.Logger

	err error // the error of FromEnv, which Open returns
}

func (c Config) withDefaults() (Config, error) {
	if c.err != nil {
		return c, c.err
	}
	if c.DatabaseURL == "" {
		c.DatabaseURL = defaultDatabaseURL
	}
	if c.MaxParallel == 0 {
		c.MaxParallel = defaultMaxParallel
	}
	if c.WorkDir == "" {
		c.WorkDir = defaultWorkDir
	}
	if c.OutDir == "" {
		c.OutDir = defaultOutDir
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case c.MaxParallel < 0:
		return c, errors.New("researchflow: MaxParallel is negative")
	case c.Source != nil && (c.FHIRBaseURL != "" || c.DataPath != ""):
		return c, errors.New("researchflow: set only one of Source, FHIRBaseURL and DataPath")
	case c.FHIRBaseURL != "" && c.DataPath != "":
		return c, errors.New("researchflow: set only one of FHIRBaseURL (FHIR_BASE_URL) and DataPath (RESEARCHFLOW_DATA)")
	}
	return c, nil
}

// FromEnv returns the configuration in the environment. A variable that is absent or empty keeps the default; one that
// does not parse is an error, which [Open] returns.
//
//	DATABASE_URL            sqlite://PATH or postgres://...
//	FHIR_BASE_URL           base URL of a FHIR server
//	FHIR_BEARER_TOKEN       a fixed access token for that server
//	CACHE_ENABLED           true or false (true)
//	CACHE_TTL_SECONDS       whole seconds, 1 or more (300)
//	PARALLEL_PROCESSING     true or false (true)
//	MAX_PARALLEL_RESOURCES  1 or more (10)
//	RESEARCHFLOW_DATA       folder or file of NDJSON, instead of a FHIR server
//	RESEARCHFLOW_WORK_DIR   folder for extracted data until it is delivered
//	RESEARCHFLOW_OUT_DIR    folder for packages
func FromEnv() Config { return fromEnv(os.Getenv) }

func fromEnv(get func(string) string) Config {
	e := environment{get: get}
	c := Config{
		DatabaseURL: get("DATABASE_URL"),
		FHIRBaseURL: get("FHIR_BASE_URL"),
		DataPath:    get("RESEARCHFLOW_DATA"),
		WorkDir:     get("RESEARCHFLOW_WORK_DIR"),
		OutDir:      get("RESEARCHFLOW_OUT_DIR"),
	}
	if token := get("FHIR_BEARER_TOKEN"); token != "" {
		c.FHIR.Auth = fhir.BearerToken(token)
	}
	c.DisableCache = !e.boolean("CACHE_ENABLED", true)
	// The maximum is what fits in a time.Duration.
	c.Cache.TTL = time.Duration(e.number("CACHE_TTL_SECONDS", 0, math.MaxInt64/int64(time.Second))) * time.Second
	c.MaxParallel = int(e.number("MAX_PARALLEL_RESOURCES", 0, math.MaxInt32))
	if !e.boolean("PARALLEL_PROCESSING", true) {
		c.MaxParallel = 1
	}
	if len(e.faults) > 0 {
		c.err = errors.New("researchflow: " + strings.Join(e.faults, "; "))
	}
	return c
}

// environment reads variables and collects their faults.
type environment struct {
	get    func(string) string
	faults []string
}

func (e *environment) boolean(name string, byDefault bool) bool {
	text := e.get(name)
	if text == "" {
		return byDefault
	}
	v, err := strconv.ParseBool(text)
	if err != nil {
		e.faults = append(e.faults, fmt.Sprintf("%s: %q is not true or false", name, text))
	}
	return v
}

func (e *environment) number(name string, byDefault, maximum int64) int64 {
	text := e.get(name)
	if text == "" {
		return byDefault
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil || v < 1 || v > maximum {
		e.faults = append(e.faults, fmt.Sprintf("%s: %q is not a whole number from 1 to %d", name, text, maximum))
	}
	return v
}
