package store_test

import (
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/store"
)

// TestOpenInASchemaThatIsThere opens the store as a role that owns the schema, and has no privileges on the database.
func TestOpenInASchemaThatIsThere(t *testing.T) {
	t.Parallel()
	address := pool.URL(t)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	schema := u.Query().Get("search_path")
	role := "owner_" + schema
	raw, err := database(address).SQL()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = raw.Close() }()
	for _, q := range []string{
		"CREATE ROLE " + role + " LOGIN PASSWORD 'secret'", "ALTER SCHEMA " + schema + " OWNER TO " + role,
	} {
		if _, err := raw.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		raw, err := database(address).SQL()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = raw.Close() }()
		if _, err := raw.Exec("DROP SCHEMA " + schema + " CASCADE; DROP ROLE " + role); err != nil {
			t.Error(err)
		}
	})
	u.User = url.UserPassword(role, "secret")
	s, err := store.Open(t.Context(), u.String())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestSchemasAreSeparate(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(pool.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	mine := query.Get("search_path")
	other := mine + "_other"
	query.Del("search_path")
	u.RawQuery = query.Encode()
	t.Cleanup(func() {
		raw, err := database(u.String()).SQL()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = raw.Close() }()
		if _, err := raw.Exec("DROP SCHEMA IF EXISTS " + other + " CASCADE"); err != nil {
			t.Error(err)
		}
	})
	stores := map[string]*store.Store{}
	for _, schema := range []string{mine, other} {
		stores[schema] = openStore(t, u.String(), store.WithSchema(schema))
	}
	lifetest.Submit(t, lifetest.New(t, stores[mine]), "mine")
	for schema, want := range map[string][]string{mine: {"mine"}, other: {}} {
		if diff := cmp.Diff(want, lifetest.Titles(t, stores[schema], orchestrator.Query{})); diff != "" {
			t.Errorf("%s: %s", schema, diff)
		}
		var there bool
		row := stores[mine].DB().QueryRowContext(t.Context(), "SELECT to_regclass('"+schema+".requests') IS NOT NULL")
		if err := row.Scan(&there); err != nil || !there {
			t.Errorf("table requests in schema %s: %v, %v; want true", schema, there, err)
		}
	}
	for _, bad := range []string{"", "Upper", "two, schemas", `q"uote`} {
		if s, err := store.Open(t.Context(), u.String(), store.WithSchema(bad)); err == nil {
			_ = s.Close()
			t.Errorf("schema %q: no error", bad)
		}
	}
}
