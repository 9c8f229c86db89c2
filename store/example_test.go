package store_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/researchflow/researchflow/store"
)

func ExampleOpen() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	db, err := store.Open(ctx, "sqlite://"+filepath.Join(dir, "rf.db"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(db.Ping(ctx), db.Close())
	_, err = store.Open(ctx, "postgres//user:password@host/db")
	fmt.Println(err)
	// Output:
	// <nil> <nil>
	// store: the database URL does not parse: want sqlite://PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE
}
