// Command fhirpath runs files of FHIRPath cases, prints the number of passed and failed cases of each group and each
// failure with its reason, and ends with status 1 if a case fails that is not excluded, or an excluded one passes.
//
//	fhirpath [-inputs DIR]... [-dump FILE] FILE.json...
//
// -inputs is a folder of input files and may be given several times; by default they are inputs-r4, inputs-r5 and
// inputs beside each file. -dump writes what the engine gave, one JSON object a line for each case.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/researchflow/researchflow/internal/conformance"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the program; it returns the exit status.
func run(args []string, out, errs io.Writer) int {
	flags := flag.NewFlagSet("fhirpath", flag.ContinueOnError)
	flags.SetOutput(errs)
	var inputs []string
	flags.Func("inputs", "folder of input files, may be repeated (default inputs-r4, inputs-r5 and inputs beside each file)",
		func(dir string) error {
			inputs = append(inputs, dir)
			return nil
		})
	dump := flags.String("dump", "", "file for what the engine gave, one JSON object a line")
	flags.Usage = func() {
		fmt.Fprintln(errs, "usage: fhirpath [-inputs DIR]... [-dump FILE] FILE.json...")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if flags.NArg() == 0 {
		flags.Usage()
		return 2
	}
	ok, err := judge(context.Background(), out, inputs, *dump, flags.Args())
	switch {
	case err != nil:
		fmt.Fprintln(errs, err)
		return 2
	case !ok:
		return 1
	}
	return 0
}

// judge runs all files and reports whether nothing counts against the engine.
func judge(ctx context.Context, w io.Writer, inputs []string, dump string, paths []string) (ok bool, err error) {
	var out io.Writer = io.Discard
	if dump != "" {
		f, err := os.Create(dump)
		if err != nil {
			return false, err
		}
		buffered := bufio.NewWriter(f)
		defer func() {
			if flushErr := buffered.Flush(); err == nil {
				err = flushErr
			}
			if closeErr := f.Close(); err == nil {
				err = closeErr
			}
		}()
		out = buffered
	}
	ok = true
	for _, path := range paths {
		suite, err := conformance.LoadFHIRPath(path, inputs...)
		if err != nil {
			return false, err
		}
		results, err := conformance.RunFHIRPath(ctx, suite)
		if err != nil {
			return false, err
		}
		if err := write(out, results); err != nil {
			return false, err
		}
		if !report(w, path, results) {
			ok = false
		}
	}
	return ok, nil
}

// write dumps the results.
func write(w io.Writer, results []conformance.FHIRPathResult) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, r := range results {
		outputs := r.Outputs
		if outputs == nil {
			outputs = []conformance.FHIRPathOutput{}
		}
		line := struct {
			ID      string                       `json:"id"`
			Error   *string                      `json:"error"`
			Outputs []conformance.FHIRPathOutput `json:"outputs"`
		}{r.Case.ID, r.Error, outputs}
		if err := enc.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

// report prints the verdicts and reports whether none counts against the engine.
func report(w io.Writer, path string, results []conformance.FHIRPathResult) bool {
	type count struct{ passed, failed, excluded int }
	groups := map[string]*count{}
	var order []string
	var total count
	for _, r := range results {
		g := groups[r.Case.Group]
		if g == nil {
			g = &count{}
			groups[r.Case.Group] = g
			order = append(order, r.Case.Group)
		}
		for _, c := range []*count{g, &total} {
			switch {
			case r.Failed():
				c.failed++
			case r.Exclusion != nil:
				c.excluded++
			default:
				c.passed++
			}
		}
	}
	fmt.Fprintln(w, path)
	for _, name := range order {
		g := groups[name]
		fmt.Fprintf(w, "  %-32s %4d passed %4d failed", name, g.passed, g.failed)
		if g.excluded > 0 {
			fmt.Fprintf(w, " %4d excluded", g.excluded)
		}
		fmt.Fprintln(w)
	}
	for _, r := range results {
		switch {
		case r.Failed() && r.Exclusion != nil:
			fmt.Fprintf(w, "FAIL %s: passes, but is excluded: %s: %s\n", r.Case.ID, r.Exclusion.Class, r.Exclusion.Reason)
		case r.Failed():
			fmt.Fprintf(w, "FAIL %s: %s\n     %s\n", r.Case.ID, r.Case.Expression, r.Reason)
		case r.Exclusion != nil:
			fmt.Fprintf(w, "excluded %s: %s: %s\n", r.Case.ID, r.Exclusion.Class, r.Exclusion.Reason)
		}
	}
	fmt.Fprintf(w, "%d of %d passed, %d failed, %d excluded\n", total.passed, len(results), total.failed, total.excluded)
	return total.failed == 0
}
