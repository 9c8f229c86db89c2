package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"github.com/researchflow/researchflow/internal/pgtest"
)

func TestMain(m *testing.M) {
	if os.Getenv(hostEnv) != "" {
		os.Exit(run(context.Background(), nil, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// command runs the program and returns what it prints.
func command(t *testing.T, args ...string) string {
	t.Helper()
	server, err := pgtest.NewServer(t.Context(), pgtest.Options{}) // says whether there can be one
	pgtest.Require(t, err)
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	var out, faults bytes.Buffer
	if code := run(t.Context(), args, &out, &faults); code != 0 || faults.Len() > 0 {
		t.Fatalf("exit %d: %s\n%s", code, &faults, &out)
	}
	t.Log(out.String())
	return out.String()
}

func TestNothingIsLost(t *testing.T) {
	out := command(t, "-n", "20", "-hosts", "2", "-kill-every", "300ms", "-restarts", "1", "-lease", "2s", "-poll", "200ms")
	for _, want := range []string{"20 requests ended", "none lost, none doubled: 20 histories complete", "1 restarts of the database"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	if strings.Contains(out, "\n0 kills of a host") {
		t.Errorf("no host was killed:\n%s", out)
	}
}

func TestTakeovers(t *testing.T) {
	out := command(t, "-takeover", "3", "-lease", "2s", "-poll", "200ms", "-limit", "1m") // a busy machine adds to it
	if !strings.Contains(out, "3 takeovers after kill -9, lease 2s, poll 200ms: min ") {
		t.Error(out)
	}
}

func TestFlags(t *testing.T) {
	for _, args := range [][]string{{"-n", "0"}, {"x"}, {"-nonsense"}, {"-kill-every", "0s"}} {
		var out, faults bytes.Buffer
		if code := run(t.Context(), args, &out, &faults); code != 2 || faults.Len() == 0 {
			t.Errorf("%v: exit %d, %q; want 2 and a line", args, code, &faults)
		}
	}
}
