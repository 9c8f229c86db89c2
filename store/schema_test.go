package store_test

import (
	"net/url"
	"testing"

	"github.com/researchflow/researchflow/store"
)

// TestOpenInASchemaThatIsThere has a role that may do everything in its schema, and nothing to the database.
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
