package chaos

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSites(t *testing.T) {
	t.Parallel()
	op := operationOf(Label(t.Context(), "submit"))
	var got []string
	for _, call := range []string{
		connect, "exec SELECT", connect, begin, "exec SELECT", "exec INSERT audit", "exec INSERT audit", commit,
		connect, begin, "exec INSERT audit", commit, connect, begin, commit,
	} {
		got = append(got, op.site(call))
	}
	want := []string{
		"submit: connect", "submit: exec SELECT", "submit: connect (2)", "submit: begin", "submit: exec SELECT (2)",
		"submit: exec INSERT audit", "submit: exec INSERT audit", "submit: commit",
		"submit: connect (2)", "submit: begin (2)", "submit: exec INSERT audit (2)", "submit: commit (2)",
		"submit: connect (2)", "submit: begin (2)", "submit: commit (2)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestCallsWithoutALabelAreReported(t *testing.T) {
	t.Parallel()
	var f Faults
	f.Arm(0, 0)
	call := func() error { return nil }
	for _, name := range []string{"query SELECT requests", connect} {
		if err := f.do(operationOf(t.Context()), name, call); err != nil {
			t.Error(err)
		}
	}
	if err := f.do(operationOf(Label(t.Context(), "submit")), "query SELECT requests", call); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"query SELECT requests"}, f.Unlabelled()); diff != "" {
		t.Error(diff)
	}
}
