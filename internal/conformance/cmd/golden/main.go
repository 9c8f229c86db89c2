// Command golden runs views with known rows.
//
// Usage:
//
//	go run ./internal/conformance/cmd/golden -data DIR [-parallel N] PATH...
//
// DIR holds the datasets of the cases. PATH is a case file or a directory of them. It prints every failure with its
// reason, and the number of passed cases. The exit code is 0 if every case passed, 1 if one failed, 2 for a usage
// error.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/researchflow/researchflow/internal/conformance"
	"github.com/researchflow/researchflow/runner"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("golden", flag.ContinueOnError)
	flags.SetOutput(stderr)
	data := flags.String("data", "", "`directory` of the datasets")
	parallel := flags.Int("parallel", 0, "number of `workers` of each run; 0 means one for each processor")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if *data == "" || flags.NArg() == 0 {
		fmt.Fprintln(stderr, "golden: -data and the files or directories of the cases are required")
		return 2
	}
	if _, err := os.Stat(*data); err != nil {
		fmt.Fprintln(stderr, "golden:", err)
		return 2
	}
	cases, err := conformance.LoadGolden(flags.Args()...)
	if err != nil {
		fmt.Fprintln(stderr, "golden:", err)
		return 2
	}
	failed := 0
	for i := range cases {
		if reason := cases[i].Judge(context.Background(), *data, runner.Parallel(*parallel)); reason != "" {
			failed++
			fmt.Fprintf(stdout, "FAILED %s: %s\n", cases[i].Name, reason)
		}
	}
	fmt.Fprintf(stdout, "%d of %d passed\n", len(cases)-failed, len(cases))
	if failed > 0 {
		return 1
	}
	return 0
}
