package store

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/uptrace/bun"
)

type migrationsFS interface {
	fs.ReadDirFS
	fs.ReadFileFS
}

//go:embed migrations
var embedded embed.FS

type migration struct {
	version  int
	name     string
	up, down string
	checksum string // SHA-256 of up, hex
}

type migrationRow struct {
	bun.BaseModel `bun:"table:schema_migrations,alias:m"`

	Version   int `bun:",pk"`
	Name      string
	Checksum  string
	AppliedAt stamp
}

var migrationFile = regexp.MustCompile(`^(\d{4})_([a-z0-9_]+)\.(up|down)\.sql$`)

// list returns the migrations for this database in order.
func (s *Store) list() ([]migration, error) {
	dir := "migrations/sqlite"
	if s.postgres() {
		dir = "migrations/postgres"
	}
	files, err := s.opt.migrations.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("store: migrations: %w", err)
	}
	byVersion := map[int]*migration{}
	for _, f := range files {
		m := migrationFile.FindStringSubmatch(f.Name())
		if m == nil {
			return nil, fmt.Errorf("store: migrations: %s is not named NNNN_name.up.sql or .down.sql", f.Name())
		}
		text, err := s.opt.migrations.ReadFile(dir + "/" + f.Name())
		if err != nil {
			return nil, fmt.Errorf("store: migrations: %w", err)
		}
		version, _ := strconv.Atoi(m[1])
		if byVersion[version] == nil {
			byVersion[version] = &migration{version: version, name: m[2]}
		}
		if m[3] == "up" {
			sum := sha256.Sum256(text)
			byVersion[version].up, byVersion[version].checksum = string(text), hex.EncodeToString(sum[:])
		} else {
			byVersion[version].down = string(text)
		}
	}
	var all []migration
	for v := 1; v <= len(byVersion); v++ {
		m := byVersion[v]
		if m == nil || m.up == "" || m.down == "" {
			return nil, fmt.Errorf("store: migrations: number %d is missing, or has no up or down file", v)
		}
		all = append(all, *m)
	}
	return all, nil
}

// Migrate brings the tables up to date in one transaction. If two hosts migrate at once, one waits for the other. It
// fails if the database has a newer version, or if a migration was changed after it had been applied.
func (s *Store) Migrate(ctx context.Context) error {
	all, err := s.list()
	if err != nil {
		return err
	}
	return s.guarded(ctx, func(ctx context.Context, tx bun.Tx) error {
		done, err := s.applied(ctx, tx, all)
		if err != nil {
			return err
		}
		for _, m := range all[done:] {
			if _, err := tx.Tx.ExecContext(ctx, m.up); err != nil {
				return fmt.Errorf("store: migration %04d_%s: %w", m.version, m.name, err)
			}
			row := migrationRow{Version: m.version, Name: m.name, Checksum: m.checksum}
			_, err := tx.NewInsert().Model(&row).Value("applied_at", "?", s.now()).Exec(ctx)
			if err != nil {
				return wrap("migrate", err)
			}
		}
		return nil
	})
}

// MigrateDown reverts the tables to a version. Version 0 removes all tables with their data.
func (s *Store) MigrateDown(ctx context.Context, version int) error {
	all, err := s.list()
	if err != nil {
		return err
	}
	if version < 0 || version > len(all) {
		return fmt.Errorf("store: migrations: there is no version %d", version)
	}
	return s.guarded(ctx, func(ctx context.Context, tx bun.Tx) error {
		done, err := s.applied(ctx, tx, all)
		if err != nil {
			return err
		}
		for _, m := range slices.Backward(all[min(version, done):done]) {
			if _, err := tx.Tx.ExecContext(ctx, m.down); err != nil {
				return fmt.Errorf("store: migration %04d_%s, down: %w", m.version, m.name, err)
			}
			if _, err := tx.NewDelete().Model((*migrationRow)(nil)).Where("version = ?", m.version).Exec(ctx); err != nil {
				return wrap("migrate", err)
			}
		}
		return nil
	})
}

// guardKey is the number of the advisory lock: "rflow" in hex.
const guardKey = 0x72666c6f77

// guarded runs f in a transaction that excludes other migrations: on SQLite it takes the write lock, on PostgreSQL an
// advisory lock that is released with the transaction. Statement timeouts do not apply: migrating a large table takes
// long, and other hosts wait until ctx ends.
func (s *Store) guarded(ctx context.Context, f func(ctx context.Context, tx bun.Tx) error) error {
	ctx = context.WithValue(ctx, unlimited{}, true)
	for {
		ran, fault := false, error(nil)
		err := s.inTx(ctx, 0, func(ctx context.Context, tx bun.Tx) error {
			ran = true
			if err := s.prepareMigrations(ctx, tx); err != nil {
				return err
			}
			fault = f(ctx, tx)
			return fault
		})
		if fault != nil {
			return fault
		}
		// On SQLite each attempt to begin waits for busy_timeout, but another host may take longer.
		if ran || !contention(err) || ctx.Err() != nil {
			return wrap("migrate", err)
		}
	}
}

func (s *Store) prepareMigrations(ctx context.Context, tx bun.Tx) error {
	timestamp := "text"
	var first []string
	if s.postgres() {
		timestamp = "timestamptz"
		first = []string{
			"SET LOCAL statement_timeout = 0", "SET LOCAL lock_timeout = 0",
			fmt.Sprintf("SELECT pg_advisory_xact_lock(%d)", guardKey),
			// CREATE SCHEMA IF NOT EXISTS needs the privilege to create schemas even if the schema exists.
			fmt.Sprintf(`DO $$ BEGIN IF to_regnamespace('"%s"') IS NULL THEN CREATE SCHEMA "%s"; END IF; END $$`, s.opt.schema, s.opt.schema),
		}
	}
	for _, q := range append(first, "CREATE TABLE IF NOT EXISTS schema_migrations (version integer PRIMARY KEY,"+
		" name text NOT NULL, checksum text NOT NULL, applied_at "+timestamp+" NOT NULL)") {
		if _, err := tx.Tx.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// applied returns how many migrations were applied, after checking that they equal the ones of this program.
func (s *Store) applied(ctx context.Context, db bun.IDB, all []migration) (int, error) {
	var rows []migrationRow
	if err := db.NewSelect().Model(&rows).Order("version").Scan(ctx); err != nil {
		return 0, wrap("migrations", err)
	}
	for i, row := range rows {
		switch {
		case i >= len(all):
			return 0, fmt.Errorf("store: the database has version %d, which is newer than this program's version %d", rows[len(rows)-1].Version, len(all))
		case row.Version != all[i].version || row.Checksum != all[i].checksum:
			return 0, fmt.Errorf("store: migration %04d_%s differs from the one that was applied to this database", row.Version, row.Name)
		}
	}
	return len(rows), nil
}

func (s *Store) checkVersion(ctx context.Context) error {
	all, err := s.list()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	done, err := s.applied(ctx, s.read, all)
	switch {
	case noTable(err):
		return errors.New("store: the database has no tables: run Migrate")
	case err == nil && done < len(all):
		return fmt.Errorf("store: the database has version %d, this program needs version %d: run Migrate", done, len(all))
	}
	return err
}
