package store

import (
	"context"
	"database/sql"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"

	"github.com/researchflow/researchflow/orchestrator"
)

// batch collects the statements of one commit: their text and, separately, their arguments. The text depends on which
// parts the commit has, never on values. So PostgreSQL parses and plans each text once per connection, and statement
// logs show nothing of a request.
//
// On PostgreSQL [batch.flush] sends all statements as one, which saves round trips. PostgreSQL runs those that must
// touch a row first, in order. No statement sees the changes of another, so no two of them may change the same row. On
// SQLite, which runs in this process, each statement is run at once.
type batch struct {
	store *Store
	tx    bun.Tx

	text  []byte
	args  []any
	parts []part
}

// part is one statement of a batch.
type part struct {
	// must is the error of the batch unless the statement touches exactly one row. nil: it may touch any number.
	must error
	// table is the table of an insertion. taken is the error of the batch if a row with the same key exists.
	table string
	taken error
}

// run adds a statement in which each ? stands for the next argument.
func (b *batch) run(ctx context.Context, must error, text string, args ...any) error {
	b.begin(part{must: must})
	b.add(text, args...)
	return b.end(ctx)
}

// begin begins a statement, [batch.add] adds text to it, and [batch.end] ends it.
func (b *batch) begin(p part) {
	if b.store.postgres() {
		if len(b.parts) > 0 {
			b.text = append(b.text, ", "...)
		}
		b.text = strconv.AppendInt(append(b.text, 's'), int64(len(b.parts)), 10)
		b.text = append(b.text, " AS ("...)
	}
	b.parts = append(b.parts, p)
}

func (b *batch) add(text string, args ...any) {
	for _, v := range args {
		before, after, _ := strings.Cut(text, "?")
		b.text = append(b.text, before...)
		b.arg(v)
		text = after
	}
	b.text = append(b.text, text...)
}

func (b *batch) arg(v any) {
	b.args = append(b.args, v)
	if b.store.postgres() {
		b.text = strconv.AppendInt(append(b.text, '$'), int64(len(b.args)), 10)
	} else {
		b.text = append(b.text, '?')
	}
}

func (b *batch) end(ctx context.Context) error {
	p := b.parts[len(b.parts)-1]
	if b.store.postgres() {
		if p.must != nil {
			b.text = append(b.text, " RETURNING 1"...)
		}
		b.text = append(b.text, ')')
		return nil
	}
	res, err := b.tx.Tx.ExecContext(ctx, string(b.text), b.args...)
	b.reset()
	switch {
	case p.taken != nil && uniqueViolation(err):
		return p.taken
	case p.must == nil:
		return err
	}
	return exactlyOne(res, err, p.must)
}

func (b *batch) reset() { b.text, b.args, b.parts = b.text[:0], b.args[:0], b.parts[:0] }

// flush runs the collected statements on PostgreSQL.
func (b *batch) flush(ctx context.Context) error {
	if len(b.parts) == 0 {
		return nil
	}
	text := append([]byte("WITH "), b.text...)
	text = append(text, " SELECT ''"...)
	for i, p := range b.parts {
		if p.must != nil {
			text = append(text, " || (SELECT count(*) FROM s"...)
			text = append(strconv.AppendInt(text, int64(i), 10), ')')
		}
	}
	var touched string
	if err := b.tx.Tx.QueryRowContext(ctx, string(text), b.store.prepared(b.args)...).Scan(&touched); err != nil {
		return b.failed(err)
	}
	for _, p := range b.parts {
		if p.must == nil {
			continue
		}
		if touched[0] != '1' {
			return p.must
		}
		touched = touched[1:]
	}
	b.reset()
	return nil
}

// failed maps an error of the whole batch to the error of the part that caused it.
func (b *batch) failed(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	// The request does not exist, so its update touched no row and the other rows refer to nothing.
	if pg.Code == "23503" && strings.HasSuffix(pg.ConstraintName, "_request_id_fkey") && b.parts[0].must == orchestrator.ErrConflict {
		return orchestrator.ErrConflict
	}
	if !uniqueViolation(err) {
		return err
	}
	for _, p := range b.parts {
		if p.table == pg.TableName && p.taken != nil {
			return p.taken
		}
	}
	return err
}

// exactlyOne returns otherwise unless a statement touched exactly one row.
func exactlyOne(res sql.Result, err, otherwise error) error {
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n != 1 {
		err = otherwise
	}
	return err
}

// insert adds the insertion of rows, which are bun models.
func insert[R any](ctx context.Context, b *batch, rows ...R) error {
	if len(rows) == 0 {
		return nil
	}
	return insertOr(ctx, b, nil, orchestrator.ErrConflict, rows)
}

// PostgreSQL takes 65535 arguments in one statement, SQLite 32766.
const (
	maxRows = 500   // of one insertion
	maxArgs = 20000 // of a batch, before another insertion is added
)

// insertOr is like insert, with another error if a row with the same key exists.
func insertOr[R any](ctx context.Context, b *batch, must, taken error, rows []R) error {
	for piece := range slices.Chunk(rows, maxRows) {
		if len(b.args) > maxArgs {
			if err := b.flush(ctx); err != nil {
				return err
			}
		}
		if err := insertPiece(ctx, b, must, taken, piece); err != nil {
			return err
		}
	}
	return nil
}

func insertPiece[R any](ctx context.Context, b *batch, must, taken error, rows []R) error {
	table := b.store.write.Table(reflect.TypeFor[R]())
	b.begin(part{must: must, table: table.Name, taken: taken})
	b.add("INSERT INTO " + string(table.SQLName) + " (")
	for i, f := range table.Fields {
		if i > 0 {
			b.add(", ")
		}
		b.add(string(f.SQLName))
	}
	b.add(") VALUES ")
	for i := range rows {
		if i > 0 {
			b.add(", ")
		}
		for j, f := range table.Fields {
			b.add([]string{"(", ", "}[min(j, 1)])
			b.arg(value(f, reflect.ValueOf(&rows[i]).Elem()))
		}
		b.add(")")
	}
	return b.end(ctx)
}

// set adds "column = value, ..." for columns of a bun model.
func set[R any](b *batch, row *R, columns ...string) {
	table := b.store.write.Table(reflect.TypeFor[R]())
	for i, name := range columns {
		if i > 0 {
			b.add(", ")
		}
		f := table.FieldMap[name]
		b.add(string(f.SQLName)+" = ?", value(f, reflect.ValueOf(row).Elem()))
	}
}

// value is a field of a row as an argument.
func value(f *schema.Field, row reflect.Value) any {
	if f.NullZero && f.HasZeroValue(row) {
		return nil
	}
	return f.Value(row).Interface()
}
