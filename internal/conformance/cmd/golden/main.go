// Command golden judges the view runner by views with known rows.
//
// Usage:
//
//	go run ./internal/conformance/cmd/golden -data DIR [-parallel N] PATH...
//
// DIR holds the datasets that the cases name. PATH is a case file or a directory of them. It prints every case that
// fails with its reason, and how many passed. The exit code is 0 when every case passed, 1 when one failed, 2 for
// wrong use.
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
	parallel := flags.Int("parallel", 0, "`workers` of each run; 0: one for each processor")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if *data == "" || flags.NArg() == 0 {
		fmt.Fprintln(stderr, "golden: name the datasets' directory with -data, and the files or directories of the cases")
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
