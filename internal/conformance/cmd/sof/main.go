// Command sof runs the official SQL on FHIR suite.
//
// Usage:
//
//	go run ./internal/conformance/cmd/sof [-report FILE] [-parallel N] PATH...
//
// PATH is a file of the suite or a directory of them. It prints the number of passed and failed cases of each file, and
// each failure with its reason, and writes a report in the suite's published form to the file of -report
// (test_report.json). The exit code is 0 if every case passed, 1 if one failed, 2 for a usage error.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/researchflow/researchflow/internal/conformance"
	"github.com/researchflow/researchflow/runner"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("sof", flag.ContinueOnError)
	flags.SetOutput(stderr)
	reportFile := flags.String("report", "test_report.json", "`file` to write the report to; empty for none")
	parallel := flags.Int("parallel", 0, "number of `workers` of each run; 0 means one for each processor")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if flags.NArg() == 0 {
		fmt.Fprintln(stderr, "sof: no files or directories of the suite given")
		return 2
	}
	files, err := conformance.LoadSof(flags.Args()...)
	if err != nil {
		fmt.Fprintln(stderr, "sof:", err)
		return 2
	}
	report := make(conformance.SofReport)
	for i := range files {
		f := &files[i]
		result := f.Judge(context.Background(), runner.Parallel(*parallel))
		report[f.Name] = result
		passed, failed := result.Count()
		fmt.Fprintf(stdout, "%-28s %3d passed %3d failed\n", f.Name, passed, failed)
		for _, t := range result.Tests {
			if !t.Result.Passed {
				fmt.Fprintf(stdout, "  FAILED %s: %s\n", t.Name, t.Result.Reason)
			}
		}
	}
	passed, failed := report.Count()
	fmt.Fprintf(stdout, "%d of %d passed\n", passed, passed+failed)
	if *reportFile != "" {
		text, err := json.MarshalIndent(report, "", "  ")
		if err == nil {
			err = os.WriteFile(*reportFile, append(text, '\n'), 0o644)
		}
		if err != nil {
			fmt.Fprintln(stderr, "sof:", err)
			return 2
		}
	}
	if failed > 0 {
		return 1
	}
	return 0
}
