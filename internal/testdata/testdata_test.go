package testdata

import (
	"os"
	"path/filepath"
	"testing"
)

func TestRootHoldsTheModule(t *testing.T) {
	if _, err := os.Stat(filepath.Join(Root(t), "go.mod")); err != nil {
		t.Errorf("Root: no go.mod: %v", err)
	}
}

func TestSharedHonoursTheEnvironment(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "case.json"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("RESEARCHFLOW_CONFORMANCE", dir)
	if got, want := Shared(t, "conformance", "case.json"), filepath.Join(dir, "case.json"); got != want {
		t.Errorf("Shared = %s, want %s", got, want)
	}
}
