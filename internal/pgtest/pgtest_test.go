package pgtest

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
)

var pool Pool

func TestMain(m *testing.M) { os.Exit(pool.Main(m)) }

func TestEachTestHasASchemaOfItsOwn(t *testing.T) {
	a, b := pool.URL(t), pool.URL(t)
	for _, u := range []string{a, b} {
		conn, err := pgx.Connect(t.Context(), u)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), "CREATE TABLE x (n integer)"); err != nil {
			t.Error(err)
		}
		if err := conn.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestServerComesBackWithItsData(t *testing.T) {
	s, err := NewServer(t.Context(), Options{})
	Require(t, err)
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	query := func(q string) {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), s.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(t.Context()) }()
		if _, err := conn.Exec(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	query("CREATE TABLE x AS SELECT 1 AS n")
	for _, stop := range []func() error{s.Stop, s.Kill} {
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		query("SELECT 1/n FROM x")
	}
}
