package store

import (
	"context"
	"reflect"
	"strconv"
	"strings"

	"github.com/uptrace/bun"
)

// prepared are the arguments of a statement that PostgreSQL is to keep prepared, because its text comes again and again.
// The texts that bun makes have values inside, and do not.
func (s *Store) prepared(args []any) []any {
	if !s.postgres() {
		return args
	}
	return append([]any{s.mode}, args...)
}

// placeholder stands for argument number i, which is v, in a text for [Store.query]. SQLite has the value inside: it keeps no
// statements, and parses one whose arguments matter to its plan twice.
func (s *Store) placeholder(i int, v any) bun.Safe {
	if s.postgres() {
		return bun.Safe("$" + strconv.Itoa(i))
	}
	return bun.Safe(s.write.QueryGen().FormatQuery("?", v))
}

// query scans the rows of a prepared statement into a model or a slice of them.
func (s *Store) query(ctx context.Context, db *bun.DB, into any, text string, args ...any) error {
	if !s.postgres() {
		args = nil
	}
	rows, err := db.DB.QueryContext(ctx, text, s.prepared(args)...)
	if forgotten(err) {
		rows, err = db.DB.QueryContext(ctx, text, s.prepared(args)...)
	}
	if err != nil {
		return err
	}
	return db.ScanRows(ctx, rows, into)
}

// columns names the columns of a model: a newer program may have added others to the table.
func columns[R any](s *Store) string {
	var names []string
	for _, f := range s.write.Table(reflect.TypeFor[R]()).Fields {
		names = append(names, string(f.SQLName))
	}
	return strings.Join(names, ", ")
}
