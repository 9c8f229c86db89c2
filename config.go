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
	DefaultDatabaseURL = "sqlite://researchflow.db"
	DefaultMaxParallel = 10
	DefaultWorkDir     = "researchflow-work"
	DefaultOutDir      = "researchflow-packages"
)

// Config configures [Open]. The zero value is ready to use: an SQLite file in the working directory, the
// synthetic data that ships with the library, a cache in memory.
type Config struct {
	// DatabaseURL is sqlite://PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE. "" means DefaultDatabaseURL.
	DatabaseURL string
	// Store are options of the store.
	Store []store.Option

	// Source is where FHIR resources come from. Nil means what FHIRBaseURL or DataPath name.
	Source runner.Source
	// FHIRBaseURL is the base URL of a FHIR server, for example https://fhir.example.org/r4; FHIR configures the
	// client. "" means DataPath.
	FHIRBaseURL string
	FHIR        fhir.Config
	// DataPath is a folder of NDJSON files, or one file, plain or gzip. "" means the synthetic data that ships:
	// 200 patients, made in memory (12 MB) by Open.
	DataPath string

	// Views returns the view of a name; data elements of requests are such names. Nil means the views that ship
	// (package runner/views).
	Views func(name string) (*runner.View, error)

	// Cache configures the cache of results; its zero value is 5 minutes and 256 MiB. DisableCache does without.
	Cache        cache.Options
	DisableCache bool
	// MaxParallel caps the workers of one run of a view, of which there are at most GOMAXPROCS. 0 means
	// DefaultMaxParallel, 1 that nothing runs in parallel. A negative number is an error.
	MaxParallel int

	// WorkDir is the folder for extracted data until it is delivered, OutDir the one for packages. "" means
	// DefaultWorkDir and DefaultOutDir. They must differ. All instances of one database must see the same folders.
	WorkDir, OutDir string
	// Zip makes a package one zip file instead of a folder.
	Zip bool
	// Steps, when not nil, may change the configuration of the ready steps before they are made.
	Steps func(*steps.Config)
	// Orchestrator are options of the orchestrator; steps given here replace the ready ones.
	Orchestrator []orchestrator.Option
	// Passive makes an instance that takes requests and decisions but leaves steps and timers to others.
	Passive bool

	// Logger gets records of all parts: ids, states, names and counts, never data. Nil means silence.
	Logger *slog.Logger

	err error // of FromEnv; Open returns it
}

func (c Config) withDefaults() (Config, error) {
	if c.err != nil {
		return c, c.err
	}
	if c.DatabaseURL == "" {
		c.DatabaseURL = DefaultDatabaseURL
	}
	if c.MaxParallel == 0 {
		c.MaxParallel = DefaultMaxParallel
	}
	if c.WorkDir == "" {
		c.WorkDir = DefaultWorkDir
	}
	if c.OutDir == "" {
		c.OutDir = DefaultOutDir
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case c.MaxParallel < 0:
		return c, errors.New("researchflow: MaxParallel is negative")
	case c.Source != nil && (c.FHIRBaseURL != "" || c.DataPath != ""):
		return c, errors.New("researchflow: there is a Source beside FHIRBaseURL or DataPath; one of them is needed")
	case c.FHIRBaseURL != "" && c.DataPath != "":
		return c, errors.New("researchflow: both FHIRBaseURL (FHIR_BASE_URL) and DataPath (RESEARCHFLOW_DATA) are set; one of them is needed")
	}
	return c, nil
}

// FromEnv returns the configuration that the environment describes. A variable that is absent or empty leaves
// the zero value; one that does not parse is an error, which [Open] returns.
//
//	DATABASE_URL            sqlite://PATH or postgres://...
//	FHIR_BASE_URL           base URL of a FHIR server
//	FHIR_BEARER_TOKEN       its access token, if it needs a fixed one
//	CACHE_ENABLED           true or false (true)
//	CACHE_TTL_SECONDS       whole seconds, 1 or more (300)
//	PARALLEL_PROCESSING     true or false (true)
//	MAX_PARALLEL_RESOURCES  1 or more (10)
//	RESEARCHFLOW_DATA       folder or file of NDJSON, where there is no FHIR server
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
	// More seconds than that do not fit a time.Duration.
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

// environment reads variables and keeps what is wrong with them.
type environment struct {
	get    func(string) string
	faults []string
}

func (e *environment) boolean(name string, standard bool) bool {
	text := e.get(name)
	if text == "" {
		return standard
	}
	v, err := strconv.ParseBool(text)
	if err != nil {
		e.faults = append(e.faults, fmt.Sprintf("%s: %q is neither true nor false", name, text))
	}
	return v
}

func (e *environment) number(name string, standard, most int64) int64 {
	text := e.get(name)
	if text == "" {
		return standard
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil || v < 1 || v > most {
		e.faults = append(e.faults, fmt.Sprintf("%s: %q is not a whole number from 1 to %d", name, text, most))
	}
	return v
}
