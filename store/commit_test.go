package store_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/audit"
	"github.com/researchflow/researchflow/store"
	"github.com/researchflow/researchflow/store/storetest"
)

// TestTextsOfCommits: the SQL of a commit repeats from request to request, so that a database that keeps what it parsed keeps
// few of them; and it holds no values.
func TestTextsOfCommits(t *testing.T) {
	each(t, func(t *testing.T, b storetest.Backend) {
		r := &tape{transitions: map[string][][]sent{}, recording: true}
		s, err := b.New(t).Open(t.Context(), storetest.OpenOptions{Wrap: r.wrap})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		o := newOrchestrator(t, s, append(storetest.Steps(nil), orchestrator.WithAuditSink(audit.SinkFunc(func(context.Context, audit.Sealed) error { return nil })))...)
		texts := map[string]int{}
		for life := range 3 {
			id, err := storetest.Live(t.Context(), o, storetest.Sample(fmt.Sprint("life ", life)))
			if err != nil {
				t.Fatal(err)
			}
			before := len(texts)
			r.mu.Lock()
			for _, tx := range r.transitions[id] {
				for _, st := range tx {
					if len(st.args) > 0 {
						texts[st.query]++
					}
				}
			}
			r.mu.Unlock()
			if n := len(texts) - before; life == 0 && n == 0 || life > 0 && n > 0 {
				t.Errorf("life %d: %d new texts of %d", life, n, len(texts))
			}
		}
		for text := range texts {
			for _, m := range regexp.MustCompile(`'([^']*)'`).FindAllStringSubmatch(text, -1) {
				if !slices.Contains([]string{"", "ready", "running", "paused", "open"}, m[1]) {
					t.Errorf("a statement holds %q: %s", m[1], text)
				}
			}
			if regexp.MustCompile(`[ (]\d`).MatchString(strings.ReplaceAll(strings.ReplaceAll(text, "token + 1", ""), "RETURNING 1", "")) {
				t.Errorf("a statement holds a number: %s", text)
			}
		}
	})
}

// TestCommitsOnNewTables: what a connection has parsed was for tables, or statements, that are gone.
func TestCommitsOnNewTables(t *testing.T) {
	each(t, func(t *testing.T, b storetest.Backend) {
		db := b.New(t).(database)
		s := openStore(t, string(db), store.WithMaxConns(1))
		for _, title := range []string{"first", "second"} {
			o := newOrchestrator(t, s, storetest.Steps(nil)...)
			id, err := storetest.Live(t.Context(), o, storetest.Sample(title))
			if err != nil {
				t.Fatal(err)
			}
			if err := storetest.Check(t.Context(), s, orchestrator.DefaultDefinition(), id); err != nil {
				t.Error(err)
			}
			other, err := store.Open(t.Context(), string(db))
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(other.MigrateDown(t.Context(), 0), other.Migrate(t.Context()), other.Close()); err != nil {
				t.Fatal(err)
			}
		}
	})
}
