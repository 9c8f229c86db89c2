// Command quickstart answers a research request from FHIR data, from submission to the delivered package, in
// one process: it submits the request, decides its gates as named reviewers, waits for the package and shows
// what happened. Without flags it needs no network, no server and no files.
//
//	go run ./examples/quickstart
//	go run ./examples/quickstart -data ../shared/data/small -out out
//	go run ./examples/quickstart -db postgres://user@localhost/rf -gates ask
//	go run ./examples/quickstart -db sqlite://rf.db -crash-after data_extraction
//	go run ./examples/quickstart -db sqlite://rf.db -resume REQ-20261123-1A2B3C4D
//
// It exits with 0 if the request was answered, 1 if it was not, and 2 for wrong usage.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/researchflow/researchflow"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the command without the process around it. It returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	opt, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err == nil {
		err = answer(ctx, opt, bufio.NewReader(stdin), newConsole(stdout))
	}
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "quickstart: %s\n", oneLine(err))
	if errors.As(err, new(usageError)) {
		return 2
	}
	return 1
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// options are the flags.
type options struct {
	data, fhir, db, out, request, gates, crashAfter, resume string
}

// usageError means wrong usage of the command.
type usageError string

func (e usageError) Error() string { return string(e) }

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // errors are printed once, by run
	flags.StringVar(&o.data, "data", "", "`folder or file` of NDJSON, plain or .gz (default: synthetic data)")
	flags.StringVar(&o.fhir, "fhir", "", "base `URL` of a FHIR server, instead of -data")
	flags.StringVar(&o.db, "db", "", "database `URL`, sqlite://PATH or postgres://... (default: a temporary SQLite file)")
	flags.StringVar(&o.out, "out", "out", "`folder` for the package")
	flags.StringVar(&o.request, "request", "", "`file` with the request as JSON (default: a study of type 2 diabetes; with -data or -fhir, all patients)")
	flags.StringVar(&o.gates, "gates", "auto", "who decides: auto (named reviewers approve) or ask (on the terminal)")
	flags.StringVar(&o.crashAfter, "crash-after", "", "die without warning once this `state` is committed")
	flags.StringVar(&o.resume, "resume", "", "continue the request with this `id`, with the same -db and -out")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintln(stderr, "usage: quickstart [flags]")
		flags.SetOutput(stderr)
		flags.PrintDefaults()
		return o, err
	case err != nil:
		return o, usageError(err.Error() + " (-help lists the flags)")
	case flags.NArg() > 0:
		return o, usageError(fmt.Sprintf("unexpected argument %q (-help lists the flags)", flags.Arg(0)))
	case o.data != "" && o.fhir != "":
		return o, usageError("-data and -fhir cannot be used together")
	case o.gates != "auto" && o.gates != "ask":
		return o, usageError(fmt.Sprintf("-gates is %q, want auto or ask", o.gates))
	case o.resume != "" && o.db == "":
		return o, usageError("-resume needs the -db of the first run")
	case o.resume != "" && o.request != "":
		return o, usageError("-resume and -request cannot be used together: the request is in the database")
	case o.out == "":
		return o, usageError("-out is empty")
	}
	if o.crashAfter != "" && workflow.Default().State(o.crashAfter) == nil {
		var states []string
		for _, s := range workflow.Default().States {
			states = append(states, s.Name)
		}
		return o, usageError(fmt.Sprintf("-crash-after: unknown state %q; the states are %s", o.crashAfter, strings.Join(states, ", ")))
	}
	return o, nil
}

// answer opens everything, follows the request to its end and reports.
func answer(ctx context.Context, opt options, in *bufio.Reader, out *console) (err error) {
	request, err := loadRequest(opt)
	if err != nil {
		return err
	}
	work, id := filepath.Join(opt.out, ".work"), opt.resume
	forget := func() {}
	if opt.db == "" {
		dir, err := os.MkdirTemp("", "researchflow-quickstart-")
		if err != nil {
			return err
		}
		forget = func() { // not reached after a crash: the database is needed to resume
			os.RemoveAll(dir)
			if id != "" {
				os.RemoveAll(filepath.Join(work, id))
			}
		}
		opt.db = "sqlite://" + filepath.Join(dir, "quickstart.db")
	}
	crash := crasher{opt: opt, out: out}
	flow, err := researchflow.Open(ctx, researchflow.Config{
		DatabaseURL: opt.db, DataPath: opt.data, FHIRBaseURL: opt.fhir,
		OutDir: opt.out, WorkDir: work,
		Orchestrator: []orchestrator.Option{orchestrator.WithOnStateChange(crash.after)},
	})
	if err != nil {
		forget()
		return err
	}
	defer func() {
		err = errors.Join(err, flow.Close(context.WithoutCancel(ctx)))
		if !errors.As(err, new(quitError)) {
			forget()
		}
		os.Remove(work) // only succeeds if it is empty: other requests may be running
	}()
	if flow.FHIR != nil { // report a dead server now, not after the retries of a step
		if _, err := flow.FHIR.Metadata(ctx); err != nil {
			return err
		}
	}
	if id == "" {
		if id, err = flow.Orchestrator.Submit(ctx, request); err != nil {
			return err
		}
	} else if _, err = flow.Orchestrator.Status(ctx, id); err != nil {
		return fmt.Errorf("request %s: %w", id, err)
	}
	out.start(id, opt)
	gates := reviewers{flow: flow, opt: opt, in: in, out: out}
	if err := follow(ctx, flow, id, gates, out); err != nil {
		out.stop()
		return err
	}
	out.stop()
	return report(ctx, flow, id, out)
}
