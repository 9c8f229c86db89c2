package store

import (
	"context"
	"reflect"
	"strconv"
	"strings"

	"github.com/uptrace/bun"
)

// prepared returns the arguments of a statement that PostgreSQL keeps prepared, because the same text is used again and
// again. The texts that bun formats contain values and are different each time.
func (s *Store) prepared(args []any) []any {
	if !s.postgres() {
		return args
	}
	return append([]any{s.mode}, args...)
}

// placeholder stands for argument number i, with value v, in a text for [Store.query]. On SQLite it is the value
// itself: SQLite keeps no prepared statements here, and parses a statement twice if arguments matter to its plan.
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
	if deallocated(err) {
		rows, err = db.DB.QueryContext(ctx, text, s.prepared(args)...)
	}
	if err != nil {
		return err
	}
	return db.ScanRows(ctx, rows, into)
}

// columns lists the columns of a model. The table can have more: a newer program may have added them.
func columns[R any](s *Store) string {
	var names []string
	for _, f := range s.write.Table(reflect.TypeFor[R]()).Fields {
		names = append(names, string(f.SQLName))
	}
	return strings.Join(names, ", ")
}
