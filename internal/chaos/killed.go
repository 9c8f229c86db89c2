package chaos

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/store/storetest"
)

// Killed tests R1 with processes that are killed at every call site of a life. The next process finds a consistent
// database and continues until it is killed itself. In the end the request has ended.
func Killed(t *testing.T, b Backend, reports *Reports) {
	if b.Reopen == nil {
		t.Skip("SKIPPED: the backend cannot be opened by another process")
	}
	for _, mode := range []Mode{Kill, KillAfter} {
		t.Run(strings.ReplaceAll(mode.String(), " ", "-"), func(t *testing.T) {
			t.Parallel()
			w := newFaultWorld(t, b)
			var f Faults
			pending, hit := w.sites(t, &f), map[string]bool{}
			if mode == KillAfter {
				// Only COMMIT changes what the next process finds.
				maps.DeleteFunc(pending, func(s string, _ bool) bool { return !strings.HasSuffix(s, ": "+commit) })
			}
			lives := 0
			for idle := 0; len(pending) > 0 && idle < 2 && !t.Failed(); lives++ {
				before := len(hit)
				w.killedLife(t, b, mode, fmt.Sprint("killed ", lives), pending, hit)
				idle++
				if len(hit) > before {
					idle = 0
				}
			}
			missed(t, pending, hit)
			reportSites(t, b, reports, "every call site in a life", mode, hit, lives)
		})
	}
}

// killedLife starts processes that continue one life, each killed at one of the pending sites, until the request has
// ended.
func (w *faultWorld) killedLife(t *testing.T, b Backend, mode Mode, key string, pending, hit map[string]bool) {
	t.Helper()
	dir := t.TempDir()
	var here []string // where this life was killed
	for {
		sites, log := filepath.Join(dir, "sites"), filepath.Join(dir, "hit")
		if err := os.WriteFile(sites, []byte(strings.Join(slices.Sorted(maps.Keys(pending)), "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd, out, err := startChild(t.Context(), b, "life", w.db.Address(), strconv.Itoa(int(mode)), key, sites, log)
		if err != nil {
			t.Fatal(err)
		}
		err = cmd.Wait()
		if err == nil {
			break
		}
		if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("child: %v: %s\n%s", err, out, strings.Join(here, "\n"))
		}
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatalf("the child was killed by somebody else: %v: %s", err, out)
		}
		if err := os.Remove(log); err != nil {
			t.Fatal(err)
		}
		site := string(text)
		here, hit[site] = append(here, site), true
		delete(pending, site)
		id, err := w.clean.RequestByKey(t.Context(), key)
		if err == nil {
			err = storetest.Check(t.Context(), w.clean, faultDefinition(), id)
		} else if errors.Is(err, orchestrator.ErrNotFound) {
			err = nil // it was killed before the request was there
		}
		if err != nil {
			t.Errorf("%s, at %s: %v", mode, site, err)
			return
		}
	}
	id, err := w.clean.RequestByKey(t.Context(), key)
	if err == nil {
		err = checkLife(t.Context(), w.clean, w.raw, id)
	}
	if err != nil {
		t.Errorf("%s, at\n%s\n%v", mode, strings.Join(here, "\n"), err)
	}
}

// lifeRole continues a life until it is killed at one of the sites that a file lists, one per line. Before that it
// writes the site to another file.
func lifeRole(ctx context.Context, db reopened, args []string) error {
	mode, err1 := strconv.Atoi(args[0])
	text, err2 := os.ReadFile(args[2])
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	f := Faults{log: args[3]}
	f.ArmSites(Mode(mode), strings.Split(string(text), "\n"), nil)
	_, err := faultLife(ctx, db, &f, args[1], &collector{})
	return err
}
