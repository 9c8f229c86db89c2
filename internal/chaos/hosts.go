package chaos

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// holdStep runs until its context ends or a file appears; then it succeeds.
func holdStep(file string) orchestrator.StepHandler {
	return orchestrator.StepFunc(func(ctx context.Context, c *orchestrator.StepContext) (orchestrator.StepResult, error) {
		if err := awaitFile(ctx, file); err != nil {
			return orchestrator.StepResult{}, err
		}
		return orchestrator.StepResult{Event: "done", Effect: func(ctx context.Context, tx orchestrator.Tx) error {
			return countEffect(ctx, c, tx)
		}}, nil
	})
}

// hostRole is a host that runs the step "do" of every request. Its arguments are the lease and the poll interval in ms,
// and the file that lets steps end.
func hostRole(ctx context.Context, db reopened, args []string) error {
	lease, err1 := strconv.Atoi(args[0])
	poll, err2 := strconv.Atoi(args[1])
	s, err3 := db.Open(ctx, OpenOptions{})
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	o, err := orchestrator.New(s, hostOptions(lease, poll, args[2], orchestrator.WithInstance("child"),
		orchestrator.WithLogger(slog.New(slog.NewTextHandler(os.Stdout, nil))))...)
	if err != nil {
		return err
	}
	if err := o.Start(ctx); err != nil {
		return err
	}
	if err := awaitFile(ctx, args[2]+".stop"); err != nil {
		return err
	}
	return o.Stop(ctx)
}

// awaitFile waits until another process creates a file.
func awaitFile(ctx context.Context, file string) error {
	return lifetest.Poll(ctx, func() (bool, error) {
		_, err := os.Stat(file)
		return err == nil, nil
	})
}

func hostOptions(leaseMillis, pollMillis int, file string, opts ...orchestrator.Option) []orchestrator.Option {
	return append([]orchestrator.Option{
		orchestrator.WithDefinition(oneStep(workflow.DefaultRetry())),
		orchestrator.WithStep("do", holdStep(file), orchestrator.StepConcurrency(50)),
		orchestrator.WithLease(time.Duration(leaseMillis) * time.Millisecond),
		orchestrator.WithPoll(time.Duration(pollMillis) * time.Millisecond),
	}, opts...)
}

// takeoverEnv is an environment variable. If it is set, the takeover test uses the default lease (15 s) and poll
// interval (1 s) and 20 owners; otherwise 1 s, 100 ms and 4.
const takeoverEnv = "RESEARCHFLOW_TAKEOVER"

// slack is how much later than promised something may happen because the machine is busy with other tests. It is small
// if times are measured (takeoverEnv).
func slack() time.Duration {
	if os.Getenv(takeoverEnv) != "" {
		return 500 * time.Millisecond
	}
	return 10 * time.Second
}

// takenOver is R2.
func takenOver(t *testing.T, b Backend) (int, int) {
	lease, poll, owners := 1000, 100, 4
	if os.Getenv(takeoverEnv) != "" {
		lease, poll, owners = 15000, 1000, 20
	}
	if b.Reopen == nil {
		t.Skip("SKIPPED: the backend cannot be opened by another process")
	}
	db, _ := faultDatabase(t, b)
	s := another(t, db)
	file := t.TempDir() + "/go"
	o := lifetest.New(t, s, hostOptions(lease, poll, file, orchestrator.WithInstance("parent"))...)
	ids := make([]string, owners)
	for i := range ids {
		ids[i] = lifetest.Submit(t, o, fmt.Sprint("takeover ", i))
	}
	cmd, out, err := startChild(t.Context(), b, "host", db.Address(), strconv.Itoa(lease), strconv.Itoa(poll), file)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		await(t, o, id, "the child runs the step", waitLong, func(r *orchestrator.Request) bool {
			return r.Step != nil && r.Step.Status == orchestrator.StepRunning
		})
	}
	start(t, o)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	if err := cmd.Wait(); err == nil {
		t.Errorf("the child ended by itself: %s", out)
	}
	limit := time.Duration(lease+poll)*time.Millisecond + slack()
	var longest time.Duration
	for _, id := range ids {
		await(t, o, id, "taken over", limit+waitLong, func(r *orchestrator.Request) bool {
			return r.Step != nil && r.Step.Owner == "parent" && r.Step.Status == orchestrator.StepRunning
		})
		took := time.Since(killed)
		longest = max(longest, took)
		t.Logf("taken over after %v", took.Round(time.Millisecond))
	}
	if longest > limit {
		t.Errorf("taken over after %v, want within %v", longest, limit)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		await(t, o, id, "ended", waitLong, func(r *orchestrator.Request) bool { return !r.Live() })
		checkRequest(t, s, oneStep(workflow.DefaultRetry()), id)
	}
	return owners, owners
}

// fenced is R3.
func fenced(t *testing.T, b Backend) (int, int) {
	if b.Reopen == nil {
		t.Skip("SKIPPED: the backend cannot be opened by another process")
	}
	db, raw := faultDatabase(t, b)
	s := another(t, db)
	dir := t.TempDir()
	theirs, ours := dir+"/theirs", dir+"/ours"
	o := lifetest.New(t, s, hostOptions(500, 50, ours, orchestrator.WithInstance("parent"))...)
	id := lifetest.Submit(t, o, "fencing")
	cmd, out, err := startChild(t.Context(), b, "host", db.Address(), "500", "50", theirs)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	await(t, o, id, "the child runs the step", waitLong, func(r *orchestrator.Request) bool {
		return r.Step != nil && r.Step.Status == orchestrator.StepRunning
	})
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	start(t, o)
	await(t, o, id, "taken over", waitLong, func(r *orchestrator.Request) bool {
		return r.Step != nil && r.Step.Owner == "parent" && r.Step.Status == orchestrator.StepRunning
	})
	// The child wakes up in a step that succeeds now.
	write(t, theirs)
	if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	write(t, theirs+".stop")
	if err := cmd.Wait(); err != nil {
		t.Errorf("child: %v: %s", err, out)
	}
	if r := lifetest.Status(t, o, id); !r.Live() {
		t.Errorf("the child's write was taken: %s", out)
	}
	write(t, ours)
	await(t, o, id, "ended", waitLong, func(r *orchestrator.Request) bool { return !r.Live() })
	checkRequest(t, s, oneStep(workflow.DefaultRetry()), id)
	var effects int
	if err := raw.QueryRowContext(t.Context(), "SELECT count(*) FROM chaos_effects WHERE request_id = '"+id+"'").Scan(&effects); err != nil || effects != 1 {
		t.Errorf("%d effects (%v), want 1; child: %s", effects, err, out)
	}
	return 1, 1
}

func write(t testing.TB, file string) {
	t.Helper()
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// handedBack is R11.
func handedBack(t *testing.T, b Backend) (int, int) {
	db, s := open(t, b)
	const steps = 5
	hold := func(started *atomic.Int64) orchestrator.StepHandler {
		return orchestrator.StepFunc(func(ctx context.Context, _ *orchestrator.StepContext) (orchestrator.StepResult, error) {
			started.Add(1)
			<-ctx.Done()
			return orchestrator.StepResult{}, ctx.Err()
		})
	}
	host := func(name string, started *atomic.Int64) *orchestrator.Orchestrator {
		return lifetest.New(t, another(t, db), orchestrator.WithInstance(name), orchestrator.WithPoll(200*time.Millisecond),
			orchestrator.WithDefinition(oneStep(workflow.DefaultRetry())), orchestrator.WithStep("do", hold(started), orchestrator.StepConcurrency(steps)))
	}
	var one, two atomic.Int64
	first, second := host("first", &one), host("second", &two)
	start(t, first)
	ids := make([]string, steps)
	for i := range ids {
		ids[i] = lifetest.Submit(t, first, fmt.Sprint("stop ", i))
	}
	for _, id := range ids {
		await(t, first, id, "running", waitLong, func(r *orchestrator.Request) bool {
			return r.Step.Status == orchestrator.StepRunning
		})
	}
	start(t, second)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	begin := time.Now()
	if err := first.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if err := first.Stop(ctx); err != nil {
		t.Errorf("second Stop: %v", err)
	}
	for _, id := range ids {
		r := await(t, second, id, "running on the second host", waitLong, func(r *orchestrator.Request) bool {
			return r.Step.Status == orchestrator.StepRunning && r.Step.Owner == "second"
		})
		if r.Step.Lost != 0 || r.Step.Failed != 0 {
			t.Errorf("a graceful stop counts as lost %d, failed %d", r.Step.Lost, r.Step.Failed)
		}
	}
	took := time.Since(begin)
	t.Logf("running again after %v", took.Round(time.Millisecond))
	if took > time.Second+slack() {
		t.Errorf("running again after %v, want within 1 s", took)
	}
	for _, id := range ids {
		checkRequest(t, s, oneStep(workflow.DefaultRetry()), id)
	}
	return steps, 1
}

// failsForGood is R12.
func failsForGood(t *testing.T, b Backend) (int, int) {
	def := oneStep(workflow.RetryPolicy{
		Attempts: 3, Backoff: workflow.Duration(time.Millisecond), MaxBackoff: workflow.Duration(4 * time.Millisecond),
		Timeout: workflow.Duration(50 * time.Millisecond),
	})
	tests := []struct {
		name, class string
		attempts    int
		run         orchestrator.StepFunc
	}{
		{"panics", "panic", 3, func(context.Context, *orchestrator.StepContext) (orchestrator.StepResult, error) {
			panic("with a value that must not be stored: Jane Doe")
		}},
		{"fails", "error", 3, func(context.Context, *orchestrator.StepContext) (orchestrator.StepResult, error) {
			return orchestrator.StepResult{}, errors.New("no such server")
		}},
		{"fails permanently", "error", 1, func(context.Context, *orchestrator.StepContext) (orchestrator.StepResult, error) {
			return orchestrator.StepResult{}, orchestrator.Permanent(errors.New("wrong view"))
		}},
		{"takes too long", "timeout", 3, func(ctx context.Context, _ *orchestrator.StepContext) (orchestrator.StepResult, error) {
			<-ctx.Done()
			return orchestrator.StepResult{}, ctx.Err()
		}},
		{"has an outcome nobody knows", "outcome", 1, func(context.Context, *orchestrator.StepContext) (orchestrator.StepResult, error) {
			return orchestrator.StepResult{Event: "surprise"}, nil
		}},
		{"has an output that is no JSON", "outcome", 1, func(context.Context, *orchestrator.StepContext) (orchestrator.StepResult, error) {
			return orchestrator.StepResult{Event: "done", Output: func() {}}, nil
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, s := open(t, b)
			o := lifetest.New(t, s, orchestrator.WithDefinition(def), orchestrator.WithStep("do", tt.run))
			id := lifetest.Submit(t, o, tt.name)
			for deadline := time.Now().Add(20 * time.Second); lifetest.Status(t, o, id).State == "work" && time.Now().Before(deadline); {
				if err := o.Drain(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if r := lifetest.Status(t, o, id); r.State != "review" {
				t.Fatalf("state: got %s, want review", r.State)
			}
			all, err := s.Executions(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			if len(all) != tt.attempts {
				t.Errorf("attempts: got %d, want %d", len(all), tt.attempts)
			}
			for _, e := range all {
				if e.Status != orchestrator.StepFailed || e.ErrorClass != tt.class {
					t.Errorf("attempt %d: %s %s (%s), want failed %s", e.Attempt, e.Status, e.ErrorClass, e.ErrorText, tt.class)
				}
				if tt.class == "panic" && e.ErrorText != "orchestrator: the step panicked" {
					t.Errorf("error text: %q holds more than it may", e.ErrorText)
				}
			}
			boss := orchestrator.Actor{ID: "b", Name: "Boss", Roles: []string{"boss"}}
			if err := o.Retry(t.Context(), id, boss, "it works now"); err != nil {
				t.Fatal(err)
			}
			if r := lifetest.Status(t, o, id); r.State != "work" || r.Step.Attempt != 1 {
				t.Errorf("after Retry: %s, attempt %d; want work, 1", r.State, r.Step.Attempt)
			}
			checkRequest(t, s, def, id)
		})
	}
	t.Run("loses its host", func(t *testing.T) { losesItsHost(t, b) })
	return len(tests) + 1, len(tests) + 1
}

// losesItsHost makes every host lose its lease while it runs the step.
func losesItsHost(t *testing.T, b Backend) {
	const takeovers = 2
	def := oneStep(workflow.RetryPolicy{Attempts: 1, Takeovers: takeovers})
	_, s := open(t, b)
	o := lifetest.New(t, s, orchestrator.WithDefinition(def), orchestrator.WithStep("do", orchestrator.StepFunc(
		func(ctx context.Context, c *orchestrator.StepContext) (orchestrator.StepResult, error) {
			x := c.Request.Step
			err := s.ReleaseLease(ctx, orchestrator.Lease{Execution: x.ID, Owner: x.Owner, Token: c.Token})
			return orchestrator.StepResult{Event: "done"}, err
		})))
	id := lifetest.Submit(t, o, "loses its host")
	await(t, o, id, "in review", waitLong, func(r *orchestrator.Request) bool {
		if err := o.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		return r.State == "review"
	})
	all, err := s.Executions(t.Context(), id)
	if err != nil || len(all) != takeovers+1 {
		t.Errorf("attempts: %d, %v; want %d", len(all), err, takeovers+1)
	}
	for i, e := range all {
		if e.Status != orchestrator.StepLost || e.ErrorClass != "lost" || e.Lost != i {
			t.Errorf("attempt %d: %s %s, %d lost before; want lost, lost, %d", e.Attempt, e.Status, e.ErrorClass, e.Lost, i)
		}
	}
	checkRequest(t, s, def, id)
}
