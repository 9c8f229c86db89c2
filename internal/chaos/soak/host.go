package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
	"github.com/researchflow/researchflow/store"
)

// The environment of a host process. hostEnv makes the program one.
const (
	hostEnv  = "RESEARCHFLOW_SOAK_HOST" // the instance's name
	dbEnv    = "RESEARCHFLOW_SOAK_DB"
	leaseEnv = "RESEARCHFLOW_SOAK_LEASE"
	pollEnv  = "RESEARCHFLOW_SOAK_POLL"
	workEnv  = "RESEARCHFLOW_SOAK_WORK"
	shareEnv = "RESEARCHFLOW_SOAK_SHARE" // "i/n": the gates it decides; "": it keeps one step running forever
)

// host is a host process.
type host struct {
	cmd   *exec.Cmd
	stdin io.Closer // the host ends when it is closed
}

// startHost starts a host process: this program again.
func (o options) startHost(ctx context.Context, name, db, share string) (*host, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), hostEnv+"="+name, dbEnv+"="+db, shareEnv+"="+share,
		leaseEnv+"="+o.lease.String(), pollEnv+"="+o.poll.String(), workEnv+"="+o.work.String())
	cmd.Stderr = o.log
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &host{cmd, stdin}, nil
}

// kill ends a host with SIGKILL.
func (h *host) kill() error {
	if err := h.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("a host ended by itself: %w", err)
	}
	if err := h.cmd.Wait(); err == nil {
		return errors.New("a host ended by itself")
	}
	return nil
}

// stop ends a host gracefully.
func (h *host) stop() error {
	return errors.Join(h.stdin.Close(), h.cmd.Wait())
}

// hostMain is a host process; it ends when its input ends.
func hostMain(ctx context.Context, stdin io.Reader) error {
	lease, err1 := time.ParseDuration(os.Getenv(leaseEnv))
	poll, err2 := time.ParseDuration(os.Getenv(pollEnv))
	work, err3 := time.ParseDuration(os.Getenv(workEnv))
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	opts := []orchestrator.Option{
		orchestrator.WithInstance(os.Getenv(hostEnv)), orchestrator.WithLease(lease), orchestrator.WithPoll(poll),
		orchestrator.WithLogger(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))),
	}
	share := os.Getenv(shareEnv)
	if share == "" {
		opts = append(opts, holding(func(string) {}, 1)...)
	} else {
		opts = append(opts, steps(work)...)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, stdin) // the end is what matters
		cancel()
	}()
	// The database may be restarting.
	s, err := again(ctx, func() (*store.Store, error) { return store.Open(ctx, os.Getenv(dbEnv)) })
	if ctx.Err() != nil {
		return nil // it was stopped before it had begun
	}
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	o, err := orchestrator.New(s, opts...)
	if err != nil {
		return err
	}
	if _, err := again(ctx, func() (struct{}, error) { return struct{}{}, o.Start(ctx) }); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	if share != "" {
		decideShare(ctx, o, share)
	}
	<-ctx.Done()
	return o.Stop(context.WithoutCancel(ctx))
}

// again calls f until it succeeds or ctx ends.
func again[T any](ctx context.Context, f func() (T, error)) (T, error) {
	for {
		v, err := f()
		if err == nil || !lifetest.Pause(ctx, 100*time.Millisecond) {
			return v, err
		}
	}
}

// steps take a random time and write one row in the transaction that moves the request on.
func steps(work time.Duration) []orchestrator.Option {
	opts := []orchestrator.Option{
		orchestrator.WithNotifier(orchestrator.NotifierFunc(func(context.Context, orchestrator.Notification) error { return nil })),
	}
	for name, event := range lifetest.Outcomes() {
		opts = append(opts, orchestrator.WithStep(name, orchestrator.StepFunc(func(ctx context.Context, c *orchestrator.StepContext) (orchestrator.StepResult, error) {
			if !lifetest.Pause(ctx, time.Duration(rand.Int64N(int64(work)))) {
				return orchestrator.StepResult{}, ctx.Err()
			}
			r := orchestrator.StepResult{Event: event, Output: map[string]int{"attempt": c.Attempt}}
			switch name {
			case workflow.StepFeasibility:
				r.Feasibility = &orchestrator.FeasibilityReport{Feasible: true, Cohort: 40, MinimumCohort: 10}
			case workflow.StepDelivery:
				r.Delivery = &orchestrator.Delivery{Location: "out", Format: orchestrator.CSV, ManifestSHA256: "00"}
			}
			r.Effect = func(ctx context.Context, tx orchestrator.Tx) error {
				// Ids and names of steps need no quoting.
				_, err := tx.ExecContext(ctx, fmt.Sprintf("INSERT INTO soak_effects VALUES ('%s', '%s', '%s')", c.Request.ID, c.Step, os.Getenv(hostEnv)))
				return err
			}
			return r, nil
		})))
	}
	return opts
}

// decideShare approves the gates of one host's share until ctx ends, and any gate that has been open for 5 s.
func decideShare(ctx context.Context, o *orchestrator.Orchestrator, share string) {
	var i, n uint32
	if _, err := fmt.Sscanf(share, "%d/%d", &i, &n); err != nil || n == 0 {
		return
	}
	var deciders sync.WaitGroup
	defer deciders.Wait()
	gates := make(chan string)
	defer close(gates)
	for range 4 {
		deciders.Go(func() {
			for gate := range gates {
				// What fails is retried with the next list. Repeating a decision that was committed changes nothing.
				_ = o.Decide(ctx, orchestrator.Decision{
					Gate: gate, By: lifetest.Reviewer(), Verdict: orchestrator.Approve, Reason: "as planned",
				})
			}
		})
	}
	for ctx.Err() == nil {
		decided := 0
		for r, err := range o.Inbox(ctx, lifetest.Reviewer().Roles...) {
			if err != nil {
				break
			}
			h := fnv.New32a()
			_, _ = io.WriteString(h, r.ID) // never fails
			if h.Sum32()%n != i && time.Since(r.Gate.OpenedAt) < 5*time.Second {
				continue
			}
			decided++
			select {
			case gates <- r.Gate.ID:
			case <-ctx.Done():
				return
			}
		}
		if decided == 0 {
			lifetest.Pause(ctx, 100*time.Millisecond)
		}
	}
}

func shareOf(i, n int) string { return strconv.Itoa(i) + "/" + strconv.Itoa(n) }
