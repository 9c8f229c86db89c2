package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// childEnv tells a child process what to do: role|backend|address|argument|….
const childEnv = "RESEARCHFLOW_CHAOS_CHILD"

// Child must be called first in TestMain of a package that calls [Killed] or [Promises]. In a child process of these it
// does what the parent asked for and exits.
func Child(backends ...Backend) {
	args := strings.Split(os.Getenv(childEnv), "|")
	if len(args) < 3 {
		return
	}
	for _, b := range backends {
		if b.Name != args[1] || b.Reopen == nil {
			continue
		}
		if err := childMain(b, args[0], args[2], args[3:]); err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	fmt.Fprintln(os.Stderr, "child: no such backend")
	os.Exit(1)
}

type reopened struct {
	b       Backend
	address string
}

func (r reopened) Open(ctx context.Context, opt OpenOptions) (Store, error) {
	return r.b.Reopen(ctx, r.address, opt)
}

// childMain runs one role.
func childMain(b Backend, role, address string, args []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	db := reopened{b, address}
	switch role {
	case "life":
		return lifeRole(ctx, db, args)
	case "host":
		return hostRole(ctx, db, args)
	case "reviewers":
		return reviewersRole(ctx, db, args)
	}
	return errors.New("no such role")
}

// startChild starts this test binary again in a role.
func startChild(ctx context.Context, b Backend, role, address string, args ...string) (*exec.Cmd, *logBuffer, error) {
	cmd, out, err := prepareChild(ctx, b, role, address, args...)
	if err != nil {
		return nil, nil, err
	}
	return cmd, out, cmd.Start()
}

func prepareChild(ctx context.Context, b Backend, role, address string, args ...string) (*exec.Cmd, *logBuffer, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	out := &logBuffer{}
	cmd := exec.CommandContext(ctx, exe, "-test.run=^$")
	cmd.Env = append(os.Environ(), childEnv+"="+strings.Join(append([]string{role, b.Name, address}, args...), "|"))
	cmd.Stdout, cmd.Stderr = out, out
	return cmd, out, nil
}

// logBuffer keeps the log of a child process. Any goroutine may use it.
type logBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
