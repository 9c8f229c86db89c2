package store

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"time"
)

// stamp is a time as both databases store it: microseconds UTC, NULL when zero. SQLite has it as text
// that compares as text.
type stamp struct{ time.Time }

const stampLayout = "2006-01-02 15:04:05.000000-07:00"

func at(t time.Time) stamp { return stamp{t} }

func (s stamp) text() string { return s.UTC().Format(stampLayout) }

// Value implements driver.Valuer.
func (s stamp) Value() (driver.Value, error) {
	if s.IsZero() {
		return nil, nil
	}
	if y := s.UTC().Year(); y < 1 || y > 9999 {
		return nil, errors.New("store: a time is outside of the years 1 to 9999")
	}
	return s.text(), nil
}

// Scan implements sql.Scanner.
func (s *stamp) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		s.Time = time.Time{}
		return nil
	case time.Time:
		s.Time = v.UTC()
		return nil
	case []byte:
		return s.parse(string(v))
	case string:
		return s.parse(v)
	}
	return fmt.Errorf("store: a stored time has type %T", src)
}

func (s *stamp) parse(text string) error {
	t, err := time.Parse(stampLayout, text)
	if err != nil {
		return errors.New("store: a stored time has an unknown format")
	}
	s.Time = t.UTC()
	return nil
}
