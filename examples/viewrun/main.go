// Command viewrun runs one ViewDefinition over one source of FHIR resources.
//
//	viewrun -view patient_demographics -source data/ -format csv -out patients.csv
//	viewrun -view labs.json -source Observation.ndjson.gz -format ndjson | jq .
//	viewrun -view labs.json -source https://fhir.example.org/r4 -limit 100
//
// The view is a file, or the name of a view that ships with the library. The source is a directory or file of NDJSON
// (plain, gzip or zstd) or JSON (a resource, an array or a Bundle), or the address of a FHIR server.
//
// The exit code is 0 for success, 1 if the run failed, and 2 for wrong usage: flags, a view with faults, a source that
// does not exist. With -out, the file is either complete or not written at all.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/researchflow/researchflow/fhir"
	"github.com/researchflow/researchflow/runner"
	"github.com/researchflow/researchflow/runner/parquet"
	"github.com/researchflow/researchflow/runner/views"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program if the first cannot, as while it reads a pipe
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// The exit codes.
const (
	exitOK = iota
	exitFailed
	exitUsage
)

// usageError means wrong usage: exit code 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// settings are the flags.
type settings struct {
	view, source, format, out, onError string
	limit, parallel                    int
	stats, csvGuard                    bool
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := parseAndRun(ctx, args, stdout, stderr)
	var usage usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.As(err, &usage):
		fmt.Fprintln(stderr, "viewrun:", message(usage.error))
		return exitUsage
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "viewrun: interrupted")
		return exitFailed
	}
	fmt.Fprintln(stderr, "viewrun:", message(err))
	return exitFailed
}

// message returns an error's text without leading package names.
func message(err error) string {
	text := err.Error()
	for _, prefix := range [...]string{"runner: ", "parquet: ", "views: ", "fhir: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return text
}

func parseAndRun(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var s settings
	flags := flag.NewFlagSet("viewrun", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&s.view, "view", "", "`FILE` of a ViewDefinition, or the NAME of one of "+strings.Join(views.Names(), ", "))
	flags.StringVar(&s.source, "source", "", "`DIR|FILE|URL` of the resources")
	flags.StringVar(&s.format, "format", "csv", "`csv|ndjson|json|parquet`")
	flags.StringVar(&s.out, "out", "", "`FILE` to write; standard output by default")
	flags.IntVar(&s.limit, "limit", 0, "maximum number of `rows` to write; 0: all")
	flags.IntVar(&s.parallel, "parallel", 0, "maximum number of `workers`; 0: one for each processor")
	flags.StringVar(&s.onError, "on-error", "fail", "`fail|skip`: what to do with a resource that cannot be turned into rows")
	flags.BoolVar(&s.csvGuard, "csv-guard", true, "put an apostrophe before CSV text that a spreadsheet would run as a formula")
	flags.BoolVar(&s.stats, "stats", false, "write statistics of the run to standard error, as one line of JSON")
	var quiet strings.Builder
	flags.SetOutput(&quiet) // an error is one line; only -h prints the flags
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stderr, quiet.String())
			return err
		}
		return usageError{err}
	}
	if err := s.check(flags.Args()); err != nil {
		return err
	}
	return s.run(ctx, stdout, stderr)
}

func (s *settings) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return usagef("unexpected argument %q", rest[0])
	case s.view == "":
		return usagef("-view is missing: a file, or one of %s", strings.Join(views.Names(), ", "))
	case s.source == "":
		return usagef("-source is missing: a directory, a file, or the address of a FHIR server")
	case !slices.Contains([]string{"csv", "ndjson", "json", "parquet"}, s.format):
		return usagef("-format %q: expected csv, ndjson, json or parquet", s.format)
	case !slices.Contains([]string{"fail", "skip"}, s.onError):
		return usagef("-on-error %q: expected fail or skip", s.onError)
	case s.limit < 0:
		return usagef("-limit %d: expected 0 or more", s.limit)
	case s.parallel < 0:
		return usagef("-parallel %d: expected 0 or more", s.parallel)
	}
	return nil
}

func (s *settings) run(ctx context.Context, stdout, stderr io.Writer) error {
	view, err := loadView(s.view)
	if err != nil {
		return usageError{err}
	}
	src, size, err := openSource(s.source, view.Resource())
	if err != nil {
		return usageError{err}
	}
	opts := []runner.RunOption{runner.MaxRows(s.limit), runner.Parallel(s.parallel)}
	if s.onError == "skip" {
		opts = append(opts, runner.OnError(runner.Skip))
	}
	out, err := create(s.out, stdout)
	if err != nil {
		return err
	}
	defer out.discard()
	bar := newBar(stdout, stderr, s.out != "", size)
	opts = append(opts, runner.Progress(bar.update))
	stats, err := view.Write(ctx, src, s.writer(out), opts...)
	bar.done()
	if err != nil {
		return err
	}
	if err := out.commit(); err != nil {
		return err
	}
	return s.report(stderr, view, stats)
}

func (s *settings) writer(w io.Writer) runner.Writer {
	switch s.format {
	case "ndjson":
		return runner.NewNDJSONWriter(w)
	case "json":
		return runner.NewJSONWriter(w)
	case "parquet":
		return parquet.NewWriter(w)
	}
	return runner.NewCSVWriter(w, runner.CSVGuard(s.csvGuard))
}

// report says what was left out, and prints the statistics.
func (s *settings) report(stderr io.Writer, view *runner.View, stats runner.Stats) error {
	if stats.Skipped > 0 {
		fmt.Fprintf(stderr, "viewrun: %d of %d resources were skipped\n", stats.Skipped, stats.Resources)
		for _, skip := range stats.Skips {
			fmt.Fprintln(stderr, "viewrun: skipped:", message(skip))
		}
	}
	if stats.Truncated {
		fmt.Fprintf(stderr, "viewrun: stopped at the limit of %d rows\n", s.limit)
	}
	if !s.stats {
		return nil
	}
	line, err := json.Marshal(struct {
		View      string  `json:"view"`
		Resources int64   `json:"resources"`
		Bytes     int64   `json:"bytes"`
		Rows      int64   `json:"rows"`
		Skipped   int64   `json:"skipped"`
		Truncated bool    `json:"truncated"`
		Seconds   float64 `json:"seconds"`
		Workers   int     `json:"workers"`
	}{
		view.Name(), stats.Resources, stats.Bytes, stats.Rows, stats.Skipped, stats.Truncated,
		stats.Duration.Seconds(), stats.Workers,
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stderr, "%s\n", line)
	return err
}

// loadView compiles the view in a file, or the view of that name that ships with the library.
func loadView(name string) (*runner.View, error) {
	data, err := os.ReadFile(name)
	switch {
	case err == nil:
		view, err := runner.CompileJSON(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %s", name, message(err))
		}
		return view, nil
	case errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(name, `/\.`):
		return views.Compile(name)
	}
	return nil, errors.New(pathError(err))
}

// pathError returns the text of a file's error: the path, then what is wrong.
func pathError(err error) string {
	var e *fs.PathError
	if errors.As(err, &e) {
		return e.Path + ": " + e.Err.Error()
	}
	return err.Error()
}

// openSource returns the source and its size in bytes, or -1 if that is unknown.
func openSource(name, resource string) (src runner.Source, size int64, err error) {
	if strings.HasPrefix(name, "http://") || strings.HasPrefix(name, "https://") {
		client, err := fhir.NewClient(name, fhir.Config{})
		return client, -1, err
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, 0, errors.New(pathError(err))
	}
	files := runner.Files(name)
	if info.IsDir() {
		files = runner.Dir(name)
	}
	paths, err := files.Paths(resource)
	if err != nil {
		return nil, 0, err
	}
	for _, p := range paths {
		if info, err := os.Stat(p); err == nil && !slices.Contains([]string{".gz", ".zst"}, filepath.Ext(p)) {
			size += info.Size()
		} else {
			return files, -1, nil
		}
	}
	return files, size, nil
}
