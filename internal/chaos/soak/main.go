// Command soak shows that no request is lost or duplicated under load. It starts its own PostgreSQL and host processes
// that answer requests, kills a host every few seconds (SIGKILL) and starts it again, and restarts the database. In the
// end it reads everything: all requests, each step's effect once, every history complete, every audit chain verified.
//
//	go run ./internal/chaos/soak                    300 requests, three hosts, two restarts of the database
//	go run ./internal/chaos/soak -n 10000
//	go run ./internal/chaos/soak -takeover 20       how long 20 takeovers of the steps of killed hosts take
//
// It needs PostgreSQL's server programs (see package pgtest) and exits with 1 if a check fails.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/researchflow/researchflow/internal/pgtest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// options are the flags.
type options struct {
	n, hosts, restarts, takeover int
	killEvery, work, lease, poll time.Duration
	limit                        time.Duration // of a takeover
	fsync                        bool
	log                          io.Writer // what the hosts log
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if os.Getenv(hostEnv) != "" {
		if err := hostMain(ctx, os.Stdin); err != nil {
			fmt.Fprintln(stderr, "soak host:", err)
			return 1
		}
		return 0
	}
	o := options{log: io.Discard}
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.n, "n", 300, "`number` of requests")
	flags.IntVar(&o.hosts, "hosts", 3, "`number` of host processes")
	flags.IntVar(&o.restarts, "restarts", 2, "how often the database is restarted: stopped and killed in turn")
	flags.DurationVar(&o.killEvery, "kill-every", 3*time.Second, "`time` between kills of a host")
	flags.DurationVar(&o.work, "work", 20*time.Millisecond, "`time` a step takes at most")
	flags.DurationVar(&o.lease, "lease", 15*time.Second, "lease of a step")
	flags.DurationVar(&o.poll, "poll", time.Second, "poll interval of a host")
	flags.BoolVar(&o.fsync, "fsync", true, "have each commit wait for the disk")
	flags.IntVar(&o.takeover, "takeover", 0, "`number` of takeovers to measure, instead of all that")
	flags.DurationVar(&o.limit, "limit", 16*time.Second, "`time` that a takeover may take: lease and poll interval, by promise")
	verbose := flags.Bool("v", false, "show what the hosts log")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	if flags.NArg() > 0 || o.n < 1 || o.hosts < 1 || o.restarts < 0 || o.takeover < 0 || o.killEvery <= 0 || o.work <= 0 {
		fmt.Fprintln(stderr, "soak: a number is out of range, or an argument is not a flag (-help lists the flags)")
		return 2
	}
	if *verbose {
		o.log = stderr
	}
	if err := o.on(ctx, stdout); err != nil {
		fmt.Fprintln(stderr, "soak:", err)
		return 1
	}
	return 0
}

// on starts the database and runs the soak or the takeovers.
func (o options) on(ctx context.Context, out io.Writer) (err error) {
	server, err := pgtest.NewServer(ctx, pgtest.Options{Fsync: o.fsync})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	if o.takeover > 0 {
		return o.takeovers(ctx, server.URL, out)
	}
	return o.soak(ctx, server, out)
}
